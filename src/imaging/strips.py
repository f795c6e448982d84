"""The pixels of an opened picture: colours in sRGB and opacity, in strips that spare memory."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from PIL import Image

from src.imaging import colors, png
from src.imaging.encoded_picture import EncodedPicture, open_image
from src.imaging.image_error import raise_image_error
from src.imaging.orientation import SIDE_SWAPPING, STORED

STRIP_PIXELS = 1 << 20


class Strip(NamedTuple):
    """Some rows of a picture.

    Attributes:
        top: The first row.
        colours: RGB, under the transparency.
        opacity: L; None if nothing is transparent.
    """

    top: int
    colors: Image.Image
    opacity: Image.Image | None


def upright_arrays(
    picture: EncodedPicture, *paints: tuple[int, Callable[[Strip], Image.Image]]
) -> list[np.ndarray]:
    """Return what functions make of a picture's strips, upright.

    Args:
        picture: Opened; it is loaded here.
        paints: Channels of a result, 1 to 4; and a function that returns an image as large as the
            strip, with that number of channels of 8 bits.

    Returns:
        (height, width, channels) uint8 each.

    Raises:
        ImageError: `truncated`.
    """
    with raise_image_error("truncated", _describe, picture.needed_bytes):
        image = _loaded(picture)
        width, height = image.size
        swapped = picture.orientation in SIDE_SWAPPING
        shape = (width, height) if swapped else (height, width)
        upright = [np.empty((*shape, channels), np.uint8) for channels, _ in paints]
        stored = [STORED[picture.orientation](pixels) for pixels in upright]
        for strip in _strips(image, picture):
            rows = slice(strip.top, strip.top + strip.colors.height)
            for pixels, (channels, paint) in zip(stored, paints, strict=True):
                pixels[rows] = np.asarray(paint(strip)).reshape(-1, width, channels)
        return upright


def has_opacity(picture: EncodedPicture) -> bool:
    """Return whether anything may be transparent, known before the pixels are."""
    clear = picture.chunks is not None and bool(picture.chunks.clear)
    return clear or picture.frame is not None or picture.image.has_transparency_data


def _describe(error: Exception) -> str:
    return f"the picture's data is broken: {error}"


def _loaded(picture: EncodedPicture) -> Image.Image:
    """Return the image with its pixels, on a canvas if its first frame does not fill it."""
    if picture.decode:
        return picture.decode()
    image: Image.Image = picture.image
    try:
        image.load()
    except Exception as error:
        if picture.chunks is None or isinstance(error, MemoryError):
            raise
        # browsers do not look at the checksum of all pixels
        picture.chunks = picture.chunks.repaired()
        image = picture.image = open_image(picture.chunks.file())
        image.load()
    if (
        picture.chunks
        and _may_lack_rows(image, picture.chunks)
        and not picture.chunks.has_all_rows()
    ):
        raise ValueError("its compressed pixels end before the last row")
    if picture.chunks and picture.chunks.kind == png.GRAY_ALPHA:
        # Pillow reads 16 bits of it as RGBA
        image = picture.image = image.convert("LA")
    if picture.frame is None:
        return image
    canvas = Image.new("RGBA", picture.size)
    canvas.paste(image.crop(picture.frame).convert("RGBA"), picture.offset)
    return canvas


def _may_lack_rows(image: Image.Image, chunks: png.Png) -> bool:
    """Say whether a PNG may have fewer pixels than its size says: Pillow leaves zeros for others."""
    last_row = image.crop((0, image.height - 1, *image.size))
    return chunks.is_interlaced or last_row.getbbox(alpha_only=False) is None


def _parts(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """Yield a picture's rows, with the first one's number."""
    rows = max(1, STRIP_PIXELS // image.width)
    if rows >= image.height:
        yield 0, image
        return
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(top + rows, image.height)))


def _strips(image: Image.Image, picture: EncodedPicture) -> Iterator[Strip]:
    divisor = colors.divisor(part for _, part in _parts(image))
    transform = colors.srgb_transform(picture.profile, colors.plain_mode(image.mode))
    low_bytes = _low_bytes(picture)
    for top, part in _parts(image):
        plain = colors.plain(part, divisor)
        if transform:
            plain = transform.apply(colors.in_mode(plain, transform.input_mode))
        low = low_bytes and low_bytes.crop((0, top, part.width, top + part.height))
        yield Strip(top, colors.in_mode(plain, "RGB"), _opacity(part, picture, low))


def _opacity(
    part: Image.Image, picture: EncodedPicture, low: Image.Image | None
) -> Image.Image | None:
    clear = picture.chunks.clear if picture.chunks else ()
    if clear and picture.chunks and not picture.frame:
        levels = np.asarray(part.convert("L") if part.mode == "1" else part)
        if low:
            levels = levels.astype(np.uint16) << 8 | np.asarray(low)
        scale = 255 // ((1 << picture.chunks.depth) - 1) or 1  # Pillow's levels of fewer bits
        is_clear = levels == np.array(clear, np.uint16) * scale
        is_clear = is_clear.all(axis=2) if is_clear.ndim == 3 else is_clear
        return Image.fromarray(np.where(is_clear, 0, 255).astype(np.uint8))
    return part.convert("RGBA").getchannel("A") if part.has_transparency_data else None


def _low_bytes(picture: EncodedPicture) -> Image.Image | None:
    """Return the lower 8 of 16 bits, which Pillow drops, if they decide which pixels are clear."""
    chunks = picture.chunks
    if chunks is None or (chunks.kind, chunks.depth) != (png.RGB, 16) or not chunks.clear:
        return None
    image = open_image(chunks.file())
    image.tile = [tile._replace(args="RGB;16L") for tile in image.tile]
    image.load()
    return image
