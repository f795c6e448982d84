"""Where a picture ends in its bytes; what follows (a page, an archive, a film) is not kept."""

from collections.abc import Callable

from src.imaging import gif, jpeg
from src.imaging.picture_bytes import PictureBytes


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
    except (IndexError, StopIteration):  # it breaks off before its end
        return len(data)


def _jpeg_end(data: PictureBytes) -> int:
    """Return the end of the EOI marker (ITU T.81, annex B)."""
    return jpeg.measure(data).end


def _png_end(data: PictureBytes) -> int:
    """Return the end of the IEND chunk (PNG, section 5.3)."""
    offset = 8
    while data[offset + 4 : offset + 8] != b"IEND":
        offset += 12 + _big_endian(data, offset, 4)
    return offset + 12


def _gif_end(data: PictureBytes) -> int:
    """Return the end of the trailer (GIF89a, section 27)."""
    return next(block.end for block in gif.blocks(data) if block.kind == gif.TRAILER)


def _webp_end(data: PictureBytes) -> int:
    """Return the end of the RIFF chunk, padded to an even length."""
    size = int.from_bytes(data[4:8], "little")
    return 8 + size + size % 2


def _bmp_end(data: PictureBytes) -> int:
    """Return the size that the header states, if it has room for pixels at all."""
    size, start = int.from_bytes(data[2:6], "little"), int.from_bytes(data[10:14], "little")
    return size if size > start else len(data)


def _big_endian(data: PictureBytes, offset: int, length: int) -> int:
    part = data[offset : offset + length]
    if len(part) < length:
        raise IndexError(offset)
    return int.from_bytes(part, "big")


END_FINDERS: dict[str, Callable[[PictureBytes], int]] = {
    "JPEG": _jpeg_end,
    "PNG": _png_end,
    "GIF": _gif_end,
    "WEBP": _webp_end,
    "BMP": _bmp_end,
}
