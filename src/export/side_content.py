"""One side's pairs with their facts of the ledger, which every format writes."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from src.dataset import arrays
from src.dataset.arrays import Pictures
from src.errors import UserError
from src.parallel.local import stream_processes
from src.storage.encoding import encode_png

SIDES = ("train", "val")
NUMBERS = ("row", "group")
TEXTS = "item_id name page_url image_url date licence side sha256".split()
# The facts as Arrow's fields.
FACT_FIELDS = [
    *(pa.field(name, pa.int64()) for name in NUMBERS),
    *(pa.field(name, pa.string()) for name in TEXTS),
]


@dataclass(frozen=True)
class SideContent:
    """The pairs of one side, N of them.

    Attributes:
        name: train or val.
        inputs: (N, H, W) or (N, H, W, 3) uint8.
        photos: (N, H, W, 3) uint8.
        facts: N rows with the columns NUMBERS and TEXTS; a text that is not known is empty.
    """

    name: str
    inputs: Pictures
    photos: Pictures
    facts: pd.DataFrame

    def __len__(self) -> int:
        return len(self.facts)

    def names(self) -> list[str]:
        """Return the name of each pair: its row of the ledger, with leading zeros."""
        return [f"{row:06d}" for row in self.facts["row"]]

    def records(self, part: slice = slice(None)) -> Iterator[dict[str, Any]]:
        """Yield the facts of some pairs, each as what JSON can hold."""
        names = self.facts.columns
        return (
            dict(zip(names, values, strict=True))
            for values in self.facts[part].itertuples(index=False, name=None)
        )

    def digest(self) -> str:
        """Return the SHA-256 of all facts."""
        digest = hashlib.sha256()
        for record in self.records():
            digest.update(repr(record).encode(errors="backslashreplace"))
        return digest.hexdigest()

    def encoded(self, indices: list[int]) -> Iterator[tuple[bytes, bytes]]:
        """Yield the input and the photo of some pairs as PNG files, with a progress bar."""
        encode = partial(_encode, self.inputs, self.photos)
        return stream_processes(encode, indices, f"exporting {self.name}")


def _encode(inputs: Pictures, photos: Pictures, index: int) -> tuple[bytes, bytes]:
    return encode_png(inputs[index]), encode_png(photos[index])


def open_side(folder: Path, name: str, task: str, ledger: pd.DataFrame) -> SideContent:
    """Open one side's pairs, with the inputs of a task and the facts of the ledger after split.

    Raises:
        UserError: The pairs are missing, are not the ledger's, or have no inputs for this task.
    """
    pairs = arrays.load(folder, name)
    listed = ledger.set_index("row", drop=False).reindex(pairs.index["row"])
    for column, value in (("item_id", pairs.index["item_id"]), ("side", name)):
        if not (listed[column].reset_index(drop=True) == value).all():
            raise UserError(
                f"{name} of {folder} and the ledger of data/split differ in {column}: "
                "run `dvc repro pair`"
            )
    n_rows = int((ledger["side"] == name).sum())
    if n_rows != len(listed):
        raise UserError(
            f"{name} of {folder} has {len(listed)} pairs, the ledger of data/split {n_rows} rows: "
            "run `dvc repro pair`"
        )
    facts = listed[[*NUMBERS, *TEXTS]].reset_index(drop=True)
    facts = facts.astype(dict.fromkeys(NUMBERS, "int64"))
    texts = facts[TEXTS].astype(object).where(facts[TEXTS].notna(), "")
    return SideContent(name, pairs.inputs(task), pairs.photo, facts.assign(**texts))
