"""Is there colour that lightness does not explain?

A grayscale photograph may be stored as RGB, carry chroma noise, a cast or sepia: its colour
is then a function of its lightness. So: regress Lab's (a, b) on a cubic of L and look at what
is left over.
"""

import cv2
import numpy as np

from src.images import resize

SIDE = 64


def residual(pixels: np.ndarray) -> float:
    """Colour that lightness leaves unexplained, in Lab units; 0 for any toned gray.

    `pixels` is (height, width, 3) uint8 RGB. The 95th percentile of the residual is given, of
    the whole picture or twice that of its middle, whichever is smaller: the middle sees through
    a coloured frame, and being a smaller sample must leave half as much.
    """
    small = resize(pixels, SIDE, SIDE)
    edge = SIDE // 6
    return min(_residual(small), 2 * _residual(small[edge:-edge, edge:-edge]))


def _residual(pixels: np.ndarray) -> float:
    lab = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2LAB).reshape(-1, 3)
    lightness = lab[:, 0].astype(np.float64) / 127.5 - 1
    chroma = lab[:, 1:].astype(np.float64) - 128
    powers = np.stack([lightness**0, lightness, lightness**2, lightness**3], axis=1)
    coefficients = np.linalg.lstsq(powers, chroma, rcond=None)[0]
    distance = np.linalg.norm(chroma - powers @ coefficients, axis=1)
    return float(np.percentile(distance, 95))


def colorfulness(pixels: np.ndarray) -> float:
    """Hasler and Süsstrunk's M3 (2003): 0 for gray, about 33 moderate, above 80 extreme.

    `pixels` is (height, width, 3) uint8 RGB.
    """
    red, green, blue = np.moveaxis(pixels.astype(np.float64), 2, 0)
    red_green, yellow_blue = red - green, (red + green) / 2 - blue
    spread = np.hypot(red_green.std(), yellow_blue.std())
    return float(spread + 0.3 * np.hypot(red_green.mean(), yellow_blue.mean()))
