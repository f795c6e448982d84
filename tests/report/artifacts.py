"""What the stages before the report leave behind, small and by hand; and how a page is read."""

import base64
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from bs4 import BeautifulSoup, Tag

from src.clean import verdicts
from src.dataset import arrays, inputs
from src.imaging import decoding
from src.params import Size
from src.report import page
from src.report.figures import Album
from src.split import assignment
from src.storage.atomic import write_json, write_text
from src.storage.checksums import file_sha256
from src.storage.encoding import encode_png
from src.storage.ledger import COPIES, write_ledger, write_table
from tests.builders import ledger_table
from tests.conftest import DEFAULTS

SIZE = 16
SIDES = ("val", "train")
NAME = "Zoë Young"
PAIRED = {"l1": 0.1, "psnr": 20.5, "ssim": 0.7, "colorfulness": 12.0, "gray_share": 0.0, "n": 3}
SETS = {"fd_effnet": 0.5, "fd_effnet_se": 0.0123, "kd_effnet_x1000": 1.25}
FLOOR = {"fd_effnet": 0.75, "l1": 0.3, "psnr": 20.5, "ssim": 0.8}
PROGRESS = "step,l1,psnr,ssim\n1,0.3,20,0.5\n2,0.2,22,0.6\n"
DISTANCES = "step,fd_effnet\n1,2.0\n2,1.0\n"
# rows 0-7, 8-9, 10, 11, 12, 13 and 14-15; of the kept ones the first are validation's
VERDICTS = (
    ["keep"] * 8
    + ["grayscale"] * 2
    + ["exact_duplicate", "near_duplicate", "too_small", "unreadable", "missing", "missing"]
)


def table_of(words: Sequence[str], name: str | None = NAME, val: int = 3) -> pd.DataFrame:
    """Return a ledger after split with a row for each verdict.

    The first `val` rows that are kept are validation's.
    """
    n_kept = 0
    rows = []
    for number, word in enumerate(words):
        fetched, keep = word != "missing", word == "keep"
        copy = word in ("exact_duplicate", "near_duplicate")
        rows.append(
            {
                "page": 1 + number // 5,
                "position": 1 + number % 5,
                "item_id": f"nm{number}",
                "image_url": f"https://example.test/{number}.png",
                "layout": "photo_left" if copy else "single",
                "verdict": word,
                "group": number if keep else None,
                "side": ("val" if n_kept < val else "train") if keep else None,
            }
        )
        if fetched:
            size = {"bytes": 1234, "width": 32, "height": 24, "format": "PNG", "animated": False}
            rows[-1] |= size
        else:
            rows[-1] |= {"file": None, "status": "http_404"}
        if fetched and word != "unreadable":
            rows[-1] |= {"tone_residual": 1.5, "colorfulness": 20.0}
        if copy:
            rows[-1] |= {"duplicate_of": 0, "similarity": 0.987, "transform": "cropped"}
            rows[-1]["certainty"] = 0.5 if word == "near_duplicate" else 1.0
        n_kept += keep
    return ledger_table(rows, name=name, page_url="https://example.test/list?page=1")


def finding(name: str, failed: bool, offenders: list[dict], severity: str = "stop") -> dict:
    return {
        "name": name,
        "description": f"what {name} measures",
        "value": 3.0,
        "limit": 0,
        "thresholds": {"leak_similarity": 0.93},
        "at_least": False,
        "failed": failed,
        "severity": severity,
        "remedy": f"how to mend {name}",
        "offenders": offenders,
    }


def offender(row: int, name: str | None) -> dict:
    return {
        "row": row,
        "detail": f"is at fault with {row}",
        "item_id": f"nm{row}",
        "name": name or "",
        "page": 2,
        "position": 3,
    }


def tint(row: int, part: str) -> tuple[int, int, int]:
    """A colour that tells a row's file, photo, labels and output apart, also after JPEG."""
    return (
        20 + 12 * (row % 20),
        {"file": 40, "photo": 100, "labels": 160, "output": 220}[part],
        60,
    )


def flat(color: tuple[int, int, int], height: int = SIZE, width: int = SIZE) -> np.ndarray:
    return np.full((height, width, 3), color, np.uint8)


