"""Bytes to pixels, safely, and back.

Every picture enters the project through `decode`: 8-bit RGB, upright, sRGB, nothing transparent.
"""

import contextlib
import io
import mmap
import warnings
from typing import NamedTuple

import cv2
import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageFile

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF")
MAX_PIXELS = 100_000_000
FILL = b"\xff" * 70_000  # longer than any segment of a JPEG
MAX_CHUNKS = 50_000  # of a PNG; one of 20 MB has a few thousand

# EXIF orientation to what turns the picture upright. Pillow's own exif_transpose also rewrites
# the EXIF block, and fails on the mistyped tags that real photographs have.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# Those that change width for height.
ACROSS = {turn for orientation, turn in TURNS.items() if orientation >= 5}

# How OpenCV is to reduce a JPEG while decoding it, and what of a JPEG it takes no notice of.
REDUCED = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}
EXTRAS = {"exif", "icc_profile", "xmp"}

warnings.filterwarnings("ignore", module=r"PIL\.")  # of odd metadata: pixels decide
Image.MAX_IMAGE_PIXELS = None  # `inspect` checks the size before anything is decoded
ImageFile.LOAD_TRUNCATED_IMAGES = False


class ImageError(Exception):
    """Bytes that are no usable picture. `reason` is one word for counting."""

    def __init__(self, reason: str, message: str):
        super().__init__(message)
        self.reason = reason

    def __reduce__(self):
        return type(self), (self.reason, str(self))  # it crosses processes


Data = bytes | mmap.mmap  # a file's bytes, in memory or on disk


class Header(NamedTuple):
    """What a picture's header says; `animated` where it has more frames than the first."""

    format: str
    width: int
    height: int
    animated: bool


def inspect(data: Data) -> Header:
    """Read the header, nothing decoded.

    Raises ImageError: `not_an_image`, or `too_many_pixels` above 100 megapixels.
    """
    image = _open(data)
    try:
        animated = bool(getattr(image, "is_animated", False))
    except Exception:  # whatever Pillow's plugins meet in a damaged second frame
        animated = False
    # MPO: a JPEG with others after it
    kind = "JPEG" if image.format == "MPO" else str(image.format)
    return Header(kind, image.width, image.height, animated and kind != "JPEG")


def decode(data: bytes, background: str = "white") -> np.ndarray:
    """Decode a picture to (height, width, 3) uint8 sRGB.

    EXIF orientation is applied, ICC profiles converted to sRGB, transparency laid on
    `background` (a name or #rrggbb), 16-bit scaled to 8, and of an animation the first frame
    taken.
    Raises ImageError: `not_an_image`, `too_many_pixels` or `truncated`.
    """
    return _pixels(_open(data), background)


def _pixels(image: Image.Image, background: str) -> np.ndarray:
    try:
        image.load()
        return np.asarray(_upright(_to_rgb(image, background), image))
    except Exception as error:  # whatever Pillow's plugins meet in damaged bytes
        raise ImageError("truncated", f"the picture's data is broken: {error}") from None


