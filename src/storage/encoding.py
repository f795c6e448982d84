"""Pixels to the bytes of a picture file."""

import io

import numpy as np
from PIL import Image


def encode_png(pixels: np.ndarray, exif: bytes = b"") -> bytes:
    """Encode (height, width[, 3 or 4]) uint8 as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", **({"exif": exif} if exif else {}))
    return buffer.getvalue()


def encode_jpeg(pixels: np.ndarray, quality: int = 90) -> bytes:
    """Encode (height, width[, 3]) uint8 as JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
