"""Reads the files that pictures were made from again, with the audit's own decoder."""

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
from PIL import Image

from src.audit.source_colors import ColorSpaceError
from src.audit.source_decoding import decode
from src.parallel.local import map_processes
from src.storage.archives import read_bytes

THUMBNAIL_PX = 16
OTHER_HALF = {"photo_left": "photo_right", "photo_right": "photo_left"}  # by layout: of the labels
Box = tuple[float, float, float, float]  # left, top, right, bottom, in shares of width and height


@dataclass(frozen=True)
class SourceFile:
    """A file on disk.

    Attributes:
        error: Why the file is no picture; it then has neither size nor thumbnail.
        cut_px: Width in the file of the part that the pair should show.
        cut: That part, in shares of the photograph.
        thumbnail: That part, squeezed to (16, 16, 3) uint8 RGB.
        label_thumbnail: The same part of the label map that is the file's other half, if one is.
    """

    sha256: str
    error: str | None = None
    cut_px: int = 0
    cut: Box = (0.0, 0.0, 1.0, 1.0)
    thumbnail: np.ndarray | None = None
    label_thumbnail: np.ndarray | None = None


def read_files(
    ledger: pd.DataFrame,
    raw: Path,
    shape: tuple[int, int],
    crop: str,
    background: str = "#ffffff",
    faces: Mapping[str, Box] | None = None,
    face_margin: float = 0.0,
) -> dict[str, SourceFile]:
    """Read every file that the ledger names, once, and return them by name.

    Args:
        ledger: Its columns file, layout, label_file and side are read. Files of rows on no side,
            such as those that clean refused, are not decoded.
        raw: The folder data/raw.
        shape: Height and width of pairs, whose proportions the part of each picture has.
        crop: Where that part lies in a tall picture without a face: center, else at the top.
        background: The colour below transparent pixels.
        faces: The face around which a file is cut, by the file's name.
        face_margin: On each side of it, in shares of its width and height.
    """
    faces = faces or {}
    named = ledger[ledger["file"].notna()]
    used = named[named["side"].notna()]
    # by file: None for one that no pair uses, which is hashed and not decoded
    layouts: dict[str, str | None] = dict.fromkeys([*named["label_file"].dropna(), *named["file"]])
    layouts |= dict.fromkeys(used["label_file"].dropna(), "single")
    layouts |= dict(zip(used["file"], used["layout"], strict=True))
    keys = [(name, layout, faces.get(name)) for name, layout in sorted(layouts.items())]
    read = partial(
        _read, raw=raw, shape=shape, crop=crop, margin=face_margin, background=background
    )
    files = map_processes(read, keys, "reading the files again")
    return dict(zip((name for name, *_ in keys), files, strict=True))


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
    key: tuple[str, str | None, Box | None],
    raw: Path,
    shape: tuple[int, int],
    crop: str,
    margin: float,
    background: str,
) -> SourceFile:
    name, layout, face = key
    try:
        data = read_bytes(raw / name)
    except OSError as error:
        return SourceFile("", error.strerror or str(error))
    digest = hashlib.sha256(data).hexdigest()
    if layout is None:
        return SourceFile(digest)
    try:
        image, scale = decode(data, background, _least_px(face))
    except ColorSpaceError:
        return SourceFile(digest)
    except MemoryError:
        raise
    except Exception as error:  # Pillow raises whatever its plugins meet in damaged bytes
        return SourceFile(digest, f"{error} (it starts {data[:12]!r})")
    photo = image.crop(_photo_box(image.size, layout))
    if face is None:
        box = _part_box(photo.size, shape, crop)
    else:
        box = _face_box(photo.size, shape, face, margin, 1 / scale)
    cut = tuple(edge / max(1, photo.size[number % 2]) for number, edge in enumerate(box))
    cut_px = (box[2] - box[0]) * scale
    halves = [photo]
    if layout in OTHER_HALF:
        halves.append(image.crop(_photo_box(image.size, OTHER_HALF[layout])))
    parts = [half.crop(box) for half in halves]
    if 0 < cut_px < shape[1]:  # enlarging smooths a small picture
        parts = [part.resize(shape[::-1], Image.Resampling.BICUBIC) for part in parts]
    return SourceFile(digest, None, cut_px, cast(Box, cut), *map(_reduce, parts))


def _least_px(face: Box | None) -> int:
    """Return the width and height to which no larger file is reduced: a face needs pixels."""
    sides = (face[2] - face[0], face[3] - face[1]) if face else (1.0, 1.0)
    return math.ceil(8 * THUMBNAIL_PX / max(sides))


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
        crop: Where it lies in a tall picture: center, else at the top.
    """
    (width, height), (pair_height, pair_width) = size, shape
    scale = min(width / pair_width, height / pair_height)
    part_width = min(width, max(1, _rounded(pair_width * scale)))
    part_height = min(height, max(1, _rounded(pair_height * scale)))
    left = (width - part_width) // 2
    top = (height - part_height) // 2 if crop == "center" else 0
    return left, top, left + part_width, top + part_height


def _face_box(
    size: tuple[int, int], shape: tuple[int, int], face: Box, margin: float, least: float
) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of the part around a face, inside the photograph.

    Args:
        size: Width and height of the photograph.
        shape: Height and width of the pair, whose proportions the part has.
        face: Around which it lies.
        margin: On each side of the face, in shares of its width and height.
        least: How often the pair's size goes into the part, unless the photograph is smaller.
    """
    (width, height), (pair_height, pair_width) = size, shape
    left, top, right, bottom = face[0] * width, face[1] * height, face[2] * width, face[3] * height
    with_margins = 1 + 2 * margin
    face_scale = max(
        (right - left) * with_margins / pair_width, (bottom - top) * with_margins / pair_height
    )
    scale = min(max(face_scale, least), width / pair_width, height / pair_height)
    box_width = min(width, max(1, _rounded(pair_width * scale)))
    box_height = min(height, max(1, _rounded(pair_height * scale)))
    box_left = min(max(_rounded((left + right - box_width) / 2), 0), width - box_width)
    box_top = min(max(_rounded((top + bottom - box_height) / 2), 0), height - box_height)
    return box_left, box_top, box_left + box_width, box_top + box_height


def _rounded(number: float) -> int:
    """Return the nearest whole number, of halves the upper one, as the part of a pair is rounded."""
    return math.floor(number + 0.5)


def _reduce(image: Image.Image) -> np.ndarray:
    # Hamming: a box a few pixels wide would weigh them unevenly
    return np.asarray(image.resize((THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.HAMMING))
