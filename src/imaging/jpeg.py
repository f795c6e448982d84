"""The segments of a JPEG (ITU T.81, annex B), and what decoding all its scans takes."""

import re
from typing import NamedTuple

from src.imaging.image_error import ImageError
from src.imaging.picture_bytes import MAX_PARTS, PictureBytes, padding_error

MAX_FILL_BYTES = 65_535  # before the first scan: as many as the longest segment has
MAX_SCANS = 100  # what libjpeg-turbo's authors advise; progressive files have about ten
MAX_SCANNED_PIXELS = 2_000_000_000  # in all scans together: three seconds
# Markers without a length are skipped: stuffed bytes of a scan, fill, restarts, SOI, TEM.
MARKER = re.compile(rb"\xff([\x02-\xcf\xd9-\xfe])")
# Segments of JFIF, ICC and Adobe that end before the fields that Pillow reads
SHORT_SEGMENT = re.compile(
    rb"\xff\xe0\0[\x06-\x08]JFIF|\xff\xe2\0[\x0e-\x0f]ICC_PROFILE\0|\xff\xee\0[\x07-\x08]Adobe"
)
START_OF_SCAN, END_OF_IMAGE, LOSSLESS_FRAME = b"\xda", b"\xd9", b"\xc3"
SEQUENTIAL_FRAMES = (b"\xc0", b"\xc1")
FRAME_COMPONENTS, SCAN_COMPONENTS = 7, 2  # offsets of their numbers behind the marker


class Extent(NamedTuple):
    """Where a JPEG ends, how many scans it has, and which bytes end a short segment's name."""

    end: int
    scans: int
    short: list[int]


def measure(data: PictureBytes, needed_only: bool = False) -> Extent:
    """Walk through the segments up to the end of the first picture in a file.

    Args:
        data: A JPEG.
        needed_only: Whether to stop at a scan that holds all of the picture: libjpeg-turbo refuses
            another one. Its data is the `end` then.

    Raises:
        ImageError: `not_an_image` if there is more padding than picture, or it is lossless: no
            browser shows that, and it cannot be reduced.
    """
    offset, scans, fill, components = 2, 0, 0, 0
    short: list[int] = []
    for _ in range(MAX_PARTS):
        marker = MARKER.search(data, offset)
        if not scans:
            fill += (marker.start() if marker else len(data)) - offset
            if fill > MAX_FILL_BYTES:
                raise padding_error()
        if marker is None:
            return Extent(len(data), scans, short)
        if marker[1] == END_OF_IMAGE:
            return Extent(marker.end(), scans, short)
        if marker[1] == LOSSLESS_FRAME and not scans:
            raise ImageError("not_an_image", "a lossless JPEG: save it as PNG")
        if segment := SHORT_SEGMENT.match(data, marker.start()):
            short.append(segment.end() - 1)
        if marker[1] in SEQUENTIAL_FRAMES:
            components = _byte(data, marker.end() + FRAME_COMPONENTS)
        scans += marker[1] == START_OF_SCAN
        if needed_only and scans and 0 < components <= _byte(data, marker.end() + SCAN_COMPONENTS):
            return Extent(marker.end(), scans, short)
        offset = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2], "big")
    raise padding_error()


def _byte(data: PictureBytes, offset: int) -> int:
    """Return the byte at an offset; 0 behind the end."""
    return data[offset] if offset < len(data) else 0


def without_short_segments(data: PictureBytes, extent: Extent) -> PictureBytes:
    """Return the file with short segments renamed: browsers skip them, Pillow refuses the file."""
    if not extent.short:
        return data
    changed = bytearray(data)
    for offset in extent.short:
        changed[offset] = ord("?")
    return bytes(changed)


def refuse_many_scans(scans: int, width: int, height: int) -> None:
    """Raise ImageError, `too_many_scans`, for a file that takes minutes: each scan is a pass."""
    allowed = min(MAX_SCANS, max(1, MAX_SCANNED_PIXELS // (width * height)))
    if scans > allowed:
        size = f"{width}x{height} pixels"
        raise ImageError("too_many_scans", f"{scans} scans of {size}, allowed are {allowed}")


def coefficient_bytes(layers: list[tuple[int, int, int, int]]) -> float:
    """Return the bytes per pixel that the coefficients of all scans take.

    Args:
        layers: Of each component its number, horizontal and vertical sampling, and table.

    Raises:
        ImageError: `not_an_image` for sampling factors of 0.
    """
    most = max(h for _, h, _, _ in layers) * max(v for _, _, v, _ in layers)
    if most == 0:
        raise ImageError("not_an_image", "a JPEG without samples")
    return sum(2 * h * v for _, h, v, _ in layers) / most
