"""Pictures of the report: thumbnails as data: URIs, with captions and lineage."""

import base64
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from src.dataset import arrays
from src.dataset.arrays import Pairs
from src.imaging import decoding
from src.imaging.picture_files import read_photo
from src.imaging.resizing import resize
from src.report.row_lineage import Facts, lineage
from src.report.stage_files import NO_MATCH
from src.storage.atomic import read_json
from src.storage.encoding import encode_jpeg
from src.storage.ledger import COPIES, read_ledger, read_table
from src.storage.snapshot_names import PREFIX, snapshot_step

THUMBNAIL_PX = 128  # width; the page shows it smaller, and this large on a click
MAX_PX = 384  # height of a thumbnail, and either side of other pictures
SHEET_PX = 640  # width of a sheet of samples
JPEG_QUALITY = 80
MAX_ROWS = 24  # of a verdict or a check
MAX_CLUSTERS = 24
MAX_COPIES = 8  # of a cluster
MAX_MERGES = 24
N_PAIRS = 6
N_NEAREST = 12
N_SAMPLES = 4  # of the best, the median and the worst
N_SHEETS = 6  # of snapshots
MAX_ERROR = 0.5  # L1 of a pixel, on the scale of [-1, 1], that an error map shows in white
SCORES = ("l1", "psnr", "ssim", "lpips_squeeze", "lpips_alex")  # of a picture


# The number behind a verdict: a column of the ledger, and how it is written.
NUMBERS = {
    "grayscale": "tone residual {tone_residual:.1f}",
    "too_small": "{width}x{height} pixels",
    "odd_aspect": "{width}x{height} pixels, aspect ratio {aspect_ratio:.2f}",
    "low_information": "entropy {entropy:.1f} bits",
    "dark": "highlights {highlights} of 255",
    "bright": "shadows {shadows} of 255",
    "blurred": "sharpness {sharpness:.2f}",
}


@dataclass(frozen=True)
class Figure:
    """A picture with its caption; `uri` is a data: URI, or None if there is no picture."""

    uri: str | None
    caption: str
    lineage: Facts


@dataclass(frozen=True)
class Sample:
    """A validation picture: input, output, target, error, and the nearest in training."""

    figures: list[Figure]
    caption: str
    lineage: Facts


@dataclass(frozen=True)
class Merge:
    """A removed near duplicate.

    Attributes:
        figures: The picture that is kept, and the one that is removed.
        caption: Why, in numbers.
        line: What overrules it in the list `clean.exclude`.
    """

    figures: list[Figure]
    caption: str
    line: str


