"""Backgrounds of portraits. Each function fills a whole picture."""

import cv2
import numpy as np

from src.demo.brushes import blend, fill_gradient, jitter, scatter_blobs, shade


def draw_background(canvas: np.ndarray, rng: np.random.Generator) -> None:
    """Fill a picture, (height, width, 3) uint8 RGB, with a random background."""
    backgrounds = [_sky, _foliage, _bricks, _studio, _night]
    backgrounds[rng.integers(len(backgrounds))](canvas, rng)


def _sky(canvas: np.ndarray, rng: np.random.Generator) -> None:
    fill_gradient(canvas, jitter((70, 130, 205), rng, 25), jitter((190, 220, 245), rng, 10))
    scatter_blobs(canvas, rng, int(rng.integers(6, 16)), (20, 80), [(240, 244, 250)])
    canvas[:] = cv2.GaussianBlur(canvas, (0, 0), 9)


def _foliage(canvas: np.ndarray, rng: np.random.Generator) -> None:
    fill_gradient(canvas, jitter((52, 88, 40), rng, 14), jitter((24, 52, 26), rng, 10))
    scatter_blobs(canvas, rng, 160, (6, 20), [(62, 112, 44), (96, 146, 58), (38, 78, 36)])
    canvas[:] = cv2.GaussianBlur(canvas, (0, 0), 2)


def _bricks(canvas: np.ndarray, rng: np.random.Generator) -> None:
    canvas[:] = jitter((186, 170, 158), rng, 12)
    height, width = int(rng.integers(22, 36)), int(rng.integers(52, 84))
    base = blend([(150, 66, 46), (178, 92, 58), (126, 60, 52)], rng)
    for course, top in enumerate(range(0, canvas.shape[0], height)):
        start = -int(rng.integers(width)) if course == 0 else -(course % 2) * width // 2
        for left in range(start, canvas.shape[1], width):
            corner, opposite = (left + 2, top + 2), (left + width - 2, top + height - 2)
            cv2.rectangle(canvas, corner, opposite, jitter(base, rng, 20), -1)


def _studio(canvas: np.ndarray, rng: np.random.Generator) -> None:
    # bright backdrops are warm, dark ones blue
    color = blend([(36, 46, 84), (88, 96, 128), (176, 156, 132), (232, 214, 186)], rng)
    canvas[:] = shade(color, 75)
    spot = (int(rng.integers(60, 320)), int(rng.integers(60, 300)))
    cv2.circle(canvas, spot, int(rng.integers(110, 190)), shade(color, 118), -1)
    mottle = [shade(color, 60), shade(color, 100), shade(color, 135)]
    scatter_blobs(canvas, rng, 40, (16, 60), mottle)
    small = cv2.GaussianBlur(canvas[::8, ::8], (0, 0), 2)
    canvas[:] = cv2.resize(small, canvas.shape[1::-1], interpolation=cv2.INTER_LINEAR_EXACT)


def _night(canvas: np.ndarray, rng: np.random.Generator) -> None:
    fill_gradient(canvas, jitter((16, 20, 46), rng, 8), jitter((30, 26, 52), rng, 8))
    lights = [(250, 190, 90), (240, 140, 70), (255, 226, 160)]
    scatter_blobs(canvas, rng, int(rng.integers(20, 44)), (8, 30), lights)
    canvas[:] = cv2.GaussianBlur(canvas, (0, 0), 3)
