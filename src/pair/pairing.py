"""Photographs to aligned pairs: gray by averaging, Canny edges, side-by-side sets cut in two."""

import hashlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from src.dataset import arrays
from src.dataset.inputs import to_canny, to_gray
from src.errors import UserError
from src.imaging import decoding
from src.imaging.resizing import resize
from src.parallel.local import stream_processes
from src.params import Pair
from src.storage.archives import read_bytes


def square_crop(pixels: np.ndarray, size: int, crop: str) -> np.ndarray:
    """The largest square, from the center or the top, resized to (size, size, 3)."""
    height, width = pixels.shape[:2]
    side = min(height, width)
    top = 0 if crop == "top" else (height - side) // 2
    left = (width - side) // 2
    return resize(np.ascontiguousarray(pixels[top : top + side, left : left + side]), size, size)


def write_pairs(table: pd.DataFrame, raw: Path, folder: Path, pair: Pair, seed: int) -> dict:
    """Write the arrays of every side; returns metrics/pair.json.

    Training pictures are `load_size` wide, room for random crops; validation and probe
    pictures are `crop_size` wide. The probe is as many training pictures as there are in validation.
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
        keys = list(zip(rows["row"], rows["file"], rows["layout"], strict=True))
        edges: list[int] = []
        made = _counted(stream_processes(prepare, keys, f"pairing {side}"), edges)
        arrays.stream(folder, side, made, rows, pair.shard_size)
        density[side] = round(sum(edges) / (len(edges) * size**2), 4)
    return {
        "pairs": len(sides["train"]) + len(sides["val"]),
        "train": len(sides["train"]),
        "val": len(sides["val"]),
        "edge_density": {side: density[side] for side in ("train", "val")},
    }


def _counted(
    made: Iterator[dict[str, np.ndarray]], edges: list[int]
) -> Iterator[dict[str, np.ndarray]]:
    """The same pictures; how many edge pixels each has is added to `edges`."""
    for pictures in made:
        edges.append(int(np.count_nonzero(pictures["canny"])))
        yield pictures


def _probe(train: pd.DataFrame, count: int, seed: int) -> pd.DataFrame:
    def place(row: int) -> str:
        return hashlib.sha256(f"{seed}:probe:{row}".encode()).hexdigest()

    chosen = sorted(train["row"], key=place)[:count]
    return train[train["row"].isin(chosen)]


def _prepare(key: tuple, raw: Path, pair: Pair, size: int) -> dict[str, np.ndarray]:
    row, file, layout = key
    try:
        whole = decoding.decode(read_bytes(raw / file), pair.background)
    except (OSError, decoding.ImageError) as error:
        raise UserError(f"row {row}: {raw / file} cannot be read any more: {error}") from None
    photo, labels = decoding.split_pair(whole, layout)
    photo = square_crop(photo, size, pair.crop)
    made = {"photo": photo, "gray": to_gray(photo), "canny": to_canny(photo, pair.canny)}
    if labels is not None:
        made["labels"] = square_crop(labels, size, pair.crop)
    return made