class Album:
    """Figures of the pipeline's pictures, from the artifacts in the folder `data`."""

    def __init__(self, data: Path):
        self.data = data
        self.ledger = read_ledger(data / "split" / "ledger.parquet", "split")
        self.by_row = self.ledger.set_index("row", drop=False)
        self.copies = read_table(data / "clean" / "copies.parquet", COPIES)

    @cached_property
    def val(self) -> Pairs:
        """The pairs of validation."""
        return arrays.load(self.data / "pairs", "val")

    @cached_property
    def train(self) -> Pairs:
        """The pairs of training."""
        return arrays.load(self.data / "pairs", "train")

    @cached_property
    def val_indices(self) -> dict[int, int]:
        """The index in the arrays of each validation row."""
        return {int(row): index for index, row in enumerate(self.val.index["row"])}

    @cached_property
    def nearest(self) -> dict[int, dict[str, Any]]:
        """For each validation row: its nearest training row and their similarity."""
        return {entry["row"]: entry for entry in read_json(self.data / "audit" / "nearest.json")}

    @cached_property
    def scores(self) -> pd.DataFrame:
        """The scores of each output."""
        return pd.read_csv(self.data / "predictions" / "scores.csv")

    def figure(self, row: int, caption: str) -> Figure:
        """Return a row's picture as it is in data/raw, as a thumbnail."""
        pixels = self.photograph(row)
        if pixels is None:
            return self._captioned(row, None, caption)
        height = min(max(1, THUMBNAIL_PX * pixels.shape[0] // pixels.shape[1]), MAX_PX)
        return self._captioned(row, uri(resize(pixels, THUMBNAIL_PX, height)), caption)

    def photograph(self, row: int) -> np.ndarray | None:
        """Return a row's photograph as it is in data/raw, (H, W, 3) uint8; None if unreadable."""
        values = self.by_row.loc[row].to_dict()
        if pd.isna(values["file"]):
            return None
        try:
            return read_photo(self.data / "raw" / values["file"], values["layout"])
        except (decoding.ImageError, OSError):  # the audit says so
            return None

    def output(self, row: int, caption: str) -> Figure:
        """Return what the model made of a row."""
        return self._captioned(row, _uri_of_file(self._output(row)), caption)

    def _captioned(self, row: int, picture: str | None, caption: str) -> Figure:
        name = self.by_row.loc[row].to_dict()["name"]
        # isolated: a name written right to left must not turn what follows it
        named = "" if pd.isna(name) else f", \u2068{name}\u2069"
        facts = lineage(self.ledger, self.copies, row)
        return Figure(picture, f"row {row}{named}: {caption}", facts)

    def removed(self, verdict: str) -> list[Figure]:
        """Return the first pictures of a verdict, each with the reason."""
        rows = self.ledger[self.ledger["verdict"] == verdict].head(MAX_ROWS)
        return [self.figure(int(row["row"]), _reason(row)) for _, row in rows.iterrows()]

    def clusters(self) -> list[list[Figure]]:
        """Return each survivor with the copies removed for it, the largest clusters first."""
        copies = self.ledger[self.ledger["duplicate_of"].notna()]
        groups = sorted(copies.groupby("duplicate_of"), key=lambda g: (-len(g[1]), g[0]))
        return [
            [self.figure(int(rows["duplicate_of"].iloc[0]), "kept")]
            + [self.figure(int(r["row"]), _reason(r)) for _, r in rows.head(MAX_COPIES).iterrows()]
            for _, rows in groups[:MAX_CLUSTERS]
        ]

    def merges(self) -> list[Merge]:
        """Return the removed near duplicates, the least certain first; no rulings of a person."""
        near = self.ledger[self.ledger["verdict"] == "near_duplicate"].dropna(subset=["certainty"])
        near = near.sort_values(["certainty", "row"]).head(MAX_MERGES)
        return [self._merge(row) for _, row in near.iterrows()]

    def _merge(self, removed: pd.Series) -> Merge:
        rows = int(removed["duplicate_of"]), int(removed["row"])
        captions = zip(rows, ("kept", "removed"), strict=True)
        return Merge(
            [self.figure(row, caption) for row, caption in captions],
            f"{_likeness_of_copy(removed)}, certainty {removed['certainty']:.2f}",
            ",".join(Path(str(self.by_row.loc[row, "file"])).stem for row in rows),
        )

    def excluded_across(self) -> list[tuple[int, int]]:
        """Return the rows of validation and of training that a person ruled to be no copies."""
        sides = dict(zip(self.ledger["row"], self.ledger["side"], strict=True))
        ruled = self.ledger[(self.ledger["side"] == "val").fillna(False)].dropna(
            subset=["excluded"]
        )
        return [
            (row, int(other))
            for row, others in zip(ruled["row"], ruled["excluded"], strict=True)
            for other in others.split()
            if sides[int(other)] == "train"
        ]

    def offenders(self, finding: dict[str, Any], outputs: bool) -> list[Figure]:
        """Return the first rows of the ledger that a check names, as outputs or as pictures."""
        listed = [o for o in finding["offenders"] if o["row"] in self.by_row.index]
        figure = self.output if outputs else self.figure
        return [figure(o["row"], o["detail"]) for o in listed[:MAX_ROWS]]

    def closest(self) -> list[list[Figure]]:
        """Return the validation pictures most similar to training, each with its neighbour."""
        likely = [nearest for nearest in self.nearest.values() if _is_likely(nearest)]
        order = sorted(likely, key=lambda n: (-n["similarity"], n["row"]))
        return [
            [
                self.figure(n["row"], _likeness(n)),
                self.figure(n["train_row"], "its nearest in training"),
            ]
            for n in order[:N_NEAREST]
        ]

    def pairs(self) -> list[list[Figure]]:
        """Return photo, gray, edges and any labels of validation pictures, evenly spread."""
        val = self.val
        parts = {"photo": val.photo, "gray": val.gray, "edges": val.canny}
        if val.labels is not None:
            parts["labels"] = val.labels
        groups = []
        for index in np.linspace(0, len(val) - 1, min(N_PAIRS, len(val))).astype(int):
            row = int(val.index["row"].iloc[index])
            facts = lineage(self.ledger, self.copies, row)
            groups.append(
                [
                    Figure(uri(pictures[index]), f"row {row}, {name}", facts)
                    for name, pictures in parts.items()
                ]
            )
        return groups

    def snapshots(self) -> list[Figure]:
        """Return the sheets of samples over training, evenly spread, the last one included."""
        files = sorted((self.data / "model" / "samples").glob(f"{PREFIX}*.png"))
        chosen = np.linspace(0, len(files) - 1, min(N_SHEETS, len(files))).astype(int)
        return [
            Figure(uri(read_photo(file), SHEET_PX), f"step {snapshot_step(file)}", [])
            for file in (files[index] for index in chosen)
        ]

    def score_values(self) -> dict[str, list[float]]:
        """Return the finite scores of the outputs, by the score's name."""
        columns = self.scores.replace([np.inf, -np.inf], np.nan)
        return {name: list(columns[name].dropna()) for name in SCORES if name in columns}

    def samples(self, task: str) -> dict[str, list[Sample]]:
        """Return the best, the median and the worst outputs by L1, with the task's inputs."""
        scores = self.scores[[self._has_sample(int(row)) for row in self.scores["row"]]]
        order = list(scores.sort_values(["l1", "row"])["row"])
        middle = max(0, len(order) // 2 - N_SAMPLES // 2)
        parts = {
            "best": order[:N_SAMPLES],
            "median": order[middle : middle + N_SAMPLES],
            "worst": order[::-1][:N_SAMPLES],
        }
        l1 = dict(zip(scores["row"], scores["l1"], strict=True))
        return {
            name: [self._sample(int(row), task, l1[row]) for row in rows]
            for name, rows in parts.items()
        }

    def _has_sample(self, row: int) -> bool:
        """Return whether a scored row has an output and a target; else foreign_outputs warns."""
        return row in self.nearest and row in self.val_indices and self._output(row).is_file()

    def _output(self, row: int) -> Path:
        return self.data / "predictions" / f"{row:06d}.png"

    def _sample(self, row: int, task: str, l1: float) -> Sample:
        index = self.val_indices[row]
        nearest = self.nearest[row]
        facts = lineage(self.ledger, self.copies, row)
        output, target = read_photo(self._output(row)), self.val.photo[index]
        pictures = {"input": self.val.inputs(task)[index], "output": output, "target": target}
        if output.shape == target.shape:
            pictures["error"] = error_map(output, target)
        figures = [Figure(uri(pixels), name, facts) for name, pixels in pictures.items()]
        if _is_likely(nearest):
            caption = f"nearest in training, {_likeness(nearest)}"
            figures.append(self.figure(nearest["train_row"], caption))
        else:
            figures.append(Figure(None, "nearest in training: no picture is similar", facts))
        return Sample(figures, f"row {row}: L1 {l1:.4f}", facts)


def error_map(output: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return where an output differs from its target: black, red, yellow, white with the error.

    Returns:
        (H, W, 3) uint8; white is an L1 of MAX_ERROR and more, as the mean of the channels.
    """
    l1 = 2 * np.abs(output - target.astype(np.float32)).mean(axis=2) / 255
    ramps = 3 * l1[..., None] / MAX_ERROR - np.arange(3)
    colors: np.ndarray = (255 * ramps.clip(0, 1)).round().astype(np.uint8)
    return colors


def uri(pixels: np.ndarray, limit: int = MAX_PX) -> str:
    """Return a picture as a data: URI, reduced to `limit` pixels on its longer side."""
    pixels = np.ascontiguousarray(pixels)
    if max(pixels.shape[:2]) > limit:
        scale = limit / max(pixels.shape[:2])
        height, width = (max(1, round(side * scale)) for side in pixels.shape[:2])
        pixels = resize(pixels, width, height)
    encoded = base64.b64encode(encode_jpeg(pixels, JPEG_QUALITY)).decode()
    return f"data:image/jpeg;base64,{encoded}"


def _uri_of_file(file: Path) -> str | None:
    try:
        return uri(read_photo(file))
    except (decoding.ImageError, OSError):  # a check says so
        return None


def _reason(row: pd.Series) -> str:
    if not pd.isna(row["duplicate_of"]):
        return _likeness_of_copy(row)
    if row["verdict"] in NUMBERS:
        return NUMBERS[row["verdict"]].format(**row)
    return str(row["status"] if row["status"] != "ok" else row["verdict"])


def _likeness_of_copy(row: pd.Series) -> str:
    """Return how a removed copy differs from the picture beside it, and how similar it is."""
    return f"{row['transform']}, similarity {row['similarity']:.3f}"


def _is_likely(nearest: dict[str, Any]) -> bool:
    """Return whether an entry of nearest.json names a picture; else the search found none."""
    return bool(nearest["similarity"] > NO_MATCH)


def _likeness(nearest: dict[str, Any]) -> str:
    """Return in words how similar an entry of nearest.json is, and whether it is a copy."""
    return f"similarity {nearest['similarity']}" + (", a copy" if nearest["copy"] else "")
