"""Photographs to aligned pairs: gray by averaging, Canny edges, side-by-side sets cut in two."""

import argparse
import hashlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from src import arrays, images, params
from src.errors import UserError, reported
from src.files import write_bytes
from src.inputs import to_canny, to_gray
from src.packs import read_bytes
from src.parallel import stream_processes
from src.params import Pair


def square(pixels: np.ndarray, size: int, crop: str) -> np.ndarray:
    """The largest square, from the center or the top, resized to (size, size, 3)."""
    height, width = pixels.shape[:2]
    side = min(height, width)
    top = 0 if crop == "top" else (height - side) // 2
    left = (width - side) // 2
    return images.resize(
        np.ascontiguousarray(pixels[top : top + side, left : left + side]), size, size
    )


def make(table: pd.DataFrame, raw: Path, folder: Path, pair: Pair, seed: int) -> dict:
    """Write the arrays of every side; returns metrics/pair.json.

    Training pictures are `size + margin` wide, room for random crops; validation and probe
    pictures are `size` wide. The probe is as many training pictures as there are in validation.
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
        size = pair.size + (pair.margin if side == "train" else 0)
        prepare = partial(_prepare, raw=raw, pair=pair, size=size)
        keys = list(zip(rows["row"], rows["file"], rows["layout"], strict=True))
        edges: list[int] = []
        made = _counted(stream_processes(prepare, keys, f"pairing {side}"), edges)
        arrays.stream(folder, side, made, rows, pair.shard)
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


def export(folder: Path, target: Path, task: str) -> int:
    """Write pairs side by side, input left and target right, as the official code reads them."""
    written = 0
    for side in ("train", "val"):
        pairs = arrays.load(folder, side)
        for row, left, right in zip(
            pairs.index["row"], pairs.inputs(task), pairs.photo, strict=True
        ):
            both = np.concatenate([images.three_channels(left), right], axis=1)
            write_bytes(target / side / f"{row:06d}.png", images.png(both))
            written += 1
    return written


def _probe(train: pd.DataFrame, count: int, seed: int) -> pd.DataFrame:
    def place(row: int) -> str:
        return hashlib.sha256(f"{seed}:probe:{row}".encode()).hexdigest()

    chosen = sorted(train["row"], key=place)[:count]
    return train[train["row"].isin(chosen)]


def _prepare(key: tuple, raw: Path, pair: Pair, size: int) -> dict[str, np.ndarray]:
    row, file, layout = key
    try:
        whole = images.decode(read_bytes(raw / file), pair.background)
    except (OSError, images.ImageError) as error:
        raise UserError(f"row {row}: {raw / file} cannot be read any more: {error}") from None
    photo, labels = images.halves(whole, layout)
    photo = square(photo, size, pair.crop)
    made = {"photo": photo, "gray": to_gray(photo), "canny": to_canny(photo, pair.canny)}
    if labels is not None:
        made["labels"] = square(labels, size, pair.crop)
    return made


def main() -> None:
    """python -m src.pair export DIR: the pairs as side-by-side PNGs."""
    parser = argparse.ArgumentParser(prog="python -m src.pair", description=main.__doc__)
    parser.add_argument("command", choices=["export"])
    parser.add_argument(
        "folder", type=Path, metavar="DIR", help="where train/ and val/ are written"
    )
    parser.add_argument(
        "--task", choices=sorted(arrays.INPUTS), help="default: that of params.yaml"
    )
    arguments = parser.parse_args()
    task = arguments.task or params.read().task
    written = export(Path("data/pairs"), arguments.folder, task)
    print(f"{written} pairs written to {arguments.folder} (train on them with --direction AtoB)")


if __name__ == "__main__":
    with reported("pair"):
        main()