def decode_reduced(data: bytes, enough: int) -> tuple[np.ndarray, int, int]:
    """Decode a picture as `decode` does, a JPEG at a half, a quarter or an eighth of its size.

    Neither side becomes smaller than `enough` pixels by that; a last row or column is left out
    where the sides are no multiples. Returns the pixels, and the picture's own width and height.
    """
    image = _open(data)
    width, height = image.size
    factor = 8 if image.format == "JPEG" else 1
    while factor > 1 and min(width, height) < factor * enough:
        factor //= 2
    if _plain(image, data):
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), REDUCED[factor])
        if pixels is not None:
            pixels = _whole(pixels, height // factor, width // factor)
            return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), width, height
    if factor > 1:
        image.draft(None, (width // factor, height // factor))
    pixels = _pixels(image, "white")
    if _turn(image) in ACROSS:
        width, height = height, width
    return _whole(pixels, height // factor, width // factor), width, height


def _whole(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Without a last row and column of which the picture has only a part: as if it were halved."""
    # a decoder that cannot reduce gives the picture as it is
    return pixels[:height, :width] if len(pixels) <= height + 1 else pixels


def _plain(image: Image.Image, data: bytes) -> bool:
    """Whether a JPEG is all there is to it: OpenCV, which is faster, then sees the same.

    It takes no notice of profiles and of data that breaks off, and knows orientation in Exif only.
    """
    whole = data.endswith(b"\xff\xd9") and image.mode in ("L", "RGB")
    return image.format == "JPEG" and whole and not EXTRAS & image.info.keys()


def decode_with_alpha(data: bytes) -> tuple[np.ndarray, np.ndarray | None, bytes]:
    """A picture in its parts, upright: colours (height, width, 3), transparency or None, EXIF.

    Colours are those under the transparency, and as of `decode` where there is none. EXIF that
    cannot be read, or that describes a TIFF's own layout, is empty. Raises ImageError as `decode`.
    """
    image = _open(data)
    if not image.has_transparency_data:
        return decode(data), None, _exif(image)
    try:
        both = image.convert("RGBA")
        alpha = np.asarray(_upright(both.getchannel("A"), image))
    except Exception as error:  # whatever Pillow's plugins meet in damaged bytes
        raise ImageError("truncated", f"the picture's data is broken: {error}") from None
    opaque = both.convert("RGB")
    opaque.info.pop("transparency", None)
    return np.asarray(_upright(_to_rgb(opaque, "white"), image)), alpha, _exif(image)


def _exif(image: Image.Image) -> bytes:
    if image.format == "TIFF":
        return b""
    try:
        exif = image.getexif()
        exif.pop(ExifTags.Base.Orientation, None)
        return exif.tobytes() if exif else b""
    except Exception:  # whatever Pillow meets in broken tags
        return b""


def split_pair(pixels: np.ndarray, layout: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Cut a side-by-side pair into photograph and label map; a single picture has no labels.

    Raises ImageError `not_a_pair` where there is nothing to cut.
    """
    if layout == "single":
        return pixels, None
    middle = pixels.shape[1] // 2
    if middle == 0:
        raise ImageError("not_a_pair", f"{pixels.shape[1]} pixel wide, expected two halves")
    left, right = pixels[:, :middle], pixels[:, middle : 2 * middle]
    return (left, right) if layout == "photo_left" else (right, left)


def _open(data: Data) -> Image.Image:
    _refuse_padding(data)
    try:
        image = Image.open(
            data if isinstance(data, mmap.mmap) else io.BytesIO(data), formats=FORMATS
        )
    except Exception as error:  # whatever Pillow's plugins meet in damaged bytes
        message = f"expected one of {', '.join(FORMATS)}, found bytes starting {data[:12]!r}"
        raise ImageError("not_an_image", message) from error
    if image.width * image.height > MAX_PIXELS:
        size = f"{image.width}x{image.height}"
        raise ImageError("too_many_pixels", f"{size} pixels, allowed are {MAX_PIXELS}")
    return image


def _refuse_padding(data: Data) -> None:
    """Raise ImageError for files that are nothing but fill bytes or empty chunks.

    Pillow goes through them one by one: seconds, and hundreds of megabytes, for no pixel.
    """
    filled = data[:2] == b"\xff\xd8" and data.find(FILL) >= 0
    if filled or (data[:4] == b"\x89PNG" and _chunks(data) > MAX_CHUNKS):
        raise ImageError("not_an_image", f"padding: {FILL[:4]!r}… or over {MAX_CHUNKS} chunks")


def _chunks(data: Data) -> int:
    at, count = 8, 0
    while at < len(data) and count <= MAX_CHUNKS:
        at += 12 + int.from_bytes(data[at : at + 4], "big")
        count += 1
    return count


def _upright(image: Image.Image, original: Image.Image) -> Image.Image:
    turn = _turn(original)
    return image if turn is None else image.transpose(turn)


def _turn(image: Image.Image) -> Image.Transpose | None:
    with contextlib.suppress(Exception):  # a broken EXIF block says nothing about the pixels
        return TURNS.get(image.getexif().get(ExifTags.Base.Orientation))
    return None


def _to_rgb(image: Image.Image, background: str) -> Image.Image:
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I") or image.mode == "F":
        levels = np.asarray(image).astype(np.float64)
        sixteen_bits = image.mode.startswith("I;16") or levels.max(initial=0) > 255
        levels = levels / 257 if sixteen_bits else levels
        image = Image.fromarray(levels.clip(0, 255).round().astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, background), rgba).convert("RGB")
    if image.mode not in ("RGB", "CMYK", "L"):
        image = image.convert("RGB")
    if profile:
        # a broken profile says nothing about the pixels
        with contextlib.suppress(ImageCms.PyCMSError, OSError, ValueError):
            image = ImageCms.profileToProfile(
                image,
                ImageCms.ImageCmsProfile(io.BytesIO(profile)),
                ImageCms.createProfile("sRGB"),
                outputMode="RGB",
            )
    return image.convert("RGB")
