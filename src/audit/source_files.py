"""Reads the files that pictures were made from again, with a decoder of the audit's own.

It shares no code with src/imaging: an error there must not hide itself here.
"""

import hashlib
import io
import warnings
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageCms

from src.parallel.local import map_processes
from src.storage.archives import read_bytes

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF")  # that the pipeline accepts
ORIENTATION_TAG = 0x0112  # of EXIF
# Pillow's exif_transpose also writes the EXIF block again, and fails on mistyped tags
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
THUMBNAIL_PX = 16

warnings.filterwarnings("ignore", module=r"PIL\.")  # about odd metadata: pixels decide


@dataclass(frozen=True)
class SourceFile:
    """A file on disk.

    Attributes:
        error: Why the file is no picture; it then has neither size nor thumbnail.
        cut_px: Width in the file of the part that the pair should show.
        thumbnail: That part, squeezed to (16, 16, 3) uint8 RGB.
    """

    sha256: str
    error: str | None = None
    cut_px: int = 0
    thumbnail: np.ndarray | None = None


def read_files(
    ledger: pd.DataFrame,
    raw: Path,
    shape: tuple[int, int],
    crop: str,
    background: str = "#ffffff",
) -> dict[str, SourceFile]:
    """Read every file that the ledger names, once, and return them by name.

    Args:
        ledger: Its columns file, layout and label_file are read.
        raw: The folder data/raw.
        shape: Height and width of pairs, whose proportions the part of each picture has.
        crop: Where that part lies in a tall picture: center or top.
        background: The colour below transparent pixels.
    """
    named = ledger[ledger["file"].notna()].drop_duplicates("file")
    layouts = dict.fromkeys(named["label_file"].dropna(), "single")
    layouts |= dict(zip(named["file"], named["layout"], strict=True))
    keys = sorted(layouts.items())
    read = partial(_read, raw=raw, shape=shape, crop=crop, background=background)
    files = map_processes(read, keys, "reading the files again")
    return dict(zip((name for name, _ in keys), files, strict=True))


def read_squeezed(
    path: Path, layout: str, background: str, side: int
) -> tuple[np.ndarray, float] | None:
    """Read a whole photograph, squeezed to a square.

    Args:
        path: Of the file; may lead through an archive.
        layout: single, photo_left or photo_right.
        background: The colour below transparent pixels.
        side: Of the square, in pixels.

    Returns:
        (side, side, 3) uint8 RGB, and the photograph's height over its width; None if the file is
        missing or no picture.
    """
    try:
        image, _ = _decode(read_bytes(path), background, side)
    except Exception:  # as in _read
        return None
    photo = image.crop(_photo_box(image.size, layout))
    square = photo.resize((side, side), Image.Resampling.HAMMING)
    return np.asarray(square), photo.height / photo.width


def thumbnails(pictures: Iterable[np.ndarray]) -> np.ndarray:
    """Reduce N pictures, (H, W, 3) uint8 each, to (N, 16, 16, 3) uint8."""
    reduced = [_reduce(Image.fromarray(np.asarray(picture))) for picture in pictures]
    return np.array(reduced, np.uint8).reshape(-1, THUMBNAIL_PX, THUMBNAIL_PX, 3)


def difference(a: np.ndarray, b: np.ndarray) -> float:
    """Return the mean absolute difference of two thumbnails in levels, 0…255."""
    return float(differences(a, b))


