"""Decodes each file once, and measures everything that the verdicts need."""

import hashlib
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import NamedTuple, TypeVar

import cv2
import numpy as np
import pandas as pd
import pyarrow as pa

from src.clean import measurement_cache
from src.clean.measurement import ContentKey, FileKey, FileRef, Measurement, digest_pixels
from src.errors import UserError
from src.imaging import decoding, resizing
from src.parallel.local import map_processes
from src.storage.archives import read_bytes
from src.storage.slices import slices
from src.vision import colorfulness, grayscale, perceptual_hash, picture_faults, witness
from src.vision.views import THUMBNAIL_PX

FILES_PER_TASK = 64  # that a process measures at a time
COLUMNS = pa.schema(
    [
        ("file", pa.string()),
        ("layout", pa.string()),
        ("hash", pa.binary()),  # 32 bytes
        ("thumbnail", pa.binary()),  # 64 x 64 bytes
    ]
)
Result = TypeVar("Result")


class Thumbnail(NamedTuple):
    """A photograph's thumbnail, (64, 64, 3) uint8, and the photograph's own width and height."""

    pixels: np.ndarray
    width: int
    height: int


def measure_pictures(
    table: pd.DataFrame, raw: Path, cache_dir: Path | None = None
) -> dict[FileKey, Measurement]:
    """Measure every file of the ledger.

    Args:
        table: The ledger after scrape.
        raw: The folder of its files.
        cache_dir: Where measurements are kept by content, so that no file is decoded twice. Only
            files whose SHA-256 is the ledger's are cached.

    Returns:
        The measurement of each file and layout.

    Raises:
        UserError: A file cannot be read.
    """
    fetched = table[table["status"] == "ok"]
    rows = zip(fetched["file"], fetched["layout"], fetched["sha256"], strict=True)
    # sorted by file, so that the pictures of an archive follow each other
    keys = {(file, layout): (sha256, layout) for file, layout, sha256 in sorted(set(rows))}
    sources: dict[ContentKey, FileRef] = {}
    for (file, layout), key in keys.items():
        sources.setdefault(key, (raw / file, layout))
    intact = _intact(sources) if cache_dir else set()
    cached = measurement_cache.read(cache_dir) if cache_dir else {}
    known = {key: replace(cached[key], source=sources[key]) for key in intact & cached.keys()}
    new = {key: source for key, source in sources.items() if key not in known}
    known |= zip(new, _map_files(measure_files, list(new.values()), "fingerprinting"), strict=True)
    measurements = _fill_pixel_digests({key: known[key] for key in sources})
    if cache_dir:
        measurement_cache.write(
            cache_dir, {key: measurements[key] for key in sources if key in intact}
        )
    return {name: measurements[key] for name, key in keys.items()}


def _intact(sources: dict[ContentKey, FileRef]) -> set[ContentKey]:
    """Return the keys whose file has the SHA-256 that the ledger gives."""
    digests = _map_files(hash_files, list(sources.values()), "looking for changed files")
    return {key for key, sha256 in zip(sources, digests, strict=True) if key[0] == sha256}


def hash_files(files: list[FileRef]) -> list[str]:
    """Return the SHA-256 of each file; raises OSError where there is none."""
    return [hashlib.sha256(read_bytes(path)).hexdigest() for path, _ in files]


def _map_files(
    function: Callable[[list[FileRef]], list[Result]], files: list[FileRef], title: str
) -> list[Result]:
    """Return a function's result of each file; the function takes several at a time."""
    tasks = [files[part] for part in slices(len(files), FILES_PER_TASK)]
    try:
        return list(chain.from_iterable(map_processes(function, tasks, title)))
    except OSError as error:
        if not error.filename:
            raise
        raise UserError(
            f"{error.filename} cannot be read any more: {error.strerror}: "
            "`dvc checkout` brings it back"
        ) from None


def fingerprint_table(measurements: dict[FileKey, Measurement]) -> pd.DataFrame:
    """Return a table with COLUMNS of the readable files; its thumbnails are views."""
    readable = {name: m for name, m in measurements.items() if not m.error}
    thumbnails = [m.thumbnail for m in readable.values()]
    return pd.DataFrame(
        {
            "file": [file for file, _ in readable],
            "layout": [layout for _, layout in readable],
            "hash": [row.tobytes() for row in perceptual_hash.hashes(thumbnails)],
            "thumbnail": [thumbnail.ravel().data for thumbnail in thumbnails],
        }
    )


def measure_files(files: list[FileRef]) -> list[Measurement]:
    """Measure the photograph of each file, without its pixel digest.

    Raises:
        OSError: There is no such file.
    """
    thumbnails: dict[FileRef, Thumbnail] = {}
    errors: dict[FileRef, str] = {}
    for file in files:
        try:
            thumbnails[file] = read_thumbnail(*file)
        except decoding.ImageError as error:
            errors[file] = error.reason
    small = [grayscale.downscale(thumbnail.pixels) for thumbnail in thumbnails.values()]
    pictures = np.array(small, np.uint8)
    pictures = pictures.reshape(-1, grayscale.REDUCED_PX, grayscale.REDUCED_PX, 3)
    residuals = grayscale.tone_residuals(pictures)
    colors = colorfulness.colorfulness(pictures[:, ::2, ::2])
    measurements = {file: Measurement(error=reason, source=file) for file, reason in errors.items()}
    measured = zip(thumbnails.items(), residuals, colors, strict=True)
    for (file, thumbnail), residual, color in measured:
        gray = cv2.cvtColor(thumbnail.pixels, cv2.COLOR_RGB2GRAY)
        measurements[file] = Measurement(
            width=thumbnail.width,
            height=thumbnail.height,
            tone_residual=round(float(residual), 3),
            colorfulness=round(float(color), 3),
            **picture_faults.measure(gray)._asdict(),
            thumbnail=gray,
            chroma=witness.chroma(thumbnail.pixels),
            source=file,
        )
    return [measurements[file] for file in files]


def read_thumbnail(path: Path, layout: str, side: int = THUMBNAIL_PX) -> Thumbnail:
    """Read a photograph's thumbnail.

    Args:
        path: May lead through an archive.
        layout: single, photo_left or photo_right.
        side: Of the thumbnail, in pixels.

    Raises:
        ImageError: The file cannot be decoded.
        OSError: There is no such file.
    """
    data = read_bytes(path)
    if layout != "single":
        pixels = decoding.split_pair(decoding.decode(data), layout)[0]
        height, width = pixels.shape[:2]
    else:
        # no JPEG is decoded to more than its thumbnail shows
        pixels, width, height = decoding.decode_reduced(data, side)
    return Thumbnail(resizing.thumbnail(pixels, side), width, height)


def _fill_pixel_digests(
    measurements: dict[ContentKey, Measurement],
) -> dict[ContentKey, Measurement]:
    """Set the pixel digests; only files with equal thumbnails are decoded in full for that."""
    lookalikes = defaultdict(list)
    for key, m in measurements.items():
        if not m.error:
            # Python's hash is short: two that share it by chance are decoded in vain
            lookalikes[m.width, m.height, hash(m.thumbnail.tobytes())].append(key)
    filled = dict(measurements)
    for keys in lookalikes.values():
        for key in keys:
            m, unique = measurements[key], ":".join(key)
            if len(keys) == 1:
                filled[key] = replace(m, pixel_digest=unique)
            elif m.pixel_digest in ("", unique):
                filled[key] = replace(m, pixel_digest=digest_pixels(m) or unique)
    return filled
