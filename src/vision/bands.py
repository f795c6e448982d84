"""Bands around a picture: frames, and strips with captions.

A band is a run of lines at one side of a thumbnail, nearly of one colour, that ends at an edge.
"""

import cv2
import numpy as np

from src.vision.compiled import compiled

BAND_TOLERANCE = 12  # levels from a band's colour, the median of the outermost line
MIN_OUTER_SHARE = 0.9  # of the outermost line's pixels that have the band's colour
MIN_LINE_SHARE = 0.6  # of every other line's: there may be text upon it
MAX_EDGE_SHARE = 0.4  # of the first two lines behind the band
MIN_LINES, MAX_LINES = 2, 22  # of a band in a thumbnail of 64


def border_variants(thumbnail: np.ndarray) -> list[np.ndarray]:
    """Return a picture's border variants: all of it, and without its bands if it has any.

    Args:
        thumbnail: (64, 64) uint8 gray.

    Returns:
        One or two arrays of the thumbnail's shape.
    """
    top, bottom, left, right = borders(thumbnail)
    if not (top or bottom or left or right):
        return [thumbnail]
    height, width = thumbnail.shape
    inner = thumbnail[top : height - bottom, left : width - right]
    return [thumbnail, cv2.resize(inner, (width, height), interpolation=cv2.INTER_LINEAR)]


@compiled
def borders(thumbnail: np.ndarray) -> tuple[int, int, int, int]:
    """Count the lines of the bands at the top, bottom, left and right of a (64, 64) uint8 array."""
    top, bottom = _both_bands(thumbnail)
    left, right = _both_bands(thumbnail[top : len(thumbnail) - bottom].T)
    return top, bottom, left, right


@compiled
def _both_bands(lines: np.ndarray) -> tuple[int, int]:
    """Count the lines of the first and of the last band."""
    # contiguous: numba compiles a function once more for each order in memory
    return _first_band(np.ascontiguousarray(lines)), _first_band(np.ascontiguousarray(lines[::-1]))


@compiled
def _first_band(lines: np.ndarray) -> int:
    color = _median(lines[0])
    if _share_near(lines[0], color) < MIN_OUTER_SHARE:
        return 0
    end = 0
    while end <= MAX_LINES and _share_near(lines[end], color) >= MIN_LINE_SHARE:
        end += 1
    if not MIN_LINES <= end <= MAX_LINES:
        return 0
    edge = min(_share_near(lines[end], color), _share_near(lines[end + 1], color))
    return end if edge <= MAX_EDGE_SHARE else 0


@compiled
def _median(line: np.ndarray) -> int:
    """Return the upper median; counting is faster than sorting."""
    counts = np.zeros(256, np.int64)
    for pixel in line:
        counts[pixel] += 1
    value, total = 0, counts[0]
    while total <= len(line) // 2:
        value += 1
        total += counts[value]
    return value


@compiled
def _share_near(line: np.ndarray, color: int) -> float:
    """Return the share of a line's pixels that are near a colour."""
    count = 0
    for pixel in line:
        count += int(abs(np.int64(pixel) - color) <= BAND_TOLERANCE)
    return count / len(line)
