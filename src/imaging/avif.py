"""The boxes of an AVIF: depth and colour space, which Pillow does not report, and one list."""

import struct

from src.imaging import color_space
from src.imaging.picture_bytes import PictureBytes

BOXES_BYTES = 1_000_000  # the boxes stand before the pixels
LIST_BYTES = 16  # of a box of properties before its entries: size, name, version and flags, count


def profile(data: PictureBytes) -> bytes:
    """Return the ICC profile of the colour space (ISO/IEC 14496-12, box colr); b"" for sRGB."""
    start = data.find(b"colrnclx", 0, BOXES_BYTES)
    if start < 0:
        return b""
    primaries, transfer = (
        int.from_bytes(data[start + at : start + at + 2], "big") for at in (8, 10)
    )
    return color_space.from_code_points(primaries, transfer)


def is_deep(data: PictureBytes) -> bool:
    """Return whether samples have more than 8 bits (box av1C, high_bitdepth)."""
    start = data.find(b"av1C", 0, BOXES_BYTES)
    return start >= 0 and bool(int.from_bytes(data[start + 6 : start + 7], "big") & 0x40)


def with_one_list(data: PictureBytes) -> PictureBytes:
    """Return the file with one list of properties (ISO/IEC 14496-12, box ipma) for all its items.

    Browsers read several; libavif refuses them. No byte after the lists moves.
    """
    start = end = data.find(b"ipma", 0, BOXES_BYTES) - 4
    lists = []
    while end < BOXES_BYTES and data[end + 4 : end + 12] == b"ipma" + data[start + 8 : start + 12]:
        size = max(LIST_BYTES, int.from_bytes(data[end : end + 4], "big"))
        lists.append(bytes(data[end : end + size]))
        end += size
    if len(lists) < 2 or end > len(data):
        return data
    count = sum(int.from_bytes(part[12:LIST_BYTES], "big") for part in lists)
    head = struct.pack(">I8sI", end - start, lists[0][4:12], count)
    entries = b"".join(part[LIST_BYTES:] for part in lists)
    padding = bytes(LIST_BYTES * (len(lists) - 1))
    return b"".join([data[:start], head, entries, padding, data[end:]])
