"""Where a picture ends in its bytes: what comes after (a page, an archive, a film) is not kept."""

import re
from collections.abc import Callable

from src.imaging.decoding import Data


def image_end(data: Data, kind: str) -> int:
    """How many bytes the picture takes; all of them where its end cannot be told.

    kind: as `images.inspect` names it. Animations keep all frames.
    """
    find = ENDS.get(kind)
    try:
        return min(find(data), len(data)) if find else len(data)
    except IndexError:  # it is broken off before its end
        return len(data)


# What has no length of its own is passed over: stuffed bytes of a scan, fill, restarts, SOI, TEM.
JPEG_MARKER = re.compile(rb"\xff([\x02-\xcf\xd9-\xfe])")


def _jpeg(data: Data) -> int:
    """After the EOI marker (ITU T.81, annex B)."""
    at = 2
    while found := JPEG_MARKER.search(data, at):
        if found[1] == b"\xd9":
            return found.end()
        at = found.end() + _big(data, found.end(), 2)
    return len(data)


def _png(data: Data) -> int:
    """After the IEND chunk (PNG, section 5.3)."""
    at = 8
    while data[at + 4 : at + 8] != b"IEND":
        at += 12 + _big(data, at, 4)
    return at + 12


def _gif(data: Data) -> int:
    """After the trailer (GIF89a, section 27)."""
    at = 13 + _colours(data[10])
    while data[at] != 0x3B:
        if data[at] == 0x2C:  # an image: its descriptor, its colours, the size of its codes
            at += 10 + _colours(data[at + 9]) + 1
        elif data[at] == 0x21:  # an extension
            at += 2
        else:
            return len(data)
        while data[at]:  # sub-blocks
            at += data[at] + 1
        at += 1
    return at + 1


def _colours(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _webp(data: Data) -> int:
    """The RIFF chunk, padded to an even length."""
    size = int.from_bytes(data[4:8], "little")
    return 8 + size + size % 2


def _bmp(data: Data) -> int:
    """The size that its header states, where that holds the pixels at all."""
    size, start = int.from_bytes(data[2:6], "little"), int.from_bytes(data[10:14], "little")
    return size if size > start else len(data)


def _big(data: Data, at: int, length: int) -> int:
    part = data[at : at + length]
    if len(part) < length:
        raise IndexError(at)
    return int.from_bytes(part, "big")


ENDS: dict[str, Callable[[Data], int]] = {
    "JPEG": _jpeg,
    "PNG": _png,
    "GIF": _gif,
    "WEBP": _webp,
    "BMP": _bmp,
}
