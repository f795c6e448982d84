"""Bands around a picture: frames, and strips with captions."""

import cv2
import numpy as np

from src.vision.compiled import compiled

# Bands: lines of the thumbnail near the outermost one's median, ending at an edge as wide.
NEAR, UNIFORM, EDGE = 12, 0.6, 0.4
THINNEST, WIDEST = 2, 22  # lines


def border_variants(thumb: np.ndarray) -> list[np.ndarray]:
    """The forms in which a picture is compared: whole, and without bands where it has any."""
    top, bottom, left, right = borders(thumb)
    if not (top or bottom or left or right):
        return [thumb]
    height, width = thumb.shape
    inner = thumb[top : height - bottom, left : width - right]
    return [thumb, cv2.resize(inner, (width, height), interpolation=cv2.INTER_LINEAR)]


def borders(thumb: np.ndarray) -> tuple[int, int, int, int]:
    """How many lines of a thumbnail belong to bands at its top, bottom, left and right."""
    return _borders(thumb)


@compiled
def _borders(thumb):
    top, bottom = _both_bands(thumb)
    return top, bottom, *_both_bands(thumb[top : len(thumb) - bottom].T)


@compiled
def _both_bands(lines):
    # of one order in memory each: every other one would be compiled anew
    return _first_band(np.ascontiguousarray(lines)), _first_band(np.ascontiguousarray(lines[::-1]))


@compiled
def _first_band(lines):
    return _band(lines, _median(lines[0]))


@compiled
def _median(line):
    """The upper of the middle ones; counted, as sorting takes longer than all the rest."""
    counts = np.zeros(256, np.int64)
    for pixel in line:
        counts[pixel] += 1
    value, upto = 0, counts[0]
    while upto <= len(line) // 2:
        value += 1
        upto += counts[value]
    return value


@compiled
def _band(lines, color):
    """How many of the first lines are of a colour, text upon it allowed, up to an edge."""
    if _near(lines[0], color) < 0.9:
        return 0
    end = 0
    while end <= WIDEST and _near(lines[end], color) >= UNIFORM:
        end += 1
    if not THINNEST <= end <= WIDEST:
        return 0
    edge = min(_near(lines[end], color), _near(lines[end + 1], color))
    return end if edge <= EDGE else 0


@compiled
def _near(line, color):
    """The share of a line's pixels that are near a colour."""
    count = 0
    for pixel in line:
        count += abs(np.int64(pixel) - color) <= NEAR
    return count / len(line)
