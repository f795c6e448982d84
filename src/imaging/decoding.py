"""Bytes to pixels, safely.

Every picture enters the project through `decode`: 8-bit RGB, upright, sRGB, nothing transparent.
All stages open a picture the same way, so they have one verdict of it.
"""

import warnings
from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image, ImageFile

from src.imaging.encoded_picture import FORMATS as FORMATS
from src.imaging.encoded_picture import EncodedPicture, open_picture
from src.imaging.image_error import ImageError as ImageError
from src.imaging.image_error import ignore_metadata_errors
from src.imaging.memory import MAX_PIXELS as MAX_PIXELS
from src.imaging.orientation import SIDE_SWAPPING
from src.imaging.picture_bytes import PictureBytes as PictureBytes
from src.imaging.strips import Strip, has_opacity, upright_arrays

MAX_FACTOR = 8  # by which a JPEG is reduced

warnings.filterwarnings("ignore", module=r"PIL\.")  # of odd metadata: pixels decide
Image.MAX_IMAGE_PIXELS = None  # the size is checked before anything is decoded
ImageFile.LOAD_TRUNCATED_IMAGES = False


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
        ImageError: As `decode`, but for `truncated`.
    """
    picture = open_picture(data, header_only=True)
    return Header(picture.format, *picture.size, picture.animated)


def decode(data: bytes, background: str = "white") -> np.ndarray:
    """Decode a picture: upright, in sRGB, 16 bits scaled to 8, of an animation the first frame.

    Args:
        data: The bytes of a picture file.
        background: A name or #rrggbb, on which transparency is laid.

    Returns:
        (height, width, 3) uint8.

    Raises:
        ImageError: `not_an_image`, `truncated`, or `too_many_pixels`, `too_much_memory` or
            `too_many_scans` of a picture that would take too long or too much.
    """
    return decode_picture(open_picture(data), background)


def decode_picture(picture: EncodedPicture, background: str = "white") -> np.ndarray:
    """Decode an opened picture as `decode` does; its header can be read after that too.

    Raises:
        ImageError: `truncated`.
    """
    return upright_arrays(picture, (3, lambda strip: _composite(strip, background)))[0]


def decode_reduced(data: bytes, min_side: int) -> tuple[np.ndarray, int, int]:
    """Decode a picture as `decode` does, a JPEG at a half, a quarter or an eighth of its size.

    At least `min_side` pixels are left on either side. If the sides are no multiples of the factor,
    a last row or column is left out.

    Returns:
        The pixels, (height, width, 3) uint8, and the width and height of the picture itself.

    Raises:
        ImageError: As `decode`.
    """
    picture = open_picture(data)
    width, height = picture.size
    factor = MAX_FACTOR if picture.format == "JPEG" else 1
    while factor > 1 and min(width, height) < factor * min_side:
        factor //= 2
    if factor > 1:
        picture.image.draft(None, (width // factor, height // factor))
    pixels = decode_picture(picture)
    if picture.orientation in SIDE_SWAPPING:
        width, height = height, width
    return _without_partial_lines(pixels, height // factor, width // factor), width, height


def decode_with_alpha(data: bytes) -> tuple[np.ndarray, np.ndarray | None, bytes]:
    """Decode a picture without laying its transparency on a background.

    Returns:
        The colours under the transparency, (height, width, 3) uint8; the opacity, (height, width)
        uint8 or None; and the EXIF block without orientation. EXIF that cannot be read, or that
        describes a TIFF's own layout, is empty.

    Raises:
        ImageError: As `decode`.
    """
    picture = open_picture(data)
    exif = _without_orientation(picture.exif)
    if not has_opacity(picture):
        return upright_arrays(picture, (3, _colors))[0], None, exif
    colors, opacity = upright_arrays(picture, (3, _colors), (1, _opacity))
    return colors, opacity[..., 0], exif


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


def _composite(strip: Strip, background: str) -> Image.Image:
    if strip.opacity is None:
        return strip.colors
    canvas = Image.new("RGBA", strip.colors.size, background)
    rgba = strip.colors.convert("RGBA")
    rgba.putalpha(strip.opacity)
    return Image.alpha_composite(canvas, rgba).convert("RGB")


def _colors(strip: Strip) -> Image.Image:
    return strip.colors


def _opacity(strip: Strip) -> Image.Image:
    return strip.opacity or Image.new("L", strip.colors.size, 255)


def _without_partial_lines(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Cut off a last row and column that are less than a whole pixel of the reduced picture."""
    # a decoder that cannot reduce returns the picture in its full size
    return pixels[:height, :width] if len(pixels) <= height + 1 else pixels


def _without_orientation(block: bytes) -> bytes:
    with ignore_metadata_errors():
        exif = Image.Exif()
        exif.load(block)
        exif.pop(ExifTags.Base.Orientation, None)
        return exif.tobytes() if exif else b""
    return b""
