"""Portraits drawn from numbers: a face, hair, clothes and a background.

As in photographs, colour can in part be told from brightness and texture: foliage is green,
brick is red, checks are flannel, hair's colour follows its brightness. In part only: ties,
lips, eyes and plain shirts are free. Integers and fixed-point drawing throughout, so that the
same seed gives the same bytes on every machine.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from src.imaging.resizing import resize

WIDTH, HEIGHT = 192, 256
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
SHIRTS = [
    (188, 38, 48),
    (232, 150, 40),
    (56, 132, 76),
    (40, 88, 170),
    (122, 66, 150),
    (36, 140, 150),
]

Color = tuple[int, int, int]


@dataclass(frozen=True)
class Looks:
    """What stays the same in every picture of a person."""

    skin: Color
    hair: Color
    style: str
    eyes: Color
    width: int
    beard: bool
    glasses: bool


def draw(seed: int, person: int, shot: int = 0) -> np.ndarray:
    """The portrait of `person`, (256, 192, 3) uint8 RGB; another `shot` is another picture."""
    looks = _looks(np.random.default_rng([seed, person]))
    rng = np.random.default_rng([seed, person, shot + 1])
    sheet = np.zeros((HEIGHT * SCALE, WIDTH * SCALE, 3), np.uint8)
    backgrounds = [_sky, _foliage, _bricks, _studio, _night]
    backgrounds[rng.integers(len(backgrounds))](sheet, rng)
    center = (WIDTH * SCALE // 2 + int(rng.integers(-60, 61)), 205 + int(rng.integers(-40, 50)))
    size = looks.width * int(rng.integers(78, 126)) // 100
    _hair_behind(sheet, looks, center, size)
    _body(sheet, rng, looks, center, size)
    _face(sheet, rng, looks, center, size)
    _hair_above(sheet, rng, looks, center, size)
    return _photograph(sheet, rng)


def _looks(rng: np.random.Generator) -> Looks:
    return Looks(
        skin=_between(SKIN, rng),
        hair=_between(HAIR, rng),
        style=("short", "long", "bun", "curly", "bald", "fringe")[rng.integers(6)],
        eyes=EYES[rng.integers(len(EYES))],
        width=int(rng.integers(66, 82)),
        beard=rng.integers(4) == 0,
        glasses=rng.integers(4) == 0,
    )


def _between(palette: list[Color], rng: np.random.Generator) -> Color:
    """A colour at a random place along the palette."""
    first = int(rng.integers(len(palette) - 1))
    share = int(rng.integers(0, 101))
    pairs = zip(palette[first], palette[first + 1], strict=True)
    return tuple((a * (100 - share) + b * share) // 100 for a, b in pairs)


def _shade(color: Color, percent: int) -> Color:
    return tuple(min(255, c * percent // 100) for c in color)


def _jitter(color: Color, rng: np.random.Generator, by: int) -> Color:
    shift = int(rng.integers(-by, by + 1))
    return tuple(int(np.clip(c + shift, 0, 255)) for c in color)


def _gradient(sheet: np.ndarray, top: Color, bottom: Color) -> None:
    down = np.arange(sheet.shape[0])[:, None, None]
    last = sheet.shape[0] - 1
    sheet[:] = (np.array(top) * (last - down) + np.array(bottom) * down) // last


def _blobs(
    sheet: np.ndarray, rng: np.random.Generator, count: int, radii: tuple[int, int], colors: list
) -> None:
    for _ in range(count):
        at = (int(rng.integers(0, sheet.shape[1])), int(rng.integers(0, sheet.shape[0])))
        axes = (int(rng.integers(*radii)), int(rng.integers(*radii)))
        color = _jitter(colors[rng.integers(len(colors))], rng, 18)
        cv2.ellipse(sheet, at, axes, int(rng.integers(180)), 0, 360, color, -1, cv2.LINE_AA)


def _sky(sheet: np.ndarray, rng: np.random.Generator) -> None:
    _gradient(sheet, _jitter((70, 130, 205), rng, 25), _jitter((190, 220, 245), rng, 10))
    _blobs(sheet, rng, int(rng.integers(6, 16)), (20, 80), [(240, 244, 250)])
    sheet[:] = cv2.GaussianBlur(sheet, (0, 0), 9)


def _foliage(sheet: np.ndarray, rng: np.random.Generator) -> None:
    _gradient(sheet, _jitter((52, 88, 40), rng, 14), _jitter((24, 52, 26), rng, 10))
    _blobs(sheet, rng, 160, (6, 20), [(62, 112, 44), (96, 146, 58), (38, 78, 36)])
    sheet[:] = cv2.GaussianBlur(sheet, (0, 0), 2)


def _bricks(sheet: np.ndarray, rng: np.random.Generator) -> None:
    sheet[:] = _jitter((186, 170, 158), rng, 12)
    high, wide = int(rng.integers(22, 36)), int(rng.integers(52, 84))
    base = _between([(150, 66, 46), (178, 92, 58), (126, 60, 52)], rng)
    for line, top in enumerate(range(0, sheet.shape[0], high)):
        start = -int(rng.integers(wide)) if line == 0 else -(line % 2) * wide // 2
        for left in range(start, sheet.shape[1], wide):
            corner, end = (left + 2, top + 2), (left + wide - 2, top + high - 2)
            cv2.rectangle(sheet, corner, end, _jitter(base, rng, 20), -1)


def _studio(sheet: np.ndarray, rng: np.random.Generator) -> None:
    # bright backdrops are warm, dark ones blue
    color = _between([(36, 46, 84), (88, 96, 128), (176, 156, 132), (232, 214, 186)], rng)
    sheet[:] = _shade(color, 75)
    at = (int(rng.integers(60, 320)), int(rng.integers(60, 300)))
    cv2.circle(sheet, at, int(rng.integers(110, 190)), _shade(color, 118), -1)
    mottle = [_shade(color, 60), _shade(color, 100), _shade(color, 135)]
    _blobs(sheet, rng, 40, (16, 60), mottle)
    small = cv2.GaussianBlur(sheet[::8, ::8], (0, 0), 2)
    sheet[:] = cv2.resize(small, sheet.shape[1::-1], interpolation=cv2.INTER_LINEAR_EXACT)


def _night(sheet: np.ndarray, rng: np.random.Generator) -> None:
    _gradient(sheet, _jitter((16, 20, 46), rng, 8), _jitter((30, 26, 52), rng, 8))
    lights = [(250, 190, 90), (240, 140, 70), (255, 226, 160)]
    _blobs(sheet, rng, int(rng.integers(20, 44)), (8, 30), lights)
    sheet[:] = cv2.GaussianBlur(sheet, (0, 0), 3)


def _hair_behind(sheet: np.ndarray, looks: Looks, center: tuple, size: int) -> None:
    x, y = center
    dark = _shade(looks.hair, 82)
    if looks.style == "long":
        cv2.ellipse(sheet, (x, y + size // 2), (size * 13 // 10, size * 2), 0, 0, 360, dark, -1, 16)
    if looks.style == "bun":
        cv2.circle(sheet, (x, y - size * 15 // 10), size // 2, dark, -1, 16)
    if looks.style == "curly":
        for turn in range(0, 360, 20):
            dx, dy = _polar(size * 11 // 10, turn)
            cv2.circle(sheet, (x + dx, y - size // 3 + dy), size * 4 // 10, dark, -1, 16)


def _polar(radius: int, degrees: int) -> tuple[int, int]:
    dx, dy = cv2.ellipse2Poly((0, 0), (radius, radius), 0, degrees, degrees + 1, 1)[0]
    return int(dx), int(dy)


def _body(
    sheet: np.ndarray, rng: np.random.Generator, looks: Looks, center: tuple, size: int
) -> None:
    x, y = center
    bottom, shoulder = sheet.shape[0], y + size * 19 // 10
    neck = size * 5 // 10
    outline = np.zeros(sheet.shape[:2], np.uint8)
    wide, high = size * int(rng.integers(17, 25)) // 10, size * int(rng.integers(12, 19)) // 10
    cv2.ellipse(outline, (x, shoulder + high), (wide, high), 0, 0, 360, 255, -1)
    cv2.rectangle(outline, (x - wide, shoulder + high), (x + wide, bottom), 255, -1)
    cloth = np.zeros_like(sheet)
    fabrics = [_suit, _stripes, _checks, _dots, _plain]
    fabric = fabrics[rng.integers(len(fabrics))]
    fabric(cloth, rng, x, shoulder)
    sheet[outline > 0] = cloth[outline > 0]
    throat = [
        [x - neck, y + size],
        [x + neck, y + size],
        [x + neck, shoulder],
        [x, shoulder + neck],
        [x - neck, shoulder],
    ]
    cv2.fillPoly(sheet, [np.array(throat)], _shade(looks.skin, 84), 16)
    if fabric is _suit:
        tie = SHIRTS[rng.integers(len(SHIRTS))]
        knot = shoulder + neck // 2
        corners = [
            [x, knot],
            [x + neck // 2, knot + neck],
            [x, bottom],
            [x - neck // 2, knot + neck],
        ]
        cv2.fillPoly(sheet, [np.array(corners)], _jitter(tie, rng, 20), 16)


def _suit(cloth: np.ndarray, rng: np.random.Generator, x: int, y: int) -> None:
    cloth[:] = _between([(20, 24, 44), (44, 50, 72), (92, 92, 100)], rng)
    shirt = [[x - 52, y - 40], [x + 52, y - 40], [x, cloth.shape[0]]]
    cv2.fillPoly(cloth, [np.array(shirt)], _jitter((236, 238, 244), rng, 12), 16)


def _stripes(cloth: np.ndarray, rng: np.random.Generator, x: int, y: int) -> None:
    cloth[:] = (238, 238, 232)
    high = int(rng.integers(12, 26))
    blue = _jitter((40, 66, 132), rng, 22)
    for top in range(int(rng.integers(high)), cloth.shape[0], 2 * high):
        cloth[top : top + high] = blue


def _checks(cloth: np.ndarray, rng: np.random.Generator, x: int, y: int) -> None:
    cloth[:] = _jitter((176, 34, 40), rng, 22)
    side = int(rng.integers(14, 26))
    for start in range(int(rng.integers(side)), max(cloth.shape[:2]), 2 * side):
        cloth[start : start + side] //= 2
        cloth[:, start : start + side] //= 2


def _dots(cloth: np.ndarray, rng: np.random.Generator, x: int, y: int) -> None:
    cloth[:] = _jitter((30, 128, 130), rng, 22)
    step = int(rng.integers(22, 36))
    for line, top in enumerate(range(0, cloth.shape[0], step)):
        for left in range((line % 2) * step // 2, cloth.shape[1], step):
            cv2.circle(cloth, (left, top), step // 4, (248, 224, 120), -1, 16)


def _plain(cloth: np.ndarray, rng: np.random.Generator, x: int, y: int) -> None:
    cloth[:] = _jitter(SHIRTS[rng.integers(len(SHIRTS))], rng, 26)


def _face(
    sheet: np.ndarray, rng: np.random.Generator, looks: Looks, center: tuple, size: int
) -> None:
    x, y = center
    skin, dark = looks.skin, _shade(looks.skin, 80)
    long = size * int(rng.integers(122, 142)) // 100
    for side in (-1, 1):
        cv2.ellipse(
            sheet, (x + side * size, y + 6), (size // 7, size // 4), 0, 0, 360, dark, -1, 16
        )
    cv2.ellipse(sheet, (x, y), (size, long), 0, 0, 360, skin, -1, 16)
    if looks.beard:
        cv2.ellipse(sheet, (x, y), (size, long), 0, 25, 155, _shade(looks.hair, 90), -1, 16)
    turn = int(rng.integers(-size // 6, size // 6 + 1))  # where the face looks
    blush = _between([(232, 120, 110), (206, 88, 84)], rng)
    cheeks = sheet.copy()
    for side in (-1, 1):
        at = (x + turn + side * size * 6 // 10, y + size * 4 // 10)
        cv2.circle(cheeks, at, size // 4, blush, -1, 16)
    sheet[:] = cv2.addWeighted(sheet, 0.8, cv2.GaussianBlur(cheeks, (0, 0), 6), 0.2, 0)
    for side in (-1, 1):
        _eye(sheet, rng, looks, (x + turn + side * size * 42 // 100, y - size // 10), size)
    nose = [
        [x + turn, y],
        [x + turn + size // 7, y + size * 4 // 10],
        [x + turn - size // 10, y + size * 4 // 10],
    ]
    cv2.fillPoly(sheet, [np.array(nose)], _shade(skin, 88), 16)
    lips = _jitter((188, 74, 82), rng, 24)
    mouth = (x + turn, y + size * 7 // 10)
    smile = int(rng.integers(size // 12, size // 5))
    cv2.ellipse(sheet, mouth, (size * 38 // 100, smile), 0, 0, 180, lips, -1, 16)
    if rng.integers(2):
        cv2.ellipse(
            sheet, mouth, (size * 30 // 100, smile // 2), 0, 0, 180, (248, 246, 240), -1, 16
        )


def _eye(sheet: np.ndarray, rng: np.random.Generator, looks: Looks, at: tuple, size: int) -> None:
    x, y = at
    open_ = int(rng.integers(size // 10, size // 6))
    cv2.ellipse(sheet, at, (size * 22 // 100, open_), 0, 0, 360, (246, 246, 242), -1, 16)
    cv2.circle(sheet, at, open_, looks.eyes, -1, 16)
    cv2.circle(sheet, at, open_ // 2, (12, 12, 14), -1, 16)
    brow = (x, y - size * 16 // 100)
    cv2.ellipse(
        sheet, brow, (size * 26 // 100, size // 8), 0, 200, 340, _shade(looks.hair, 70), 5, 16
    )
    if looks.glasses:
        cv2.circle(sheet, at, size * 3 // 10, (34, 30, 34), 4, 16)


def _hair_above(
    sheet: np.ndarray, rng: np.random.Generator, looks: Looks, center: tuple, size: int
) -> None:
    if looks.style == "bald":
        return
    x, y = center
    depth = {"short": 58, "long": 50, "bun": 46, "curly": 54, "fringe": 74}[looks.style]
    cap = np.zeros(sheet.shape[:2], np.uint8)
    cv2.ellipse(
        cap, (x, y - size * 3 // 10), (size * 108 // 100, size * 115 // 100), 0, 180, 360, 255, -1
    )
    tilt = int(rng.integers(-14, 15))
    face = (size * 96 // 100, size * (150 - depth) // 100)
    cv2.ellipse(cap, (x, y + size * 10 // 100), face, tilt, 0, 360, 0, -1)
    strands = np.zeros_like(sheet)
    strands[:] = looks.hair
    for _ in range(90):
        left = x + int(rng.integers(-size * 12 // 10, size * 12 // 10))
        tone = _shade(looks.hair, int(rng.integers(70, 135)))
        slant = left + int(rng.integers(-24, 25))
        cv2.line(strands, (left, y - 2 * size), (slant, y + size), tone, 2, 16)
    sheet[cap > 0] = strands[cap > 0]


def _photograph(sheet: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Light from one side, reduced to size, with grain."""
    small = resize(sheet, WIDTH, HEIGHT).astype(np.int32)
    light = np.linspace(112, 84, WIDTH).astype(np.int32)
    if rng.integers(2):
        light = light[::-1]
    small = small * light[None, :, None] // 100
    grain = rng.integers(-5, 6, (HEIGHT, WIDTH, 1))
    return (small + grain).clip(0, 255).astype(np.uint8)
