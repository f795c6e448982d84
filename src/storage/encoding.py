"""Pixels to the bytes of a picture file."""

import io

import numpy as np
from PIL import Image


def encode_png(pixels: np.ndarray, exif: bytes = b"", level: int = 6) -> bytes:
    """Encode pixels as PNG.

    Args:
        pixels: (height, width), (height, width, 3) RGB or (height, width, 4) RGBA, uint8.
        exif: An EXIF block; none is written if it is empty.
        level: Of zlib's compression, 0 … 9: 1 takes a third of the time of 6, and a tenth more room.
    """
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", exif=exif, compress_level=level)
    return buffer.getvalue()


def encode_jpeg(pixels: np.ndarray, quality: int = 90) -> bytes:
    """Encode pixels as JPEG of a quality from 1 to 100, by libjpeg's scale.

    They are gray, (height, width), or RGB, (height, width, 3), in uint8.
    """
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
