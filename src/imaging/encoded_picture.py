"""A picture whose header is read and accepted, and whose pixels are not decoded yet."""

import io
import mmap
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, cast

from PIL import Image, ImageFile

from src.imaging import avif, bmp, gif, jpeg, png, signatures, webp
from src.imaging.image_error import ignore_metadata_errors, raise_image_error
from src.imaging.memory import refuse_large
from src.imaging.orientation import read_orientation
from src.imaging.picture_bytes import PictureBytes

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF")
# Bytes per pixel that decoders hold beside the pixels, as measured
WEBP_BYTES, AVIF_BYTES, DEEP_AVIF_BYTES, DEEP_PNG_BYTES = 12, 7, 14, 8
MASKED_BMP_BYTES = 16
CANVAS_BYTES = 12  # of a first frame that is laid on the whole picture
BITS_PER_SAMPLE = 258  # a tag of TIFF

WidthHeight = tuple[int, int]
Box = tuple[int, int, int, int]


@dataclass
class EncodedPicture:
    """A picture before it is decoded.

    Attributes:
        image: Pillow's, not loaded.
        format: One of FORMATS.
        size: Width and height in pixels, before any EXIF orientation.
        needed_bytes: What decoding takes.
        animated: Whether there are frames after the first.
        orientation: Of EXIF, 1 … 8.
        profile: An ICC profile, or b"" for sRGB.
        exif: The EXIF block, or b"".
        frame: The part of `image` that the first frame fills, if it does not fill the picture.
        offset: Where that part lies in the picture.
        chunks: Of a PNG.
        decode: Returns the image in place of a placeholder; None if Pillow does.
    """

    image: Image.Image
    format: str
    size: WidthHeight
    needed_bytes: int
    animated: bool = False
    orientation: int = 1
    profile: bytes = b""
    exif: bytes = b""
    frame: Box | None = None
    offset: tuple[int, int] = (0, 0)
    chunks: png.Png | None = None
    decode: Callable[[], Image.Image] | None = None


def open_picture(data: PictureBytes, header_only: bool = False) -> EncodedPicture:
    """Read a picture's header; `header_only` says that its pixels will not be decoded.

    Raises:
        ImageError: `not_an_image`, `too_many_pixels`, `too_much_memory` or `too_many_scans`.
    """
    with raise_image_error(
        "not_an_image", lambda error: f"the picture's header is broken: {error}"
    ):
        return _open(data, header_only)


def _open(data: PictureBytes, header_only: bool) -> EncodedPicture:
    if data[:8] == png.SIGNATURE:
        return _open_png(data, header_only)
    if data[:2] == b"\xff\xd8":
        return _open_jpeg(data)
    if data[:4] == b"GIF8":
        return _open_gif(data)
    if data[:4] == b"RIFF":
        # its decoder reserves memory as soon as it is opened
        return _open_other(data, refuse_large(*webp.size(data), "RGB", WEBP_BYTES))
    if masks := bmp.read_masks(data):
        return _open_masked_bmp(data, masks)
    return _open_other(avif.with_one_list(data) if data[4:8] == b"ftyp" else data)


def open_image(
    file: PictureBytes, original: PictureBytes | None = None, needed_bytes: int = 0
) -> ImageFile.ImageFile:
    """Return Pillow's image of a file, not loaded.

    Raises:
        ImageError: `not_an_image`; it shows how the original begins, of which the file was made.
    """

    def describe(_: Exception) -> str:
        head = bytes((file if original is None else original)[: signatures.HEAD_BYTES])
        return f"expected one of {', '.join(FORMATS)}, found {_content(head)}"

    stream = cast(IO[bytes], file) if isinstance(file, mmap.mmap) else io.BytesIO(file)
    with raise_image_error("not_an_image", describe, needed_bytes):
        return Image.open(stream, formats=FORMATS)


def _content(head: bytes) -> str:
    """Return what a file that cannot be opened is, by its first bytes."""
    if not head:
        return "an empty file"
    kind = signatures.format_of(head)
    if kind is None:
        return f"bytes starting {head[:12]!r}"
    return f"a damaged or incomplete {kind}" if kind in FORMATS else f"{kind}: save it as JPEG"


