"""Checks of the inputs: gray, edges and labels, each against its own photograph."""

from collections.abc import Callable, Iterable, Mapping

import cv2
import numpy as np

from src.audit import pair_measures
from src.audit.evidence import Evidence
from src.audit.own_targets import own_target_shares, unit_vectors
from src.audit.registry import CheckResult, check
from src.dataset.arrays import Pairs

ROUNDING = 0.5  # levels by which a mean of three channels differs from the gray at most
MAX_SHIFT_PX = 6  # either way, that the search for a moved input covers
SAME_MOTIF_CORR = 0.5  # correlation below which an input shows something else
OUTLINE_PX = 64  # size at which labels are laid over photographs
OUTLINE_SIGMA_PX = 1
MAX_COMPARED = 2000  # pairs, evenly spread, that are compared with each other
MIN_COMPARED = 16  # pairs below which a share of comparisons says nothing
NAMED_ONE_IN = 10  # one label map in ten, the worst, is named


@check(
    "largest difference between a gray input and the mean of its photo's channels, in levels of 255",
    limit_key="gray_error",
    limit=1,
    remedy="inputs belong to other targets, or are no mean of the channels (luma, a single "
    "channel): run `dvc repro -f pair`",
)
def gray_is_mean(evidence: Evidence) -> CheckResult:
    def detail(pairs: Pairs, index: int, error: float) -> str:
        mean = pair_measures.channel_means(pairs.photo[index])
        return f"differs by {error:.1f}: {_explain(pairs.gray[index], mean)}"

    errors = {side: measures.gray_errors for side, measures in evidence.measures.items()}
    return _largest_error(evidence, errors, ROUNDING, detail)


@check(
    "largest share of pixels in which a sketch differs from Canny's edges of its photo",
    limit_key="edge_error",
    limit=0.002,
    remedy="sketches belong to other targets, or were made at another size: run "
    "`dvc repro -f pair`",
)
def edges_are_canny(evidence: Evidence) -> CheckResult:
    def detail(pairs: Pairs, index: int, error: float) -> str:
        mean = pair_measures.channel_means(pairs.photo[index])
        expected = pair_measures.canny_edges(mean, evidence.pair.canny)
        return f"differs in {error:.1%} of its pixels: {_explain(pairs.canny[index], expected)}"

    errors = {side: measures.edge_errors for side, measures in evidence.measures.items()}
    return _largest_error(evidence, errors, 0.0, detail)


def _largest_error(
    evidence: Evidence,
    errors: Mapping[str, np.ndarray],
    tolerance: float,
    detail: Callable[[Pairs, int, float], str],
) -> CheckResult:
    """Return the largest error of an input, and the rows of all inputs at fault.

    Args:
        evidence: Holds the pairs.
        errors: Of each input, (N,), by side.
        tolerance: The largest error of an input that is not at fault.
        detail: Says what is wrong, given a side's pairs, an index and the error.
    """
    largest, offenders = 0.0, []
    for side, pairs in evidence.sides.items():
        largest = max(largest, errors[side].max(initial=0))
        for index in np.flatnonzero(errors[side] > tolerance).tolist():
            error = float(errors[side][index])
            offenders.append(evidence.offender(side, index, detail(pairs, index, error), error))
    return largest, offenders


@check(
    "share of sketches with hardly any edge, if the task is sketch",
    limit_key="blank_edges_share",
    limit=0.02,
    thresholds={"edge_density": 0.002},  # share of edge pixels
    remedy="lower pair.canny.low and pair.canny.high, or pair.canny.blur",
)
def blank_edges(evidence: Evidence) -> CheckResult:
    return _share_of_sketches(evidence, lambda share: share < evidence.limits["edge_density"])


@check(
    "share of sketches that are nearly full of edges, if the task is sketch",
    limit_key="full_edges_share",
    limit=0.02,
    thresholds={"edge_density_most": 0.4},  # share of edge pixels
    remedy="raise pair.canny.low and pair.canny.high, or pair.canny.blur",
)
def full_edges(evidence: Evidence) -> CheckResult:
    return _share_of_sketches(evidence, lambda share: share > evidence.limits["edge_density_most"])


def _share_of_sketches(
    evidence: Evidence, are_faulty: Callable[[np.ndarray], np.ndarray]
) -> CheckResult:
    """Return the share of sketches whose shares of edge pixels are faulty, and their rows."""
    if evidence.task != "sketch":
        return 0.0, []
    offenders = [
        evidence.offender(side, index, f"edge density {measures.edge_densities[index]:.4f}")
        for side, measures in evidence.measures.items()
        for index in np.flatnonzero(are_faulty(measures.edge_densities)).tolist()
    ]
    return len(offenders) / max(1, evidence.count), offenders


@check(
    "share of comparisons in which a label map fits its own photo better than another; "
    f"if the task is labels; 1 for other tasks, and of fewer than {MIN_COMPARED} pairs",
    limit_key="labels_fit",
    limit=0.6,
    remedy="label maps and photographs show different things, or are shifted against each "
    "other: see pairs.direction and the order of the files, and run `dvc repro -f pair`",
    at_least=True,
)
def labels_fit_photos(evidence: Evidence) -> CheckResult:
    has_labels = evidence.task == "labels" and evidence.train.labels is not None
    if not has_labels or evidence.count < MIN_COMPARED:
        return 1.0, []
    positions = [(side, i) for side, pairs in evidence.sides.items() for i in range(len(pairs))]
    positions = positions[:: -(-len(positions) // MAX_COMPARED)]
    photos, labels = (
        _outlines(getattr(evidence.sides[side], name)[index] for side, index in positions)
        for name in ("photo", "labels")
    )
    shares = own_target_shares(photos, labels)
    value = float(shares.mean())
    offenders = []
    for k in np.argsort(shares, kind="stable")[: len(shares) // NAMED_ONE_IN]:
        side, index = positions[k]
        detail = f"{1 - shares[k]:.0%} of the other label maps fit better"
        offenders.append(evidence.offender(side, index, detail, value))
    return value, offenders


def _explain(actual: np.ndarray, expected: np.ndarray) -> str:
    """Return in words by how many pixels `actual` is moved against `expected`; both (H, W)."""
    inner = slice(MAX_SHIFT_PX, -MAX_SHIFT_PX)
    template = actual[inner, inner].astype(np.float32)
    if template.size == 0 or template.std() == 0:
        return "it is blank"
    fit = cv2.matchTemplate(expected.astype(np.float32), template, cv2.TM_CCOEFF_NORMED)
    _, best, _, (left, up) = cv2.minMaxLoc(fit)
    if best < SAME_MOTIF_CORR:
        return "it shows something else"
    across, down = MAX_SHIFT_PX - left, MAX_SHIFT_PX - up
    if across or down:
        return f"it is moved by {across} pixels across and {down} down"
    return "it is in its place, but made in another way"


def _outlines(pictures: Iterable[np.ndarray]) -> np.ndarray:
    """Return where each picture changes, as unit vectors, (N, 64 * 64) float32."""
    outlines = []
    for picture in pictures:
        gray = cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2GRAY).astype(np.float32)
        small = cv2.resize(gray, (OUTLINE_PX, OUTLINE_PX), interpolation=cv2.INTER_AREA)
        soft = cv2.GaussianBlur(small, (0, 0), OUTLINE_SIGMA_PX)
        slope = np.hypot(cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1))
        outlines.append(cv2.GaussianBlur(slope, (0, 0), OUTLINE_SIGMA_PX).ravel())
    return unit_vectors(np.stack(outlines))
