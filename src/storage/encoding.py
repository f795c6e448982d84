"""Pixels to the bytes of a picture file, and texts to the cells of a table."""

import io

import numpy as np
from PIL import Image

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def inert_cell(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula: of one, a quote is put before it."""
    # blanks before it do not keep a spreadsheet from computing
    formula = text.startswith(FORMULA_STARTS) or text.lstrip().startswith(FORMULA_STARTS)
    return f"'{text}" if formula else text


def text_of_cell(cell: str) -> str:
    """Return the text of which `inert_cell` made a cell, for one that a person has copied."""
    return cell[1:] if cell.startswith("'") and inert_cell(cell[1:]) == cell else cell


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
