"""The audit's own decoder: a file's pixels as they should be seen.

It shares no code with src/imaging: an error there must not hide itself here. PNG is read by libpng
instead of Pillow, and colours are converted by arithmetic on the reduced picture.
"""

import io
import re
import warnings
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image

from src.audit import source_png
from src.audit.source_colors import ColorSpace, ColorSpaceError, from_code_points, to_srgb

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
CODE_POINTS = re.compile(rb"colrnclx(..)(..)", re.DOTALL)  # of an AVIF
BMP_MASKS = (b"\3", b"\6")  # kinds of compression
# What browsers read and Pillow does not: several lists of an AVIF's properties, and segments of a
# JPEG that are too short
UNREADABLE = re.compile(
    rb".{4}ftyp.*ipma.*ipma"
    rb"|\xff\xd8.*(\xff\xe0\0[\6-\10]JFIF|\xff\xe2\0[\16\17]ICC_PROFILE\0|\xff\xee\0[\7\10]Adobe)",
    re.DOTALL,
)
HEAD_BYTES = 1_000_000

warnings.filterwarnings("ignore", module=r"PIL\.")  # about odd metadata: pixels decide


class Source(NamedTuple):
    """A file before its colours are converted.

    Attributes:
        image: Of any mode of 8 bits a channel.
        space: The colour space of the pixels.
        exif: The EXIF block.
    """

    image: Image.Image
    space: ColorSpace
    exif: bytes = b""


def decode(data: bytes, background: str, least_px: int) -> tuple[Image.Image, int]:
    """Return the picture as it should be seen, in RGB, and the factor of its reduction.

    Args:
        data: Of the file.
        background: The colour below transparent pixels.
        least_px: The width and height to which no larger picture is reduced.

    Raises:
        ColorSpaceError: Its pixels are sound.
        Exception: Whatever Pillow meets in damaged bytes.
    """
    is_png = data[:8] == source_png.SIGNATURE
    source, scale = _read_png(data, least_px) if is_png else _read(data, least_px)
    turn = _turn(source.exif)
    image, opacity = source.image, None
    if image.has_transparency_data:
        opacity = image.convert("RGBA").getchannel("A")
        image = image.getchannel("L") if image.mode == "LA" else image.convert("RGB")
    image = to_srgb(image, source.space)
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
        raise ColorSpaceError("Pillow knows some masks of channels only")
    try:
        file = Image.open(io.BytesIO(data), formats=FORMATS)
    except Exception:
        if UNREADABLE.match(data, 0, HEAD_BYTES):
            raise ColorSpaceError("browsers read it, Pillow does not") from None
        raise
    image: Image.Image = file
    _refuse_huge(*image.size)
    # browsers turn no WebP
    exif = image.info.get("exif", b"") if image.format in ("JPEG", "MPO", "AVIF") else b""
    space = ColorSpace(image.info.get("icc_profile") or b"")
    if image.format == "AVIF" and not space.profile and (codes := CODE_POINTS.search(data)):
        primaries, transfer = (int.from_bytes(code, "big") for code in codes.groups())
        space = from_code_points(primaries, transfer)
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
    image, factor = _reduced(image, least_px)
    if image.mode[0] in "IF":
        image = _to_eight_bits(image)
    return Source(image, space, exif), scale * factor


def _read_png(data: bytes, least_px: int) -> tuple[Source, int]:
    """Return what libpng reads of a PNG, reduced, and the factor of its reduction."""
    chunks, packed = source_png.read_chunks(data)
    _refuse_huge(*source_png.size(chunks))
    image, factor = _reduced(source_png.read_pixels(chunks, packed), least_px)
    if image.mode[0] == "I":
        image = source_png.with_clear(_to_eight_bits(image), np.asarray(image), chunks)
    space = source_png.color_space(chunks)
    exif = chunks.get(b"eXIf", b"")
    return Source(image, space, b"" if exif.startswith(b"Exif") else exif), factor


def _refuse_huge(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise ValueError(f"{width}x{height} pixels")


def _reduced(image: Image.Image, least_px: int) -> tuple[Image.Image, int]:
    """Return a large picture reduced by a whole factor, and the factor."""
    factor = min(image.size) // least_px
    if image.width * image.height < LARGE_PIXELS or factor < 2:
        return image, 1
    if image.mode == "1":
        image = image.convert("L")
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
