"""Bytes to pixels, safely.

Every picture enters the project through `decode`: 8-bit RGB, upright, sRGB, nothing transparent.
"""

import contextlib
import io
import mmap
import warnings
from typing import IO, NamedTuple, cast

import cv2
import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageFile

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF")
MAX_PIXELS = 100_000_000
FILL_BYTES = b"\xff" * 70_000  # longer than any segment of a JPEG
MAX_CHUNKS = 50_000  # of a PNG; one of 20 MB has a few thousand
MAX_FACTOR = 8  # by which a JPEG is reduced

# The turn that makes a picture upright, by EXIF orientation. Pillow's own exif_transpose also
# rewrites the EXIF block, and fails on the mistyped tags that real photographs have.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SIDE_SWAPPING_TURNS = {turn for orientation, turn in TURNS.items() if orientation >= 5}

OPENCV_FLAGS = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}  # by factor
OPENCV_IGNORES = {"exif", "icc_profile", "xmp"}  # of a JPEG

warnings.filterwarnings("ignore", module=r"PIL\.")  # of odd metadata: pixels decide
Image.MAX_IMAGE_PIXELS = None  # `_open` checks the size before anything is decoded
ImageFile.LOAD_TRUNCATED_IMAGES = False

PictureBytes = bytes | mmap.mmap  # a file's, in memory or on disk


class ImageError(Exception):
    """Bytes that are no usable picture.

    Attributes:
        reason: One word, by which errors are counted.
    """

    def __init__(self, reason: str, message: str):
        super().__init__(message)
        self.reason = reason

    def __reduce__(self) -> tuple[type["ImageError"], tuple[str, str]]:
        return type(self), (self.reason, str(self))  # errors cross processes


class Header(NamedTuple):
    """What a picture's header says.

    Attributes:
        format: One of FORMATS.
        width: In pixels, before any EXIF orientation.
        height: In pixels, before any EXIF orientation.
        animated: Whether there are frames after the first.
    """

    format: str
    width: int
    height: int
    animated: bool


def inspect(data: PictureBytes) -> Header:
    """Read a picture's header without decoding its pixels.

    Raises:
        ImageError: `not_an_image`, or `too_many_pixels` above 100 megapixels.
    """
    image = _open(data)
    try:
        animated = bool(getattr(image, "is_animated", False))
    except Exception:  # Pillow's plugins raise anything on a damaged second frame
        animated = False
    # MPO: a JPEG with others after it
    kind = "JPEG" if image.format == "MPO" else str(image.format)
    return Header(kind, image.width, image.height, animated and kind != "JPEG")


def decode(data: bytes, background: str = "white") -> np.ndarray:
    """Decode a picture: upright, in sRGB, 16 bits scaled to 8, of an animation the first frame.

    Args:
        data: The bytes of a picture file.
        background: A name or #rrggbb, on which transparency is laid.

    Returns:
        (height, width, 3) uint8.

    Raises:
        ImageError: `not_an_image`, `too_many_pixels` or `truncated`.
    """
    return _to_pixels(_open(data), background)


