"""The looks and the light of a house: all that its labels do not show."""

from dataclasses import dataclass

import numpy as np

from src.demo import masonry
from src.demo.brushes import Box, Color, blend, chance, darken, jitter, shade

SKIES: list[Color] = [(120, 164, 214), (176, 200, 224), (222, 226, 230), (198, 202, 206)]
PAINTS: list[Color] = [(92, 52, 34), (40, 70, 52), (46, 54, 66), (120, 84, 52), (70, 30, 30)]
FRAMES: list[Color] = [(236, 236, 230), (226, 222, 208), (86, 56, 38), (60, 66, 62), (44, 44, 46)]
# A wall with less between its channels gets red bricks below, lest it count as gray.
PALE_LEVELS = 24
BARS = ("cross", "casement", "sash", "grid", "french", "single")
HEADS = ("flat", "arch", "segment")
HOODS = ("slab", "pediment", "bow")


@dataclass(frozen=True)
class HouseStyle:
    """How a house looks.

    Attributes:
        material: Of the upper storeys, a key of masonry.COLORS.
        ground_material: Of the ground floor.
        wall: Colour of the upper storeys.
        ground: Colour of the ground floor.
        trim: Colour of what is raised: bands, sills, pillars, surrounds.
        frame: Colour of the window frames.
        paint: Colour of doors and shutters.
        surround: Width of the trim around windows, in pixels.
        bars: How window panes are divided.
        heads: The upper end of windows, by storey.
        hood: What the cornices above windows are like.
        iron: Whether balconies have rails, or are solid.
    """

    material: str
    ground_material: str
    wall: Color
    ground: Color
    trim: Color
    frame: Color
    paint: Color
    surround: int
    bars: str
    heads: tuple[str, ...]
    hood: str
    iron: bool


@dataclass(frozen=True)
class Light:
    """The light of a picture.

    Attributes:
        sky: Colour above the roofs.
        side: Where shadows fall: -1 left, 1 right.
        shadow: What a shadow leaves, in percent.
        cast: What the light leaves of red, green and blue, in percent.
    """

    sky: Color
    side: int
    shadow: int
    cast: tuple[int, int, int]


@dataclass(frozen=True)
class Scene:
    """A picture while it is drawn.

    Attributes:
        canvas: (SIDE_PX, SIDE_PX, 3) uint8 RGB.
        style: Of the house.
        light: Of the picture.
        rng: Decides what is left open.
    """

    canvas: np.ndarray
    style: HouseStyle
    light: Light
    rng: np.random.Generator

    def cast_shadow(self, box: Box, depth: int) -> None:
        """Darken what lies below and beside a box that stands out by `depth` pixels."""
        left, top, right, bottom = box
        aside = self.light.side * depth // 2
        below = (left + aside, bottom, right + aside, bottom + depth)
        darken(self.canvas, below, self.light.shadow)
        if aside > 0:
            darken(self.canvas, (right, top + depth, right + aside, bottom), self.light.shadow)
        elif aside < 0:
            darken(self.canvas, (left + aside, top + depth, left, bottom), self.light.shadow)


def choose_style(rng: np.random.Generator) -> HouseStyle:
    """Return a random style."""
    material = masonry.choose_material(rng)
    wall = masonry.choose_color(material, rng)
    ground_material, ground = material, wall
    if max(wall) - min(wall) < PALE_LEVELS:
        ground_material = "brick"
        ground = masonry.choose_color(ground_material, rng)
    elif chance(rng, 50):
        ground_material = ("stone", "plaster", "rustic", "rustic", "brick")[rng.integers(5)]
        ground = masonry.choose_color(ground_material, rng)
    pale = blend([(236, 232, 222), (214, 202, 178), (178, 172, 164)], rng)
    trim = pale if chance(rng, 55) else shade(wall, int(rng.integers(104, 124)))
    usual = HEADS[rng.integers(len(HEADS))] if chance(rng, 40) else "flat"
    heads = tuple(usual if chance(rng, 70) else HEADS[rng.integers(3)] for _ in range(8))
    return HouseStyle(
        material=material,
        ground_material=ground_material,
        wall=wall,
        ground=ground,
        trim=jitter(trim, rng, 8),
        frame=jitter(FRAMES[min(rng.integers(len(FRAMES)), rng.integers(len(FRAMES)))], rng, 8),
        paint=jitter(PAINTS[rng.integers(len(PAINTS))], rng, 18),
        surround=int(rng.integers(0, 8)),
        bars=BARS[rng.integers(len(BARS))],
        heads=heads,
        hood=HOODS[rng.integers(len(HOODS))],
        iron=chance(rng, 60),
    )


def choose_light(rng: np.random.Generator) -> Light:
    """Return a random light: overcast, or sun from one side, cold or warm."""
    exposure = int(rng.integers(64, 108))
    sunny = chance(rng, 55)
    warm = int(rng.integers(-2, 9)) if sunny else int(rng.integers(-7, 3))
    sky = blend(SKIES[:3] if sunny else SKIES[1:], rng)
    return Light(
        sky=shade(jitter(sky, rng, 10), 9800 // exposure),  # brighter than any wall
        side=1 if chance(rng, 50) else -1,
        shadow=int(rng.integers(48, 70)) if sunny else int(rng.integers(74, 90)),
        cast=(exposure * (100 + warm) // 100, exposure, exposure * (100 - warm) // 100),
    )