def _open_png(data: PictureBytes, header_only: bool) -> EncodedPicture:
    chunks = png.read(data, header_only)
    image = open_image(chunks.file(), data)
    decoder_bytes = CANVAS_BYTES if chunks.is_part else 0
    if chunks.depth == 16 and (chunks.clear or chunks.kind == png.GRAY_ALPHA):
        decoder_bytes = max(decoder_bytes, DEEP_PNG_BYTES)  # read twice, or converted
    needed = max(
        refuse_large(*size, image.mode, decoder_bytes) for size in (chunks.size, image.size)
    )
    picture = EncodedPicture(image, "PNG", chunks.size, needed, chunks.frames > 1, chunks=chunks)
    picture.profile, picture.exif = chunks.profile, chunks.exif
    picture.orientation = read_orientation(chunks.exif)
    if chunks.is_part:
        picture.frame, picture.offset = (0, 0, *image.size), chunks.offset
    return picture


def _open_jpeg(data: PictureBytes) -> EncodedPicture:
    extent = jpeg.measure(data, needed_only=True)
    image = open_image(jpeg.without_short_segments(data, extent))
    image.decodermaxblock = max(image.decodermaxblock, len(data))  # all of it in one call
    jpeg.refuse_many_scans(extent.scans, *image.size)
    layers = getattr(image, "layer", [])  # of Pillow's JPEG; MPO, of several pictures, has it too
    planes = jpeg.coefficient_bytes(layers) if extent.scans > 1 and layers else 0
    picture = EncodedPicture(
        image, "JPEG", image.size, refuse_large(*image.size, image.mode, planes)
    )
    picture.profile = image.info.get("icc_profile") or b""
    picture.exif = image.info.get("exif", b"")
    picture.orientation = read_orientation(picture.exif)
    return picture


def _open_gif(data: PictureBytes) -> EncodedPicture:
    first = gif.first_frame(data)
    image = open_image(first.data if first else data, data)
    is_part = first is not None and first.box != (0, 0, *image.size)
    needed = refuse_large(*image.size, image.mode, CANVAS_BYTES if is_part else 0)
    picture = EncodedPicture(image, "GIF", image.size, needed)
    if first:
        picture.animated = first.animated
        if is_part:
            picture.frame, picture.offset = first.box, first.box[:2]
    return picture


def _open_masked_bmp(data: PictureBytes, masks: bmp.Masks) -> EncodedPicture:
    size = masks.width, masks.height
    needed = refuse_large(*size, masks.mode, MASKED_BMP_BYTES)
    picture = EncodedPicture(Image.new(masks.mode, (1, 1)), "BMP", size, needed)
    picture.decode = lambda: bmp.decode(data, masks)
    return picture


def _open_other(data: PictureBytes, opening_bytes: int = 0) -> EncodedPicture:
    image = open_image(data, needed_bytes=opening_bytes)
    kind = str(image.format)
    needed = refuse_large(*image.size, image.mode, _decoder_bytes(image, data))
    picture = EncodedPicture(image, kind, image.size, needed)
    picture.profile = image.info.get("icc_profile") or b""
    if kind == "AVIF":
        picture.orientation = read_orientation(image.info.get("exif", b""))
        picture.profile = picture.profile or avif.profile(data)
    if kind != "TIFF":  # its tags describe its own layout; Pillow turns it by them
        picture.exif = image.info.get("exif", b"")
    image.info.pop("xmp", None)  # Pillow believes its orientation
    with ignore_metadata_errors():  # a damaged second frame
        picture.animated = bool(getattr(image, "is_animated", False))
    return picture


def _decoder_bytes(image: Image.Image, data: PictureBytes) -> float:
    if image.format == "WEBP":
        return WEBP_BYTES
    if image.format == "AVIF":
        per_pixel = DEEP_AVIF_BYTES if avif.is_deep(data) else AVIF_BYTES
        return per_pixel + (image.mode == "RGBA")
    if image.format == "TIFF":  # all may be in one strip
        bits = getattr(image, "tag_v2", {}).get(BITS_PER_SAMPLE, 8)
        return (sum(bits) if isinstance(bits, tuple) else int(bits)) / 8
    return 0
