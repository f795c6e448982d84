"""Drawing tools: colours, filled shapes and gradients, in integers alone."""

from collections.abc import Iterable, Sequence
from functools import cache

import cv2
import numpy as np

Color = tuple[int, int, int]  # RGB, 0 … 255
Point = tuple[int, int]  # x, y
Box = tuple[int, int, int, int]  # left, top, right, bottom; the last two are outside


def blend(palette: Sequence[Color], rng: np.random.Generator) -> Color:
    """Return a random colour between two neighbours of the palette."""
    first = int(rng.integers(len(palette) - 1))
    percent = int(rng.integers(0, 101))
    channels = zip(palette[first], palette[first + 1], strict=True)
    return _color((a * (100 - percent) + b * percent) // 100 for a, b in channels)


def shade(color: Color, percent: int) -> Color:
    """Return a colour at `percent` of its brightness, at most 255."""
    return _color(min(255, c * percent // 100) for c in color)


def jitter(color: Color, rng: np.random.Generator, by: int) -> Color:
    """Return a colour darkened or brightened by up to `by` levels."""
    shift = int(rng.integers(-by, by + 1))
    return _color(min(255, max(0, c + shift)) for c in color)


def _color(channels: Iterable[int]) -> Color:
    red, green, blue = channels
    return red, green, blue


def fill_gradient(canvas: np.ndarray, top: Color, bottom: Color) -> None:
    """Fill a picture with a vertical gradient."""
    row = np.arange(canvas.shape[0])[:, None, None]
    last = canvas.shape[0] - 1
    column = (np.array(top) * (last - row) + np.array(bottom) * row) // last
    canvas[:] = column.astype(np.uint8)


def fill_circle(canvas: np.ndarray, center: Point, radius: int, color: Color) -> None:
    """Draw a filled circle with smooth edges."""
    cv2.circle(canvas, center, radius, color, -1, cv2.LINE_AA)


def fill_ellipse(
    canvas: np.ndarray,
    center: Point,
    axes: Point,
    color: Color,
    start: int = 0,
    end: int = 360,
    angle: int = 0,
) -> None:
    """Draw a filled ellipse, or a part of it, with smooth edges.

    Args:
        canvas: The picture.
        center: Of the ellipse.
        axes: Half its width and half its height, before it is turned.
        color: Of the whole area.
        start: Where the part begins, in degrees, clockwise from the right.
        end: Where it ends.
        angle: By which the ellipse is turned, in degrees.
    """
    cv2.ellipse(canvas, center, axes, angle, start, end, color, -1, cv2.LINE_AA)


def fill_polygon(canvas: np.ndarray, corners: Sequence[Point], color: Color) -> None:
    """Draw a filled polygon with smooth edges."""
    cv2.fillPoly(canvas, [np.array(corners)], color, cv2.LINE_AA)


def scatter_blobs(
    canvas: np.ndarray,
    rng: np.random.Generator,
    count: int,
    radii: tuple[int, int],
    colors: Sequence[Color],
) -> None:
    """Draw `count` ellipses of random colours, with half axes from radii[0] to radii[1] - 1."""
    for _ in range(count):
        center = (int(rng.integers(0, canvas.shape[1])), int(rng.integers(0, canvas.shape[0])))
        axes = (int(rng.integers(*radii)), int(rng.integers(*radii)))
        color = jitter(colors[int(rng.integers(len(colors)))], rng, 18)
        fill_ellipse(canvas, center, axes, color, angle=int(rng.integers(180)))


def chance(rng: np.random.Generator, percent: int) -> bool:
    """Return True in `percent` of a hundred cases."""
    return bool(rng.integers(100) < percent)


def fill_box(canvas: np.ndarray, box: Box, color: Color) -> None:
    """Fill the part of a box that lies inside the picture."""
    left, top, right, bottom = box
    if left < right and top < bottom:
        cv2.rectangle(canvas, (left, top), (right - 1, bottom - 1), color, -1)


def darken(canvas: np.ndarray, box: Box, percent: int) -> None:
    """Reduce the part of a box inside the picture to `percent` of its brightness."""
    left, top, right, bottom = box
    area = canvas[max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
    if area.size:
        area[:] = cv2.LUT(area, _darkened(percent))


@cache
def _darkened(percent: int) -> np.ndarray:
    """Return each level at `percent` of its brightness, (256,) uint8."""
    return (np.arange(256) * percent // 100).astype(np.uint8)
