"""The numbers of the page: only this module knows which files hold them."""

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from src.errors import UserError
from src.report.charts import Series
from src.report.stage_files import (
    EvaluateJson,
    EvaluateMeta,
    FindingJson,
    TrainJson,
    counts,
    read_stage_file,
)
from src.storage.checksums import file_sha256

Scores = dict[str, float]
Finding = dict[str, Any]

# Beginnings of the names of scores: higher ones are better, and lower ones.
HIGHER = ("psnr", "ssim", "precision_", "recall_", "density_", "coverage_")
LOWER = ("l1", "lpips", "fid", "fd_", "kid_", "kd_", "gray_share")
NO_STANDING = ("gray_share",)  # a baseline of one colour may have none, which says nothing
LPIPS = ("lpips_squeeze", "lpips_alex")  # a run has one of them at most
# What needs no network, as the scores name it and as the page does.
BASELINES = {"copy_input": "input copied", "mean_color": "mean colour"}
SETS = ("val", *BASELINES, "train", "gap", "real_real")  # columns of the table of scores

# The steps of the page's funnel after "listed"; for each the verdicts that remove pictures there, and
# the keys of metrics/clean.json that count them.
STEPS = {
    "downloaded": {"missing": "missing"},
    "readable": {"unreadable": "unreadable", "too_small": "too_small"},
    "in colour": {"grayscale": "grayscale"},
    "without faults": {
        word: word for word in ("odd_aspect", "low_information", "dark", "bright", "blurred")
    },
    "unique": {"exact_duplicate": "exact_duplicates", "near_duplicate": "near_duplicates"},
}
SEVERITIES = ("stop", "fail", "warn")


