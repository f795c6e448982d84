"""The evidence of the checks: what the stages wrote."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from src.audit import leak, pair_measures, removed_copies, source_files
from src.audit.compared_pictures import ComparedPictures
from src.audit.leak import Nearest
from src.audit.pair_measures import PairMeasures
from src.audit.registry import Offender
from src.audit.removed_copies import Removal
from src.audit.source_files import Box, SourceFile
from src.audit.suspect_settings import remedy_for
from src.dataset import arrays
from src.dataset.arrays import Pairs
from src.errors import REBUILD, UserError, one_line
from src.imaging.picture_files import read_photo
from src.params import Pair, Size, Train
from src.storage.atomic import read_json
from src.storage.ledger import read_ledger

# What needs no network, as metrics/evaluate.json names it, and in words.
BASELINES = {"copy_input": "copying the input", "mean_color": "the mean colour"}


@dataclass(frozen=True)
class Evidence:
    """Before training: the ledger after split, the pairs of both sides, and the raw files.

    Attributes:
        raw: The folder data/raw.
        pair: The parameters that the pairs were made with.
        limits: Every check's limit and thresholds, by their keys. Checks read thresholds only: the
            limits judge what was measured.
    """

    ledger: pd.DataFrame
    train: Pairs
    val: Pairs
    raw: Path
    task: str
    pair: Pair
    limits: dict[str, float]

    @property
    def sides(self) -> dict[str, Pairs]:
        """The pairs of each side by its name."""
        return {"train": self.train, "val": self.val}

    @property
    def count(self) -> int:
        """The number of pairs on both sides together."""
        return len(self.train) + len(self.val)

    def offender(self, side: str, index: int, detail: str, value: float | None = None) -> Offender:
        """Return the row at `index` of a side's arrays as an offender, with its picture."""
        row = int(self.sides[side].index["row"].iloc[index])
        return Offender(row, f"{detail} ({side})", ((side, int(index)),), value)

    @cached_property
    def measures(self) -> dict[str, PairMeasures]:
        """The measures of the pairs of each side, by its name."""
        return pair_measures.measure(self.sides, self.pair.canny)

    @cached_property
    def nearest(self) -> Nearest:
        """The most similar training picture of each validation picture."""
        val, train = (
            ComparedPictures(
                pairs.photo, self.measures[side].variants, self.limits["tone_residual"]
            )
            for side, pairs in (("val", self.val), ("train", self.train))
        )
        similarity, excluded = self.limits["leak_similarity"], self.ruled("excluded")
        return leak.nearest(val, train, similarity, excluded)

    def ruled(self, column: str) -> list[tuple[int, int]]:
        """Return the pairs across the sides that a person `excluded` or `forced`, by their indices."""
        indices = {int(row): index for index, row in enumerate(self.train.index["row"])}
        partners = dict(zip(self.ledger["row"], self.ledger[column].fillna(""), strict=True))
        return [
            (index, indices[int(other)])
            for index, row in enumerate(self.val.index["row"])
            for other in partners.get(row, "").split()
            if int(other) in indices
        ]

    @cached_property
    def removals(self) -> list[Removal]:
        """A sample of the near duplicates that clean removed, compared with what it kept."""
        return removed_copies.compare(
            self.ledger,
            self.raw,
            self.pair.background,
            self.limits["confirmed_similarity"],
            self.limits["tone_residual"],
        )

    @cached_property
    def files(self) -> dict[str, SourceFile]:
        """Every file that a ledger row names, as it is on disk, by name."""
        pair = self.pair
        return source_files.read_files(
            self.ledger,
            self.raw,
            pair.crop_size,
            pair.crop,
            pair.background,
            self._faces_of_files,
            pair.face_margin,
        )

    @cached_property
    def _faces_of_files(self) -> dict[str, Box]:
        """The largest face of each file that pairs are cut around, and of its label map."""
        if self.pair.crop != "face":
            return {}
        largest_faces: dict[str, Box] = {}
        for pairs in self.sides.values():
            for row, faces in zip(pairs.index["row"], pairs.faces or [], strict=False):
                for name in (self._file_names.get(row), self._label_files.get(row)):
                    if faces and isinstance(name, str):
                        largest_faces[name] = faces[0]
        return largest_faces

    @cached_property
    def _label_files(self) -> dict[int, str | None]:
        return dict(zip(self.ledger["row"], self.ledger["label_file"], strict=True))

    @cached_property
    def _file_names(self) -> dict[int, str | None]:
        rows = self.ledger.drop_duplicates("row")
        return dict(zip(rows["row"], rows["file"], strict=True))

    def file_of(self, row: int) -> SourceFile | None:
        """Return a ledger row's file as it is on disk; None if the row has none."""
        name = self._file_names.get(row)
        return None if name is None else self.files.get(name)

    def label_thumbnail_of(self, row: int) -> np.ndarray | None:
        """Return the thumbnail of a ledger row's label map; None without a file or a picture."""
        label_file = self._label_files.get(row)
        if isinstance(label_file, str):
            return self.files[label_file].thumbnail
        file = self.file_of(row)
        return None if file is None else file.label_thumbnail

    @cached_property
    def scraped_rows(self) -> int | None:
        """The number of rows that scrape wrote; None if its ledger is missing."""
        path = self.raw / "ledger.parquet"
        return len(read_ledger(path, "raw")) if path.exists() else None

    @cached_property
    def misplaced(self) -> dict[int, str]:
        """The rows whose picture is beside another item on the saved page: row → item."""
        from src.audit import saved_pages  # a fifth of a second, for its parser

        return saved_pages.misplaced(self.ledger, self.raw / "pages")


