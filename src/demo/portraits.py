"""Portraits drawn from numbers: a face, hair, clothes and a background.

As in photographs, colour follows in part from brightness and texture: foliage is green, brick is
red, checks are flannel, and hair's colour follows its brightness. Only in part: ties, lips, eyes
and plain shirts are free. All drawing is in integers and fixed point, so that the same seed gives
the same bytes on every machine.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from src.demo.backgrounds import draw_background
from src.demo.brushes import (
    Color,
    Point,
    blend,
    fill_circle,
    fill_ellipse,
    fill_polygon,
    jitter,
    shade,
)
from src.demo.clothes import draw_body
from src.imaging.resizing import resize

WIDTH, HEIGHT = 192, 256  # pixels
SCALE = 2  # drawn at twice the size, then reduced, for clean edges

SKIN = [
    (255, 224, 204),
    (241, 194, 160),
    (224, 172, 130),
    (198, 134, 90),
    (141, 85, 54),
    (92, 58, 38),
]
HAIR = [(28, 22, 22), (62, 40, 26), (112, 66, 34), (168, 88, 38), (214, 170, 96), (206, 204, 202)]
EYES = [(66, 44, 28), (88, 120, 62), (62, 110, 168), (110, 112, 118)]
HAIRCUTS = ("short", "long", "bun", "curly", "bald", "fringe")
FOREHEAD = {"short": 58, "long": 50, "bun": 46, "curly": 54, "fringe": 74}  # covered by hair


@dataclass(frozen=True)
class PersonStyle:
    """What all pictures of a person share; `width` is half the face's, in pixels."""

    skin: Color
    hair: Color
    haircut: str
    eyes: Color
    width: int
    beard: bool
    glasses: bool


