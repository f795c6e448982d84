"""Doors and shops of the ground floor."""

import itertools

import numpy as np

from src.demo.brushes import Box, Color, chance, darken, fill_box, fill_ellipse, jitter, shade
from src.demo.house import Part
from src.demo.scene import Scene

AWNINGS: list[Color] = [(168, 40, 44), (44, 92, 62), (40, 66, 120), (196, 150, 66), (90, 90, 94)]
SIGNS: list[Color] = [(40, 40, 44), (150, 34, 38), (30, 74, 52), (34, 56, 104), (206, 196, 170)]


def draw_door(scene: Scene, part: Part) -> None:
    """Draw a door: straight or arched, with a light above its two leaves, and steps."""
    left, top, right, bottom = part.box
    half, middle = (right - left) // 2, (left + right) // 2
    edge = max(4, half // 5)
    arched = chance(scene.rng, 45) and half < (bottom - top) * 2 // 3
    trim, paint = scene.style.trim, jitter(scene.style.paint, scene.rng, 14)
    rise = half if arched else 0
    fill_box(
        scene.canvas, (left - edge, top + rise - edge * (not arched), right + edge, bottom), trim
    )
    if arched:
        fill_ellipse(scene.canvas, (middle, top + half), (half + edge, half + edge), trim, 180, 360)
        fill_ellipse(scene.canvas, (middle, top + half), (half, half), (52, 56, 62), 180, 360)
    fill_box(scene.canvas, (left, top + rise, right, bottom), paint)
    light = (left + 3, top + 3, right - 3, top + (bottom - top) // 6)
    if not arched:
        fill_box(scene.canvas, light, shade(scene.light.sky, 40))
    _draw_leaves(scene, (left, max(light[3], top + rise) + 2, right, bottom), paint)
    darken(scene.canvas, (left, top, right, top + 5), scene.light.shadow)
    step = (left - edge - 2, bottom - 4, right + edge + 2, bottom)
    fill_box(scene.canvas, step, shade(trim, 82))


def _draw_leaves(scene: Scene, box: Box, paint: Color) -> None:
    left, top, right, bottom = box
    middle, inset = (left + right) // 2, max(3, (right - left) // 12)
    fill_box(scene.canvas, (left, top - 3, right, top), shade(paint, 120))
    fill_box(scene.canvas, (middle - 1, top, middle + 1, bottom), shade(paint, 50))
    fields = [top + inset, (top + bottom) // 2, bottom - inset]
    for start, end in ((left, middle), (middle, right)):
        for upper, lower in itertools.pairwise(fields):
            panel = (start + inset, upper, end - inset, lower - inset)
            fill_box(scene.canvas, panel, shade(paint, 76))
            fill_box(scene.canvas, (panel[0], panel[3] - 2, panel[2], panel[3]), shade(paint, 130))


def draw_shop(scene: Scene, part: Part) -> None:
    """Draw a shop: its window with goods, a sign, and often an awning."""
    left, top, right, bottom = part.box
    height = bottom - top
    sign = top + max(10, height // 5)
    fill_box(scene.canvas, part.box, shade(scene.style.frame, 80))
    glass = (left + 4, sign + 3, right - 4, bottom - 4)
    fill_box(scene.canvas, glass, jitter((46, 50, 54), scene.rng, 16))
    _draw_goods(scene, glass)
    fill_box(
        scene.canvas,
        ((left + right) // 2 - 1, sign, (left + right) // 2 + 2, bottom),
        shade(scene.style.frame, 80),
    )
    _draw_sign(scene, (left, top, right, sign))
    if chance(scene.rng, 40):
        _draw_awning(scene, (left - 4, sign - 2, right + 4, sign + height // 5))


def _draw_goods(scene: Scene, glass: Box) -> None:
    """Draw lit goods in the lower half, and the street mirrored across."""
    left, top, right, bottom = glass
    rng = scene.rng
    for _ in range(int(rng.integers(3, 9))):
        if right - left < 16 or bottom - top < 16:
            return
        x = int(rng.integers(left, right - 10))
        y = int(rng.integers((top + bottom) // 2, bottom - 6))
        red, green, blue = (int(level) for level in rng.integers(60, 230, 3))
        size = int(rng.integers(4, 10))
        fill_box(scene.canvas, (x, y, min(right, x + size), bottom), (red, green, blue))
    stripe = left + int(rng.integers(0, max(1, right - left)))
    area = scene.canvas[top:bottom, stripe : min(right, stripe + (right - left) // 4)]
    area[:] = np.minimum(area, 255 - 26) + 26


def _draw_sign(scene: Scene, box: Box) -> None:
    left, top, right, bottom = box
    board = jitter(SIGNS[scene.rng.integers(len(SIGNS))], scene.rng, 14)
    fill_box(scene.canvas, box, board)
    ink = (236, 230, 214) if sum(board) < 360 else (60, 44, 40)
    middle, tall = (top + bottom) // 2, max(3, (bottom - top) // 3)
    x = left + (right - left) // 5
    while x < right - (right - left) // 5:
        wide = int(scene.rng.integers(3, 8))
        fill_box(scene.canvas, (x, middle - tall // 2, x + wide - 1, middle + tall // 2), ink)
        x += wide + int(scene.rng.integers(1, 4))


def _draw_awning(scene: Scene, box: Box) -> None:
    left, top, right, bottom = box
    color = jitter(AWNINGS[scene.rng.integers(len(AWNINGS))], scene.rng, 18)
    scene.cast_shadow(box, (bottom - top) // 2)
    fill_box(scene.canvas, box, color)
    if chance(scene.rng, 60):
        for x in range(left, right, 16):
            fill_box(scene.canvas, (x, top, min(right, x + 8), bottom), (232, 228, 218))
    darken(scene.canvas, (left, bottom - 4, right, bottom), 76)
