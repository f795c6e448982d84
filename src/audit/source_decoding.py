"""The audit's own decoder: a file's pixels as they should be seen.

It shares no code with src/imaging: an error there must not hide itself here. PNG is read by libpng
instead of Pillow, and colours are converted by arithmetic on the reduced picture.
"""

import io
import re
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from PIL import Image, ImageCms

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF")  # that the pipeline accepts
# How an EXIF block's entry of the orientation begins, by its byte order: one number of 16 bits
ORIENTATION = {"little": b"\x12\x01\x03\0\x01\0\0\0", "big": b"\x01\x12\0\x03\0\0\0\x01"}
ENTRY_BYTES = 12
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
MAX_PIXELS = 100_000_000
LARGE_PIXELS = 4_000_000  # a larger picture is reduced before anything is made of it
# Pillow reads a larger PNG: libpng's 16 bits take more memory, and it unpacks what follows the pixels
LARGE_PNG_PIXELS, LARGE_PNG_BYTES = 12_000_000, 2_000_000
CODE_POINTS = re.compile(rb"colrnclx(..)(..)", re.DOTALL)  # of an AVIF
BMP_MASKS = (b"\3", b"\6")  # kinds of compression
MAX_PROFILE_BYTES = 16_000_000

Points = tuple[tuple[float, float], ...]
# Chromaticities of white, red, green and blue, by the code points of ITU-T H.273
SRGB = ((0.3127, 0.329), (0.64, 0.33), (0.3, 0.6), (0.15, 0.06))
P3 = ((0.3127, 0.329), (0.68, 0.32), (0.265, 0.69), (0.15, 0.06))
REC2020 = ((0.3127, 0.329), (0.708, 0.292), (0.17, 0.797), (0.131, 0.046))
PAL = ((0.3127, 0.329), (0.64, 0.33), (0.29, 0.6), (0.15, 0.06))
NTSC = ((0.3127, 0.329), (0.63, 0.34), (0.31, 0.595), (0.155, 0.07))
PRIMARIES = {1: SRGB, 5: PAL, 6: NTSC, 7: NTSC, 9: REC2020, 12: P3}
# Powers of light; codes that are in neither table are of HDR or cinema
GAMMAS = {1: 2.4, 4: 2.2, 5: 2.8, 6: 2.4, 8: 1.0, 11: 2.4, 14: 2.4, 15: 2.4}
SRGB_TRANSFERS = (2, 13)

warnings.filterwarnings("ignore", module=r"PIL\.")  # about odd metadata: pixels decide


class ColourSpaceError(Exception):
    """The audit cannot say how the picture's colours look."""


@dataclass
class Source:
    """A file before its colours are converted.

    Attributes:
        image: Of any mode of 8 bits a channel.
        profile: ICC.
        exif: The block.
        gamma: Light is the signal to this power; None for sRGB's curve.
        primaries: Chromaticities of white, red, green and blue.
    """

    image: Image.Image
    profile: bytes = b""
    exif: bytes = b""
    gamma: float | None = None
    primaries: Points = SRGB


def decode(data: bytes, background: str, least_px: int) -> tuple[Image.Image, int]:
    """Return the picture as it should be seen, in RGB, and the factor of its reduction.

    Args:
        data: Of the file.
        background: The colour below transparent pixels.
        least_px: The width and height to which no larger picture is reduced.

    Raises:
        ColourSpaceError: Its pixels are sound.
        Exception: Whatever Pillow meets in damaged bytes.
    """
    is_png = data[:8] == b"\x89PNG\r\n\x1a\n"
    source, scale = _read_png(data, least_px) if is_png else _read(data, least_px)
    turn = _turn(source.exif)
    image, opacity = source.image, None
    if image.has_transparency_data:
        opacity = image.convert("RGBA").getchannel("A")
        image = image.getchannel("L") if image.mode == "LA" else image.convert("RGB")
    image = _in_srgb(image, source)
    if opacity:
        canvas = Image.new("RGB", image.size, background)
        canvas.paste(image, mask=opacity)
        image = canvas
    return (image if turn is None else image.transpose(turn)), scale


