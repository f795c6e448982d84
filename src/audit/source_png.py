"""PNG files, read by the audit's own means: chunks, pixels by libpng, and the colour space."""

import io
import struct
import zlib
from contextlib import suppress

import cv2
import numpy as np
from PIL import Image

from src.audit.source_colors import (
    ColorSpace,
    ColorSpaceError,
    from_code_points,
    ignore_metadata_errors,
    is_known,
)

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Pillow reads a larger PNG: libpng's 16 bits take more memory, and it unpacks what follows the pixels
LARGE_PIXELS, LARGE_BYTES = 12_000_000, 2_000_000
MAX_PROFILE_BYTES = 16_000_000


def read_chunks(data: bytes) -> tuple[dict[bytes, bytes], bytes]:
    """Return a PNG's sound chunks by name, and the packed pixels of its first frame.

    An animation may begin with other pixels than those for readers that show no animations.
    """
    chunks: dict[bytes, bytes] = {}
    still: list[bytes] = []
    frame, controls, offset, previous = [], 0, 8, b""
    while len(header := data[offset : offset + 8]) == 8:
        length, name = struct.unpack(">I4s", header)
        body = data[offset + 8 : offset + 8 + length]
        offset += 12 + length
        is_next, previous = not still or previous == b"IDAT", name
        if name == b"IDAT" and is_next:
            still.append(body)
        elif name == b"fdAT":
            frame += [body[4:]] if controls == 1 and b"fcTL" in chunks else []
        elif name == b"fcTL":
            controls += 1
            if controls == 1 and still and b"acTL" in chunks:
                chunks[name] = body
        elif still or (name == b"acTL" and body[:1] > b"\x7f"):
            continue  # it is too late, or claims too many frames
        elif name == b"tRNS" and chunks.get(b"IHDR", bytes(13))[9] == 3 and b"PLTE" not in chunks:
            continue  # opacities before their palette
        elif zlib.crc32(header[4:] + body) == int.from_bytes(data[offset - 4 : offset], "big"):
            chunks.setdefault(name, body)
    whole_size = chunks[b"IHDR"][:8]
    is_apart = frame and chunks[b"fcTL"][4:12] == whole_size
    return chunks, b"".join(frame if is_apart else still)


def size(chunks: dict[bytes, bytes]) -> tuple[int, int]:
    """Return width and height in pixels."""
    width, height = struct.unpack(">II", chunks[b"IHDR"][:8])
    return width, height


def read_pixels(chunks: dict[bytes, bytes], packed: bytes) -> Image.Image:
    """Return the picture of chunks and of packed pixels.

    Raises:
        ColorSpaceError: It cannot be said which pixels are transparent.
        ValueError: The pixels are broken.
    """
    width, height = size(chunks)
    is_large = width * height > LARGE_PIXELS or len(packed) > LARGE_BYTES
    read = _read_large if is_large else _read_small
    image = read(chunks, packed)
    if image is None:  # perhaps for the checksum of its pixels alone
        most = 2 * height * (8 * width + 1)
        unpacked = zlib.decompressobj(-15).decompress(packed[2:], most)
        image = read(chunks, zlib.compress(unpacked, 1))
    if image is None:
        raise ValueError("broken data stream")
    return image


def _read_small(chunks: dict[bytes, bytes], packed: bytes) -> Image.Image | None:
    """Return what libpng reads of a PNG; None if it cannot."""
    file = np.frombuffer(_file(chunks, packed), np.uint8)
    levels = cv2.imdecode(file, cv2.IMREAD_UNCHANGED)
    if levels is None:
        return None
    shown = cv2.convertScaleAbs(levels, alpha=1 / 257) if levels.dtype == np.uint16 else levels
    if shown.ndim == 3:
        swap = cv2.COLOR_BGRA2RGBA if shown.shape[2] == 4 else cv2.COLOR_BGR2RGB
        shown = cv2.cvtColor(shown, swap)
    image = with_clear(Image.fromarray(shown), levels, chunks)
    return image.convert("LA") if chunks[b"IHDR"][9] == 4 else image


