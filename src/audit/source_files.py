"""Reads the files that pictures were made from again, with the audit's own decoder."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from src.audit.source_decoding import ColourSpaceError, decode
from src.parallel.local import map_processes
from src.storage.archives import read_bytes

THUMBNAIL_PX = 16


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
        ledger: Its columns file, layout, label_file and side are read. Files of rows on no side,
            such as those that clean refused, are not decoded.
        raw: The folder data/raw.
        shape: Height and width of pairs, whose proportions the part of each picture has.
        crop: Where that part lies in a tall picture: center or top.
        background: The colour below transparent pixels.
    """
    named = ledger[ledger["file"].notna()]
    layouts: dict[str, str | None] = {}
    for is_used in (False, True):
        rows = named[named["side"].notna() == is_used]
        layouts |= dict.fromkeys(rows["label_file"].dropna(), "single" if is_used else None)
        kinds = rows["layout"] if is_used else [None] * len(rows)
        layouts |= dict(zip(rows["file"], kinds, strict=True))
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
        image, _ = decode(read_bytes(path), background, side)
    except MemoryError:
        raise
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
    key: tuple[str, str | None], raw: Path, shape: tuple[int, int], crop: str, background: str
) -> SourceFile:
    name, layout = key
    try:
        data = read_bytes(raw / name)
    except OSError as error:
        return SourceFile("", error.strerror or str(error))
    digest = hashlib.sha256(data).hexdigest()
    if layout is None:
        return SourceFile(digest)
    try:
        image, scale = decode(data, background, 8 * THUMBNAIL_PX)
    except ColourSpaceError:
        return SourceFile(digest)
    except MemoryError:
        raise
    except Exception as error:  # Pillow raises whatever its plugins meet in damaged bytes
        return SourceFile(digest, f"{error} (it starts {data[:12]!r})")
    photo = image.crop(_photo_box(image.size, layout))
    part = photo.crop(_part_box(photo.size, shape, crop))
    return SourceFile(digest, None, part.width * scale, _reduce(part))


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