def differences(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the mean absolute difference of N thumbnails from N others, (N,), in levels."""
    return np.asarray(np.abs(a.astype(np.int16) - b).mean(axis=(-3, -2, -1)))


def explain(actual: np.ndarray, expected: np.ndarray) -> str:
    """Return in words which known mistake turns the thumbnail `expected` into `actual`."""
    words, mistaken = min(_mistakes(expected), key=lambda mistake: difference(actual, mistake[1]))
    explained = difference(actual, mistaken) < difference(actual, expected) / 3
    return words if explained else "it shows something else"


def _mistakes(picture: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    yield "red and blue are swapped", picture[..., ::-1]
    yield "it is mirrored: EXIF orientation ignored?", picture[:, ::-1]
    for turns in (1, 2, 3):
        turned = np.rot90(picture, turns)
        yield "it is turned: EXIF orientation ignored?", turned
        yield "it is turned and mirrored: EXIF orientation ignored?", turned[:, ::-1]
    yield "it is a negative: CMYK read inverted?", 255 - picture
    yield "its levels are 0 and 1: [0, 1] taken for [0, 255]?", picture // 255
    yield "its levels begin at 128: [0, 1] taken for [-1, 1]?", 128 + picture // 2
    yield "its dark half is black: [-1, 1] taken for [0, 1]?", 2 * picture.clip(128) - 255


def _read(
    key: tuple[str, str], raw: Path, shape: tuple[int, int], crop: str, background: str
) -> SourceFile:
    name, layout = key
    try:
        data = read_bytes(raw / name)
    except OSError as error:
        return SourceFile("", error.strerror or str(error))
    digest = hashlib.sha256(data).hexdigest()
    try:
        image, scale = _decode(data, background, 8 * THUMBNAIL_PX)
    except Exception as error:  # Pillow raises whatever its plugins meet in damaged bytes
        return SourceFile(digest, f"{error} (it starts {data[:12]!r})")
    photo = image.crop(_photo_box(image.size, layout))
    part = photo.crop(_part_box(photo.size, shape, crop))
    return SourceFile(digest, None, part.width * scale, _reduce(part))


def _decode(data: bytes, background: str, least_px: int) -> tuple[Image.Image, int]:
    """Return the picture as it should be seen, in RGB, and the factor of its reduction.

    Args:
        data: Of the file.
        background: The colour below transparent pixels.
        least_px: The width and height to which no larger picture is reduced.
    """
    image: Image.Image = Image.open(io.BytesIO(data), formats=FORMATS)
    width = image.width
    image.draft("RGB", (least_px, least_px))  # decodes a JPEG at a reduced scale
    scale = round(width / image.width)
    image.load()  # turns a TIFF by itself
    profile = image.info.get("icc_profile")
    turn = None
    with suppress(Exception):  # a broken EXIF block says nothing about the pixels
        turn = TURNS.get(image.getexif().get(ORIENTATION_TAG, 1))
    if image.mode[0] in "IF":
        image = _to_eight_bits(image)
    if image.mode in ("RGBA", "LA", "PA", "P") or "transparency" in image.info:
        image = _on_background(image, background)
    if profile:
        image = _to_srgb(image, profile)
    image = image.convert("RGB")
    return (image if turn is None else image.transpose(turn)), scale


def _to_eight_bits(image: Image.Image) -> Image.Image:
    levels = np.asarray(image).astype(np.float64)
    deep = image.mode.startswith("I;16") or levels.max(initial=0) > 255
    return Image.fromarray((levels / (257 if deep else 1)).clip(0, 255).astype(np.uint8))


def _on_background(image: Image.Image, background: str) -> Image.Image:
    foreground = image.convert("RGBA")
    canvas = Image.new("RGBA", foreground.size, background)
    canvas.alpha_composite(foreground)
    return canvas.convert("RGB")


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Return the picture in sRGB; a broken profile says nothing about the pixels."""
    with suppress(ImageCms.PyCMSError, OSError, ValueError):
        converted = ImageCms.profileToProfile(
            image, io.BytesIO(profile), ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
        return converted or image
    return image


def _photo_box(size: tuple[int, int], layout: str) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of the photograph in a file of that layout."""
    width, height = size
    middle = width // 2
    if layout == "single":
        return 0, 0, width, height
    return (0, 0, middle, height) if layout == "photo_left" else (middle, 0, 2 * middle, height)


def _part_box(
    size: tuple[int, int], shape: tuple[int, int], crop: str
) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of the largest part of a photograph for a pair.

    Args:
        size: Width and height of the photograph.
        shape: Height and width whose proportions the part has.
        crop: Where it lies in a tall picture: center or top.
    """
    scale = min(size[0] / shape[1], size[1] / shape[0])
    width, height = (
        min(whole, max(1, round(side * scale)))
        for whole, side in zip(size, (shape[1], shape[0]), strict=True)
    )
    left = (size[0] - width) // 2
    top = 0 if crop == "top" else (size[1] - height) // 2
    return left, top, left + width, top + height


def _reduce(image: Image.Image) -> np.ndarray:
    # Hamming: a box a few pixels wide would weigh them unevenly
    return np.asarray(image.resize((THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.HAMMING))
