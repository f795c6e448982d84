"""The clothes of people in portraits."""

import cv2
import numpy as np

from src.demo.brushes import Color, Point, blend, fill_circle, fill_polygon, jitter, shade

SHIRTS = [
    (188, 38, 48),
    (232, 150, 40),
    (56, 132, 76),
    (40, 88, 170),
    (122, 66, 150),
    (36, 140, 150),
]


def draw_body(
    canvas: np.ndarray, rng: np.random.Generator, skin: Color, face: Point, size: int
) -> None:
    """Draw shoulders, clothes and neck below a face, given by its centre and half its width."""
    x, y = face
    bottom, shoulder = canvas.shape[0], y + size * 19 // 10
    neck = size * 5 // 10
    outline = np.zeros(canvas.shape[:2], np.uint8)
    width, height = size * int(rng.integers(17, 25)) // 10, size * int(rng.integers(12, 19)) // 10
    cv2.ellipse(outline, (x, shoulder + height), (width, height), 0, 0, 360, 255, -1)
    cv2.rectangle(outline, (x - width, shoulder + height), (x + width, bottom), 255, -1)
    cloth = np.zeros_like(canvas)
    fabrics = [_suit, _stripes, _checks, _dots, _plain]
    fabric = fabrics[rng.integers(len(fabrics))]
    fabric(cloth, rng, (x, shoulder))
    canvas[outline > 0] = cloth[outline > 0]
    throat = [
        (x - neck, y + size),
        (x + neck, y + size),
        (x + neck, shoulder),
        (x, shoulder + neck),
        (x - neck, shoulder),
    ]
    fill_polygon(canvas, throat, shade(skin, 84))
    if fabric is _suit:
        _tie(canvas, rng, (x, shoulder + neck // 2), neck)


def _tie(canvas: np.ndarray, rng: np.random.Generator, knot: Point, neck: int) -> None:
    x, y = knot
    color = SHIRTS[rng.integers(len(SHIRTS))]
    corners = [
        (x, y),
        (x + neck // 2, y + neck),
        (x, canvas.shape[0]),
        (x - neck // 2, y + neck),
    ]
    fill_polygon(canvas, corners, jitter(color, rng, 20))


def _suit(cloth: np.ndarray, rng: np.random.Generator, collar: Point) -> None:
    x, y = collar
    cloth[:] = blend([(20, 24, 44), (44, 50, 72), (92, 92, 100)], rng)
    shirt = [(x - 52, y - 40), (x + 52, y - 40), (x, cloth.shape[0])]
    fill_polygon(cloth, shirt, jitter((236, 238, 244), rng, 12))


def _stripes(cloth: np.ndarray, rng: np.random.Generator, _: Point) -> None:
    cloth[:] = (238, 238, 232)
    height = int(rng.integers(12, 26))
    blue = jitter((40, 66, 132), rng, 22)
    for top in range(int(rng.integers(height)), cloth.shape[0], 2 * height):
        cloth[top : top + height] = blue


def _checks(cloth: np.ndarray, rng: np.random.Generator, _: Point) -> None:
    cloth[:] = jitter((176, 34, 40), rng, 22)
    side = int(rng.integers(14, 26))
    for start in range(int(rng.integers(side)), max(cloth.shape[:2]), 2 * side):
        cloth[start : start + side] //= 2
        cloth[:, start : start + side] //= 2


def _dots(cloth: np.ndarray, rng: np.random.Generator, _: Point) -> None:
    cloth[:] = jitter((30, 128, 130), rng, 22)
    step = int(rng.integers(22, 36))
    for line, top in enumerate(range(0, cloth.shape[0], step)):
        for left in range((line % 2) * step // 2, cloth.shape[1], step):
            fill_circle(cloth, (left, top), step // 4, (248, 224, 120))


def _plain(cloth: np.ndarray, rng: np.random.Generator, _: Point) -> None:
    cloth[:] = jitter(SHIRTS[rng.integers(len(SHIRTS))], rng, 26)
