"""The surroundings of a house: sky, neighbours, trees, roof, pavement and foreground."""

from math import isqrt

import cv2
import numpy as np

from src.demo import masonry
from src.demo.brushes import (
    Box,
    Color,
    Point,
    blend,
    chance,
    darken,
    fill_box,
    fill_circle,
    fill_ellipse,
    fill_gradient,
    fill_polygon,
    jitter,
    shade,
)
from src.demo.house import SIDE_PX, House
from src.demo.scene import Scene

TILES: list[Color] = [(148, 74, 52), (112, 62, 50), (84, 86, 92), (70, 64, 60), (96, 130, 116)]
CARS: list[Color] = [(34, 36, 42), (196, 198, 202), (120, 34, 38), (44, 62, 104), (226, 226, 224)]


def draw_surroundings(scene: Scene, house: House) -> None:
    """Fill the picture behind the house and below it."""
    canvas, sky = scene.canvas, scene.light.sky
    fill_gradient(canvas, sky, jitter(shade(sky, 110), scene.rng, 6))
    left, _, right, bottom = house.wall
    if house.ridge and chance(scene.rng, 30):
        _draw_trees(scene, house.ridge)
    for start, end in ((0, left), (right, SIDE_PX)):
        if end - start > 4:
            _draw_neighbour(scene, (start, house.ridge, end, bottom), bottom - house.ground)
    _draw_pavement(scene, bottom)


def _draw_trees(scene: Scene, ridge: int) -> None:
    for _ in range(int(scene.rng.integers(1, 5))):
        top = ridge + int(scene.rng.integers(-30, 30))
        _draw_crown(scene, (int(scene.rng.integers(SIDE_PX)), top), int(scene.rng.integers(30, 80)))


