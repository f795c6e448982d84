"""Is there colour that lightness does not explain?

A grayscale photograph may be stored as RGB, carry chroma noise, a cast, sepia or two inks. Its
colour is then a function of how light it is. So a dark picture is brightened, and Lab's (a, b) are
regressed on a polynomial of the channels' mean. What is left over is the colour. The mean serves
better than Lab's own lightness: in toned highlights one channel may be clipped, hardly all three.
"""

import cv2
import numpy as np

from src.imaging.resizing import thumbnail
from src.storage.slices import slices
from src.vision.compiled import compiled

REDUCED_PX = 48  # chroma noise averages out, and few pixels mix lights with shadows
DEGREE = 7
BRIGHT_LEVEL = 250.0  # to which the brightest 2 % are raised, so that dark colours count as much
MAX_GAIN = 4.0  # of the brightening, for noise is raised too
PERCENTILE = 95
BLOCK = 256  # pictures at a time
FLAT_WEIGHT = 1e-6  # added to the moments: a flat picture has one level only
# Legendre polynomials at the 256 levels, and the products of any two.
_BASIS = np.polynomial.legendre.legvander(np.arange(256) / 127.5 - 1, DEGREE)
_PRODUCTS = (_BASIS[:, :, None] * _BASIS[:, None, :]).reshape(256, -1)


def downscale(pixels: np.ndarray) -> np.ndarray:
    """Reduce a picture for `tone_residuals`: (height, width, 3) uint8 RGB → (48, 48, 3) uint8."""
    return thumbnail(pixels, REDUCED_PX)


def tone_residual(pixels: np.ndarray) -> float:
    """Return the colour that lightness leaves unexplained, in Lab units; 0 for any toned gray.

    Args:
        pixels: (height, width, 3) uint8 RGB.
    """
    return float(tone_residuals(downscale(pixels)[None])[0])


def tone_residuals(pictures: np.ndarray) -> np.ndarray:
    """Return the tone residual of many reduced pictures.

    It is the 95th percentile over the picture, or twice that over its middle if that is smaller.
    The middle sees through a coloured frame and past a logo in a corner. It is a smaller sample,
    and must therefore leave half as much.

    Args:
        pictures: (N, 48, 48, 3) uint8 RGB, from `downscale`.

    Returns:
        (N,) float64, in Lab units.
    """
    edge = REDUCED_PX // 6
    middle = np.s_[:, edge:-edge, edge:-edge]
    residuals = [np.empty(0)]
    for block in slices(len(pictures), BLOCK):
        rgb = _brighten(pictures[block])
        # of 8 bits: OpenCV then computes with integers, equal on every machine
        lab = cv2.cvtColor(rgb.reshape(-1, REDUCED_PX, 3), cv2.COLOR_RGB2LAB).reshape(rgb.shape)
        residuals.append(np.minimum(_residuals(rgb, lab), 2 * _residuals(rgb[middle], lab[middle])))
    return np.concatenate(residuals)


def _brighten(pictures: np.ndarray) -> np.ndarray:
    """Raise each dark picture's 98th percentile to BRIGHT_LEVEL, or as far as MAX_GAIN goes."""
    lightest = np.maximum(np.maximum(pictures[..., 0], pictures[..., 1]), pictures[..., 2])
    lightest = lightest.reshape(len(pictures), -1)
    rank = lightest.shape[1] * 98 // 100
    # stable: numpy then sorts 8 bits by counting, in half the time of a partition
    high = np.sort(lightest, axis=1, kind="stable")[:, rank].astype(np.float32)
    gain = np.clip(BRIGHT_LEVEL / np.maximum(high, 1), 1, MAX_GAIN)
    brightened = pictures.copy()
    for dark in np.nonzero(gain > 1)[0]:
        brightened[dark] = cv2.convertScaleAbs(pictures[dark], alpha=float(gain[dark]))
    return brightened


def _residuals(rgb: np.ndarray, lab: np.ndarray) -> np.ndarray:
    """Return the percentile of each picture's distances from its own curve, (N,) float64."""
    rgb, lab = (pixels.reshape(len(pixels), -1, 3) for pixels in (rgb, lab))
    squares = _squared_distances(rgb, lab, _fit_curves(*_level_sums(rgb, lab)))
    rank = squares.shape[1] * PERCENTILE // 100
    return np.asarray(np.sqrt(np.partition(squares, rank, axis=1)[:, rank]))


def _fit_curves(counts: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """Fit a polynomial of the level to each picture's (a, b) by least squares.

    Args:
        counts: (N, 256), how many pixels have a level.
        sums: (N, 256, 2), of their (a, b).

    Returns:
        (N, 256, 2), the polynomial at each level.
    """
    # each picture's product by itself: its last bits do not depend on the other pictures
    moments = (counts[:, None] @ _PRODUCTS).reshape(-1, DEGREE + 1, DEGREE + 1)
    moments += np.eye(DEGREE + 1) * FLAT_WEIGHT
    return np.asarray(_BASIS @ np.linalg.solve(moments, _BASIS.T @ sums))


@compiled
def _level_sums(rgb: np.ndarray, lab: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Count each picture's pixels of each level, and sum their (a, b): (N, 256) and (N, 256, 2)."""
    counts = np.zeros((len(rgb), 256))
    sums = np.zeros((len(rgb), 256, 2))
    for picture in range(len(rgb)):
        for pixel in range(rgb.shape[1]):
            level = _level(rgb[picture, pixel])
            counts[picture, level] += 1
            sums[picture, level, 0] += lab[picture, pixel, 1]
            sums[picture, level, 1] += lab[picture, pixel, 2]
    return counts, sums


@compiled
def _squared_distances(rgb: np.ndarray, lab: np.ndarray, curves: np.ndarray) -> np.ndarray:
    """Return each pixel's squared distance of (a, b) from its level's, (N, pixels)."""
    squares = np.empty(rgb.shape[:2])
    for picture in range(len(rgb)):
        for pixel in range(rgb.shape[1]):
            level = _level(rgb[picture, pixel])
            a = lab[picture, pixel, 1] - curves[picture, level, 0]
            b = lab[picture, pixel, 2] - curves[picture, level, 1]
            squares[picture, pixel] = a * a + b * b
    return squares


@compiled
def _level(channels: np.ndarray) -> int:
    """Return the mean of the channels, rounded down."""
    return (int(channels[0]) + int(channels[1]) + int(channels[2])) // 3
