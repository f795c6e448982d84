"""Pairs as the ImageFolder of Hugging Face's datasets: files, and a metadata.parquet in each split.

Of JSON lines and CSV the library guesses types, split by split: dates become timestamps, and two splits
of which one lacks a date cannot be opened together. Parquet states its types.
"""

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from src.export.side_content import FACT_FIELDS, SideContent
from src.storage.atomic import atomic_write, write_bytes

BATCH = 10_000  # rows of metadata that are in memory
# `file_name` becomes the column image, `input_file_name` the column input.
NAMES = ("file_name", "input_file_name")
SCHEMA = pa.schema([*((name, pa.string()) for name in NAMES), *FACT_FIELDS])


def write(sides: list[SideContent], folder: Path, shard_size: int) -> None:
    """Write train/ and val/ with the folders image and input, and a metadata.parquet.

    Each picture is a file, whatever the size of shards. Those that are there already stay.
    """
    for side in sides:
        names = [(f"image/{key}.png", f"input/{key}.png") for key in side.names()]
        split = folder / side.name
        missing = [index for index, (last, _) in enumerate(names) if not (split / last).exists()]
        for index, (input_, photo) in zip(missing, side.encoded(missing), strict=True):
            photo_name, input_name = names[index]
            write_bytes(split / input_name, input_)
            write_bytes(split / photo_name, photo)
        _write_metadata(split / "metadata.parquet", side, names)


def _write_metadata(path: Path, side: SideContent, names: list[tuple[str, str]]) -> None:
    with atomic_write(path) as temporary, pq.ParquetWriter(os.fspath(temporary), SCHEMA) as file:
        for first in range(0, len(names), BATCH):
            part = slice(first, first + BATCH)
            rows = [
                dict(zip(NAMES, files, strict=True)) | record
                for files, record in zip(names[part], side.records(part), strict=True)
            ]
            file.write_batch(pa.RecordBatch.from_pylist(rows, SCHEMA))
