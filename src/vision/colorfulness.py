"""How colourful a picture is."""

import numpy as np


def colorfulness(pixels: np.ndarray) -> np.ndarray:
    """Hasler and Süsstrunk's M3 (2003): 0 for gray, about 33 moderate, above 80 extreme.

    `pixels` is (…, height, width, 3) uint8 RGB; given is one number for each picture.
    """
    red, green, blue = np.moveaxis(pixels.astype(np.float64), -1, 0)
    both = np.stack([red - green, (red + green) / 2 - blue])
    spread = np.hypot(*both.std(axis=(-2, -1)))
    return spread + 0.3 * np.hypot(*both.mean(axis=(-2, -1)))