def _draw_crown(scene: Scene, center: Point, radius: int) -> None:
    """Draw the crown of a tree or bush: leaves that are lighter above than below."""
    rng = scene.rng
    green = jitter(blend([(54, 82, 42), (88, 104, 56), (112, 98, 66)], rng), rng, 10)
    for down in range(-radius, radius, max(4, radius // 12)):
        half = isqrt(radius * radius - down * down)
        tone = shade(green, 92 - 40 * down // radius)
        for _ in range(2 + half // 12):
            x = center[0] + int(rng.integers(-half - 4, half + 5))
            leaf = (int(rng.integers(4, 13)), int(rng.integers(4, 9)))
            fill_ellipse(scene.canvas, (x, center[1] + down), leaf, jitter(tone, rng, 22))


def _draw_neighbour(scene: Scene, box: Box, scale: int) -> None:
    """Draw the house next door, of storeys of about `scale` pixels; its windows are in no label."""
    rng = scene.rng
    left, ridge, right, bottom = box
    top = max(0, ridge + int(rng.integers(-60, 90)))
    if chance(rng, 12):  # a gap with trees
        radius = max(24, (right - left) * 2 // 3)
        for y in range(bottom - radius // 2, top + radius, -radius):
            _draw_crown(scene, ((left + right) // 2, y), radius)
        return
    material = masonry.choose_material(rng)
    masonry.lay(
        scene.canvas, (left, top, right, bottom), material, masonry.choose_color(material, rng), rng
    )
    storey = max(50, scale * int(rng.integers(70, 110)) // 100)
    bay = storey * int(rng.integers(55, 90)) // 100
    frame = jitter((196, 190, 180), rng, 40)
    for y in range(top + 22, bottom - 30, storey):
        for x in range(left + 10, right, bay):
            box = (x, y, min(right - 3, x + bay * 2 // 5), min(bottom, y + storey // 2))
            fill_box(scene.canvas, box, jitter((58, 62, 68), rng, 16))
            _draw_far_bars(scene, box, frame)
    edge = right - 3 if left == 0 else left
    darken(scene.canvas, (edge, top, edge + 3, bottom), 60)


def _draw_far_bars(scene: Scene, box: Box, frame: Color) -> None:
    """Draw the frame, a cross and the sill of a neighbour's window."""
    left, top, right, bottom = box
    middle, rail = (left + right) // 2, top + (bottom - top) // 3
    for bar in (
        (left, top, right, top + 2),
        (left, top, left + 2, bottom),
        (right - 2, top, right, bottom),
        (left, rail, right, rail + 2),
        (middle - 1, top, middle + 1, bottom),
        (left - 3, bottom - 3, right + 3, bottom + 1),
    ):
        fill_box(scene.canvas, bar, frame)


def _draw_pavement(scene: Scene, top: int) -> None:
    gray = blend([(112, 110, 108), (150, 146, 138), (128, 118, 108)], scene.rng)
    ground = (0, top, SIDE_PX, SIDE_PX)
    masonry.lay(scene.canvas, ground, "plaster", gray, scene.rng)
    curb = top + (SIDE_PX - top) // 2
    if SIDE_PX - top > 24:
        fill_box(scene.canvas, (0, curb, SIDE_PX, SIDE_PX), shade(gray, 72))
        fill_box(scene.canvas, (0, curb, SIDE_PX, curb + 3), shade(gray, 118))
    darken(scene.canvas, (0, top, SIDE_PX, top + 3), 64)


def draw_roof(scene: Scene, house: House) -> None:
    """Draw the roof with its tiles, eaves and chimneys."""
    left, top, right, _ = house.wall
    if top - house.ridge < 8:
        return
    color = jitter(TILES[scene.rng.integers(len(TILES))], scene.rng, 12)
    slope = (top - house.ridge) * int(scene.rng.integers(0, 60)) // 100
    for _ in range(int(scene.rng.integers(0, 4))):
        _draw_chimney(scene, house, slope)
    roof = [
        (left - 6, top),
        (left + slope, house.ridge),
        (right - slope, house.ridge),
        (right + 6, top),
    ]
    covering = np.zeros(scene.canvas.shape[:2], np.uint8)
    fill_polygon(covering, roof, 255)  # type: ignore[arg-type]
    tiles = np.zeros((top - house.ridge, SIDE_PX, 3), np.uint8)
    tiles[:] = color
    masonry.lay(tiles, (0, 0, SIDE_PX, len(tiles)), "boards", color, scene.rng)
    covered = covering[house.ridge : top] > 0
    scene.canvas[house.ridge : top][covered] = tiles[covered]
    fill_box(scene.canvas, (left - 6, top - 4, right + 6, top), shade(color, 60))


def _draw_chimney(scene: Scene, house: House, slope: int) -> None:
    left, top, right, _ = house.wall
    x = int(scene.rng.integers(left + slope + 8, max(left + slope + 9, right - slope - 26)))
    rise = int(scene.rng.integers(10, 26))
    color = jitter((134, 84, 66), scene.rng, 24)
    fill_box(scene.canvas, (x, house.ridge - rise, x + 18, top - 10), color)
    fill_box(
        scene.canvas, (x - 2, house.ridge - rise, x + 20, house.ridge - rise + 4), shade(color, 74)
    )


def draw_foreground(scene: Scene, house: House) -> None:
    """Draw the foreground of some houses: a lamp post, a car, a tree, people, wires."""
    rng, bottom = scene.rng, house.wall[3]
    if chance(rng, 18):
        _draw_lamp(scene)
    if chance(rng, 22):
        _draw_car(scene, house)
    if chance(rng, 12):
        radius = int(rng.integers(24, 60))
        _draw_crown(scene, (int(rng.integers(SIDE_PX)), bottom - radius // 2), radius)
    if chance(rng, 10):
        start, end = ((x, int(rng.integers(10, 160))) for x in (0, SIDE_PX))
        cv2.line(scene.canvas, start, end, (48, 48, 50), 1, cv2.LINE_AA)


def _draw_lamp(scene: Scene) -> None:
    x, top = int(scene.rng.integers(20, SIDE_PX - 20)), int(scene.rng.integers(120, 260))
    color = jitter((52, 54, 56), scene.rng, 12)
    fill_box(scene.canvas, (x, top, x + 5, SIDE_PX), color)
    fill_ellipse(scene.canvas, (x + 2, top), (9, 12), jitter((206, 202, 188), scene.rng, 14))
    fill_box(scene.canvas, (x - 5, top - 14, x + 10, top - 10), color)


def _draw_car(scene: Scene, house: House) -> None:
    rng, bottom = scene.rng, house.wall[3]
    length = max(90, (bottom - house.ground) * int(rng.integers(95, 125)) // 100)
    tall, wheel_px = length * 30 // 100, max(6, length // 15)
    x, base = int(rng.integers(-40, SIDE_PX - 60)), min(SIDE_PX - 4, bottom + length // 6)
    color = jitter(CARS[rng.integers(len(CARS))], rng, 14)
    darken(scene.canvas, (x + 4, base - 4, x + length - 4, base + 4), 45)
    cabin = [
        (x + length // 5, base - tall // 2),
        (x + length // 3, base - tall),
        (x + length * 3 // 4, base - tall),
        (x + length * 9 // 10, base - tall // 2),
    ]
    fill_polygon(scene.canvas, cabin, (54, 60, 68))
    body = (x, base - tall * 3 // 5, x + length, base - 5)
    fill_box(scene.canvas, body, color)
    fill_box(scene.canvas, (x, body[1], x + length, body[1] + 3), shade(color, 130))
    for wheel in (x + length // 5, x + length * 4 // 5):
        fill_circle(scene.canvas, (wheel, base - wheel_px // 2), wheel_px, (28, 28, 30))
        fill_circle(scene.canvas, (wheel, base - wheel_px // 2), wheel_px // 2, (150, 150, 152))
