"""Checks after training: whether the model is better than no model, and its loss still sound."""

from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from src.audit.evidence import BASELINES, OutputEvidence
from src.audit.registry import CheckResult, Offender, check

fails = partial(check, severity="fail", when="after")
WORST = 8  # rows that are named
DISTANCE = "fd_effnet"  # which every evaluation has
ROUNDING = 0.001  # of errors: two that are as small are equal
TAIL = 10  # logged losses at least whose mean is compared; else a tenth of them
LARGEST = 1e6  # a value that JSON holds, for what has no bound


class Comparison(NamedTuple):
    """A score beside that of the better baseline.

    Attributes:
        baseline: The baseline's name.
        best: Its score.
        ratio: The model's error as a multiple of the baseline's.
    """

    score: float
    baseline: str
    best: float
    ratio: float


def compare_l1(evidence: OutputEvidence) -> Comparison:
    """Compare the L1. Without gray in the input the mean colour is flat, which L1 favours."""
    favour = 1.0 if evidence.task == "colorize" else evidence.limits["flat_favour"]
    return _compare(evidence, "l1", {"copy_input": 1.0, "mean_color": favour})


def compare_ssim(evidence: OutputEvidence) -> Comparison:
    """Compare 1 - SSIM. A flat colour has no structure, so that it is no baseline."""
    names = ("copy_input", "mean_color") if evidence.task == "colorize" else ("copy_input",)
    return _compare(evidence, "ssim", dict.fromkeys(names, 1.0))


def compare_distance(evidence: OutputEvidence) -> Comparison:
    """Compare the Fréchet distance in the features of EfficientNet-Lite0."""
    return _compare(evidence, DISTANCE, {"copy_input": 1.0, "mean_color": 1.0})


@fails(
    "L1 as a multiple of the better baseline's: copying the input, or the mean colour",
    limit_key="l1_of_baseline",
    limit=1.0,
    remedy="the model is worse than no model: look at data/samples/val.png, lower train.lr, raise "
    "train.steps",
    thresholds={"flat_favour": 1.2},
    settings=("lr", "l1_weight", "gan_weight", "steps"),
)
def l1_worse_than_baseline(evidence: OutputEvidence) -> CheckResult:
    comparison = compare_l1(evidence)
    if comparison.ratio <= evidence.limits["l1_of_baseline"]:
        return comparison.ratio, []
    (*_, rows), l1 = evidence.paired, evidence.l1
    worst = np.argsort(-l1, kind="stable")[:WORST]
    than = f"{BASELINES[comparison.baseline]} has a mean of {comparison.best:.4f}"
    return comparison.ratio, [Offender(rows[i], f"L1 {l1[i]:.4f}, {than}") for i in worst]


@fails(
    "1 - SSIM as a multiple of the better baseline's: copying the input, or its gray in the mean "
    "colour's tint",
    limit_key="ssim_error_of_baseline",
    limit=1.5,
    remedy="outputs lose structure that the input has: look at data/samples/val.png, lower train.lr, "
    "raise train.steps",
    settings=("lr", "l1_weight", "output", "steps"),
)
def ssim_worse_than_baseline(evidence: OutputEvidence) -> CheckResult:
    return compare_ssim(evidence).ratio, []


@fails(
    "Fréchet distance as a multiple of the better baseline's: copying the input, or the mean colour",
    limit_key="distance_of_baseline",
    limit=1.0,
    remedy="as a set, the outputs resemble photographs less than no model's: look at "
    "data/samples/val.png, lower train.lr, raise train.steps",
    settings=("lr", "l1_weight", "gan_weight", "steps"),
)
def distance_worse_than_baseline(evidence: OutputEvidence) -> CheckResult:
    return compare_distance(evidence).ratio, []


@fails(
    "L1 at the step that is scored as a multiple of the lowest before, or of the better baseline's",
    limit_key="loss_of_lowest",
    limit=1.5,
    remedy="the loss ran away: see losses in the report, and lower train.lr; evaluate.snapshot: "
    "best_l1 scores the best snapshot",
    settings=("lr", "l1_weight"),
)
def runaway_loss(evidence: OutputEvidence) -> CheckResult:
    losses = evidence.losses
    if not np.isfinite(losses).all():
        return LARGEST, []
    if not len(losses):
        return 0.0, []
    window = min(len(losses), max(TAIL, len(losses) // 10))
    means = pd.Series(losses).rolling(window).mean().dropna()
    lowest = min(float(means.min()), compare_l1(evidence).best)
    return _ratio(float(means.iloc[-1]), lowest), []


def _compare(evidence: OutputEvidence, name: str, favours: dict[str, float]) -> Comparison:
    """Compare a score with that of the better baseline.

    `favours` has the baselines, each with the factor by which its error counts more.
    """

    def error(scores: dict[str, float]) -> float:
        return 1 - scores[name] if name == "ssim" else scores[name]

    errors = {key: error(evidence.baselines[key]) * favour for key, favour in favours.items()}
    best = min(errors, key=lambda key: errors[key])
    ratio = _ratio(error(evidence.scores), errors[best])
    return Comparison(evidence.scores[name], best, evidence.baselines[best][name], ratio)


def _ratio(error: float, baseline: float) -> float:
    ratio = (error + ROUNDING) / (max(0.0, baseline) + ROUNDING)
    return min(LARGEST, ratio) if np.isfinite(ratio) else LARGEST
