"""The format of a picture file by its first bytes, whatever its name says."""

import re
from collections.abc import Callable

HEAD_BYTES = 1024  # of a file; a drawing in XML names itself within them

# The first bytes of formats that begin alike in every file; longer ones go before shorter ones.
PREFIXES = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"II*\0": "TIFF",
    b"II\0*": "TIFF",
    b"MM\0*": "TIFF",
    b"MM*\0": "TIFF",
    b"II+\0": "TIFF",  # BigTIFF
    b"MM\0+": "TIFF",
    b"\0\0\0\x0cJXL \r\n": "JPEG XL",
    b"\xff\x0a": "JPEG XL",
    b"\0\0\0\x0cjP  \r\n": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"8BPS": "Photoshop",
    b"\0\0\1\0": "icon",
}
DIB_HEADER_BYTES = {12, 16, 40, 52, 56, 64, 108, 124}  # the sizes that a BMP's second header has
AVIF_BRANDS = {b"avif", b"avis"}
HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
NETPBM = re.compile(rb"P[1-7][\s#]")  # PBM, PGM, PPM, PAM
APPLE_DOUBLE = (b"\0\5\x16\7", b"\0\5\x16\0")  # what macOS writes beside a file (RFC 1740)


def format_of(head: bytes) -> str | None:
    """Return the format that a file's first bytes show, of which HEAD_BYTES are enough.

    It is named as in `decoding.FORMATS`, or of another kind of picture; None for anything else.
    """
    for prefix, kind in PREFIXES.items():
        if head.startswith(prefix):
            return kind
    return next(filter(None, (test(head) for test in TESTS)), None)


def _riff(head: bytes) -> str | None:
    return "WEBP" if head[:4] == b"RIFF" and head[8:12] == b"WEBP" else None


def _bmp(head: bytes) -> str | None:
    # two letters alone may begin a text
    size = int.from_bytes(head[14:18], "little")
    return "BMP" if head[:2] == b"BM" and size in DIB_HEADER_BYTES else None


def _iso_media(head: bytes) -> str | None:
    """Return AVIF or HEIC by the brands of the first box (ISO/IEC 14496-12, section 4.3)."""
    if head[4:8] != b"ftyp":
        return None
    box = head[: int.from_bytes(head[:4], "big")]
    brands = {box[8:12], *(box[start : start + 4] for start in range(16, len(box) - 3, 4))}
    if brands & AVIF_BRANDS:
        return "AVIF"
    return "HEIC" if brands & HEIF_BRANDS else None


def _netpbm(head: bytes) -> str | None:
    return "Netpbm" if NETPBM.match(head) else None


def _svg(head: bytes) -> str | None:
    return "SVG" if b"<svg" in head.lower() else None


TESTS: tuple[Callable[[bytes], str | None], ...] = (_riff, _bmp, _iso_media, _netpbm, _svg)
