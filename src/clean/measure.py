"""Decode each file once and measure all that the verdicts need."""

import hashlib
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pyarrow as pa

from src.clean import measurement_cache
from src.errors import UserError
from src.imaging import decoding, resizing
from src.imaging.picture_files import read_photo
from src.parallel.local import map_processes
from src.storage.archives import read_bytes
from src.vision import alignment, colorfulness, grayscale, perceptual_hash

BATCH = 64  # files that a process measures at a time
COLUMNS = pa.schema(
    [
        ("file", pa.string()),
        ("layout", pa.string()),
        ("hash", pa.binary()),  # 32 bytes
        ("thumbnail", pa.binary()),  # 64 x 64 bytes
    ]
)
ContentKey = tuple[str, str]  # a file's SHA-256 and its layout
FileRef = tuple[Path, str]  # a file and its layout


@dataclass(frozen=True)
class Measurement:
    """One file's photograph; `error` is set, and nothing else, where it cannot be decoded.

    pixels: of two pictures with equal thumbnails, equal for equal decoded pixels. thumbnail:
    (64, 64) uint8 gray. source: the file and its layout.
    """

    error: str | None = None
    width: int = 0
    height: int = 0
    pixels: str = ""
    tone_residual: float = 0.0
    colorfulness: float = 0.0
    thumbnail: np.ndarray | None = field(default=None, compare=False)
    source: FileRef | None = field(default=None, compare=False)


def measure(
    table: pd.DataFrame, raw: Path, kept: Path | None = None
) -> dict[tuple[str, str], Measurement]:
    """Measure every file of the ledger, keyed by (file, layout).

    kept: where measurements are kept by content, so that no file is decoded again; of those alone
    that are what the ledger says. Raises UserError where a file is gone.
    """
    found = table[table["status"] == "ok"]
    rows = zip(found["file"], found["layout"], found["sha256"], strict=True)
    content = {(file, layout): (sha256, layout) for file, layout, sha256 in sorted(set(rows))}
    sources: dict[ContentKey, FileRef] = {}  # by file: pictures of one pack together
    for (file, layout), key in content.items():
        sources.setdefault(key, (raw / file, layout))
    intact = _intact(sources) if kept else set()
    cached = measurement_cache.read(kept, Measurement) if kept else {}
    known = {key: replace(cached[key], source=sources[key]) for key in intact & cached.keys()}
    new = {key: source for key, source in sources.items() if key not in known}
    known |= zip(new, _each(measure_files, list(new.values()), "fingerprinting"), strict=True)
    measured = _fill_pixel_digests({key: known[key] for key in sources})
    if kept:
        measurement_cache.write(kept, {key: m for key, m in measured.items() if key in intact})
    return {name: measured[key] for name, key in content.items()}


def _intact(sources: dict[ContentKey, FileRef]) -> set[ContentKey]:
    """Those whose file is what the ledger says: of another nothing is kept, nor believed."""
    told = _each(hash_files, list(sources.values()), "looking for changed files")
    return {key for key, sha256 in zip(sources, told, strict=True) if key[0] == sha256}


def hash_files(files: list[FileRef]) -> list[str]:
    """The SHA-256 of some files; OSError where there is none."""
    return [hashlib.sha256(read_bytes(path)).hexdigest() for path, _ in files]


def _each(function: Callable[[list[FileRef]], list], files: list[FileRef], title: str) -> list:
    """What a function of some files at a time gives for each."""
    batches = [files[at : at + BATCH] for at in range(0, len(files), BATCH)]
    try:
        return list(chain.from_iterable(map_processes(function, batches, title)))
    except OSError as error:
        if not error.filename:
            raise
        raise UserError(
            f"{error.filename} cannot be read any more: {error.strerror}: `dvc checkout` brings it back"
        ) from None


