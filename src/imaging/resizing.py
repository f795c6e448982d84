"""Smaller and larger pictures, with integers alone: equal on every machine."""

import cv2
import numpy as np
from PIL import Image


def resize(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    """Resize uint8 pixels, antialiased (Pillow's bicubic: integers, equal on every machine).

    Args:
        pixels: Of any size, gray or (…, …, 3) RGB, uint8.
        width: In pixels.
        height: In pixels.

    Returns:
        (height, width) or (height, width, 3) uint8.
    """
    resized = Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(resized)


def thumbnail(pixels: np.ndarray, side: int) -> np.ndarray:
    """Reduce a picture to a square: halve it while it is at least twice as large, then interpolate.

    Halves are means of four pixels. Both steps use integers, equal on every machine, and take a
    third of the time of `resize`.

    Args:
        pixels: (height, width) or (height, width, 3) uint8.
        side: In pixels.

    Returns:
        (side, side) or (side, side, 3) uint8.
    """
    while min(pixels.shape[:2]) >= 2 * side:
        height, width = pixels.shape[0] // 2, pixels.shape[1] // 2
        even_pixels = np.ascontiguousarray(pixels[: 2 * height, : 2 * width])
        pixels = cv2.resize(even_pixels, (width, height), interpolation=cv2.INTER_AREA)
    return cv2.resize(pixels, (side, side), interpolation=cv2.INTER_LINEAR_EXACT)