def _turn(exif: bytes) -> Image.Transpose | None:
    """Return how an EXIF block turns the picture, by its first directory alone; None if not at all.

    Browsers know no orientation of another type; Pillow takes any.
    """
    block = exif.removeprefix(b"Exif\0\0")
    orders: dict[bytes, Literal["little", "big"]] = {b"II": "little", b"MM": "big"}
    if not (order := orders.get(block[:2])):
        return None
    start = int.from_bytes(block[4:8], order) + 2
    count = int.from_bytes(block[start - 2 : start], order)
    for at in range(start, start + count * ENTRY_BYTES, ENTRY_BYTES):
        entry = block[at : at + ENTRY_BYTES]
        if len(entry) == ENTRY_BYTES and entry.startswith(ORIENTATION[order]):
            return TURNS.get(int.from_bytes(entry[8:10], order))
    return None


def _read(data: bytes, least_px: int) -> tuple[Source, int]:
    """Return what Pillow reads of a file, reduced, and the factor of its reduction."""
    if data[:2] == b"BM" and data[30:31] in BMP_MASKS:
        raise ColourSpaceError("Pillow knows some masks of channels only")
    file = Image.open(io.BytesIO(data), formats=FORMATS)
    image: Image.Image = file
    _refuse_huge(*image.size)
    source = Source(image, image.info.get("icc_profile") or b"")
    if image.format in ("JPEG", "MPO", "AVIF"):  # browsers turn no WebP
        source.exif = image.info.get("exif", b"")
    if image.format == "AVIF" and not source.profile and (codes := CODE_POINTS.search(data)):
        primaries, transfer = (int.from_bytes(code, "big") for code in codes.groups())
        _set_code_points(source, primaries, transfer)
    image.info.pop("xmp", None)  # of a TIFF, which load() turns by itself
    box = file.tile[0].extents if file.format == "GIF" and file.tile else None
    width = image.width
    image.draft("RGB", (least_px, least_px))  # decodes a JPEG at a reduced scale
    scale = round(width / image.width)
    image.load()
    if box and box != (0, 0, *image.size) and not image.has_transparency_data:
        opacity = Image.new("L", image.size)
        opacity.paste(255, box)
        image = image.convert("RGB")
        image.putalpha(opacity)
    source.image, factor = _reduced(image, least_px)
    if source.image.mode[0] in "IF":
        source.image = _to_eight_bits(source.image)
    return source, scale * factor


def _read_png(data: bytes, least_px: int) -> tuple[Source, int]:
    """Return what libpng reads of a PNG, reduced, and the factor of its reduction."""
    chunks, packed = _chunks(data)
    width, height = struct.unpack(">II", chunks[b"IHDR"][:8])
    _refuse_huge(width, height)
    is_large = width * height > LARGE_PNG_PIXELS or len(packed) > LARGE_PNG_BYTES
    read = _large_png if is_large else _small_png
    image = read(chunks, packed)
    if image is None:  # perhaps for the checksum of its pixels alone
        most = 2 * height * (8 * width + 1)
        unpacked = zlib.decompressobj(-15).decompress(packed[2:], most)
        image = read(chunks, zlib.compress(unpacked, 1))
    if image is None:
        raise ValueError("broken data stream")
    image, factor = _reduced(image, least_px)
    if image.mode[0] == "I":
        image = _with_clear(_to_eight_bits(image), np.asarray(image), chunks)
    source = Source(image, exif=chunks.get(b"eXIf", b""))
    _set_png_colours(source, chunks)
    return source, factor