def as_table(measured: dict[tuple[str, str], Measurement]) -> pd.DataFrame:
    """The fingerprints, one row per readable file; thumbnails are views of those measured."""
    found = {name: m for name, m in measured.items() if m.thumbnail is not None}
    thumbnails = [m.thumbnail for m in found.values()]
    return pd.DataFrame(
        {
            "file": [file for file, _ in found],
            "layout": [layout for _, layout in found],
            "hash": [own.tobytes() for own in perceptual_hash.hashes(thumbnails)],
            "thumbnail": [thumbnail.ravel().data for thumbnail in thumbnails],
        }
    )


def measure_files(files: list[FileRef]) -> list[Measurement]:
    """Measure the photographs of some (file, layout); OSError where there is none."""
    seen: list[tuple[np.ndarray, int, int] | str] = [_read_thumbnail(*file) for file in files]
    fit = [thumbnail for thumbnail, *_ in (s for s in seen if not isinstance(s, str))]
    smalls = np.array([grayscale.reduce(thumbnail) for thumbnail in fit], np.uint8)
    smalls = smalls.reshape(-1, grayscale.REDUCED_PX, grayscale.REDUCED_PX, 3)
    tones = zip(
        grayscale.tone_residuals(smalls),
        colorfulness.colorfulness(smalls[:, ::2, ::2]),
        strict=True,
    )
    return [
        Measurement(error=s, source=file)
        if isinstance(s, str)
        else _measured(file, s, *next(tones))
        for file, s in zip(files, seen, strict=True)
    ]


def _measured(
    file: FileRef, seen: tuple[np.ndarray, int, int], residual: float, colorful: float
) -> Measurement:
    thumbnail, width, height = seen
    return Measurement(
        width=width,
        height=height,
        tone_residual=round(float(residual), 3),
        colorfulness=round(float(colorful), 3),
        thumbnail=cv2.cvtColor(thumbnail, cv2.COLOR_RGB2GRAY),
        source=file,
    )


def _read_thumbnail(path: Path, layout: str) -> tuple[np.ndarray, int, int] | str:
    """A photograph's thumbnail in colour, and its own width and height; or what is wrong."""
    data = read_bytes(path)
    try:
        if layout != "single":
            pixels = decoding.split_pair(decoding.decode(data), layout)[0]
            height, width = pixels.shape[:2]
        else:
            # no JPEG is decoded to more than its thumbnail shows
            pixels, width, height = decoding.decode_reduced(data, alignment.THUMBNAIL_PX)
    except decoding.ImageError as error:
        return error.reason
    return resizing.thumbnail(pixels, alignment.THUMBNAIL_PX), width, height


def _fill_pixel_digests(measured: dict[ContentKey, Measurement]) -> dict[ContentKey, Measurement]:
    """With `pixels` set: what looks the same is decoded in full, to see whether it is."""
    looks = defaultdict(list)
    for key, m in measured.items():
        if m.thumbnail is not None:
            # by Python's hash, which is shorter: two that share it by chance are decoded in vain
            looks[m.width, m.height, hash(m.thumbnail.tobytes())].append(key)
    told = dict(measured)
    for keys in looks.values():
        for key in keys:
            own = ":".join(key)
            if len(keys) == 1:
                told[key] = replace(measured[key], pixels=own)
            elif measured[key].pixels in ("", own):
                told[key] = replace(measured[key], pixels=digest(measured[key]) or own)
    return told


def same_pixels(a: Measurement, b: Measurement) -> bool:
    """Whether two readable pictures are equal, whatever their files' formats."""
    if a.pixels == b.pixels:
        return True
    equal = (a.width, a.height) == (b.width, b.height)
    return bool(equal and a.source and b.source and digest(a) and digest(a) == digest(b))


def digest(measured: Measurement) -> str | None:
    """SHA-256 of a photograph's decoded pixels and their shape; None where they cannot be had."""
    try:
        pixels = np.ascontiguousarray(read_photo(*measured.source))
    except (decoding.ImageError, OSError):
        return None
    height, width = pixels.shape[:2]
    return hashlib.sha256(f"{width}x{height}:".encode() + pixels.tobytes()).hexdigest()
