"""Windows and their shutters."""

import cv2
import numpy as np

from src.demo.brushes import (
    Box,
    Color,
    chance,
    darken,
    fill_box,
    fill_circle,
    fill_ellipse,
    jitter,
    shade,
)
from src.demo.house import Part
from src.demo.scene import Scene


def draw_window(scene: Scene, part: Part) -> None:
    """Draw a window: surround, glass, curtains, frame and bars."""
    head = scene.style.heads[part.storey] if part.storey >= 0 else "flat"
    rise = _rise(part.box, head)
    _draw_surround(scene, part.box, rise)
    left, top, right, bottom = (max(0, edge) for edge in part.box)
    area = scene.canvas[top:bottom, left:right]
    if area.shape[0] < 8 or area.shape[1] < 6:
        return
    pane = np.empty_like(area)
    _draw_glass(scene, pane)
    _draw_bars(scene, pane, scene.style.bars)
    mask = _opening(area.shape[0], area.shape[1], rise)
    area[mask] = pane[mask]


def _rise(box: Box, head: str) -> int:
    """Return how much lower the sides of a window begin than its middle, in pixels."""
    half = (box[2] - box[0]) // 2
    return {"flat": 0, "segment": half // 3, "arch": min(half, (box[3] - box[1]) // 2)}[head]


def _opening(height: int, width: int, rise: int) -> np.ndarray:
    """Return where a window with a round head is, (height, width) bool."""
    mask = np.zeros((height, width), np.uint8)
    mask[rise:] = 1
    if rise:
        cv2.ellipse(mask, (width // 2, rise), (width // 2 + 1, rise), 0, 180, 360, 1, -1)
    return mask.astype(bool)


def _draw_surround(scene: Scene, box: Box, rise: int) -> None:
    left, top, right, bottom = box
    edge = scene.style.surround
    if edge < 2:
        return
    outer = (left - edge, top + rise - (0 if rise else edge), right + edge, bottom + edge // 2)
    fill_box(scene.canvas, outer, scene.style.trim)
    lit, dark = shade(scene.style.trim, 112), shade(scene.style.trim, 72)
    sun, away = (lit, dark) if scene.light.side > 0 else (dark, lit)
    fill_box(scene.canvas, (outer[0], outer[1], outer[0] + 1, outer[3]), sun)
    fill_box(scene.canvas, (outer[2] - 1, outer[1], outer[2], outer[3]), away)
    if rise:
        axes = ((right - left) // 2 + edge, rise + edge)
        center = ((left + right) // 2, top + rise)
        fill_ellipse(scene.canvas, center, axes, scene.style.trim, 180, 360)
        key = ((left + right) // 2, top - edge // 2)
        stone = (key[0] - edge // 2, key[1] - edge, key[0] + edge // 2, key[1] + edge)
        fill_box(scene.canvas, stone, lit)


def _draw_glass(scene: Scene, pane: np.ndarray) -> None:
    """Fill a pane with a dark room, the reflected sky, and sometimes curtains or a lamp."""
    rng = scene.rng
    height, width = pane.shape[:2]
    room = jitter((44, 48, 54), rng, 20)
    mirrored = int(rng.integers(5, 60))
    row = np.arange(height)[:, None]
    sky = np.array(scene.light.sky)[None]
    fading = mirrored * (height - row * 2 // 3) // height
    pane[:] = ((np.array(room) * (100 - fading) + sky * fading) // 100)[:, None]
    if chance(rng, 45):
        _draw_curtains(scene, pane)
    if chance(rng, 2):
        fill_box(pane, (0, 0, width, height), jitter((226, 186, 116), rng, 16))
    # the wall above throws a shadow on the glass
    darken(pane, (0, 0, width, height // 9 + 2), scene.light.shadow)
    edge = width // 9 + 1
    aside = (0, 0, edge, height) if scene.light.side > 0 else (width - edge, 0, width, height)
    darken(pane, aside, scene.light.shadow)


def _draw_curtains(scene: Scene, pane: np.ndarray) -> None:
    rng = scene.rng
    height, width = pane.shape[:2]
    cloth = jitter((206, 202, 192), rng, 24)
    cloth = shade(cloth, int(rng.integers(55, 95)))
    kind = int(rng.integers(3))
    if kind == 0:  # one on each side
        share = int(rng.integers(15, 40))
        fill_box(pane, (0, 0, width * share // 100, height), cloth)
        fill_box(pane, (width - width * share // 100, 0, width, height), cloth)
    elif kind == 1:  # net in the lower half
        fill_box(pane, (0, height * int(rng.integers(30, 60)) // 100, width, height), cloth)
    else:  # a roller half down
        fill_box(pane, (0, 0, width, height * int(rng.integers(20, 75)) // 100), cloth)
    for x in range(3, width, 6):
        darken(pane, (x, 0, x + 1, height), 88)


def _draw_bars(scene: Scene, pane: np.ndarray, bars: str) -> None:
    """Draw a window's frame and the bars between its panes."""
    height, width = pane.shape[:2]
    thick = max(2, width // 14)
    color = scene.style.frame
    columns, rows = {
        "cross": ([50], [32]),
        "casement": ([50], []),
        "sash": ([], [50]),
        "grid": ([33, 66], [25, 50, 75]),
        "french": ([50], [20, 40, 60, 80]),
        "single": ([], []),
    }[bars]
    for percent in columns:
        x = width * percent // 100
        thin = thick if percent == 50 else max(1, thick // 2)
        fill_box(pane, (x - thin // 2, 0, x - thin // 2 + thin, height), color)
    for percent in rows:
        y = height * percent // 100
        thin = thick if bars in ("cross", "sash") else max(1, thick // 2)
        fill_box(pane, (0, y - thin // 2, width, y - thin // 2 + thin), color)
    for edge in (
        (0, 0, width, thick),
        (0, height - thick, width, height),
        (0, 0, thick, height),
        (width - thick, 0, width, height),
    ):
        fill_box(pane, edge, color)


def draw_blind(scene: Scene, part: Part) -> None:
    """Draw a shutter with its slats, or a roller blind in front of a window."""
    left, top, right, bottom = part.box
    if part.form == "roller":
        slats = shade(scene.style.frame, 84)
        fill_box(scene.canvas, part.box, slats)
        for y in range(top + 3, bottom, 4):
            fill_box(scene.canvas, (left, y, right, y + 1), shade(slats, 80))
        return
    color = scene.style.paint
    scene.cast_shadow(part.box, 4)
    fill_box(scene.canvas, part.box, color)
    for y in range(top + 4, bottom - 3, 5):
        fill_box(scene.canvas, (left + 2, y, right - 2, y + 2), shade(color, 74))
    middle = (top + bottom) // 2
    fill_box(scene.canvas, (left, middle - 2, right, middle + 2), shade(color, 112))
    fill_box(scene.canvas, (left, top, left + 1, bottom), shade(color, 120))
    fill_box(scene.canvas, (right - 1, top, right, bottom), shade(color, 60))


def draw_flowers(scene: Scene, box: Box) -> None:
    """Draw a box of flowers on a window sill."""
    left, top, right, _ = box
    bloom: Color = ((206, 52, 60), (226, 120, 160), (240, 214, 90))[scene.rng.integers(3)]
    for x in range(left, right, 4):
        y = top - int(scene.rng.integers(0, 5))
        fill_circle(scene.canvas, (x, y), 3, jitter((66, 104, 52), scene.rng, 18))
        if chance(scene.rng, 45):
            fill_circle(scene.canvas, (x, y - 2), 2, jitter(bloom, scene.rng, 16))