def failed_by_severity(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    """Return the checks that failed, by each of SEVERITIES."""
    failed = [finding for finding in findings if finding["failed"]]
    return {
        severity: [finding for finding in failed if finding["severity"] == severity]
        for severity in SEVERITIES
    }


@dataclass(frozen=True)
class Cell:
    """A score as text, and its standard error; "" where there is none."""

    value: str
    error: str


@dataclass(frozen=True)
class ScoreRow:
    """A score of the model beside those that it is read against.

    Attributes:
        cells: The score of each of SETS.
        best: "lower", "higher", or "" if neither is better.
        standing: In words how it compares with the baselines; "" where that says nothing.
        word: The class of `standing`: good, warn or bad.
    """

    name: str
    cells: list[Cell]
    best: str
    standing: str
    word: str


@dataclass(frozen=True)
class Results:
    """The numbers of a run.

    Attributes:
        scores: The scores by set, of SETS.
        meta: The settings behind them.
        clean: Counts by verdict.
        split: Pictures by side.
        train: What metrics/train.json holds.
        verdict: data/review/verdict.json.
        is_reviewed: Whether the verdict is that of these scores.
        findings: Those of all checks, before and after training.
        history: The columns of metrics/history.csv over its steps.
        progress: Those of metrics/progress.csv, and of metrics/distances.csv.
    """

    scores: dict[str, Scores]
    meta: dict[str, Any]
    clean: dict[str, int]
    split: dict[str, int]
    train: dict[str, Any]
    verdict: dict[str, Any]
    is_reviewed: bool
    findings: dict[str, list[Finding]]
    history: Series
    progress: Series

    @classmethod
    def read(cls, data: Path, metrics: Path) -> "Results":
        """Read what the stages wrote.

        Raises:
            UserError: A file is missing, broken, or of another shape.
        """
        scores = read_stage_file(metrics / "evaluate.json", EvaluateJson)
        verdicts = [key for keys in STEPS.values() for key in keys.values()]
        verdict = read_stage_file(data / "review" / "verdict.json", dict)
        return cls(
            {name: scores[name] for name in ("val", "train", "gap")} | scores["baselines"],
            read_stage_file(metrics / "evaluate_meta.json", EvaluateMeta),
            read_stage_file(metrics / "clean.json", counts("listed", *verdicts)),
            read_stage_file(metrics / "split.json", counts("train", "val")),
            read_stage_file(metrics / "train.json", TrainJson),
            verdict,
            verdict.get("evaluate_sha256") == file_sha256(metrics / "evaluate.json"),
            {
                "before training": read_stage_file(
                    data / "findings" / "findings.json", list[FindingJson]
                ),
                "after training": read_stage_file(
                    data / "review" / "findings.json", list[FindingJson]
                ),
            },
            read_columns(metrics / "history.csv"),
            read_columns(metrics / "progress.csv") | read_columns(metrics / "distances.csv"),
        )

    @property
    def best_step(self) -> int | None:
        """The step of the snapshot whose validation L1 is the lowest; None without snapshots."""
        l1 = self.progress.get("l1", [])
        return int(min(l1, key=lambda point: point[1])[0]) if l1 else None

    @property
    def is_current(self) -> bool:
        """Whether all stages have run since the pictures were counted, and these scores reviewed."""
        removed = sum(self.clean[key] for keys in STEPS.values() for key in keys.values())
        n_kept = self.clean["listed"] - removed
        return self.is_reviewed and n_kept == self.split["train"] + self.split["val"]

    @property
    def scored_step(self) -> int:
        """The step of training whose weights were scored and released."""
        return int(self.meta["scored_step"] or self.train["steps"])

    @property
    def steps_words(self) -> str:
        """How long training was, and which of its weights were scored: `8 steps`."""
        steps = self.train["steps"]
        of = "" if self.scored_step == steps else f"step {self.scored_step} of "
        return f"{of}{steps} step{'' if steps == 1 else 's'}"

    def baselines(self, score: str) -> Scores:
        """Return a score of each baseline, by the baseline's name on the page."""
        return {word: self.scores[name][score] for name, word in BASELINES.items()}

    def table(self) -> list[ScoreRow]:
        """Return the scores as rows, those first that say which model is better."""
        names = [name for name in self.scores["val"] if name != "n" and not name.endswith("_se")]
        order = {name: rank for rank, name in enumerate(("l1", "psnr", "ssim", *LPIPS))}
        names.sort(key=lambda name: order.get(name, len(order)))
        return [self._row(name) for name in names]

    def _row(self, name: str) -> ScoreRow:
        scores = [self.scores[key].get(name) for key in SETS]
        digits = decimals(scores)
        errors = [self.scores[key].get(f"{name}_se") for key in SETS]
        cells = [
            Cell(
                "" if score is None else f"{score:.{digits}f}",
                "" if error is None else f"{error:.2g}",
            )
            for score, error in zip(scores, errors, strict=True)
        ]
        best = better_direction(name)
        comparable = "" if name in NO_STANDING else best
        standing = _standing(self.scores["val"][name], self.baselines(name), comparable)
        return ScoreRow(name, cells, best, *standing)


def better_direction(name: str) -> str:
    """Return "lower" or "higher", whichever is better of a score; "" if neither is."""
    return "lower" if name.startswith(LOWER) else "higher" if name.startswith(HIGHER) else ""


def decimals(scores: Iterable[float | None]) -> int:
    """Return the most decimals of any score that is there."""
    return max(
        (len(str(score).partition(".")[2]) for score in scores if score is not None), default=0
    )


def _standing(score: float, baselines: Scores, best: str) -> tuple[str, str]:
    """Return in words how a score compares with the baselines', and the words' class."""
    if not best:
        return "", ""
    sign = 1 if best == "higher" else -1
    worse = [name for name, other in baselines.items() if sign * (score - other) < 0]
    equal = [name for name, other in baselines.items() if score == other]
    if worse:
        return f"worse than {worse[0] if len(worse) == 1 else 'both'}", "bad"
    if equal:
        return f"as good as {equal[0] if len(equal) == 1 else 'both'}", "warn"
    return "better than both", "good"


def read_columns(path: Path) -> Series:
    """Return the columns of a CSV file over its column step, without what is no finite number.

    Raises:
        UserError: If the file is missing, or no such table.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        names = [name for name in rows[0] if name != "step"] if rows else []
        return {
            # blank while there was no such loss
            name: [(float(r["step"]), float(r[name])) for r in rows if r[name] and _finite(r[name])]
            for name in names
        }
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run `dvc repro` to make it") from None
    except (OSError, KeyError, TypeError, ValueError, csv.Error) as error:
        raise UserError(f"{path} cannot be read as numbers over steps: {error!r}") from None


def _finite(text: str) -> bool:
    return math.isfinite(float(text))
