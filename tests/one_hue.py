"""Colour pictures of one hue: (rng) → (256, 192, 3) uint8, stored as JPEG."""

from collections.abc import Callable
from colorsys import hls_to_rgb

import cv2
import numpy as np

from tests.disguises import stored

Draw = Callable[[np.random.Generator], np.ndarray]

HEIGHT, WIDTH = 256, 192
ROWS, COLUMNS = np.mgrid[:HEIGHT, :WIDTH] / [[[HEIGHT]], [[WIDTH]]]  # 0…1


def _color(hue: float, lightness: float, saturation: float) -> np.ndarray:
    """Return a colour in levels; the hue in degrees."""
    return 255 * np.array(hls_to_rgb(hue % 360 / 360, lightness, saturation))


def _texture(rng: np.random.Generator, cells: int) -> np.ndarray:
    """Return smooth noise of mean 0 and deviation 1, so many cells wide; (height, width, 1)."""
    coarse = rng.normal(size=(cells * 4 // 3 + 1, cells))
    fine = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    return np.asarray((fine - fine.mean()) / fine.std())[..., None]


def _lit(color: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Return a colour under more or less light than 1; bright light bleaches it."""
    return color * np.minimum(light, 1) + (255 - color) * (1 - np.exp(-np.maximum(light - 1, 0)))


def _photograph(rng: np.random.Generator, pixels: np.ndarray) -> np.ndarray:
    """Add a sensor's noise, and store the picture."""
    grain = rng.normal(0, 2, (*pixels.shape[:2], 1)) + rng.normal(0, 1.5, pixels.shape)
    return stored(pixels + grain, int(rng.integers(75, 95)))


def _gradient(top: np.ndarray, bottom: np.ndarray, power: float = 1.0) -> np.ndarray:
    share = ROWS[..., None] ** power
    return top * (1 - share) + bottom * share


def _shape(*polygons: list[tuple[float, float]]) -> np.ndarray:
    """Return 1 inside of polygons with corners (x, y) of 0…1, else 0; (height, width, 1)."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    for polygon in polygons:
        corners = np.rint(np.array(polygon) * (WIDTH, HEIGHT)).astype(np.int32)
        cv2.fillPoly(mask, [corners], 255, cv2.LINE_AA)
    return np.asarray(mask[..., None] / 255)


def _disc(x: float, y: float, radius: float) -> np.ndarray:
    """Return 1 inside of a circle, with a soft edge; the radius in widths."""
    distance = np.hypot(COLUMNS - x, (ROWS - y) * HEIGHT / WIDTH)
    return np.asarray(((radius - distance) * WIDTH / 2 + 0.5).clip(0, 1)[..., None])


def _over(picture: np.ndarray, color: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return picture * (1 - mask) + color * mask


def _sheet(rng: np.random.Generator) -> np.ndarray:
    """Return a white or gray sheet, a little darker on one side."""
    return rng.uniform(150, 250) * (1 - rng.uniform(0, 0.12) * COLUMNS[..., None]) * np.ones(3)


def shirt(rng: np.random.Generator) -> np.ndarray:
    cut = [(0.37, 0.15), (0.63, 0.15), (0.95, 0.32), (0.85, 0.46), (0.74, 0.4), (0.74, 0.88)]
    cut += [(1 - x, y) for x, y in reversed(cut)]
    folds = 1 + 0.1 * _texture(rng, 5) + 0.05 * _texture(rng, 16)
    color = _color(rng.uniform(0, 360), rng.uniform(0.15, 0.6), rng.uniform(0.45, 1))
    return _photograph(rng, _over(_sheet(rng), _lit(color, folds), _shape(cut)))


def plain_sky(rng: np.random.Generator) -> np.ndarray:
    hue = rng.uniform(200, 222)
    top = _color(hue, rng.uniform(0.35, 0.6), rng.uniform(0.5, 0.9))
    bottom = _color(hue - rng.uniform(0, 10), rng.uniform(0.7, 0.85), rng.uniform(0.4, 0.8))
    return _photograph(rng, _gradient(top, bottom, rng.uniform(0.7, 1.5)))


def night_lights(rng: np.random.Generator) -> np.ndarray:
    """Draw warm lights with their glow in the dark."""
    picture = np.zeros((HEIGHT, WIDTH, 3)) + rng.uniform(2, 14)
    hue = rng.uniform(22, 42)
    for x, y, size in rng.uniform(0.05, 0.95, (int(rng.integers(8, 25)), 3)):
        glow = np.exp(-np.hypot(COLUMNS - x, (ROWS - y) * 4 / 3)[..., None] / (0.01 + 0.05 * size))
        picture += 1.6 * glow * _color(hue + rng.uniform(-4, 4), 0.55, 1)
    return _photograph(rng, picture)


def playing_card(rng: np.random.Generator) -> np.ndarray:
    """Draw two to ten pips of one colour on white."""
    color = _color(rng.choice([0, 210, 130, 30]), rng.uniform(0.3, 0.5), rng.uniform(0.7, 1))
    picture = np.full((HEIGHT, WIDTH, 3), rng.uniform(238, 254))
    for number in range(int(rng.integers(2, 11))):
        x, y = (0.32, 0.68)[number % 2], 0.14 + 0.18 * (number // 2)
        lozenge = [(x, y - 0.08), (x + 0.08, y), (x, y + 0.08), (x - 0.08, y)]
        picture = _over(picture, color, _shape(lozenge))
    return _photograph(rng, picture)


def foliage(rng: np.random.Generator) -> np.ndarray:
    color = _color(rng.uniform(80, 130), rng.uniform(0.3, 0.45), rng.uniform(0.35, 0.7))
    light = 0.85 + 0.25 * _texture(rng, 12) + 0.2 * _texture(rng, 40)
    return _photograph(rng, _lit(color, light.clip(0.05, 1.6)))


def red_barn(rng: np.random.Generator) -> np.ndarray:
    """Draw red boards below a white sky, above snow."""
    boards = 1 - 0.25 * (np.sin(COLUMNS[..., None] * 150) > 0.8) + 0.06 * _texture(rng, 20)
    color = _color(rng.uniform(-5, 15), rng.uniform(0.25, 0.4), rng.uniform(0.5, 0.8))
    barn = _shape([(0.1, 0.4), (0.5, 0.15), (0.9, 0.4), (0.9, 0.8), (0.1, 0.8)])
    return _photograph(rng, _over(_sheet(rng), _lit(color, boards), barn))


def sea_and_sky(rng: np.random.Generator) -> np.ndarray:
    hue = rng.uniform(195, 215)
    sky = _gradient(_color(hue + 8, 0.55, 0.7), _color(hue, 0.8, 0.6))
    waves = 1 + 0.1 * _texture(rng, 30) + 0.1 * _texture(rng, 8)
    sea = _lit(_color(hue, rng.uniform(0.25, 0.4), rng.uniform(0.5, 0.8)), waves)
    return _photograph(rng, np.where(ROWS[..., None] < rng.uniform(0.4, 0.65), sky, sea))


def sunset(rng: np.random.Generator) -> np.ndarray:
    """Draw an orange sky with a sun above a black land."""
    hue = rng.uniform(10, 35)
    picture = _gradient(_color(hue - 8, 0.25, 0.7), _color(hue + 8, 0.6, 0.95))
    picture = _over(picture, _color(hue + 20, 0.9, 1), _disc(rng.uniform(0.2, 0.8), 0.55, 0.08))
    return _photograph(rng, np.where(ROWS[..., None] < rng.uniform(0.65, 0.85), picture, 12.0))


def autumn_leaves(rng: np.random.Generator) -> np.ndarray:
    color = _color(rng.uniform(15, 45), rng.uniform(0.35, 0.5), rng.uniform(0.6, 0.95))
    light = 0.85 + 0.3 * _texture(rng, 10) + 0.15 * _texture(rng, 36)
    return _photograph(rng, _lit(color, light.clip(0.05, 1.5)))


def stage_light(rng: np.random.Generator) -> np.ndarray:
    """Draw a beam of one colour onto a figure, in smoke."""
    x = rng.uniform(0.3, 0.7)
    beam = np.exp(-(((COLUMNS - x) / (0.08 + 0.25 * ROWS)) ** 2))[..., None]
    figure = _disc(x, 0.5, 0.08) + _shape([(x - 0.15, 0.95), (x, 0.5), (x + 0.15, 0.95)])
    light = beam * (0.5 + 0.12 * _texture(rng, 4)) * (1 + 0.9 * figure.clip(0, 1)) + 0.04
    color = _color(rng.uniform(0, 360), rng.uniform(0.45, 0.6), rng.uniform(0.7, 1))
    return _photograph(rng, _lit(color, light))


def skin(rng: np.random.Generator) -> np.ndarray:
    """Draw a cheek in soft light, redder on one side."""
    color = _color(rng.uniform(14, 26), rng.uniform(0.35, 0.72), rng.uniform(0.35, 0.65))
    light = 0.85 + 0.25 * (COLUMNS[..., None] - 0.5) + 0.05 * _texture(rng, 4)
    blush = np.array([1.0, 0.94, 0.94]) ** _texture(rng, 3)
    return _photograph(rng, _lit(color, light + 0.02 * _texture(rng, 90)) * blush)


def bricks(rng: np.random.Generator) -> np.ndarray:
    color = _color(rng.uniform(5, 22), rng.uniform(0.32, 0.45), rng.uniform(0.35, 0.6))
    row = (ROWS * 16).astype(int)
    joints = (ROWS * 16 % 1 < 0.15) | ((COLUMNS * 6 + row % 2 * 0.5) % 1 < 0.08)
    tones = rng.normal(1, 0.12, (16, 8))[row, (COLUMNS * 6 + row % 2 * 0.5).astype(int)]
    wall = _lit(color, tones[..., None] + 0.05 * _texture(rng, 60))
    return _photograph(rng, np.where(joints[..., None], rng.uniform(120, 190), wall))


def flower(rng: np.random.Generator) -> np.ndarray:
    """Draw petals of one colour before black."""
    angle, distance = np.arctan2(ROWS - 0.5, COLUMNS - 0.5), np.hypot(COLUMNS - 0.5, ROWS - 0.5)
    edge = 0.36 + 0.06 * np.cos(angle * rng.integers(5, 9) + rng.uniform(0, 6))
    petals = ((edge - distance) * 60).clip(0, 1)[..., None]
    light = 0.6 + distance[..., None] + 0.15 * _texture(rng, 10)
    color = _color(rng.uniform(280, 410), rng.uniform(0.4, 0.6), rng.uniform(0.6, 1))
    return _photograph(rng, _over(np.full(3, 10.0), _lit(color, light), petals))


def badge(rng: np.random.Generator) -> np.ndarray:
    """Draw a disc of one colour with white stripes, on white."""
    color = _color(rng.uniform(0, 360), rng.uniform(0.3, 0.5), rng.uniform(0.6, 1))
    disc = _disc(0.5, 0.5, rng.uniform(0.25, 0.45)) * (np.sin(ROWS[..., None] * 60) < 0.7)
    return _photograph(rng, _over(np.full((HEIGHT, WIDTH, 3), 250.0), color, disc))


def dunes(rng: np.random.Generator) -> np.ndarray:
    """Draw yellow sand with ripples, lit from a side."""
    color = _color(rng.uniform(28, 42), rng.uniform(0.45, 0.65), rng.uniform(0.45, 0.75))
    wavy = ROWS[..., None] * 40 + 2 * _texture(rng, 3)
    light = 0.9 + 0.15 * np.sin(wavy) + 0.2 * _texture(rng, 2)
    return _photograph(rng, _lit(color, light.clip(0.2, 1.4)))


def denim(rng: np.random.Generator) -> np.ndarray:
    color = _color(rng.uniform(210, 230), rng.uniform(0.25, 0.45), rng.uniform(0.3, 0.6))
    twill = 0.08 * np.sin((COLUMNS * 60 + ROWS * 80) * 2 * np.pi)[..., None]
    return _photograph(rng, _lit(color, 0.9 + twill + 0.15 * _texture(rng, 6)))


def boards(rng: np.random.Generator) -> np.ndarray:
    """Draw wooden boards with grain and dark joints."""
    color = _color(rng.uniform(18, 35), rng.uniform(0.3, 0.5), rng.uniform(0.35, 0.6))
    grain = 0.08 * np.sin(COLUMNS[..., None] * 120 + 3 * _texture(rng, 4))
    joints = (COLUMNS * 5 % 1 < 0.04)[..., None]
    light = (0.95 + grain + 0.08 * _texture(rng, 5)) * np.where(joints, 0.25, 1)
    return _photograph(rng, _lit(color, light))


def fruit(rng: np.random.Generator) -> np.ndarray:
    """Draw three shaded balls of one colour on a sheet."""
    picture = _sheet(rng)
    color = _color(rng.uniform(0, 110), rng.uniform(0.4, 0.55), rng.uniform(0.7, 1))
    for x, y in ((0.3, 0.35), (0.68, 0.45), (0.42, 0.72)):
        nearness = np.hypot(COLUMNS - x + 0.06, (ROWS - y + 0.05) * HEIGHT / WIDTH)
        shaded = _lit(color, (1.3 - 4 * nearness)[..., None].clip(0.2, 1.3))
        picture = _over(picture, shaded, _disc(x, y, rng.uniform(0.13, 0.2)))
    return _photograph(rng, picture)


def blue_hour(rng: np.random.Generator) -> np.ndarray:
    """Draw dark mountains before a blue evening, above blue snow."""
    hue = rng.uniform(212, 232)
    sky = _gradient(_color(hue, 0.25, 0.7), _color(hue - 8, 0.65, 0.6))
    ridge = 0.5 + 0.1 * np.sin(COLUMNS * rng.uniform(5, 12) + rng.uniform(0, 6))
    snow = _lit(_color(hue, 0.55, 0.45), 0.9 + 0.12 * _texture(rng, 8))
    mountains = _lit(_color(hue, 0.15, 0.5), 1 + 0.2 * _texture(rng, 20))
    picture = np.where((ridge > ROWS)[..., None], sky, mountains)
    return _photograph(rng, np.where(ROWS[..., None] > 0.72, snow, picture))


def curtain(rng: np.random.Generator) -> np.ndarray:
    color = _color(rng.uniform(-15, 10), rng.uniform(0.3, 0.45), rng.uniform(0.7, 1))
    folds = 0.75 + 0.35 * np.sin(COLUMNS[..., None] * rng.uniform(40, 70) + _texture(rng, 2))
    return _photograph(rng, _lit(color, folds.clip(0.1, 1.3)))


def bar_chart(rng: np.random.Generator) -> np.ndarray:
    """Draw bars of one colour with black axes on white."""
    color = _color(rng.uniform(0, 360), rng.uniform(0.35, 0.55), rng.uniform(0.6, 1))
    picture = np.full((HEIGHT, WIDTH, 3), 254.0)
    for bar in range(6):
        left, top = 0.14 + 0.14 * bar, rng.uniform(0.15, 0.7)
        right = left + 0.09
        bar_mask = _shape([(left, top), (right, top), (right, 0.9), (left, 0.9)])
        picture = _over(picture, color, bar_mask)
    axes = _shape([(0.08, 0.9), (0.98, 0.9), (0.98, 0.91), (0.08, 0.91)])
    return _photograph(rng, _over(picture, np.zeros(3), axes))


def flag(rng: np.random.Generator) -> np.ndarray:
    """Draw a cross of one colour on another."""
    field, cross = (
        _color(rng.uniform(0, 360), rng.uniform(0.25, 0.75), rng.uniform(0.5, 1)) for _ in range(2)
    )
    arms = (np.abs(COLUMNS - 0.36) < 0.07) | (np.abs(ROWS - 0.5) < 0.1)
    return _photograph(rng, np.where(arms[..., None], cross, field))


# The constants of the tone residual were chosen by these,
TUNED: dict[str, Draw] = {
    "T-shirts on a sheet": shirt,
    "plain sky": plain_sky,
    "warm lights at night": night_lights,
    "playing cards": playing_card,
    "green foliage": foliage,
    "a red barn": red_barn,
}
# its form also by a look at these,
SEEN: dict[str, Draw] = {
    "sea and sky": sea_and_sky,
    "sunsets": sunset,
    "autumn leaves": autumn_leaves,
    "stage in one light": stage_light,
    "skin": skin,
    "brick walls": bricks,
    "flowers before black": flower,
    "badges": badge,
    "sand dunes": dunes,
}
# these brought the rule for flat colours,
FLAT: dict[str, Draw] = {"flags": flag}
# and these were drawn afterwards. Only WHITE_OFFSET came later still, for crops of badges.
HELD_BACK: dict[str, Draw] = {
    "denim": denim,
    "wooden boards": boards,
    "fruit on a sheet": fruit,
    "blue hour": blue_hour,
    "red curtains": curtain,
    "bar charts": bar_chart,
}
ONE_HUE = {**TUNED, **SEEN, **FLAT, **HELD_BACK}


def draw(kind: str, count: int) -> list[np.ndarray]:
    """Return that many pictures of a kind of ONE_HUE."""
    return [ONE_HUE[kind](np.random.default_rng([3, number])) for number in range(count)]
