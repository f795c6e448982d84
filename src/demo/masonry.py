"""The materials of walls: plaster, brick, stone, concrete and painted boards."""

from collections.abc import Callable

import cv2
import numpy as np

from src.demo.brushes import Box, Color, blend, chance, jitter

COLORS: dict[str, list[Color]] = {
    "plaster": [
        (226, 212, 178),
        (208, 172, 112),
        (232, 216, 156),
        (214, 164, 140),
        (186, 200, 168),
        (200, 196, 188),
        (232, 230, 222),
        (166, 186, 204),
        (190, 116, 84),
        (152, 140, 120),
        (214, 196, 160),
    ],
    "rustic": [(214, 204, 182), (196, 180, 150), (178, 168, 152), (208, 188, 148)],
    "brick": [(158, 76, 54), (120, 76, 60), (178, 148, 104), (104, 66, 58), (168, 96, 66)],
    "stone": [(196, 174, 132), (206, 198, 178), (150, 148, 142), (176, 150, 128)],
    "concrete": [(166, 164, 158), (182, 176, 162), (142, 142, 140)],
    "boards": [(140, 52, 44), (222, 222, 214), (118, 134, 146), (96, 116, 92), (150, 108, 68)],
}
# How often walls are of each; rustic is for ground floors alone.
SHARES = {"plaster": 52, "brick": 20, "stone": 14, "concrete": 6, "boards": 8}
JOINT_PX = 2

# The change of brightness of each pixel, (height, width), and where joints are.
Relief = tuple[np.ndarray, np.ndarray | None]


def choose_material(rng: np.random.Generator) -> str:
    """Return a material; plaster is the most frequent."""
    names = [name for name, share in SHARES.items() for _ in range(share)]
    return names[rng.integers(len(names))]


def choose_color(material: str, rng: np.random.Generator) -> Color:
    """Return a colour that the material has."""
    colors = COLORS[material]
    first = int(rng.integers(len(colors)))
    near = blend([colors[first], colors[(first + 1) % len(colors)]], rng)
    return jitter(colors[first] if chance(rng, 70) else near, rng, 12)


def lay(
    canvas: np.ndarray, box: Box, material: str, color: Color, rng: np.random.Generator
) -> None:
    """Cover a box inside a picture, (height, width, 3) uint8 RGB, with a material of COLORS."""
    left, top, right, bottom = box
    height, width = bottom - top, right - left
    if height <= 0 or width <= 0:
        return
    relief, joints = RELIEFS[material](height, width, rng)
    relief = relief + _stains(height, width, rng) + 128
    levels = cv2.merge([relief.clip(0, 255).astype(np.uint8)] * 3)
    table = np.arange(256)[:, None] - 128 + np.array(color)
    laid = cv2.LUT(levels, table.clip(0, 255).astype(np.uint8)[None])
    if joints is not None:
        laid[joints] = jitter(_mortar(material, color), rng, 12)
    canvas[top:bottom, left:right] = laid


def _mortar(material: str, color: Color) -> Color:
    red, green, blue = (channel * 78 // 100 for channel in color)
    if material == "brick":
        return (red + 178) // 2, (green + 168) // 2, (blue + 152) // 2
    return red, green, blue


def _stains(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """Return soft clouds and fine grain, (height, width) int16."""
    strength = int(rng.integers(4, 22))
    rough = rng.integers(0, 256, (9, 9), np.uint8)
    clouds = cv2.resize(rough, (width, height), interpolation=cv2.INTER_LINEAR_EXACT)
    grain = rng.integers(-5, 6, (height, width), np.int16)
    return np.asarray((clouds.astype(np.int16) - 128) * strength // 128 + grain)


def _plaster(height: int, width: int, rng: np.random.Generator) -> Relief:
    return np.zeros((height, width), np.int16), None


def _courses(
    height: int, width: int, tall: int, wide: int, spread: int, rng: np.random.Generator
) -> Relief:
    """Return blocks in courses, each moved by half a block against the next."""
    rows, columns = np.arange(height), np.arange(width)
    course, inner_row = rows // tall, rows % tall
    moved = columns[None, :] + (course % 2 * (wide // 2))[:, None]
    block, inner_column = moved // wide, moved % wide
    shades = rng.integers(-spread, spread + 1, 1024).astype(np.int16)
    relief = shades[(course[:, None] * 37 + block * 11) % 1024]
    joints = (inner_row < JOINT_PX)[:, None] | (inner_column < JOINT_PX)
    return relief, joints


def _brick(height: int, width: int, rng: np.random.Generator) -> Relief:
    tall = int(rng.integers(7, 12))
    return _courses(height, width, tall, tall * 5 // 2, int(rng.integers(8, 26)), rng)


def _stone(height: int, width: int, rng: np.random.Generator) -> Relief:
    tall = int(rng.integers(20, 38))
    return _courses(height, width, tall, tall * 2, int(rng.integers(4, 14)), rng)


def _rustic(height: int, width: int, rng: np.random.Generator) -> Relief:
    """Return plaster with deep joints across, as on many ground floors."""
    inner_row = np.arange(height) % int(rng.integers(18, 34))
    shades = np.select([inner_row < 4, inner_row < 6], [-52, 14], 0).astype(np.int16)
    return np.repeat(shades[:, None], width, axis=1), None


def _concrete(height: int, width: int, rng: np.random.Generator) -> Relief:
    side = int(rng.integers(70, 130))
    return _courses(height, width, side, side * 3 // 2, 5, rng)


def _boards(height: int, width: int, rng: np.random.Generator) -> Relief:
    tall = int(rng.integers(8, 15))
    row = np.arange(height)
    shades = rng.integers(-9, 10, height // tall + 1).astype(np.int16)
    # the upper edge of a board lies in the shadow of the next
    slope = (row % tall * 18 // tall - 12).astype(np.int16)
    return np.repeat((shades[row // tall] + slope)[:, None], width, axis=1), None


RELIEFS: dict[str, Callable[[int, int, np.random.Generator], Relief]] = {
    "plaster": _plaster,
    "rustic": _rustic,
    "brick": _brick,
    "stone": _stone,
    "concrete": _concrete,
    "boards": _boards,
}
