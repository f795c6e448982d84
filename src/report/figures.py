"""Pictures of the report: thumbnails as data: URIs, with captions and lineage."""

import base64
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from src.dataset import arrays
from src.dataset.arrays import Pairs
from src.imaging import decoding
from src.imaging.picture_files import read_photo
from src.imaging.resizing import resize
from src.report import lineage
from src.report.lineage import Facts
from src.storage.atomic import read_json
from src.storage.encoding import encode_jpeg
from src.storage.ledger import read_ledger

THUMBNAIL = 96  # pixels
SHOWN = 24  # of each reason for removal
CLUSTERS = 24
COPIES = 8  # of a cluster
PAIRS = 6
NEAREST = 12
SAMPLES = 4  # of the best, the median and the worst


@dataclass(frozen=True)
class Figure:
    """A picture with its caption; `uri` is a data: URI, or None where there is nothing to show."""

    uri: str | None
    caption: str
    lineage: Facts


@dataclass(frozen=True)
class Sample:
    """One validation picture: what was put in, what came out, what was wanted, what is nearest."""

    figures: list[Figure]
    caption: str
    lineage: Facts


class Album:
    """Figures of the pipeline's pictures, from the artifacts in `data`."""

    def __init__(self, data: Path):
        self.data = data
        self.ledger = read_ledger(data / "split" / "ledger.parquet", "split")
        self.by_row = self.ledger.set_index("row", drop=False)

    @cached_property
    def val(self) -> Pairs:
        return arrays.load(self.data / "pairs", "val")

    @cached_property
    def places(self) -> dict[int, int]:
        """Where each validation row is in the arrays."""
        return {int(row): at for at, row in enumerate(self.val.index["row"])}

    @cached_property
    def nearest(self) -> dict[int, dict]:
        """For each validation row: its nearest training row and their similarity."""
        return {n["row"]: n for n in read_json(self.data / "audit" / "nearest.json")}

    def figure(self, row: int, caption: str) -> Figure:
        """A row's picture as it lies in data/raw."""
        said = self.by_row.loc[row]
        # isolated: a name written right to left must not turn what follows it
        name = "" if pd.isna(said["name"]) else f", \u2068{said['name']}\u2069"
        return Figure(
            self._uri(said), f"row {row}{name}: {caption}", lineage.lineage(self.ledger, row)
        )

    def removed(self, verdict: str) -> list[Figure]:
        """The first pictures of a verdict, each with its reason's number."""
        rows = self.ledger[self.ledger["verdict"] == verdict].head(SHOWN)
        return [self.figure(int(row["row"]), _why(row)) for _, row in rows.iterrows()]

    def clusters(self) -> list[list[Figure]]:
        """Each kept picture with the copies removed for it, the largest clusters first."""
        copies = self.ledger[self.ledger["duplicate_of"].notna()]
        groups = sorted(copies.groupby("duplicate_of"), key=lambda g: (-len(g[1]), g[0]))
        return [
            [self.figure(int(kept), "kept")]
            + [self.figure(int(r["row"]), _why(r)) for _, r in rows.head(COPIES).iterrows()]
            for kept, rows in groups[:CLUSTERS]
        ]

    def offenders(self, finding: dict) -> list[Figure]:
        """The first rows that a check names."""
        known = [o for o in finding["offenders"] if o["row"] in self.by_row.index]
        return [self.figure(o["row"], o["detail"]) for o in known[:SHOWN]]

    def closest(self) -> list[list[Figure]]:
        """The validation pictures nearest to training, each with its neighbour there."""
        order = sorted(self.nearest.values(), key=lambda n: (-n["similarity"], n["row"]))
        return [
            [
                self.figure(n["row"], f"similarity {n['similarity']}"),
                self.figure(n["train_row"], "its nearest in training"),
            ]
            for n in order[:NEAREST]
        ]

    def pairs(self) -> list[list[Figure]]:
        """Photo, gray and edges, and labels where there are any, of some validation pictures."""
        shown = []
        for at in np.linspace(0, len(self.val) - 1, min(PAIRS, len(self.val))).astype(int):
            row = int(self.val.index["row"].iloc[at])
            named = {"photo": self.val.photo, "gray": self.val.gray, "edges": self.val.canny}
            named |= {} if self.val.labels is None else {"labels": self.val.labels}
            told = lineage.lineage(self.ledger, row)
            shown.append([Figure(uri(a[at]), f"row {row}, {n}", told) for n, a in named.items()])
        return shown

    def samples(self, task: str) -> dict[str, list[Sample]]:
        """The best, the median and the worst outputs by L1."""
        scores = pd.read_csv(self.data / "predictions" / "scores.csv")
        scores = scores[[self._shown(int(row)) for row in scores["row"]]]
        order = list(scores.sort_values(["l1", "row"])["row"])
        middle = max(0, len(order) // 2 - SAMPLES // 2)
        parts = {
            "best": order[:SAMPLES],
            "median": order[middle : middle + SAMPLES],
            "worst": order[::-1][:SAMPLES],
        }
        l1 = dict(zip(scores["row"], scores["l1"], strict=True))
        return {
            name: [self._sample(int(row), task, l1[row]) for row in rows]
            for name, rows in parts.items()
        }

    def _shown(self, row: int) -> bool:
        """Whether there is an output to show beside its target; else foreign_outputs warns."""
        output = self.data / "predictions" / f"{row:06d}.png"
        return row in self.nearest and row in self.places and output.is_file()

    def _sample(self, row: int, task: str, l1: float) -> Sample:
        at = self.places[row]
        output = read_photo(self.data / "predictions" / f"{row:06d}.png")
        near = self.nearest[row]
        told = lineage.lineage(self.ledger, row)
        shown = {
            "input": self.val.inputs(task)[at],
            "output": output,
            "target": self.val.photo[at],
        }
        figures = [Figure(uri(pixels), name, told) for name, pixels in shown.items()]
        figures.append(
            self.figure(near["train_row"], f"nearest in training, similarity {near['similarity']}")
        )
        return Sample(figures, f"row {row}: L1 {l1:.4f}", told)

    def _uri(self, said: pd.Series) -> str | None:
        if pd.isna(said["file"]):
            return None
        try:
            pixels = read_photo(self.data / "raw" / said["file"], said["layout"])
        except (decoding.ImageError, OSError):  # the audit says so
            return None
        height = min(max(1, THUMBNAIL * pixels.shape[0] // pixels.shape[1]), 4 * THUMBNAIL)
        return uri(resize(pixels, THUMBNAIL, height))


def uri(pixels: np.ndarray) -> str:
    """A picture, (H, W[, 3]) uint8, as a data: URI; large ones are reduced."""
    pixels = np.ascontiguousarray(pixels)
    if max(pixels.shape[:2]) > 4 * THUMBNAIL:
        share = 4 * THUMBNAIL / max(pixels.shape[:2])
        height, width = (max(1, round(side * share)) for side in pixels.shape[:2])
        pixels = resize(pixels, width, height)
    return f"data:image/jpeg;base64,{base64.b64encode(encode_jpeg(pixels, 80)).decode()}"


def _why(row: pd.Series) -> str:
    if not pd.isna(row["duplicate_of"]):
        return f"copy of row {row['duplicate_of']}, similarity {row['similarity']:.3f}"
    if row["verdict"] == "grayscale":
        return f"tone residual {row['tone_residual']:.1f}"
    if row["verdict"] == "too_small":
        return f"{row['width']}x{row['height']} pixels"
    return str(row["status"] if row["status"] != "ok" else row["verdict"])
