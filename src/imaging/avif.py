"""The depth and colour space of an AVIF, which Pillow does not report, from its boxes."""

from src.imaging import colour_space
from src.imaging.picture_bytes import PictureBytes

BOXES_BYTES = 1_000_000  # the boxes stand before the pixels


def profile(data: PictureBytes) -> bytes:
    """Return the ICC profile of the colour space (ISO/IEC 14496-12, box colr); b"" for sRGB."""
    start = data.find(b"colrnclx", 0, BOXES_BYTES)
    if start < 0:
        return b""
    primaries, transfer = (
        int.from_bytes(data[start + at : start + at + 2], "big") for at in (8, 10)
    )
    return colour_space.from_code_points(primaries, transfer)


def is_deep(data: PictureBytes) -> bool:
    """Return whether samples have more than 8 bits (box av1C, high_bitdepth)."""
    start = data.find(b"av1C", 0, BOXES_BYTES)
    return start >= 0 and bool(int.from_bytes(data[start + 6 : start + 7], "big") & 0x40)
