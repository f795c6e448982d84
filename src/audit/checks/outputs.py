"""After training: what the model made, and whether its scores belong to it."""

from collections.abc import Callable

import numpy as np

from src import tone
from src.audit.evidence import Outcome
from src.audit.registry import Measure, Offender, check

SMALL = 16  # pixels, the size at which outputs are held against targets


@check(
    "outputs that are no validation picture's or of another size, and validation pictures without one",
    limit="foreign_outputs",
    remedy="the model was scored on other pictures than validation's: run `dvc repro -f evaluate`",
    severity="warn",
    when="after",
)
def foreign_outputs(o: Outcome) -> Measure:
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


@check(
    "difference between the L1 recorded and the L1 of the pictures on disk",
    limit="score_error",
    remedy="the scores are of another run than the pictures: run `dvc repro -f evaluate`",
    severity="warn",
    when="after",
)
def scores_of_another_run(o: Outcome) -> Measure:
    outputs, targets, rows = o.paired
    if not rows:
        return 0.0, []
    errors = 2 * np.abs(outputs / 255.0 - targets / 255.0).mean(axis=(1, 2, 3))
    away = abs(float(errors.mean()) - o.scores["l1"])
    detail = f"the pictures' L1 is {errors.mean():.4f}, recorded is {o.scores['l1']}"
    return away, [Offender(rows[0], detail)] if away > o.limits.score_error else []


@check(
    "share of comparisons in which an output looks more like its own target than like another",
    limit="own_target_share",
    remedy="outputs are compared with other pictures' targets, or the model ignores its input: "
    "look at data/samples/val.png",
    severity="warn",
    when="after",
    at_least=True,
)
def outputs_fit_targets(o: Outcome) -> Measure:
    outputs, targets, rows = o.paired
    if len(rows) < 2:
        return 1.0, []
    likeness = _reduced(outputs) @ _reduced(targets).T
    won = (np.diag(likeness)[:, None] > likeness).sum(axis=1) / (len(rows) - 1)
    offenders = [
        Offender(rows[at], f"{1 - won[at]:.0%} of the other targets look more like it")
        for at in np.argsort(won, kind="stable")
        if won[at] < o.limits.own_target_share
    ]
    return float(won.mean()), offenders


@check(
    "colour of the outputs as a share of the targets' (Hasler and Süsstrunk's colorfulness)",
    limit="color_share",
    remedy="the model paints gray: train longer or with train.gan_weight above 0, and see that no "
    "grayscale target was left in",
    severity="warn",
    when="after",
    at_least=True,
)
def lost_color(o: Outcome) -> Measure:
    return _share(o, lambda pictures: np.array([tone.colorfulness(p) for p in pictures]), "colour")


@check(
    "contrast of light and shade in the outputs, as a share of the targets'",
    limit="contrast_share",
    remedy="levels were mapped twice or not at all ([0, 1] taken for [-1, 1], floats cast to "
    "uint8), or the model learned nothing: look at data/samples/val.png",
    severity="warn",
    when="after",
    at_least=True,
)
def lost_contrast(o: Outcome) -> Measure:
    return _share(o, lambda pictures: pictures.mean(axis=3).std(axis=(1, 2)), "contrast")


@check(
    "variety of the outputs' mean colours as a share of the targets' variety",
    limit="variety_share",
    remedy="every output has the same tint, as L1 alone gives: train.gan_weight above 0",
    severity="warn",
    when="after",
    at_least=True,
)
def lost_variety(o: Outcome) -> Measure:
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
    return value, offenders if value < o.limits.variety_share else []


def _share(o: Outcome, measure: Callable[[np.ndarray], np.ndarray], what: str) -> Measure:
    """The outputs' mean of a measure over the targets'; the least of them are named."""
    outputs, targets, rows = o.paired
    if not rows:
        return 1.0, []
    made, wanted = measure(outputs), measure(targets)
    value = float(made.mean() / max(1e-6, wanted.mean()))
    if not np.isfinite(value) or value >= 1:
        return value, []
    lost = np.argsort(made - wanted, kind="stable")[:8]
    return value, [
        Offender(rows[at], f"{what} {made[at]:.1f}, its target's is {wanted[at]:.1f}")
        for at in lost
    ]


def _reduced(pictures: np.ndarray) -> np.ndarray:
    """(N, S, S, 3) uint8 → (N, 16 * 16) float, gray, mean 0 and length 1; zeros where flat."""
    count, size = len(pictures), pictures.shape[1] - pictures.shape[1] % SMALL
    gray = pictures[:, :size, :size].mean(axis=3)
    step = size // SMALL
    small = gray.reshape(count, SMALL, step, SMALL, step).mean(axis=(2, 4)).reshape(count, -1)
    small -= small.mean(axis=1, keepdims=True)
    return small / np.maximum(np.linalg.norm(small, axis=1, keepdims=True), 1e-6)


def _tint(picture: np.ndarray) -> np.ndarray:
    """Red and blue against green, of the mean colour."""
    red, green, blue = picture.mean(axis=(0, 1))
    return np.array([red - green, blue - green])