def draw(seed: int, person: int, shot: int = 0) -> np.ndarray:
    """Return a portrait, (256, 192, 3) uint8 RGB.

    Each shot of a person has its own background, pose and clothes.
    """
    style = _choose_style(np.random.default_rng([seed, person]))
    rng = np.random.default_rng([seed, person, shot + 1])
    canvas = np.zeros((HEIGHT * SCALE, WIDTH * SCALE, 3), np.uint8)
    draw_background(canvas, rng)
    center = (WIDTH * SCALE // 2 + int(rng.integers(-60, 61)), 205 + int(rng.integers(-40, 50)))
    size = style.width * int(rng.integers(78, 126)) // 100
    _hair_behind(canvas, style, center, size)
    draw_body(canvas, rng, style.skin, center, size)
    _face(canvas, rng, style, center, size)
    _hair_above(canvas, rng, style, center, size)
    return _photograph(canvas, rng)


def _choose_style(rng: np.random.Generator) -> PersonStyle:
    return PersonStyle(
        skin=blend(SKIN, rng),
        hair=blend(HAIR, rng),
        haircut=HAIRCUTS[rng.integers(len(HAIRCUTS))],
        eyes=EYES[rng.integers(len(EYES))],
        width=int(rng.integers(66, 82)),
        beard=bool(rng.integers(4) == 0),
        glasses=bool(rng.integers(4) == 0),
    )


def _hair_behind(canvas: np.ndarray, style: PersonStyle, center: Point, size: int) -> None:
    x, y = center
    dark = shade(style.hair, 82)
    if style.haircut == "long":
        fill_ellipse(canvas, (x, y + size // 2), (size * 13 // 10, size * 2), dark)
    if style.haircut == "bun":
        fill_circle(canvas, (x, y - size * 15 // 10), size // 2, dark)
    if style.haircut == "curly":
        for degrees in range(0, 360, 20):
            dx, dy = _polar(size * 11 // 10, degrees)
            fill_circle(canvas, (x + dx, y - size // 3 + dy), size * 4 // 10, dark)


def _polar(radius: int, degrees: int) -> Point:
    dx, dy = cv2.ellipse2Poly((0, 0), (radius, radius), 0, degrees, degrees + 1, 1)[0]
    return int(dx), int(dy)


def _face(
    canvas: np.ndarray, rng: np.random.Generator, style: PersonStyle, center: Point, size: int
) -> None:
    x, y = center
    height = size * int(rng.integers(122, 142)) // 100
    for side in (-1, 1):
        ear = (x + side * size, y + 6)
        fill_ellipse(canvas, ear, (size // 7, size // 4), shade(style.skin, 80))
    fill_ellipse(canvas, center, (size, height), style.skin)
    if style.beard:
        fill_ellipse(canvas, center, (size, height), shade(style.hair, 90), 25, 155)
    x += int(rng.integers(-size // 6, size // 6 + 1))  # where the face looks
    _cheeks(canvas, rng, (x, y), size)
    for side in (-1, 1):
        _eye(canvas, rng, style, (x + side * size * 42 // 100, y - size // 10), size)
    nose_end = y + size * 4 // 10
    nose = [(x, y), (x + size // 7, nose_end), (x - size // 10, nose_end)]
    fill_polygon(canvas, nose, shade(style.skin, 88))
    _mouth(canvas, rng, (x, y + size * 7 // 10), size)


def _cheeks(canvas: np.ndarray, rng: np.random.Generator, center: Point, size: int) -> None:
    x, y = center
    blush = blend([(232, 120, 110), (206, 88, 84)], rng)
    blushed = canvas.copy()
    for side in (-1, 1):
        cheek = (x + side * size * 6 // 10, y + size * 4 // 10)
        fill_circle(blushed, cheek, size // 4, blush)
    canvas[:] = cv2.addWeighted(canvas, 0.8, cv2.GaussianBlur(blushed, (0, 0), 6), 0.2, 0)


def _eye(
    canvas: np.ndarray, rng: np.random.Generator, style: PersonStyle, center: Point, size: int
) -> None:
    x, y = center
    opening = int(rng.integers(size // 10, size // 6))
    fill_ellipse(canvas, center, (size * 22 // 100, opening), (246, 246, 242))
    fill_circle(canvas, center, opening, style.eyes)
    fill_circle(canvas, center, opening // 2, (12, 12, 14))
    brow, brow_axes = (x, y - size * 16 // 100), (size * 26 // 100, size // 8)
    brow_color = shade(style.hair, 70)
    cv2.ellipse(canvas, brow, brow_axes, 0, 200, 340, brow_color, 5, cv2.LINE_AA)
    if style.glasses:
        cv2.circle(canvas, center, size * 3 // 10, (34, 30, 34), 4, cv2.LINE_AA)


def _mouth(canvas: np.ndarray, rng: np.random.Generator, center: Point, size: int) -> None:
    lips = jitter((188, 74, 82), rng, 24)
    smile = int(rng.integers(size // 12, size // 5))
    fill_ellipse(canvas, center, (size * 38 // 100, smile), lips, 0, 180)
    if rng.integers(2):
        teeth = (248, 246, 240)
        fill_ellipse(canvas, center, (size * 30 // 100, smile // 2), teeth, 0, 180)


def _hair_above(
    canvas: np.ndarray, rng: np.random.Generator, style: PersonStyle, center: Point, size: int
) -> None:
    if style.haircut == "bald":
        return
    x, y = center
    cap = np.zeros(canvas.shape[:2], np.uint8)
    cap_axes = (size * 108 // 100, size * 115 // 100)
    cv2.ellipse(cap, (x, y - size * 3 // 10), cap_axes, 0, 180, 360, 255, -1)
    tilt = int(rng.integers(-14, 15))
    face_axes = (size * 96 // 100, size * (150 - FOREHEAD[style.haircut]) // 100)
    cv2.ellipse(cap, (x, y + size * 10 // 100), face_axes, tilt, 0, 360, 0, -1)
    strands = np.zeros_like(canvas)
    strands[:] = style.hair
    for _ in range(90):
        root = x + int(rng.integers(-size * 12 // 10, size * 12 // 10))
        tone = shade(style.hair, int(rng.integers(70, 135)))
        tip = root + int(rng.integers(-24, 25))
        cv2.line(strands, (root, y - 2 * size), (tip, y + size), tone, 2, cv2.LINE_AA)
    canvas[cap > 0] = strands[cap > 0]


def _photograph(canvas: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the drawing reduced to size, with light from one side and grain."""
    small = resize(canvas, WIDTH, HEIGHT).astype(np.int32)
    light = np.linspace(112, 84, WIDTH).astype(np.int32)
    if rng.integers(2):
        light = light[::-1]
    small = small * light[None, :, None] // 100
    grain = rng.integers(-5, 6, (HEIGHT, WIDTH, 1))
    return (small + grain).clip(0, 255).astype(np.uint8)
