"""How colourful a picture is."""

import numpy as np


def colorfulness(pixels: np.ndarray) -> np.ndarray:
    """Return Hasler and Süsstrunk's M3 (2003): 0 for gray, about 33 moderate, above 80 extreme.

    Args:
        pixels: (…, height, width, 3) uint8 RGB.

    Returns:
        (…) float64, one number a picture.
    """
    red, green, blue = np.moveaxis(pixels.astype(np.float64), -1, 0)
    opponents = np.stack([red - green, (red + green) / 2 - blue])
    spread: np.ndarray = np.hypot(*opponents.std(axis=(-2, -1)))
    mean: np.ndarray = np.hypot(*opponents.mean(axis=(-2, -1)))
    return spread + 0.3 * mean