@dataclass(frozen=True)
class OutputEvidence:
    """After training: what the model made of validation, and the scores recorded for it.

    Attributes:
        train_rows: The ledger rows of the training side.
        outputs: Pictures of data/predictions by ledger row, (H, W, 3) uint8 each.
        scores: The validation scores of metrics/evaluate.json.
        baselines: The scores of copy_input and mean_color, as there.
        losses: The generator's L1 up to the step that was scored, (R,), of metrics/history.csv.
        settings: The section `train` of params.yaml.
        limits: Every check's limit and thresholds, by their keys.
        done: Steps after which training ended, as metrics/history.csv has it.
        leaks: Whether validation holds what training has seen.
    """

    val: Pairs
    train_rows: frozenset[int]
    outputs: dict[int, np.ndarray]
    scores: dict[str, float]
    baselines: dict[str, dict[str, float]]
    losses: np.ndarray
    task: str
    settings: Train
    limits: dict[str, float]
    done: int
    leaks: bool = False

    @classmethod
    def read(
        cls,
        data: Path,
        metrics: Path,
        task: str,
        settings: Train,
        limits: dict[str, float],
    ) -> "OutputEvidence":
        """Read what training and evaluation wrote into the folders data and metrics.

        The files of data/predictions are named by their ledger rows.
        """
        files = sorted((data / "predictions").glob("*.png"))
        evaluated = read_json(metrics / "evaluate.json")
        scored_step = read_json(metrics / "evaluate_meta.json")["scored_step"]  # None: the last
        losses = _losses(metrics / "history.csv")
        done = int(losses["step"].max())
        return cls(
            arrays.load(data / "pairs", "val"),
            frozenset(arrays.load(data / "pairs", "train").index["row"]),
            {int(path.stem): read_photo(path) for path in files},
            evaluated["val"],
            {name: evaluated["baselines"][name] for name in BASELINES},
            losses.loc[losses["step"] <= (scored_step or done), "g_l1"].to_numpy(),
            task,
            settings,
            limits,
            done,
            not evaluated["gap"]["interpretable"],
        )

    def remedy(self, general: str, settings: tuple[str, ...]) -> str:
        """Return the remedy for these settings of training, or `general` with their values."""
        return remedy_for(general, settings, self.settings, self.task, self.done)

    @property
    def size(self) -> Size:
        """Height and width of a target in pixels."""
        return Size(*self.val.photo.shape[1:3])

    @cached_property
    def paired(self) -> tuple[np.ndarray, np.ndarray, list[int]]:
        """Outputs, (N, H, W, 3) uint8, their targets, and their N rows.

        Validation rows without an output of their target's size are skipped.
        """
        rows = [int(row) for row in self.val.index["row"]]
        fitting = {row for row, output in self.outputs.items() if output.shape[:2] == self.size}
        indices = [index for index, row in enumerate(rows) if row in fitting]
        outputs = [self.outputs[rows[index]] for index in indices]
        targets = np.asarray(self.val.photo)[indices]
        return np.array(outputs), targets, [rows[index] for index in indices]

    @cached_property
    def l1(self) -> np.ndarray:
        """The L1 of each output of `paired`, (N,) float32, on the scale of [-1, 1]."""
        outputs, targets, _ = self.paired
        pairs = zip(outputs, targets, strict=True)
        return np.array([2 * np.abs(a - b.astype(np.float32)).mean() / 255 for a, b in pairs])


def _losses(history: Path) -> pd.DataFrame:
    """Return the steps and the L1 losses of a training's history, or raise UserError."""
    try:
        return pd.read_csv(history)[["step", "g_l1"]].astype(np.float64)
    except (OSError, LookupError, ValueError) as error:
        raise UserError(
            f"{history} is no history of a training ({one_line(error)}): {REBUILD}"
        ) from None
