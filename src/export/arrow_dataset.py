"""Pairs as `load_from_disk` of Hugging Face's datasets opens them: Arrow files and their features.

Arrow's own library writes them, so that no run needs the package datasets.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from src.export.shard_files import Sample, write_shards
from src.export.side_content import FACT_FIELDS, NUMBERS, TEXTS, SideContent
from src.storage.atomic import write_json
from src.storage.checksums import file_sha256

SPLITS = {"train": "train", "val": "validation"}  # by side
PICTURES = ("image", "input")
PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
FEATURES: dict[str, dict[str, str]] = {
    **{name: {"_type": "Image"} for name in PICTURES},
    **{name: {"dtype": "int64", "_type": "Value"} for name in NUMBERS},
    **{name: {"dtype": "string", "_type": "Value"} for name in TEXTS},
}
SCHEMA = pa.schema(
    [
        *(pa.field(name, PICTURE) for name in PICTURES),
        *FACT_FIELDS,
    ],
    metadata={"huggingface": json.dumps({"info": {"features": FEATURES}})},
)
BATCH = 64  # pairs that are in memory


def write(sides: list[SideContent], folder: Path, shard_size: int) -> None:
    """Write the splits train and validation."""
    for side in sides:
        split = folder / SPLITS[side.name]

        def path_of(number: int, count: int, split: Path = split) -> Path:
            return split / f"data-{number:05d}-of-{count:05d}.arrow"

        paths = write_shards(side, path_of, shard_size, _write_arrow)
        write_json(split / "state.json", _state(split.name, paths))
        write_json(split / "dataset_info.json", {"features": FEATURES})
    write_json(folder / "dataset_dict.json", {"splits": [SPLITS[side.name] for side in sides]})


def _write_arrow(path: Path, samples: Iterator[Sample]) -> None:
    with pa.OSFile(os.fsencode(path), "wb") as file, pa.ipc.new_stream(file, SCHEMA) as stream:
        rows: list[dict[str, Any]] = []
        for key, input_, photo, record in samples:
            pictures = zip(PICTURES, (photo, input_), strict=True)
            rows.append(
                {name: {"bytes": data, "path": f"{key}.png"} for name, data in pictures} | record
            )
            if len(rows) == BATCH:
                stream.write_batch(pa.RecordBatch.from_pylist(rows, SCHEMA))
                rows = []
        if rows:
            stream.write_batch(pa.RecordBatch.from_pylist(rows, SCHEMA))


def _state(split: str, paths: list[Path]) -> dict[str, Any]:
    """Return what `load_from_disk` wants to know; its fingerprint names results that it caches."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(bytes.fromhex(file_sha256(path)))
    return {
        "_data_files": [{"filename": path.name} for path in paths],
        "_fingerprint": digest.hexdigest()[:16],
        "_format_columns": None,
        "_format_kwargs": {},
        "_format_type": None,
        "_output_all_columns": False,
        "_split": split,
    }
