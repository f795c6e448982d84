"""Where a picture ends in its bytes; what follows (a page, an archive, a film) is not kept."""

import struct
from collections.abc import Callable

from src.imaging import gif, jpeg
from src.imaging.picture_bytes import PictureBytes

BMP_CORE_BYTES = 12  # of the oldest header, of OS/2
BMP_RUN_LENGTHS = {1, 2}  # kinds of compression


def image_end(data: PictureBytes, kind: str) -> int:
    """Return how many bytes the picture takes, with all frames of an animation.

    Args:
        data: The picture's bytes, and perhaps more.
        kind: The format, as `decoding.inspect` names it.

    Returns:
        0 … len(data); len(data) if the end is unknown.
    """
    find_end = END_FINDERS.get(kind)
    try:
        return min(find_end(data), len(data)) if find_end else len(data)
    except (IndexError, StopIteration, struct.error):  # it breaks off before its end
        return len(data)


def _png_end(data: PictureBytes) -> int:
    """Return the end of the IEND chunk (PNG, section 5.3)."""
    offset = 8
    while data[offset + 4 : offset + 8] != b"IEND":
        offset += 12 + int(struct.unpack_from(">I", data, offset)[0])
    return offset + 12


def _gif_end(data: PictureBytes) -> int:
    """Return the end of the trailer (GIF89a, section 27)."""
    return next(block.end for block in gif.blocks(data) if block.kind == gif.TRAILER)


def _webp_end(data: PictureBytes) -> int:
    """Return the end of the RIFF chunk, padded to an even length."""
    (size,) = struct.unpack_from("<I", data, 4)
    return 8 + int(size + size % 2)


def _bmp_end(data: PictureBytes) -> int:
    """Return the size that the header states, but no less than its pixels take.

    Some writers state a size without the headers, or none.
    """
    size, start, header_bytes = struct.unpack_from("<I4xII", data, 2)
    if header_bytes == BMP_CORE_BYTES or size <= start:
        return len(data)
    width, height = struct.unpack_from("<ii", data, 18)
    bits, compression, packed_bytes = struct.unpack_from("<HII", data, 28)
    if compression not in BMP_RUN_LENGTHS:
        packed_bytes = (width * bits + 31) // 32 * 4 * abs(height)
    return int(max(size, start + packed_bytes))


END_FINDERS: dict[str, Callable[[PictureBytes], int]] = {
    "JPEG": lambda data: jpeg.measure(data).end,  # of the EOI marker (ITU T.81, annex B)
    "PNG": _png_end,
    "GIF": _gif_end,
    "WEBP": _webp_end,
    "BMP": _bmp_end,
}
