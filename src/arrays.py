"""The aligned arrays of the pairs: written by pair, read by every later stage.

One folder per side (train, val, and probe: training pictures prepared as validation's are),
each with memory-mapped uint8 arrays photo (N, S, S, 3), gray (N, S, S), canny (N, S, S) and,
where the source has them, labels (N, S, S, 3), and index.parquet: which ledger row each is.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from src.errors import UserError
from src.files import whole
from src.ledger import read_table, write_table

INPUTS = {"colorize": "gray", "sketch": "canny", "labels": "labels"}  # by task
INDEX = pa.schema([("row", pa.int64()), ("item_id", pa.string()), ("name", pa.string())])


@dataclass(frozen=True)
class Pairs:
    """One side's pairs; `index` names the ledger row of each position in the arrays."""

    photo: np.ndarray
    gray: np.ndarray
    canny: np.ndarray
    labels: np.ndarray | None
    index: pd.DataFrame

    def __len__(self) -> int:
        return len(self.photo)

    def inputs(self, task: str) -> np.ndarray:
        """The task's input pictures, (N, S, S) or (N, S, S, 3) uint8."""
        array = getattr(self, INPUTS[task])
        if array is None:
            raise UserError(f"task {task!r} needs {INPUTS[task]}, which this source does not have")
        return array


def save(folder: Path, side: str, arrays: dict[str, np.ndarray], index: pd.DataFrame) -> None:
    """Write one side's arrays and index, each file whole or not at all."""
    for name, array in arrays.items():
        with whole(folder / side / f"{name}.npy") as temporary, temporary.open("wb") as file:
            np.save(file, array)
    write_table(index, folder / side / "index.parquet", INDEX)


def load(folder: Path, side: str) -> Pairs:
    """Open one side, memory-mapped; UserError where a file is missing or lengths differ."""
    here = folder / side

    def opened(name: str) -> np.ndarray:
        try:
            return np.load(here / f"{name}.npy", mmap_mode="r")
        except FileNotFoundError:
            raise UserError(f"{here / name}.npy is missing: run `dvc repro` to make it") from None
        except (OSError, ValueError, EOFError) as error:
            raise UserError(f"{here / name}.npy cannot be read as an array: {error}") from None

    labels = opened("labels") if (here / "labels.npy").exists() else None
    index = read_table(here / "index.parquet", INDEX)
    pairs = Pairs(opened("photo"), opened("gray"), opened("canny"), labels, index)
    lengths = {len(pairs.photo), len(pairs.gray), len(pairs.canny), len(index)}
    lengths |= {len(labels)} if labels is not None else set()
    if len(lengths) > 1:
        raise UserError(f"{here}: arrays and index differ in length: {sorted(lengths)}")
    return pairs