def put_file(path: Path, data: bytes) -> None:
    """Write a file without the sync to disk, which takes long for hundreds of them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


class Artifacts:
    """What the stages before the report leave behind, small and by hand."""

    def __init__(
        self,
        folder: Path,
        name: str | None = NAME,
        words: Sequence[str] = VERDICTS,
        val: int = 3,
    ):
        self.folder, self.data, self.metrics = folder, folder / "data", folder / "metrics"
        self.p = DEFAULTS
        self.parameters = "source: imdb\nurl: https://example.test/?a=1&b=<2>\n"
        self.experiment = "experiment wiry-ants on 0123456789"
        self.labels = False
        self.height = SIZE  # of a pair's pictures
        self.faces: dict[int, list] | None = None  # by row, if they were looked for
        self.table = table_of(words, name, val)
        for row in self.table.loc[self.table["file"].notna(), "row"]:
            self.put_picture(row, flat(tint(row, "file"), 24, 32))
        for row in self.rows("unreadable"):
            put_file(self.data / "raw" / f"images/{row}.png", b"<html>not found</html>")
        val_rows, train_rows = self.sides()
        self.val_scores: dict[str, float] = SETS | PAIRED
        self.baseline_scores: dict[str, float] = SETS | PAIRED | FLOOR
        self.l1 = {row: 0.1 + 0.01 * i for i, row in enumerate(val_rows)}
        self.nearest = [
            {"row": row, "train_row": train_rows[-1], "similarity": 0.5 + 0.01 * i, "copy": False}
            for i, row in enumerate(val_rows)
            if train_rows
        ]
        self.findings = [
            finding("leaked_pictures", True, [offender(n, name) for n in range(9)]),
            finding("train_size", False, [offender(77, name)]),
        ]
        self.review = [finding("lost_color", False, [], "warn")]
        self.task = "colorize"
        self.steps = [1, 2]  # of the snapshots
        self.snapshot = "last"
        self.scored_step: int | None = None
        self.interpretable = 1
        self.scores = "On 3 pictures that training never saw: L1 0.1, worse than the mean colour."
        self.history = (
            "step,d,d_right_on_real,d_right_on_fake,g_l1,g_gan\n"
            "1,0.6,0.5,0.4,0.5,0.7\n2,0.5,0.6,0.5,0.25,0.8\n"
        )

    def rows(self, verdict: str) -> list[int]:
        return [int(row) for row in self.table.loc[self.table["verdict"] == verdict, "row"]]

    def sides(self) -> list[list[int]]:
        """The rows of validation and of training."""
        rows = {
            side: self.table["row"][(self.table["side"] == side).fillna(False)] for side in SIDES
        }
        return [[int(row) for row in rows[side]] for side in SIDES]

    def copies(self) -> pd.DataFrame:
        """The pairs of copies that the ledger tells of."""
        of = self.table[self.table["duplicate_of"].notna()]
        pairs = {"row_a": of["duplicate_of"], "row_b": of["row"], "similarity": of["similarity"]}
        numbers = {"hash_distance": 5, "transform": "cropped", "certainty": 0.5}
        return pd.DataFrame(pairs).assign(**numbers)

    def put_picture(self, row: int, pixels: np.ndarray) -> None:
        put_file(self.data / "raw" / f"images/{row}.png", encode_png(pixels))

    def put_pairs(self, side: str, photos: np.ndarray, rows: list[int]) -> None:
        parts = {
            "photo": photos,
            "gray": inputs.to_gray(photos),
            "canny": np.full(photos.shape[:3], 255, np.uint8),
        }
        if self.labels:
            labels = [flat(tint(row, "labels"), self.height) for row in rows]
            parts["labels"] = np.array(labels, np.uint8).reshape(photos.shape)
        index = self.table.loc[rows, ["row", "item_id", "name"]]
        if self.faces is not None:
            index["faces"] = [self.faces.get(row, []) for row in rows]
        arrays.save(self.data / "pairs", side, parts, index)

    def write(self) -> None:
        write_ledger(self.table, self.data / "split" / "ledger.parquet", "split")
        write_table(self.copies(), self.data / "clean" / "copies.parquet", COPIES)
        write_json(self.data / "findings" / "findings.json", self.findings)
        write_json(self.data / "review" / "findings.json", self.review)
        write_json(self.data / "audit" / "nearest.json", self.nearest)
        for side, rows in zip(SIDES, self.sides(), strict=True):
            photos = [flat(tint(row, "photo"), self.height) for row in rows]
            shape = (-1, self.height, SIZE, 3)
            self.put_pairs(side, np.array(photos, np.uint8).reshape(shape), rows)
        scores = []
        for row in self.sides()[0]:
            output = encode_png(flat(tint(row, "output"), self.height))
            put_file(self.data / "predictions" / f"{row:06d}.png", output)
            names = dict(self.table.loc[row, ["row", "item_id", "name"]])
            measures = {"l1": self.l1[row], "psnr": 20.0, "ssim": 0.5, "colorfulness": 3.0}
            scores.append(names | measures | {"gray": 0})
        csv = pd.DataFrame(scores).to_csv(index=False, float_format="%.4f")
        write_text(self.data / "predictions" / "scores.csv", csv)
        for step in self.steps:
            sheet = encode_png(flat((step, 0, 0), 8, 32))
            put_file(self.data / "model" / "samples" / f"step_{step:06d}.png", sheet)
        for name, value in self.metrics_files().items():
            write_json(self.metrics / f"{name}.json", value)
        verdict = {
            "fails": [],
            "scores": self.scores,
            "evaluate_sha256": file_sha256(self.metrics / "evaluate.json"),
        }
        write_json(self.data / "review" / "verdict.json", verdict)
        write_text(self.metrics / "history.csv", self.history)
        write_text(self.metrics / "progress.csv", PROGRESS)
        write_text(self.metrics / "distances.csv", DISTANCES)

    def metrics_files(self) -> dict[str, dict]:
        return {
            "clean": verdicts.counts(self.table),
            "split": assignment.counts(self.table),
            "train": {
                "steps": 2,
                "pictures_seen": 16,
                "parameters": {"generator": 1_234_567},
            },
            "evaluate": {
                "val": self.val_scores,
                "train": SETS | PAIRED,
                "gap": {key: 0.0 for key in SETS | PAIRED if key != "n"}
                | {"interpretable": self.interpretable},
                "baselines": {
                    "copy_input": self.baseline_scores,
                    "mean_color": self.baseline_scores,
                    "real_real": SETS,
                },
            },
            "evaluate_meta": {
                "snapshot": self.snapshot,
                "weights_file": "generator.safetensors",
                "scored_step": self.scored_step,
                "features": {"fd_effnet": "sha256 57934424"},
                "computed_on": {
                    "training": {"processor": "AMD EPYC, AVX512", "dtype": "bfloat16"},
                    "evaluation": {"processor": "AMD EPYC, AVX2", "dtype": "float32"},
                },
                "versions": {"torch": "2.14.1"},
            },
        }

    def html(self) -> str:
        """The page of what is written."""
        pair = self.p.pair.model_copy(update={"crop_size": Size(self.height, SIZE)})
        p = self.p.model_copy(update={"task": self.task, "pair": pair})
        return page.render(self.data, self.metrics, p, self.parameters, self.experiment)

    def render(self) -> str:
        self.write()
        return self.html()

    def soup(self) -> BeautifulSoup:
        return BeautifulSoup(self.render(), "lxml")

    def album(self) -> Album:
        self.write()
        return Album(self.data)


def text_of(tag: Tag | None) -> str:
    """A tag's text as it is read: whitespace collapsed, without marks that isolate directions."""
    assert tag is not None
    return plain(" ".join(tag.get_text().split()))


def plain(text: str) -> str:
    return re.sub("[\u2066-\u2069]", "", text)


def captions(soup: BeautifulSoup, selector: str) -> list[str]:
    return [text_of(c) for c in soup.select(f"{selector} figcaption")]


def pixels_of(uri: str | None) -> np.ndarray:
    assert uri is not None
    return decoding.decode(base64.b64decode(uri.partition(",")[2], validate=True))


def shows(uri: str | None, color: tuple[int, int, int] | np.ndarray) -> bool:
    """Whether a picture is of that flat colour, as far as JPEG keeps it."""
    return bool(np.abs(pixels_of(uri).astype(int) - color).max() < 8)
