"""Label maps in the colours of the CMP Facade Database, as pix2pix publishes them."""

import numpy as np

from src.demo.brushes import Box, fill_box
from src.demo.house import SIDE_PX, House

# CMP's twelve classes (Tyleček and Šára 2013); those below are painted over those above.
COLORS = {
    "background": (0, 0, 222),
    "facade": (0, 48, 255),
    "molding": (254, 80, 0),
    "pillar": (248, 2, 2),
    "window": (2, 127, 255),
    "cornice": (34, 254, 226),
    "sill": (112, 253, 146),
    "door": (2, 207, 255),
    "shop": (174, 0, 1),
    "deco": (255, 159, 3),
    "blind": (253, 240, 4),
    "balcony": (192, 254, 63),
}
SLIP_PX = 2  # by which an edge is annotated beside its place


def draw_labels(house: House, rng: np.random.Generator) -> np.ndarray:
    """Return a house's label map, (SIDE_PX / 2, SIDE_PX / 2, 3) uint8 RGB.

    Each edge is moved a little, as people who annotate do.
    """
    canvas = np.full((SIDE_PX, SIDE_PX, 3), COLORS["background"], np.uint8)
    order = list(COLORS)
    for part in sorted(house.parts, key=lambda part: order.index(part.kind)):
        fill_box(canvas, _slipped(part.box, rng), COLORS[part.kind])
    return np.ascontiguousarray(canvas[::2, ::2])


def _slipped(box: Box, rng: np.random.Generator) -> Box:
    left, top, right, bottom = (
        edge + int(slip)
        for edge, slip in zip(box, rng.integers(-SLIP_PX, SLIP_PX + 1, 4), strict=True)
    )
    return left, top, right, bottom