def _small_png(chunks: dict[bytes, bytes], packed: bytes) -> Image.Image | None:
    """Return what libpng reads of a PNG; None if it cannot."""
    file = np.frombuffer(_png_file(chunks, packed), np.uint8)
    levels = cv2.imdecode(file, cv2.IMREAD_UNCHANGED)
    if levels is None:
        return None
    shown = cv2.convertScaleAbs(levels, alpha=1 / 257) if levels.dtype == np.uint16 else levels
    if shown.ndim == 3:
        swap = cv2.COLOR_BGRA2RGBA if shown.shape[2] == 4 else cv2.COLOR_BGR2RGB
        shown = cv2.cvtColor(shown, swap)
    image = _with_clear(Image.fromarray(shown), levels, chunks)
    return image.convert("LA") if chunks[b"IHDR"][9] == 4 else image


def _large_png(chunks: dict[bytes, bytes], packed: bytes) -> Image.Image | None:
    """Return what Pillow reads of a PNG; None if it cannot."""
    if chunks[b"IHDR"][8:10] == b"\x10\2" and b"tRNS" in chunks:
        raise ColourSpaceError("Pillow drops the bits that tell which pixels are clear")
    image = Image.open(io.BytesIO(_png_file(chunks, packed)), formats=["PNG"])
    with suppress(OSError):
        image.load()
        return image
    return None


def _with_clear(image: Image.Image, levels: np.ndarray, chunks: dict[bytes, bytes]) -> Image.Image:
    """Return a gray picture with the opacity that its transparent level gives."""
    depth, kind = chunks[b"IHDR"][8:10]
    if kind == 0 and len(chunks.get(b"tRNS", b"")) >= 2:
        clear = int.from_bytes(chunks[b"tRNS"][:2], "big") & ((1 << depth) - 1)
        clear *= 1 if depth >= 8 else 255 // ((1 << depth) - 1)
        image.putalpha(Image.fromarray(np.where(levels == clear, 0, 255).astype(np.uint8)))
    return image


