"""Facades drawn from numbers: a photograph of a house beside its label map.

The labels say where windows, doors and ornaments are, as those of CMP do. Materials, colours,
windows' bars, light and weather are free, so that a label map has many photographs. All drawing
is in integers and fixed point, so that the same seed gives the same bytes on every machine.
"""

from collections.abc import Callable

import numpy as np

from src.demo import entrances, masonry, ornaments, street, windows
from src.demo.camera import take_photo
from src.demo.house import SIDE_PX, House, Part
from src.demo.house_plan import plan_house
from src.demo.label_map import draw_labels
from src.demo.scene import Scene, choose_light, choose_style

DRAW: dict[str, Callable[[Scene, Part], None]] = {
    "molding": ornaments.draw_molding,
    "pillar": ornaments.draw_pillar,
    "window": windows.draw_window,
    "cornice": ornaments.draw_cornice,
    "sill": ornaments.draw_sill,
    "blind": windows.draw_blind,
    "door": entrances.draw_door,
    "shop": entrances.draw_shop,
    "deco": ornaments.draw_deco,
    "balcony": ornaments.draw_balcony,
}


def draw_pair(seed: int, number: int) -> np.ndarray:
    """Return a photograph on the left and its label map on the right, (256, 512, 3) uint8 RGB."""
    house = plan_house(np.random.default_rng([seed, number, 1]))
    labels = draw_labels(house, np.random.default_rng([seed, number, 2]))
    photo = photograph(house, np.random.default_rng([seed, number, 3]))
    return np.concatenate([photo, labels], axis=1)


def photograph(house: House, rng: np.random.Generator) -> np.ndarray:
    """Return a photograph of a house, (256, 256, 3) uint8 RGB; `rng` decides what no label shows."""
    canvas = np.zeros((SIDE_PX, SIDE_PX, 3), np.uint8)
    scene = Scene(canvas, choose_style(rng), choose_light(rng), rng)
    street.draw_surroundings(scene, house)
    street.draw_roof(scene, house)
    left, top, right, bottom = house.wall
    style = scene.style
    masonry.lay(canvas, (left, top, right, house.ground), style.material, style.wall, rng)
    masonry.lay(
        canvas, (left, house.ground, right, bottom), style.ground_material, style.ground, rng
    )
    ornaments.draw_edges(scene, house)
    for kind, draw in DRAW.items():
        for part in house.parts:
            if part.kind == kind:
                draw(scene, part)
    street.draw_foreground(scene, house)
    return take_photo(scene)
