"""How a picture is turned upright, by its EXIF block alone, as browsers do.

Pillow also believes XMP and text chunks, which editors leave behind stale.
"""

import struct
from collections.abc import Callable

import numpy as np

ORIENTATION, SHORT = 0x0112, 3
# What of an upright array is the array as stored, by EXIF orientation; each is a view.
STORED: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.swapaxes(0, 1),
    6: np.rot90,
    7: lambda upright: upright[::-1, ::-1].swapaxes(0, 1),
    8: lambda upright: np.rot90(upright, -1),
}
SIDE_SWAPPING = {5, 6, 7, 8}


def read_orientation(exif: bytes) -> int:
    """Return the orientation in an EXIF block, 1 … 8; 1 if there is none, or the block is broken.

    Pillow reads all tags, and fails on the mistyped ones that real photographs have.
    """
    block = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None or len(block) < 10:
        return 1
    (start,) = struct.unpack_from(order + "I", block, 4)
    count = block[start : start + 2]
    entries = struct.unpack(order + "H", count)[0] if len(count) == 2 else 0
    for offset in range(start + 2, min(start + 2 + 12 * entries, len(block) - 11), 12):
        number, kind, values, value = struct.unpack_from(order + "HHIH", block, offset)
        if (number, kind, values) == (ORIENTATION, SHORT, 1):
            return value if value in STORED else 1
    return 1
