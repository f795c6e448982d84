"""Photographs to aligned pairs: gray by averaging, Canny edges, side-by-side sets cut in two."""

import hashlib
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from src.dataset import arrays
from src.dataset.inputs import to_canny, to_gray
from src.errors import UserError
from src.imaging import decoding
from src.imaging.resizing import resize
from src.parallel.local import stream_processes
from src.params import Pair, Size
from src.storage.archives import read_bytes
from src.storage.atomic import write_json

# row, file below data/raw, layout, and the label map's file if it is one of its own
Key = tuple[int, str, str, str | None]
Pictures = dict[str, np.ndarray]  # by the name of their array


def largest_crop(pixels: np.ndarray, size: Size, crop: str) -> np.ndarray:
    """Return the largest part of a picture that has the proportions of a size, resized to it.

    Args:
        pixels: (height, width, 3) uint8.
        size: Of the result.
        crop: Where the part lies in a picture that is too high: center or top.

    Returns:
        (size.height, size.width, 3) uint8.
    """
    height, width = pixels.shape[:2]
    cut = _largest(Size(height, width), size)
    top = 0 if crop == "top" else (height - cut.height) // 2
    left = (width - cut.width) // 2
    part = pixels[top : top + cut.height, left : left + cut.width]
    return resize(np.ascontiguousarray(part), size.width, size.height)


def _largest(picture: Size, shape: Size) -> Size:
    """Return the largest size inside a picture that has the proportions of `shape`, rounded."""
    if picture.width * shape.height >= picture.height * shape.width:
        width = (picture.height * shape.width + shape.height // 2) // shape.height
        return Size(picture.height, max(1, width))
    height = (picture.width * shape.height + shape.width // 2) // shape.width
    return Size(max(1, height), picture.width)


def write_pairs(
    table: pd.DataFrame, raw: Path, folder: Path, pair: Pair, seed: int
) -> dict[str, Any]:
    """Write the arrays of every side, and return metrics/pair.json.

    Training pictures have `load_size`, room for random crops. Those of validation and of the
    probe have `crop_size`. The probe is as many training pictures as validation has.

    Args:
        table: The ledger after split.
        raw: The folder data/raw.
        folder: Where the arrays of train, val and probe are written.
        pair: The section `pair` of params.yaml.
        seed: Another seed gives another probe.

    Raises:
        UserError: A side is empty, or a file cannot be read.
    """
    sides = {side: table[table["side"] == side] for side in ("train", "val")}
    for side, rows in sides.items():
        if rows.empty:
            raise UserError(
                f"the {side} side is empty ({len(table)} listed, none on it): see split in "
                "params.yaml and the verdicts in metrics/clean.json"
            )
    sides["probe"] = _probe(sides["train"], len(sides["val"]), seed)
    density = {}
    for side, rows in sides.items():
        size = pair.load_size if side == "train" else pair.crop_size
        prepare = partial(_prepare, raw=raw, pair=pair, size=size)
        label_files = [None if pd.isna(file) else file for file in rows["label_file"]]
        keys = list(zip(rows["row"], rows["file"], rows["layout"], label_files, strict=True))
        edge_counts: list[int] = []
        pictures = stream_processes(prepare, keys, f"pairing {side}")
        arrays.stream(folder, side, _count_edges(pictures, edge_counts), rows, pair.shard_size)
        density[side] = round(sum(edge_counts) / (len(edge_counts) * size.height * size.width), 4)
    # a training that draws its own edges depends on the settings, not on the arrays alone
    write_json(folder / "sketch" / "canny.json", pair.canny.model_dump())
    return {
        "pairs": len(sides["train"]) + len(sides["val"]),
        "train": len(sides["train"]),
        "val": len(sides["val"]),
        "edge_density": {side: density[side] for side in ("train", "val")},
    }


def _count_edges(pictures: Iterable[Pictures], edge_counts: list[int]) -> Iterator[Pictures]:
    """Yield the same pictures, and append how many edge pixels each has to `edge_counts`."""
    for picture in pictures:
        edge_counts.append(int(np.count_nonzero(picture["canny"])))
        yield picture


def _probe(train: pd.DataFrame, count: int, seed: int) -> pd.DataFrame:
    """Return a fixed choice of training rows, at most `count`: those of the lowest hashes."""

    def row_hash(row: int) -> str:
        return hashlib.sha256(f"{seed}:probe:{row}".encode()).hexdigest()

    chosen = sorted(train["row"], key=row_hash)[:count]
    return train[train["row"].isin(chosen)]


def _prepare(key: Key, raw: Path, pair: Pair, size: Size) -> Pictures:
    """Return a row's pictures of one size; raises UserError if its file cannot be read."""
    row, file, layout, label_file = key
    photo, labels = decoding.split_pair(_decode(row, raw / file, pair), layout)
    if label_file:
        labels = _decode(row, raw / label_file, pair)
    photo = largest_crop(photo, size, pair.crop)
    pictures = {"photo": photo, "gray": to_gray(photo), "canny": to_canny(photo, pair.canny)}
    if labels is not None:
        pictures["labels"] = largest_crop(labels, size, pair.crop)
    return pictures


def _decode(row: int, path: Path, pair: Pair) -> np.ndarray:
    try:
        return decoding.decode(read_bytes(path), pair.background)
    except (OSError, decoding.ImageError) as error:
        raise UserError(f"row {row}: {path} cannot be read any more: {error}") from None
