"""After training: what the model made, and whether its scores belong to it."""

from collections.abc import Callable
from functools import partial

import cv2
import numpy as np

from src.audit.evidence import OutputEvidence
from src.audit.registry import Measure, Offender, check
from src.vision.colorfulness import colorfulness

after = partial(check, severity="warn", when="after")
SMALL = 16  # pixels, the size at which outputs are held against targets


@after(
    "outputs that are no validation picture's or of another size, and validation pictures without one",
    limit="foreign_outputs",
    allowed=0,
    remedy="the model was scored on other pictures than validation's: run `dvc repro -f evaluate`",
)
def foreign_outputs(o: OutputEvidence) -> Measure:
    wanted, made = set(o.val.index["row"]), set(o.outputs)
    offenders = [
        Offender(int(row), "is in training" if row in o.train_rows else "is not in validation")
        for row in sorted(made - wanted)
    ]
    offenders += [Offender(int(row), "has no output") for row in sorted(wanted - made)]
    offenders += [
        Offender(int(row), f"is {o.outputs[row].shape[1]} pixels wide, its target {o.size}")
        for row in sorted(made & wanted)
        if o.outputs[row].shape[1] != o.size
    ]
    return len(offenders), offenders


@after(
    "difference between the L1 recorded and the L1 of the pictures on disk",
    limit="score_error",
    allowed=0.002,
    remedy="the scores are of another run than the pictures: run `dvc repro -f evaluate`",
)
def scores_of_another_run(o: OutputEvidence) -> Measure:
    outputs, targets, rows = o.paired
    if not rows:
        return 0.0, []
    pairs = zip(outputs, targets, strict=True)
    l1 = float(np.mean([2 * np.abs(a - b.astype(np.float32)).mean() / 255 for a, b in pairs]))
    away = abs(l1 - o.scores["l1"])
    detail = f"the pictures' L1 is {l1:.4f}, recorded is {o.scores['l1']}"
    return away, [Offender(rows[0], detail)] if away > o.limits["score_error"] else []


@after(
    "share of comparisons in which an output looks more like its own target than like another",
    limit="own_target_share",
    allowed=0.7,
    remedy="outputs are compared with other pictures' targets, or the model ignores its input: "
    "look at data/samples/val.png",
    at_least=True,
)
def outputs_fit_targets(o: OutputEvidence) -> Measure:
    outputs, targets, rows = o.paired
    if len(rows) < 2:
        return 1.0, []
    likeness = _reduced(outputs) @ _reduced(targets).T
    won = (np.diag(likeness)[:, None] > likeness).sum(axis=1) / (len(rows) - 1)
    offenders = [
        Offender(rows[at], f"{1 - won[at]:.0%} of the other targets look more like it")
        for at in np.argsort(won, kind="stable")
        if won[at] < o.limits["own_target_share"]
    ]
    return float(won.mean()), offenders


@after(
    "colour of the outputs as a share of the targets' (Hasler and Süsstrunk's colorfulness)",
    limit="color_share",
    allowed=0.7,
    remedy="the model paints gray: train longer or with train.gan_weight above 0, and see that no "
    "grayscale target was left in",
    at_least=True,
)
def lost_color(o: OutputEvidence) -> Measure:
    return _share(o, colorfulness, "colour", o.limits["color_share"])


@after(
    "contrast of light and shade in the outputs, as a share of the targets'",
    limit="contrast_share",
    allowed=0.6,
    remedy="levels were mapped twice or not at all ([0, 1] taken for [-1, 1], floats cast to "
    "uint8), or the model learned nothing: look at data/samples/val.png",
    at_least=True,
)
def lost_contrast(o: OutputEvidence) -> Measure:
    return _share(o, _contrast, "contrast", o.limits["contrast_share"])


@after(
    "variety of the outputs' mean colours as a share of the targets' variety",
    limit="variety_share",
    allowed=0.6,
    remedy="every output has the same tint, as L1 alone gives: train.gan_weight above 0",
    at_least=True,
)
def lost_variety(o: OutputEvidence) -> Measure:
    outputs, targets, rows = o.paired
    if len(rows) < 2:
        return 1.0, []
    made, wanted = (
        np.array([_tint(picture) for picture in pictures]) for pictures in (outputs, targets)
    )
    value = float(made.std(axis=0).mean() / max(1e-6, wanted.std(axis=0).mean()))
    middle = made.mean(axis=0)
    nearest = np.argsort(np.abs(made - middle).sum(axis=1), kind="stable")
    offenders = [Offender(rows[at], "has the tint that most others have") for at in nearest[:8]]
    return value, offenders if value < o.limits["variety_share"] else []


def _share(
    o: OutputEvidence, measure: Callable[[np.ndarray], float], what: str, limit: float
) -> Measure:
    """The outputs' mean of a measure over the targets'; below the limit the least are named."""
    outputs, targets, rows = o.paired
    if not rows:
        return 1.0, []
    made, wanted = (np.array([measure(p) for p in pictures]) for pictures in (outputs, targets))
    value = float(made.mean() / max(1e-6, wanted.mean()))
    if value >= limit:
        return value, []
    lost = np.argsort(made - wanted, kind="stable")[:8]
    return value, [
        Offender(rows[at], f"{what} {made[at]:.1f}, its target's is {wanted[at]:.1f}")
        for at in lost
    ]


def _contrast(picture: np.ndarray) -> float:
    """Standard deviation of the mean of the channels, in levels."""
    return float(picture.mean(axis=2, dtype=np.float32).std())


def _reduced(pictures: np.ndarray) -> np.ndarray:
    """(N, S, S, 3) uint8 → (N, 16 * 16) float, gray, mean 0 and length 1; zeros where flat."""
    grays = (picture.mean(axis=2, dtype=np.float32) for picture in pictures)
    small = [cv2.resize(g, (SMALL, SMALL), interpolation=cv2.INTER_AREA).ravel() for g in grays]
    values = np.stack(small)
    values -= values.mean(axis=1, keepdims=True)
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-6)


def _tint(picture: np.ndarray) -> np.ndarray:
    """Red and blue against green, of the mean colour."""
    red, green, blue = picture.mean(axis=(0, 1))
    return np.array([red - green, blue - green])