def _read_large(chunks: dict[bytes, bytes], packed: bytes) -> Image.Image | None:
    """Return what Pillow reads of a PNG; None if it cannot."""
    if chunks[b"IHDR"][8:10] == b"\x10\2" and b"tRNS" in chunks:
        raise ColorSpaceError("Pillow drops the bits that tell which pixels are clear")
    image = Image.open(io.BytesIO(_file(chunks, packed)), formats=["PNG"])
    with suppress(OSError):
        image.load()
        return image
    return None


def with_clear(image: Image.Image, levels: np.ndarray, chunks: dict[bytes, bytes]) -> Image.Image:
    """Return a gray picture with the opacity that its transparent level gives."""
    depth, kind = chunks[b"IHDR"][8:10]
    if kind == 0 and len(chunks.get(b"tRNS", b"")) >= 2:
        clear = int.from_bytes(chunks[b"tRNS"][:2], "big") & ((1 << depth) - 1)
        clear *= 1 if depth >= 8 else 255 // ((1 << depth) - 1)
        image.putalpha(Image.fromarray(np.where(levels == clear, 0, 255).astype(np.uint8)))
    return image


def _file(chunks: dict[bytes, bytes], packed: bytes) -> bytes:
    """Return a PNG of the chunks that hold pixels."""
    depth, kind = chunks[b"IHDR"][8:10]
    parts: dict[bytes, bytes] = {n: chunks[n] for n in (b"IHDR", b"PLTE") if n in chunks}
    colors, opacities = chunks.get(b"PLTE", b""), chunks.get(b"tRNS", b"")
    # libpng ignores opacities if there are more than colours; levels beyond the last colour have it
    # in Chromium, and its opacity
    count = {0: 2, 2: 6, 3: min(len(colors) // 3, 1 << min(depth, 8))}.get(kind, 0)
    opacities = opacities[:count]
    if kind == 3 and depth <= 8:
        beyond = (1 << depth) - count
        parts[b"PLTE"] = colors[: 3 * count] + colors[3 * count - 3 : 3 * count] * beyond
        opacities += opacities[count - 1 :] * beyond if count else b""
    if opacities:
        parts[b"tRNS"] = opacities
    file = [SIGNATURE]
    for name, body in (parts | {b"IDAT": packed, b"IEND": b""}).items():
        checksum = zlib.crc32(name + body)
        file += [struct.pack(">I", len(body)), name, body, struct.pack(">I", checksum)]
    return b"".join(file)


def color_space(chunks: dict[bytes, bytes]) -> ColorSpace:
    """Return the colour space: the first of cICP, iCCP, sRGB, gAMA and cHRM decides.

    Raises:
        ColorSpaceError: It is not known.
    """
    codes = chunks.get(b"cICP", b"")
    if codes[2:] == b"\0\1" and is_known(codes[0], codes[1]):
        return from_code_points(codes[0], codes[1])
    profile = _profile(chunks)
    gamma = int.from_bytes(chunks.get(b"gAMA", b""), "big") / 100_000
    if profile or b"sRGB" in chunks or not 0.1 <= gamma <= 10:
        return ColorSpace(profile)
    numbers = chunks.get(b"cHRM", b"")
    values = struct.unpack(">8I", numbers) if len(numbers) == 32 else ()
    if values and min(values[1::2]) > 0:
        points = [value / 100_000 for value in values]
        return ColorSpace(b"", 1 / gamma, tuple(zip(points[::2], points[1::2], strict=True)))
    if not values and abs(1 / gamma / 2.2 - 1) >= 0.05:
        return ColorSpace(b"", 1 / gamma)
    return ColorSpace()


def _profile(chunks: dict[bytes, bytes]) -> bytes:
    """Return the ICC profile; b"" if there is none, or it is broken."""
    with ignore_metadata_errors():
        _, packed = chunks[b"iCCP"].split(b"\0", 1)
        profile = zlib.decompressobj().decompress(packed[1:], MAX_PROFILE_BYTES)
        is_whole = int.from_bytes(profile[:4], "big") <= len(profile)
        if packed[0] == 0 and is_whole and profile[36:40] == b"acsp":
            return profile
    return b""
