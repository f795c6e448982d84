"""BMP of 16 or 32 bits whose channels lie where masks say; Pillow knows some masks only."""

import struct
from typing import NamedTuple

import numpy as np
from PIL import Image

from src.imaging.picture_bytes import PictureBytes

MASKS, MASKS_AND_OPACITY = 3, 6  # kinds of compression
WITH_OPACITY_BYTES = 56  # of the header, from its third version on


class Masks(NamedTuple):
    """What the header of such a file says; an opacity of 0 means that it has none."""

    width: int
    height: int
    is_top_down: bool
    bits: int
    start: int
    masks: tuple[int, int, int, int]

    @property
    def mode(self) -> str:
        return "RGBA" if self.masks[3] else "RGB"


def read_masks(data: PictureBytes) -> Masks | None:
    """Return the header of a file with masks; None for any other file."""
    if data[:2] != b"BM" or len(data) < 70:
        return None
    start, size, width, height = struct.unpack_from("<IIii", data, 10)
    bits, kind = struct.unpack_from("<HI", data, 28)
    if kind not in (MASKS, MASKS_AND_OPACITY) or bits not in (16, 32) or size < 40:
        return None
    *colors, opacity = struct.unpack_from("<4I", data, 54)
    has_opacity = size >= WITH_OPACITY_BYTES or kind == MASKS_AND_OPACITY
    masks = (*colors, opacity if has_opacity else 0)
    if width < 1 or height == 0 or not all(colors):
        return None
    return Masks(width, abs(height), height < 0, bits, start, masks)


def decode(data: PictureBytes, header: Masks) -> Image.Image:
    """Return the pixels.

    Raises:
        ValueError: The file breaks off.
    """
    stride = (header.width * header.bits + 31) // 32 * 4
    rows = np.frombuffer(data, np.uint8, stride * header.height, header.start)
    levels = rows.reshape(header.height, stride).view(f"<u{header.bits // 8}")[:, : header.width]
    channels = [_channel(levels, mask) for mask in header.masks if mask]
    pixels = np.stack(channels, axis=2)
    return Image.fromarray(np.ascontiguousarray(pixels if header.is_top_down else pixels[::-1]))


def _channel(levels: np.ndarray, mask: int) -> np.ndarray:
    shift = (mask & -mask).bit_length() - 1
    most = mask >> shift
    values = ((levels & mask) >> shift).astype(np.float32)
    return np.asarray((values * (255 / most)).round().astype(np.uint8))
