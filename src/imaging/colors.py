"""Pillow's modes to RGB in sRGB."""

import io
from collections.abc import Iterable

import numpy as np
from PIL import Image, ImageCms

from src.imaging.image_error import ignore_metadata_errors

SIXTEEN_BITS = ("I;16", "I;16B", "I;16L", "I;16N")
NUMBERS = (*SIXTEEN_BITS, "I", "F")  # a single channel of more than 8 bits
SPACE = slice(16, 20)  # in a profile: of the colours that it is made for
PREMULTIPLIED = {"RGBa": "RGBA", "La": "LA"}


def srgb_transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return LittleCMS's transform to sRGB, or None if the pixels stay as they are.

    Args:
        profile: ICC; one that is broken, or made for other pixels, says nothing about them.
        mode: Of the pixels, as `plain_mode` returns it. With a profile of RGB, gray pixels are to
            be RGB too: see the transform's `input_mode`.
    """
    if profile:
        with ignore_metadata_errors():
            if mode == "L" and profile[SPACE] == b"RGB ":
                mode = "RGB"
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    return None


def plain_mode(mode: str) -> str:
    """Return L, CMYK or RGB: the mode that `plain` turns another one into."""
    if mode in ("1", "L", "LA", "La", *NUMBERS):
        return "L"
    return "CMYK" if mode == "CMYK" else "RGB"


def plain(image: Image.Image, divisor: float) -> Image.Image:
    """Return the colours under the transparency, with 8 bits.

    Args:
        image: Of any mode.
        divisor: What levels of more than 8 bits are divided by.
    """
    if image.mode in NUMBERS:
        levels = np.nan_to_num(np.asarray(image).astype(np.float64), posinf=np.inf) / divisor
        return Image.fromarray(levels.clip(0, 255).round().astype(np.uint8))
    image = in_mode(image, PREMULTIPLIED.get(image.mode, image.mode))
    return image.getchannel("L") if image.mode == "LA" else in_mode(image, plain_mode(image.mode))


def in_mode(image: Image.Image, mode: str) -> Image.Image:
    """Return an image in a mode; it is the same one if it has that mode."""
    return image if image.mode == mode else image.convert(mode)


def divisor(parts: Iterable[Image.Image]) -> float:
    """Return what levels of a picture with more than 8 bits are divided by, for white to be 255.

    Integers of 16 bits have 65535 levels, whatever they are. Of others, those up to 255 are levels
    of 8 bits already. Floats up to 1 are shares of white.
    """
    most = 0.0
    for part in parts:
        if part.mode not in NUMBERS:
            return 1
        if part.mode in SIXTEEN_BITS:
            return 257
        most = max(most, float(np.fmax.reduce(np.asarray(part), axis=None)))
    if part.mode == "F" and most <= 1:
        return 1 / 255
    return 257 if most > 255 else 1