def _refuse_huge(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise ValueError(f"{width}x{height} pixels")


def _chunks(data: bytes) -> tuple[dict[bytes, bytes], bytes]:
    """Return a PNG's sound chunks by name, and the packed pixels of its first frame.

    An animation may begin with other pixels than those for readers that show no animations.
    """
    chunks: dict[bytes, bytes] = {}
    still, frame, controls, offset = [], [], 0, 8
    while len(header := data[offset : offset + 8]) == 8:
        length, name = struct.unpack(">I4s", header)
        body = data[offset + 8 : offset + 8 + length]
        offset += 12 + length
        if name == b"IDAT":
            still.append(body)
        elif name == b"fdAT":
            frame += [body[4:]] if controls == 1 and b"fcTL" in chunks else []
        elif name == b"fcTL":
            controls += 1
            if controls == 1 and still and b"acTL" in chunks:
                chunks[name] = body
        elif name == b"acTL" and (still or body[:1] > b"\x7f"):
            continue  # it is too late, or claims too many frames
        elif zlib.crc32(header[4:] + body) == int.from_bytes(data[offset - 4 : offset], "big"):
            chunks.setdefault(name, body)
    size = chunks[b"IHDR"][:8]
    is_apart = frame and chunks[b"fcTL"][4:12] == size
    return chunks, b"".join(frame if is_apart else still)


def _png_file(chunks: dict[bytes, bytes], packed: bytes) -> bytes:
    """Return a PNG of the chunks that hold pixels."""
    parts = [(name, chunks[name]) for name in (b"IHDR", b"PLTE", b"tRNS") if name in chunks]
    # libpng ignores opacities if there are more than colours
    most = {0: 2, 2: 6}.get(chunks[b"IHDR"][9], len(chunks.get(b"PLTE", b"")) // 3)
    parts = [(name, body[:most] if name == b"tRNS" else body) for name, body in parts]
    file = [b"\x89PNG\r\n\x1a\n"]
    for name, body in [*parts, (b"IDAT", packed), (b"IEND", b"")]:
        checksum = zlib.crc32(name + body)
        file += [struct.pack(">I", len(body)), name, body, struct.pack(">I", checksum)]
    return b"".join(file)


def _set_png_colours(source: Source, chunks: dict[bytes, bytes]) -> None:
    """Set the colour space of a PNG: the first of cICP, iCCP, sRGB, gAMA and cHRM decides."""
    codes = chunks.get(b"cICP", b"")
    if codes[2:] == b"\0\1":
        _set_code_points(source, codes[0], codes[1])
        return
    with _ignored():
        _, packed = chunks[b"iCCP"].split(b"\0", 1)
        if packed[0] == 0:
            source.profile = zlib.decompressobj().decompress(packed[1:], MAX_PROFILE_BYTES)
    gamma = int.from_bytes(chunks.get(b"gAMA", b""), "big") / 100_000
    if source.profile or b"sRGB" in chunks or not 0.1 <= gamma <= 10:
        return
    numbers = chunks.get(b"cHRM", b"")
    values = struct.unpack(">8I", numbers) if len(numbers) == 32 else ()
    if values and min(values[1::2]) > 0:
        points = [value / 100_000 for value in values]
        source.primaries = tuple(zip(points[::2], points[1::2], strict=True))
        source.gamma = 1 / gamma
    elif not values and abs(1 / gamma / 2.2 - 1) >= 0.05:
        source.gamma = 1 / gamma


def _set_code_points(source: Source, primaries: int, transfer: int) -> None:
    if transfer not in GAMMAS and transfer not in SRGB_TRANSFERS:
        raise ColourSpaceError(f"transfer function {transfer}")
    source.primaries = PRIMARIES.get(primaries, SRGB)
    source.gamma = GAMMAS.get(transfer)


def _in_srgb(image: Image.Image, source: Source) -> Image.Image:
    """Return RGB in sRGB; a broken profile says nothing about the pixels."""
    if image.mode not in ("RGB", "CMYK", "L"):
        image = image.convert("RGB")
    if source.profile:
        if image.mode == "L" and source.profile[16:20] == b"RGB ":  # its space
            image = image.convert("RGB")
        with _ignored():
            profile, srgb = io.BytesIO(source.profile), ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(image, profile, srgb, outputMode="RGB")
            image = converted or image
    image = image.convert("RGB")
    if source.gamma is None and source.primaries == SRGB:
        return image
    levels = np.asarray(image) / 255
    linear = levels**source.gamma if source.gamma else _from_srgb_curve(levels)
    matrix = np.linalg.inv(_matrix(SRGB)) @ _matrix(source.primaries)
    light = (linear @ matrix.T).clip(0, 1)
    curved = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return Image.fromarray((255 * curved).round().astype(np.uint8))


def _from_srgb_curve(levels: np.ndarray) -> np.ndarray:
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)


def _matrix(points: Points) -> np.ndarray:
    """Return the matrix from RGB to XYZ relative to white (von Kries)."""
    xyz = np.array([[x / y, 1, (1 - x - y) / y] for x, y in points])
    colours = (xyz[1:] / xyz[0]).T
    return np.asarray(colours * np.linalg.solve(colours, np.ones(3)))


def _reduced(image: Image.Image, least_px: int) -> tuple[Image.Image, int]:
    """Return a large picture reduced by a whole factor, and the factor."""
    factor = min(image.size) // least_px
    if image.width * image.height < LARGE_PIXELS or factor < 2:
        return image, 1
    if image.mode in ("L", "RGB", "RGBA", "LA", "CMYK"):
        return image.reduce(factor), factor
    # of other modes some pixels: their levels mean nothing on average, or take too much memory
    size = -(-image.width // factor), -(-image.height // factor)
    return image.resize(size, Image.Resampling.NEAREST), factor


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Scale integers of 16 bits, and floats up to 1; other numbers are levels of 255 already."""
    levels = np.nan_to_num(np.asarray(image))
    most = levels.max(initial=0)
    if image.mode == "F" and most <= 1:
        scale = 255.0
    else:
        scale = 1 / 257 if image.mode.startswith("I;16") or most > 255 else 1.0
    return Image.fromarray((levels * scale).clip(0, 255).astype(np.uint8))


@contextmanager
def _ignored() -> Iterator[None]:
    """Ignore errors of odd metadata, but not that memory is short."""
    try:
        yield
    except MemoryError:
        raise
    except Exception:
        pass