def decode_reduced(data: bytes, min_side: int) -> tuple[np.ndarray, int, int]:
    """Decode a picture as `decode` does, a JPEG at a half, a quarter or an eighth of its size.

    If the sides are no multiples of the factor, a last row or column is left out.

    Args:
        data: The bytes of a picture file.
        min_side: Pixels; the reduction leaves at least that many on either side.

    Returns:
        The pixels, (height, width, 3) uint8, and the width and height of the picture itself.

    Raises:
        ImageError: As `decode`.
    """
    image = _open(data)
    width, height = image.size
    factor = MAX_FACTOR if image.format == "JPEG" else 1
    while factor > 1 and min(width, height) < factor * min_side:
        factor //= 2
    if _is_plain_jpeg(image, data):
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), OPENCV_FLAGS[factor])
        if pixels is not None:
            pixels = _without_partial_lines(pixels, height // factor, width // factor)
            return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), width, height
    if factor > 1:
        image.draft(None, (width // factor, height // factor))
    pixels = _to_pixels(image, "white")
    if _turn(image) in SIDE_SWAPPING_TURNS:
        width, height = height, width
    return _without_partial_lines(pixels, height // factor, width // factor), width, height


def decode_with_alpha(data: bytes) -> tuple[np.ndarray, np.ndarray | None, bytes]:
    """Decode a picture without laying its transparency on a background.

    Args:
        data: The bytes of a picture file.

    Returns:
        The colours under the transparency, (height, width, 3) uint8; the opacity, (height, width)
        uint8 or None; and the EXIF block without orientation. EXIF that cannot be read, or that
        describes a TIFF's own layout, is empty.

    Raises:
        ImageError: As `decode`.
    """
    image = _open(data)
    if not image.has_transparency_data:
        return decode(data), None, _exif(image)
    try:
        rgba = image.convert("RGBA")
        alpha = np.asarray(_upright(rgba.getchannel("A"), image))
    except Exception as error:  # Pillow's plugins raise anything on damaged bytes
        raise _truncated(error) from None
    opaque = rgba.convert("RGB")
    opaque.info.pop("transparency", None)
    return np.asarray(_upright(_to_rgb(opaque, "white"), image)), alpha, _exif(image)


def split_pair(pixels: np.ndarray, layout: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Cut a side-by-side pair into its photograph and its label map.

    Args:
        pixels: (height, width, 3) uint8.
        layout: `single` (no label map), `photo_left` or `photo_right`.

    Returns:
        The photograph, and the label map or None: views of the pixels, equally wide.

    Raises:
        ImageError: `not_a_pair` if the picture is one pixel wide.
    """
    if layout == "single":
        return pixels, None
    middle = pixels.shape[1] // 2
    if middle == 0:
        raise ImageError("not_a_pair", f"{pixels.shape[1]} pixel wide, expected two halves")
    left, right = pixels[:, :middle], pixels[:, middle : 2 * middle]
    return (left, right) if layout == "photo_left" else (right, left)


def _open(data: PictureBytes) -> Image.Image:
    _refuse_padding(data)
    file = cast(IO[bytes], data) if isinstance(data, mmap.mmap) else io.BytesIO(data)
    try:
        image = Image.open(file, formats=FORMATS)
    except Exception as error:  # Pillow's plugins raise anything on damaged bytes
        message = f"expected one of {', '.join(FORMATS)}, found bytes starting {data[:12]!r}"
        raise ImageError("not_an_image", message) from error
    if image.width * image.height > MAX_PIXELS:
        size = f"{image.width}x{image.height}"
        raise ImageError("too_many_pixels", f"{size} pixels, allowed are {MAX_PIXELS}")
    return image


def _refuse_padding(data: PictureBytes) -> None:
    """Raise ImageError for files that are mostly fill bytes or empty chunks.

    Pillow walks through them one by one: seconds, and hundreds of megabytes, for no pixel.
    """
    filled = data[:2] == b"\xff\xd8" and data.find(FILL_BYTES) >= 0
    if filled or (data[:4] == b"\x89PNG" and _count_chunks(data) > MAX_CHUNKS):
        message = f"padding: {FILL_BYTES[:4]!r}… or over {MAX_CHUNKS} chunks"
        raise ImageError("not_an_image", message)


def _count_chunks(data: PictureBytes) -> int:
    """Count the chunks of a PNG, up to one more than MAX_CHUNKS."""
    offset, count = 8, 0
    while offset < len(data) and count <= MAX_CHUNKS:
        offset += 12 + int.from_bytes(data[offset : offset + 4], "big")
        count += 1
    return count


def _to_pixels(image: Image.Image, background: str) -> np.ndarray:
    try:
        image.load()
        return np.asarray(_upright(_to_rgb(image, background), image))
    except Exception as error:  # Pillow's plugins raise anything on damaged bytes
        raise _truncated(error) from None


def _truncated(error: Exception) -> ImageError:
    return ImageError("truncated", f"the picture's data is broken: {error}")


def _without_partial_lines(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Cut off a last row and column that are less than a whole pixel of the reduced picture."""
    # a decoder that cannot reduce returns the picture in its full size
    return pixels[:height, :width] if len(pixels) <= height + 1 else pixels


def _is_plain_jpeg(image: Image.Image, data: bytes) -> bool:
    """Say whether OpenCV, which is faster, sees the same in a file as Pillow.

    OpenCV ignores profiles and data that breaks off, and knows orientation in EXIF only.
    """
    complete = data.endswith(b"\xff\xd9") and image.mode in ("L", "RGB")
    return image.format == "JPEG" and complete and not OPENCV_IGNORES & image.info.keys()


def _exif(image: Image.Image) -> bytes:
    if image.format == "TIFF":
        return b""
    try:
        exif = image.getexif()
        exif.pop(ExifTags.Base.Orientation, None)
        return exif.tobytes() if exif else b""
    except Exception:  # Pillow raises anything on broken tags
        return b""


def _upright(image: Image.Image, original: Image.Image) -> Image.Image:
    turn = _turn(original)
    return image if turn is None else image.transpose(turn)


def _turn(image: Image.Image) -> Image.Transpose | None:
    with contextlib.suppress(Exception):  # a broken EXIF block says nothing about the pixels
        return TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    return None


def _to_rgb(image: Image.Image, background: str) -> Image.Image:
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I") or image.mode == "F":
        image = _to_eight_bits(image)
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, background), rgba).convert("RGB")
    if image.mode not in ("RGB", "CMYK", "L"):
        image = image.convert("RGB")
    return (_to_srgb(image, profile) if profile else image).convert("RGB")


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Scale gray levels that are integers of 16 bits; smaller ones are levels of 255 already."""
    levels = np.asarray(image).astype(np.float64)
    sixteen_bits = image.mode.startswith("I;16") or levels.max(initial=0) > 255
    levels = levels / 257 if sixteen_bits else levels
    return Image.fromarray(levels.clip(0, 255).round().astype(np.uint8))


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Apply an ICC profile; a broken one says nothing about the pixels."""
    with contextlib.suppress(ImageCms.PyCMSError, OSError, ValueError):
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        target = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
        return converted or image
    return image
