"""Where a picture ends in its bytes: what comes after (a page, an archive, a film) is not kept."""

from collections.abc import Callable


def cut(data: bytes, kind: str) -> bytes:
    """The bytes of the picture alone; all of them where its end cannot be told.

    kind: as `images.inspect` names it. Animations keep all frames.
    """
    find = ENDS.get(kind)
    try:
        end = find(data) if find else len(data)
    except IndexError:  # it is broken off before its end
        end = len(data)
    return data[:end]


def _jpeg(data: bytes) -> int:
    """After the EOI marker (ITU T.81, annex B): segments have lengths, scans are searched."""
    at = 2
    while True:
        while data[at] != 0xFF:  # in a scan, or rubbish between segments
            at = _found(data, b"\xff", at)
        marker = data[at + 1]
        if marker == 0xD9:
            return at + 2
        if marker == 0xFF:
            at += 1
        elif marker == 0 or 0xD0 <= marker <= 0xD8 or marker == 1:  # stuffing, restarts, no length
            at += 2
        else:
            at += 2 + _big(data, at + 2, 2)


def _png(data: bytes) -> int:
    """After the IEND chunk (PNG, section 5.3)."""
    at = 8
    while data[at + 4 : at + 8] != b"IEND":
        at += 12 + _big(data, at, 4)
    return at + 12


def _gif(data: bytes) -> int:
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


def _webp(data: bytes) -> int:
    """The RIFF chunk, padded to an even length."""
    size = int.from_bytes(data[4:8], "little")
    return 8 + size + size % 2


def _bmp(data: bytes) -> int:
    """The size that its header states, where that holds the pixels at all."""
    size, start = int.from_bytes(data[2:6], "little"), int.from_bytes(data[10:14], "little")
    return size if size > start else len(data)


def _big(data: bytes, at: int, length: int) -> int:
    part = data[at : at + length]
    if len(part) < length:
        raise IndexError(at)
    return int.from_bytes(part, "big")


def _found(data: bytes, what: bytes, at: int) -> int:
    found = data.find(what, at)
    if found < 0:
        raise IndexError(at)
    return found


ENDS: dict[str, Callable[[bytes], int]] = {
    "JPEG": _jpeg,
    "PNG": _png,
    "GIF": _gif,
    "WEBP": _webp,
    "BMP": _bmp,
}
