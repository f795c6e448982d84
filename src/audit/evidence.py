"""What the checks look at: what the stages really wrote."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from src.audit import leak, saved_pages, source_files
from src.audit.registry import Offender
from src.audit.source_files import File
from src.dataset.arrays import Pairs
from src.imaging.picture_files import read_photo
from src.params import Pair
from src.storage.ledger import read_ledger


@dataclass(frozen=True)
class Evidence:
    """Before training: the ledger after split, the final arrays of both sides, and data/raw."""

    ledger: pd.DataFrame
    train: Pairs
    val: Pairs
    raw: Path
    task: str
    pair: Pair
    limits: dict[str, float]

    @property
    def sides(self) -> dict[str, Pairs]:
        return {"train": self.train, "val": self.val}

    @property
    def count(self) -> int:
        return len(self.train) + len(self.val)

    def at(self, side: str, index: int, detail: str) -> Offender:
        """The offender that stands at `index` in a side's arrays."""
        row = int(self.sides[side].index["row"].iloc[index])
        return Offender(row, f"{detail} ({side})", ((side, int(index)),))

    @cached_property
    def densities(self) -> list[tuple[str, int, float]]:
        """Side, index and share of edge pixels of every sketch."""
        return [
            (side, at, float((np.asarray(edges) > 0).mean()))
            for side, pairs in self.sides.items()
            for at, edges in enumerate(pairs.canny)
        ]

    @cached_property
    def nearest(self) -> tuple[np.ndarray, np.ndarray]:
        """For each validation picture: similarity and index of the nearest training picture."""
        return leak.nearest(self.val.photo, self.train.photo)

    @cached_property
    def files(self) -> dict[str, File]:
        """Every file that a ledger row names, as it lies on disk."""
        return source_files.files(self.ledger, self.raw, self.pair.crop, self.pair.background)

    @cached_property
    def _names(self) -> dict[int, str | None]:
        listed = self.ledger.drop_duplicates("row")
        return dict(zip(listed["row"], listed["file"], strict=True))

    def file_of(self, row: int) -> File | None:
        """A ledger row's file as it lies on disk; None where it has none."""
        return self.files.get(self._names.get(row))

    @cached_property
    def scraped(self) -> int | None:
        """How many rows scrape wrote; None where its ledger is not there."""
        path = self.raw / "ledger.parquet"
        return len(read_ledger(path, "raw")) if path.exists() else None

    @cached_property
    def misplaced(self) -> dict[int, str]:
        """Rows whose picture stands beside another item on its saved page: row → whose."""
        return saved_pages.misplaced(self.ledger, self.raw / "pages")


@dataclass(frozen=True)
class OutputEvidence:
    """After training: what the model made of validation, and the scores recorded for it."""

    val: Pairs
    train_rows: frozenset[int]
    outputs: dict[int, np.ndarray]  # by ledger row, (S, S, 3) uint8, as read from disk
    scores: dict[str, float]  # metrics/evaluate.json's val
    limits: dict[str, float]

    @classmethod
    def read(
        cls,
        train: Pairs,
        val: Pairs,
        folder: Path,
        scores: dict[str, float],
        limits: dict[str, float],
    ) -> "OutputEvidence":
        """With the pictures of `folder`, data/predictions, each named by its ledger row."""
        outputs = {int(path.stem): read_photo(path) for path in sorted(folder.glob("*.png"))}
        return cls(val, frozenset(train.index["row"]), outputs, scores, limits)

    @property
    def size(self) -> int:
        return self.val.photo.shape[1]

    @cached_property
    def paired(self) -> tuple[np.ndarray, np.ndarray, list[int]]:
        """Outputs, targets and rows of what was asked for and made, at the targets' size."""
        rows = list(self.val.index["row"])
        fitting = {r for r, made in self.outputs.items() if made.shape[1] == self.size}
        places = [at for at, row in enumerate(rows) if row in fitting]
        outputs = [self.outputs[rows[at]] for at in places]
        targets = np.asarray(self.val.photo)[places]
        return np.array(outputs), targets, [int(rows[at]) for at in places]
