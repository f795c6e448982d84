"""The inputs: gray, edges and labels, each against its own photograph."""

import cv2
import numpy as np

from src.audit.evidence import Evidence
from src.audit.registry import Measure, Offender, check
from src.params import Canny

SHIFTS = 6  # pixels either way that a slipped input is looked for
FITTING = 64  # pixels, the size at which labels are laid over photographs
COMPARED = 2000  # pairs, evenly spread, that are held against each other
ENOUGH = 16  # pairs below which a share of won comparisons says nothing


@check(
    "largest difference between a gray input and the mean of its photo's channels, in levels of 255",
    limit="gray_error",
    allowed=1,
    remedy="inputs do not belong to their targets, or are no mean (luma, a single channel): run "
    "`dvc repro -f pair`",
)
def gray_is_mean(e: Evidence) -> Measure:
    worst, offenders = 0.0, []
    for side, pairs in e.sides.items():
        for at, (gray, photo) in enumerate(zip(pairs.gray, pairs.photo, strict=True)):
            mean = photo.mean(axis=2, dtype=np.float32)
            error = float(np.abs(gray - mean).max())
            worst = max(worst, error)
            if error > e.limits["gray_error"]:
                detail = f"differs by {error:.1f}: {_slip(gray, mean)}"
                offenders.append(e.at(side, at, detail))
    return worst, offenders


@check(
    "largest share of pixels in which a sketch differs from Canny's edges of its photo",
    limit="edge_error",
    allowed=0.002,
    remedy="sketches do not belong to their targets, or were made at another size: run "
    "`dvc repro -f pair`",
)
def edges_are_canny(e: Evidence) -> Measure:
    canny = e.pair.canny
    worst, offenders = 0.0, []
    for side, pairs in e.sides.items():
        for at, (edges, photo) in enumerate(zip(pairs.canny, pairs.photo, strict=True)):
            mean = np.rint(photo.mean(axis=2, dtype=np.float32)).astype(np.uint8)
            blurred = (
                cv2.GaussianBlur(mean, (canny.blur, canny.blur), 0) if canny.blur > 1 else mean
            )
            expected = cv2.Canny(blurred, *_thresholds(blurred, canny), apertureSize=canny.aperture)
            error = float((edges != expected).mean())
            worst = max(worst, error)
            if error > e.limits["edge_error"]:
                detail = f"differs in {error:.1%} of its pixels: {_slip(edges, expected)}"
                offenders.append(e.at(side, at, detail))
    return worst, offenders


def _thresholds(gray: np.ndarray, canny: Canny) -> tuple[float, float]:
    if canny.thresholds == "absolute":
        return canny.low, canny.high
    padded = cv2.copyMakeBorder(gray, 4, 4, 4, 4, cv2.BORDER_REPLICATE).astype(np.float32)
    kernels = cv2.getDerivKernels(1, 0, canny.aperture)
    across = cv2.sepFilter2D(padded, -1, *kernels)[4:-4, 4:-4]
    down = cv2.sepFilter2D(padded, -1, *kernels[::-1])[4:-4, 4:-4]
    low, high = np.quantile(np.abs(across) + np.abs(down), [canny.low / 100, canny.high / 100])
    return float(low), float(high)


@check(
    "share of sketches with hardly any edge, where the task is sketch",
    limit="blank_edges_share",
    allowed=0.02,
    thresholds={"edge_density": 0.002},  # share of edge pixels
    remedy="lower pair.canny.low and pair.canny.high, or pair.canny.blur",
)
def blank_edges(e: Evidence) -> Measure:
    offenders = [
        e.at(side, at, f"edge density {density:.4f}")
        for side, at, density in e.densities
        if density < e.limits["edge_density"]
    ]
    return _share_of_sketches(e, offenders)


@check(
    "share of sketches that are nearly full of edges, where the task is sketch",
    limit="full_edges_share",
    allowed=0.02,
    thresholds={"edge_density_most": 0.4},  # share of edge pixels
    remedy="raise pair.canny.low and pair.canny.high, or pair.canny.blur",
)
def full_edges(e: Evidence) -> Measure:
    offenders = [
        e.at(side, at, f"edge density {density:.4f}")
        for side, at, density in e.densities
        if density > e.limits["edge_density_most"]
    ]
    return _share_of_sketches(e, offenders)


@check(
    "share of comparisons in which a label map fits its own photo better than another's; "
    f"1 where there are none, or fewer than {ENOUGH} pairs",
    limit="labels_fit",
    allowed=0.6,
    remedy="label maps and photographs are of different buildings, or slipped: see "
    "facades.direction and the files' order, run `dvc repro -f pair`",
    at_least=True,
)
def labels_fit_photos(e: Evidence) -> Measure:
    if e.train.labels is None or e.count < ENOUGH:
        return 1.0, []
    places = [(side, at) for side, pairs in e.sides.items() for at in range(len(pairs))]
    places = places[:: -(-len(places) // COMPARED)]
    photos, labels = (
        _outlines([getattr(e.sides[side], name)[at] for side, at in places])
        for name in ("photo", "labels")
    )
    fits = photos @ labels.T
    won = (np.diag(fits)[:, None] > fits).sum(axis=1) / (len(fits) - 1)
    worst = np.argsort(won, kind="stable")[: len(won) // 10]
    value = float(won.mean())
    if value >= e.limits["labels_fit"]:
        return value, []
    return value, [
        e.at(*places[k], f"{1 - won[k]:.0%} of the other label maps fit better") for k in worst
    ]


def _share_of_sketches(e: Evidence, offenders: list[Offender]) -> Measure:
    """Of all sketches, where they are what is trained on."""
    return (len(offenders) / max(1, e.count), offenders) if e.task == "sketch" else (0.0, [])


def _slip(found: np.ndarray, expected: np.ndarray) -> str:
    """By how many pixels `found` is moved against `expected`, in words. Both (S, S)."""
    inner = found[SHIFTS:-SHIFTS, SHIFTS:-SHIFTS].astype(np.float32)
    if inner.size == 0 or inner.std() == 0:
        return "it is blank"
    fit = cv2.matchTemplate(expected.astype(np.float32), inner, cv2.TM_CCOEFF_NORMED)
    _, best, _, (left, up) = cv2.minMaxLoc(fit)
    if best < 0.5:
        return "it shows something else"
    across, down = SHIFTS - left, SHIFTS - up
    if across or down:
        return f"it is moved by {across} pixels across and {down} down"
    return "it is in its place but not made as said"


def _outlines(pictures: list[np.ndarray]) -> np.ndarray:
    """Where each picture changes, as unit vectors, (N, 64 * 64) float32."""
    found = []
    for picture in pictures:
        gray = cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2GRAY).astype(np.float32)
        small = cv2.resize(gray, (FITTING, FITTING), interpolation=cv2.INTER_AREA)
        soft = cv2.GaussianBlur(small, (0, 0), 1)
        slope = np.hypot(cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1))
        found.append(cv2.GaussianBlur(slope, (0, 0), 1).ravel())
    values = np.stack(found)
    values -= values.mean(axis=1, keepdims=True)
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-6)
