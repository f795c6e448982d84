"""Copies of a picture, one of each kind: (pixels, rng) → JPEG bytes."""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

from src.demo.inventory import alter
from src.storage.encoding import encode_jpeg

Copying = Callable[[np.ndarray, np.random.Generator], bytes]


def as_demo(kind: str) -> Copying:
    """Copy as the demo site does."""
    return lambda picture, rng: alter(picture, kind, rng)


def cropped(share: float) -> Copying:
    """Cut off a share of each side's length, at random ends."""

    def crop(picture: np.ndarray, rng: np.random.Generator) -> bytes:
        height, width = picture.shape[:2]
        down, across = round(share * height), round(share * width)
        top, left = int(rng.integers(down + 1)), int(rng.integers(across + 1))
        return encode_jpeg(picture[top : top + height - down, left : left + width - across])

    return crop


def darkened(picture: np.ndarray, rng: np.random.Generator) -> bytes:
    """Remove a quarter of the light."""
    return encode_jpeg((picture.astype(np.int32) * 3 // 4).astype(np.uint8))


def with_logo(picture: np.ndarray, rng: np.random.Generator) -> bytes:
    """Put a badge of a sixth of the shorter side into one of the corners."""
    height, width = picture.shape[:2]
    side = min(height, width) // 6
    left, top = (int(rng.integers(2)) * (length - side - 8) + 4 for length in (width, height))
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    draw.rectangle((left, top, left + side, top + side), fill=(250, 250, 250))
    draw.ellipse((left + 2, top + 2, left + side - 2, top + side - 2), fill=(200, 30, 30))
    return encode_jpeg(np.asarray(image))


def rotated(picture: np.ndarray, rng: np.random.Generator) -> bytes:
    """Rotate by two degrees either way; the corners become black."""
    angle = 2 if rng.integers(2) else -2
    return encode_jpeg(np.asarray(Image.fromarray(picture).rotate(angle, Image.Resampling.BICUBIC)))


def again(picture: np.ndarray, rng: np.random.Generator) -> bytes:
    """Only encode."""
    return encode_jpeg(picture, 92)


COPIES: dict[str, Copying] = {
    "exact": again,
    "recompressed, quality 60": as_demo("recompressed"),
    "resized to 70 %": as_demo("resized"),
    "brighter by a quarter": as_demo("brightened"),
    "darker by a quarter": darkened,
    "gray": as_demo("gray"),
    "sepia": as_demo("sepia"),
    "mirrored": as_demo("mirrored"),
    "cropped by 5 %": cropped(0.05),
    "cropped by 10 %": cropped(0.1),
    "caption strip": as_demo("captioned"),
    "logo in a corner": with_logo,
    "rotated by 2 degrees": rotated,
}
