"""How a scene becomes a photograph: light, perspective, blur, grain and missing corners."""

import cv2
import numpy as np

from src.demo.brushes import chance, fill_polygon
from src.demo.house import SIDE_PX
from src.demo.scene import Scene


def take_photo(scene: Scene) -> np.ndarray:
    """Return the scene as a photograph, (SIDE_PX / 2, SIDE_PX / 2, 3) uint8 RGB."""
    rng, canvas = scene.rng, scene.canvas
    if scene.light.shadow < 72 and chance(rng, 25):
        _shade_street(scene)
    if chance(rng, 60):
        canvas = _tilted(canvas, rng)
    if chance(rng, 30):
        _miss_corner(canvas, rng)
    # means of four pixels: whole numbers, equal on every machine
    small = cv2.resize(canvas, (SIDE_PX // 2, SIDE_PX // 2), interpolation=cv2.INTER_AREA)
    small = _lit(small, scene)
    if chance(rng, 75):
        small = cv2.GaussianBlur(small, (0, 0), int(rng.integers(4, 9)) / 10)
    grain = rng.integers(-4, 5, small.shape, np.int16) * int(rng.integers(1, 3))
    return np.asarray((small + grain).clip(0, 255).astype(np.uint8))


def _lit(small: np.ndarray, scene: Scene) -> np.ndarray:
    """Return the picture under its light, darker towards one side."""
    rng = scene.rng
    width, loss = small.shape[1], int(rng.integers(0, 21))
    fall = 100 - np.arange(width) * loss // (width - 1)
    fall = fall[::-1] if chance(rng, 50) else fall
    light = fall[:, None] * np.array(scene.light.cast)
    return np.asarray((small * light[None] // 10000).clip(0, 255).astype(np.uint8))


def _shade_street(scene: Scene) -> None:
    """Let the house across the street throw its shadow on the lower storeys."""
    rng = scene.rng
    left, right = (int(rng.integers(260, 500)) for _ in range(2))
    mask = np.full((SIDE_PX, SIDE_PX), 100, np.uint8)
    roof = [(0, left), (SIDE_PX // 2, left), (SIDE_PX // 2, right), (SIDE_PX, right)]
    shadow = [*roof, (SIDE_PX, SIDE_PX), (0, SIDE_PX)]
    cv2.fillPoly(mask, [np.array(shadow)], scene.light.shadow + 8)
    soft = cv2.GaussianBlur(mask, (0, 0), 2).astype(np.uint16)
    scene.canvas[:] = scene.canvas * soft[..., None] // 100


def _tilted(canvas: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the picture seen from a little to one side, in whole pixels."""
    x = np.arange(SIDE_PX, dtype=np.int32) - SIDE_PX // 2
    y = x[:, None]
    keystone, rise, turn = (int(rng.integers(-most, most + 1)) for most in (14, 8, 5))
    bend = x * y
    across = x + (bend * keystone >> 17) + (y * turn >> 9) + SIDE_PX // 2
    down = y + (bend * rise >> 17) - (x * turn >> 9) + SIDE_PX // 2
    places = cv2.merge([across.astype(np.int16), down.astype(np.int16)])
    nothing_between = np.zeros((0, 0), np.uint16)  # of fractions: pixels are whole
    edge = cv2.BORDER_REPLICATE
    return np.asarray(
        cv2.remap(canvas, places, nothing_between, cv2.INTER_NEAREST, borderMode=edge)
    )


def _miss_corner(canvas: np.ndarray, rng: np.random.Generator) -> None:
    """Blacken or gray a wedge, as where a rectified photograph ends."""
    long, short = int(rng.integers(150, SIDE_PX)), int(rng.integers(14, 110))
    corner = (int(rng.integers(2)) * SIDE_PX, int(rng.integers(2)) * SIDE_PX)
    inward = [1 if edge == 0 else -1 for edge in corner]
    if chance(rng, 50):
        long, short = short, long
    color = (8, 8, 8) if chance(rng, 60) else (128, 128, 128)
    ends = [(corner[0] + inward[0] * long, corner[1]), (corner[0], corner[1] + inward[1] * short)]
    fill_polygon(canvas, [corner, *ends], color)
