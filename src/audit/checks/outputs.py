"""Checks after training: what the model made, and whether its scores belong to it."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial

import cv2
import numpy as np

from src.audit.evidence import OutputEvidence
from src.audit.own_targets import own_target_shares, unit_vectors
from src.audit.registry import CheckResult, Offender, check
from src.vision.colorfulness import colorfulness

after = partial(check, severity="warn", when="after")
COMPARED_PX = 16  # size at which outputs are compared with targets
NAMED_OFFENDERS = 8  # rows that a check of the set as a whole names


@after(
    "outputs that belong to no validation picture or have another size, and validation pictures "
    "without an output",
    limit_key="foreign_outputs",
    limit=0,
    remedy="the model was scored on other pictures than validation's: run `dvc repro -f evaluate`",
)
def foreign_outputs(evidence: OutputEvidence) -> CheckResult:
    outputs = evidence.outputs
    expected, actual = set(evidence.val.index["row"]), set(outputs)
    offenders = [
        Offender(
            int(row), "is in training" if row in evidence.train_rows else "is not in validation"
        )
        for row in sorted(actual - expected)
    ]
    offenders += [Offender(int(row), "has no output") for row in sorted(expected - actual)]
    offenders += [
        Offender(
            int(row), f"is {_size(outputs[row].shape)} pixels, its target {_size(evidence.size)}"
        )
        for row in sorted(actual & expected)
        if outputs[row].shape[:2] != evidence.size
    ]
    return len(offenders), offenders


def _size(shape: Sequence[int]) -> str:
    """Return width and height in words, of a shape (H, W, …)."""
    return f"{shape[1]}x{shape[0]}"


@after(
    "difference between the recorded L1 and the L1 of the pictures on disk",
    limit_key="score_error",
    limit=0.002,
    remedy="scores and pictures are of different runs: run `dvc repro -f evaluate`",
)
def scores_of_another_run(evidence: OutputEvidence) -> CheckResult:
    *_, rows = evidence.paired
    if not rows:
        return 0.0, []
    l1, recorded = float(np.mean(evidence.l1)), evidence.scores["l1"]
    error = abs(l1 - recorded)
    if error <= evidence.limits["score_error"]:
        return error, []
    return error, [Offender(rows[0], f"the pictures' L1 is {l1:.4f}, recorded is {recorded}")]


@after(
    "share of comparisons in which an output is more similar to its own target than to another",
    limit_key="own_target_share",
    limit=0.7,
    remedy="outputs are compared with other pictures' targets, or the model ignores its input: "
    "look at data/samples/val.png",
    at_least=True,
    settings=("lr", "l1_weight", "steps"),
)
def outputs_fit_targets(evidence: OutputEvidence) -> CheckResult:
    outputs, targets, rows = evidence.paired
    if len(rows) < 2:
        return 1.0, []
    better = own_target_shares(_thumbnails(outputs), _thumbnails(targets))
    offenders = [
        Offender(rows[index], f"{1 - better[index]:.0%} of the other targets are more similar")
        for index in np.argsort(better, kind="stable")
        if better[index] < evidence.limits["own_target_share"]
    ]
    return float(better.mean()), offenders


@after(
    "colour of the outputs as a share of the targets' (Hasler and Süsstrunk's colorfulness)",
    limit_key="color_share",
    limit=0.7,
    remedy="the model paints gray: train longer, and see that no target is grayscale",
    at_least=True,
    settings=("lr", "gan_weight", "steps"),
)
def lost_color(evidence: OutputEvidence) -> CheckResult:
    limit = evidence.limits["color_share"]
    return _share_of_targets(
        evidence, lambda picture: float(colorfulness(picture)), "colour", limit
    )


@after(
    "contrast of the outputs as a share of the targets'",
    limit_key="contrast_share",
    limit=0.6,
    remedy="levels were mapped twice or not at all ([0, 1] taken for [-1, 1], floats cast to "
    "uint8), or the model learned nothing: look at data/samples/val.png",
    at_least=True,
    settings=("lr", "gan_weight", "steps"),
)
def lost_contrast(evidence: OutputEvidence) -> CheckResult:
    return _share_of_targets(evidence, _contrast, "contrast", evidence.limits["contrast_share"])


@after(
    "variety of the outputs' mean colours as a share of the targets' variety",
    limit_key="variety_share",
    limit=0.6,
    remedy="every output has nearly the same tint: train longer, or with a larger train.gan_weight",
    at_least=True,
    settings=("lr", "gan_weight", "steps"),
)
def lost_variety(evidence: OutputEvidence) -> CheckResult:
    outputs, targets, rows = evidence.paired
    if len(rows) < 2:
        return 1.0, []
    tints, target_tints = (np.array([*map(_tint, pictures)]) for pictures in (outputs, targets))
    value = float(tints.std(axis=0).mean() / max(1e-6, target_tints.std(axis=0).mean()))
    if value >= evidence.limits["variety_share"]:
        return value, []
    distances = np.abs(tints - tints.mean(axis=0)).sum(axis=1)
    nearest = np.argsort(distances, kind="stable")[:NAMED_OFFENDERS]
    return value, [Offender(rows[i], "has nearly the mean tint of all outputs") for i in nearest]


@after(
    "share of pixels with a channel at 0 or 255, beyond that of the targets",
    limit_key="saturated_share",
    limit=0.25,
    remedy="colours are burnt out: look at data/samples/val.png, and lower train.lr",
    severity="fail",
    settings=("lr", "l1_weight"),
)
def saturated_outputs(evidence: OutputEvidence) -> CheckResult:
    outputs, targets, rows = evidence.paired
    if not rows:
        return 0.0, []
    actual, expected = (np.array([*map(_saturation, each)]) for each in (outputs, targets))
    value = float(actual.mean() - expected.mean())
    if value <= evidence.limits["saturated_share"]:
        return value, []
    worst = np.argsort(expected - actual, kind="stable")[:NAMED_OFFENDERS]
    return value, [
        Offender(rows[i], f"{actual[i]:.0%} saturated, its target {expected[i]:.0%}") for i in worst
    ]


def _share_of_targets(
    evidence: OutputEvidence, measure: Callable[[np.ndarray], float], name: str, limit: float
) -> CheckResult:
    """Return the outputs' mean of a measure over the targets'.

    Args:
        evidence: Outputs and targets.
        measure: A number for a picture, (H, W, 3) uint8.
        name: What it measures.
        limit: The share below which the rows that lost most are named.
    """
    outputs, targets, rows = evidence.paired
    if not rows:
        return 1.0, []
    actual, expected = (np.array([*map(measure, pictures)]) for pictures in (outputs, targets))
    value = float(actual.mean() / max(1e-6, expected.mean()))
    if value >= limit:
        return value, []
    worst = np.argsort(actual - expected, kind="stable")[:NAMED_OFFENDERS]
    return value, [
        Offender(rows[i], f"{name} {actual[i]:.1f}, its target's is {expected[i]:.1f}")
        for i in worst
    ]


def _saturation(picture: np.ndarray) -> float:
    """Return the share of pixels with a channel at either end of the range."""
    return float(((picture == 0) | (picture == 255)).any(axis=2).mean())


def _contrast(picture: np.ndarray) -> float:
    """Return the standard deviation of the mean of the channels, in levels."""
    return float(picture.mean(axis=2, dtype=np.float32).std())


def _thumbnails(pictures: Iterable[np.ndarray]) -> np.ndarray:
    """Reduce pictures, (H, W, 3) uint8 each, to gray thumbnails of mean 0 and length 1.

    Returns:
        (N, 16 * 16) float32; a flat picture becomes zeros.
    """
    size = (COMPARED_PX, COMPARED_PX)
    grays = (picture.mean(axis=2, dtype=np.float32) for picture in pictures)
    small = [cv2.resize(gray, size, interpolation=cv2.INTER_AREA).ravel() for gray in grays]
    return unit_vectors(np.stack(small))


def _tint(picture: np.ndarray) -> np.ndarray:
    """Return red and blue relative to green, of the mean colour."""
    red, green, blue = picture.mean(axis=(0, 1))
    return np.array([red - green, blue - green])
