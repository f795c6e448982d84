"""Ornaments that stand out from a wall: bands, hoods, sills, pillars, reliefs and balconies."""

from src.demo.brushes import (
    Box,
    chance,
    darken,
    fill_box,
    fill_circle,
    fill_ellipse,
    fill_polygon,
    jitter,
    shade,
)
from src.demo.house import House, Part
from src.demo.scene import Scene
from src.demo.windows import draw_flowers


def draw_molding(scene: Scene, part: Part) -> None:
    """Draw a band across the facade, with teeth if it is high."""
    left, top, right, bottom = part.box
    height = bottom - top
    trim = scene.style.trim
    scene.cast_shadow(part.box, max(3, height // 3))
    fill_box(scene.canvas, part.box, trim)
    fill_box(scene.canvas, (left, top, right, top + 2), shade(trim, 114))
    fill_box(scene.canvas, (left, top + height * 2 // 5, right, bottom), shade(trim, 86))
    fill_box(scene.canvas, (left, bottom - 2, right, bottom), shade(trim, 66))
    if height >= 16 and chance(scene.rng, 60):
        step = int(scene.rng.integers(8, 16))
        for x in range(left + step // 2, right, step):
            tooth = (x, top + height // 2, x + step // 2, bottom - 1)
            fill_box(scene.canvas, tooth, shade(trim, 106))


def draw_cornice(scene: Scene, part: Part) -> None:
    """Draw the hood above a window."""
    left, top, right, bottom = part.box
    trim, middle = scene.style.trim, (left + right) // 2
    slab = max(4, (bottom - top) // 3)
    if scene.style.hood == "slab" or bottom - top < 12:
        fill_box(scene.canvas, (left + 4, top + slab, right - 4, bottom), shade(trim, 84))
        _draw_slab(scene, (left, top, right, top + slab))
        return
    if scene.style.hood == "pediment":
        gable = [(left, bottom - slab), (middle, top), (right, bottom - slab)]
        inner = [(left + 9, bottom - slab), (middle, top + 5), (right - 9, bottom - slab)]
        fill_polygon(scene.canvas, gable, shade(trim, 108))
        fill_polygon(scene.canvas, inner, shade(trim, 70))
    else:
        axes = ((right - left) // 2, bottom - slab - top)
        fill_ellipse(scene.canvas, (middle, bottom - slab), axes, shade(trim, 108), 180, 360)
        inner_axes = (max(1, axes[0] - 6), max(1, axes[1] - 4))
        fill_ellipse(scene.canvas, (middle, bottom - slab), inner_axes, shade(trim, 72), 180, 360)
    _draw_slab(scene, (left, bottom - slab, right, bottom))


def _draw_slab(scene: Scene, box: Box) -> None:
    """Draw a narrow slab, light above, with its shadow."""
    left, top, right, bottom = box
    scene.cast_shadow(box, max(3, bottom - top))
    fill_box(scene.canvas, box, scene.style.trim)
    fill_box(scene.canvas, (left, top, right, top + 2), shade(scene.style.trim, 116))
    fill_box(scene.canvas, (left, bottom - 1, right, bottom), shade(scene.style.trim, 60))


def draw_sill(scene: Scene, part: Part) -> None:
    """Draw a window sill, sometimes with flowers."""
    left, _, right, bottom = part.box
    for x in (left, right - 4) if chance(scene.rng, 45) else ():  # where rain runs down
        streak = (x, bottom, x + 4, bottom + int(scene.rng.integers(10, 40)))
        darken(scene.canvas, streak, 90)
    _draw_slab(scene, part.box)
    if chance(scene.rng, 5):
        draw_flowers(scene, part.box)


def draw_pillar(scene: Scene, part: Part) -> None:
    """Draw a pillar with its base and capital."""
    left, top, right, bottom = part.box
    trim, width = scene.style.trim, right - left
    scene.cast_shadow(part.box, max(3, width // 3))
    fill_box(scene.canvas, part.box, trim)
    sun, away = (left, right - width // 4) if scene.light.side > 0 else (right - width // 4, left)
    fill_box(scene.canvas, (sun, top, sun + width // 4, bottom), shade(trim, 112))
    fill_box(scene.canvas, (away, top, away + width // 4, bottom), shade(trim, 78))
    for y in (top, bottom - width):
        end = (left - 3, y, right + 3, y + width)
        fill_box(scene.canvas, end, shade(trim, 104))
        fill_box(scene.canvas, (end[0], y + width - 2, end[2], y + width), shade(trim, 66))


def draw_deco(scene: Scene, part: Part) -> None:
    """Draw a relief: a sunk field with a garland or a rosette."""
    left, top, right, bottom = part.box
    trim, middle = scene.style.trim, ((left + right) // 2, (top + bottom) // 2)
    fill_box(scene.canvas, part.box, shade(trim, 88))
    fill_box(scene.canvas, (left, top, right, top + 2), shade(trim, 64))
    fill_box(scene.canvas, (left, bottom - 2, right, bottom), shade(trim, 112))
    radius = max(2, (bottom - top) // 3)
    for x in range(left + radius + 2, right - radius, radius * 2 + 2):
        fill_circle(scene.canvas, (x + 1, middle[1] + 1), radius, shade(trim, 60))
        fill_circle(scene.canvas, (x, middle[1]), radius, shade(trim, 108))
        fill_circle(scene.canvas, (x, middle[1]), radius // 2, shade(trim, 84))


def draw_balcony(scene: Scene, part: Part) -> None:
    """Draw a balcony: its slab, and rails, balusters or a parapet."""
    left, top, right, bottom = part.box
    trim, height = scene.style.trim, bottom - top
    slab = (left - 2, bottom - max(5, height // 6), right + 2, bottom)
    scene.cast_shadow(part.box, max(6, height // 3))
    if scene.style.iron:
        darken(scene.canvas, part.box, 78)
        iron = shade(scene.style.paint, 55)
        for x in range(left, right, 6):
            fill_box(scene.canvas, (x, top, x + 2, slab[1]), iron)
        fill_box(scene.canvas, (left, top, right, top + 3), iron)
        fill_box(scene.canvas, (left, top + height // 4, right, top + height // 4 + 2), iron)
        if chance(scene.rng, 12):
            draw_flowers(scene, (left, top + 2, right, bottom))
    elif height > 40:
        fill_box(scene.canvas, part.box, shade(trim, 58))
        for x in range(left + 2, right - 4, 9):
            fill_box(scene.canvas, (x, top, x + 5, slab[1]), shade(trim, 98))
        _draw_slab(scene, (left - 1, top, right + 1, top + 6))
    else:
        fill_box(scene.canvas, part.box, shade(trim, 96))
        fill_box(scene.canvas, (left, top, right, top + 3), shade(trim, 116))
    _draw_slab(scene, slab)


def draw_edges(scene: Scene, house: House) -> None:
    """Draw parts that no label shows: a plinth, corner stones, the pipe of a gutter."""
    left, top, right, bottom = house.wall
    rng, trim = scene.rng, scene.style.trim
    if chance(rng, 55):
        plinth = (left, bottom - int(rng.integers(8, 26)), right, bottom)
        fill_box(scene.canvas, plinth, shade(scene.style.ground, int(rng.integers(60, 84))))
        fill_box(scene.canvas, (left, plinth[1], right, plinth[1] + 2), shade(trim, 92))
    if chance(rng, 16):
        tall = int(rng.integers(14, 26))
        for number, y in enumerate(range(top, bottom, tall)):
            wide = tall * (2 if number % 2 else 1)
            for x in (left, right - wide):
                fill_box(scene.canvas, (x, y, x + wide, y + tall - 2), trim)
                fill_box(scene.canvas, (x, y + tall - 4, x + wide, y + tall - 2), shade(trim, 82))
    if chance(rng, 30):
        x = left + 8 if chance(rng, 50) else right - 14
        scene.cast_shadow((x, top, x + 5, bottom), 6)
        fill_box(scene.canvas, (x, top, x + 5, bottom), jitter((112, 108, 102), rng, 36))
