"""Measurements by content: no file is decoded twice.

The cache holds the last run's measurements, and only those of today's code and libraries. It may be
deleted at any time.
"""

from contextlib import suppress
from dataclasses import fields
from pathlib import Path

import cv2
import numpy as np
import PIL
import pyarrow as pa
import pyarrow.parquet as pq

from src.clean.measurement import ContentKey, Measurement
from src.errors import UserError
from src.storage.atomic import remove
from src.storage.checksums import checked_read, checked_write
from src.storage.fingerprint import fingerprint, source_files

COLUMNS = pa.schema(
    [
        ("sha256", pa.string()),
        ("layout", pa.string()),
        ("error", pa.string()),
        ("width", pa.int64()),
        ("height", pa.int64()),
        ("pixel_digest", pa.string()),
        ("tone_residual", pa.float64()),
        ("colorfulness", pa.float64()),
        ("sharpness", pa.float64()),
        ("highlights", pa.int64()),
        ("shadows", pa.int64()),
        ("entropy", pa.float64()),
        ("thumbnail", pa.binary()),
        ("chroma", pa.binary()),
    ]
)
# Every module that a measurement depends on; a test compares them with the imports.
CODE = source_files(
    {
        "clean": "measure measurement",
        "imaging": "avif bmp color_space colors decoding encoded_picture gif image_error jpeg memory "
        "orientation picture_bytes picture_files png resizing signatures strips webp",
        "storage": "archives",
        "vision": "alignment bands colorfulness compiled correlation forms grayscale matching "
        "picture_faults views witness",
    }
)
LIBRARIES = (np, cv2, PIL)


def read(folder: Path) -> dict[ContentKey, Measurement]:
    """Return the last run's measurements, without sources; none if they are damaged."""
    content = checked_read(_file(folder), "the pictures are measured again")
    if content is None:
        return {}
    measurements = {}
    for values in pq.read_table(content).to_pylist():
        key = values.pop("sha256"), values.pop("layout")
        if values["error"]:
            del values["thumbnail"], values["chroma"]
        else:
            values["thumbnail"] = _square(values["thumbnail"], 1)[..., 0]
            values["chroma"] = _square(values["chroma"], 2)
        measurements[key] = Measurement(**values)
    return measurements


def write(folder: Path, measurements: dict[ContentKey, Measurement]) -> None:
    """Replace the cache; if it cannot be written, the run continues without."""
    rows = [
        {"sha256": sha256, "layout": layout}
        | {field.name: getattr(m, field.name) for field in fields(m) if field.name != "source"}
        | {name: _bytes(getattr(m, name)) for name in ("thumbnail", "chroma")}
        for (sha256, layout), m in measurements.items()
    ]
    file = _file(folder)
    with suppress(UserError, OSError):
        with checked_write(file) as temporary:
            pq.write_table(pa.Table.from_pylist(rows, COLUMNS), temporary)
        for outdated in set(folder.glob("*.parquet")) - {file}:
            remove(outdated)


def _bytes(pixels: np.ndarray) -> memoryview | None:
    return pixels.ravel().data if pixels.size else None


def _square(data: bytes, channels: int) -> np.ndarray:
    pixels = np.frombuffer(data, np.uint8)
    side = round((len(pixels) / channels) ** 0.5)
    return pixels.reshape(side, side, channels)


def _file(folder: Path) -> Path:
    versions = [library.__version__ for library in LIBRARIES]
    return folder / f"{fingerprint(CODE, versions)}.parquet"
