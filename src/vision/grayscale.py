"""Is there colour that lightness does not explain?

A grayscale photograph may be stored as RGB, carry chroma noise, a cast, sepia or two inks: its
colour is then a function of how light it is. So: brighten what is dark, regress Lab's (a, b) on
a polynomial of the channels' mean (in toned highlights a channel may be clipped, and with it Lab's
own lightness, but hardly all three), and look at what is left over.
"""

import cv2
import numpy as np

from src.imaging.resizing import thumbnail
from src.vision.compiled import compiled

REDUCED_PX = 48  # pixels: chroma noise averages out, and few pixels mix lights with shadows
DEGREE = 7
BRIGHTEST = 250.0  # to which the brightest 2 % are raised, so that dark colours count as much
GAIN = 4.0  # by at most so much, for noise is raised too
PERCENTILE = 95
_BLOCK = 256  # pictures at a time
_POWERS = np.polynomial.legendre.legvander(np.arange(256) / 127.5 - 1, DEGREE)
_PRODUCTS = (_POWERS[:, :, None] * _POWERS[:, None, :]).reshape(256, -1)


def reduce(pixels: np.ndarray) -> np.ndarray:
    """A picture, (height, width, 3) uint8 RGB, as `residuals` wants it: (48, 48, 3) uint8."""
    return thumbnail(pixels, REDUCED_PX)


def tone_residual(pixels: np.ndarray) -> float:
    """Colour that lightness leaves unexplained, in Lab units; 0 for any toned gray.

    `pixels` is (height, width, 3) uint8 RGB.
    """
    return float(tone_residuals(reduce(pixels)[None])[0])


def tone_residuals(smalls: np.ndarray) -> np.ndarray:
    """The same for many pictures in small: (N, 48, 48, 3) uint8 RGB → (N,) float64.

    The 95th percentile of the residual is given, of the whole picture or twice that of its middle,
    whichever is smaller: the middle sees through a coloured frame and past a logo in a corner, and
    being a smaller sample must leave half as much.
    """
    edge = REDUCED_PX // 6
    middle = np.s_[:, edge:-edge, edge:-edge]
    found = [np.empty(0)]
    for start in range(0, len(smalls), _BLOCK):
        lit = _brightened(smalls[start : start + _BLOCK])
        # of 8 bits, for OpenCV then counts in integers, equal on every machine
        lab = cv2.cvtColor(lit.reshape(-1, REDUCED_PX, 3), cv2.COLOR_RGB2LAB).reshape(lit.shape)
        found.append(np.minimum(_left_over(lit, lab), 2 * _left_over(lit[middle], lab[middle])))
    return np.concatenate(found)


def _brightened(smalls: np.ndarray) -> np.ndarray:
    lightest = np.maximum(np.maximum(smalls[..., 0], smalls[..., 1]), smalls[..., 2])
    lightest = lightest.reshape(len(smalls), -1)
    at = lightest.shape[1] * 98 // 100
    # stable: 8 bits are sorted by counting then, in half the time of a partition
    high = np.sort(lightest, axis=1, kind="stable")[:, at].astype(np.float32)
    gain = np.clip(BRIGHTEST / np.maximum(high, 1), 1, GAIN)
    lit = smalls.copy()
    for dark in np.nonzero(gain > 1)[0]:
        lit[dark] = cv2.convertScaleAbs(smalls[dark], alpha=float(gain[dark]))
    return lit


def _left_over(rgb: np.ndarray, lab: np.ndarray) -> np.ndarray:
    rgb, lab = (pixels.reshape(len(pixels), -1, 3) for pixels in (rgb, lab))
    pixels, sums = _by_level(rgb, lab)
    squares = _squares(rgb, lab, _curves(pixels, sums))
    at = squares.shape[1] * PERCENTILE // 100
    return np.sqrt(np.partition(squares, at, axis=1)[:, at])


def _curves(pixels: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """The polynomial nearest to (a, b) at each of 256 levels, by picture: (count, 256, 2).

    pixels: (count, 256), how many have a level; sums: (count, 256, 2), of their (a, b).
    """
    # each picture's product by itself: its last bits do not depend on what it was measured with
    moments = (pixels[:, None] @ _PRODUCTS).reshape(-1, DEGREE + 1, DEGREE + 1)
    # of little weight: a flat picture has one level only
    moments += np.eye(DEGREE + 1) * 1e-6
    return _POWERS @ np.linalg.solve(moments, _POWERS.T @ sums)


@compiled
def _by_level(rgb, lab):
    """How many pixels have a level, and the sums of their (a, b), by picture."""
    pixels = np.zeros((len(rgb), 256))
    sums = np.zeros((len(rgb), 256, 2))
    for picture in range(len(rgb)):
        for at in range(rgb.shape[1]):
            level = _level(rgb[picture, at])
            pixels[picture, level] += 1
            sums[picture, level, 0] += lab[picture, at, 1]
            sums[picture, level, 1] += lab[picture, at, 2]
    return pixels, sums


@compiled
def _squares(rgb, lab, curves):
    """Each pixel's squared distance of (a, b) from its level's, by picture."""
    squares = np.empty(rgb.shape[:2])
    for picture in range(len(rgb)):
        for at in range(rgb.shape[1]):
            level = _level(rgb[picture, at])
            a = lab[picture, at, 1] - curves[picture, level, 0]
            b = lab[picture, at, 2] - curves[picture, level, 1]
            squares[picture, at] = a * a + b * b
    return squares


@compiled
def _level(pixel):
    """The mean of the channels, rounded down."""
    return (np.int64(pixel[0]) + np.int64(pixel[1]) + np.int64(pixel[2])) // 3
