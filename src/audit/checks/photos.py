"""Checks of the target photographs, as the arrays hold them."""

import numpy as np

from src.audit import source_files
from src.audit.evidence import Evidence
from src.audit.registry import Measurement, check
from src.vision import grayscale

FILLER_LEVEL = 128  # the gray that decoders leave where data ends
FILLER_TOLERANCE = 3  # levels
FILLED_SHARE = 0.08  # of the picture's height


@check(
    "photographs that do not show what their file shows",
    limit="altered_photos",
    allowed=0,
    thresholds={"photo_difference": 5},  # levels between a photograph and its file
    remedy="pixels changed between the file and the array (channels, orientation, range, rows): "
    "correct src/imaging or src/pair, and run `dvc repro -f pair`",
)
def altered_photos(evidence: Evidence) -> Measurement:
    offenders = []
    for side, pairs in evidence.sides.items():
        photos, rows = source_files.thumbnails(pairs.photo), list(pairs.index["row"])
        for index, row in enumerate(rows):
            expected = _expected(evidence, row)
            if expected is None:
                continue  # broken_files names it
            difference = source_files.difference(photos[index], expected)
            neighbours = rows[max(0, index - 1) : index + 2]
            if difference > evidence.limits["photo_difference"]:
                mistake = source_files.explain(photos[index], expected)
                detail = f"{difference:.0f} levels from its file: {mistake}"
                offenders.append(evidence.offender(side, index, detail))
            elif fitting := _fitting(photos[index], difference, neighbours, evidence):
                detail = f"it shows the file of row {fitting[0]}"
                offenders.append(evidence.offender(side, index, detail))
    return len(offenders), offenders


def _expected(evidence: Evidence, row: int) -> np.ndarray | None:
    """Return the thumbnail of a row's file; None if it has no file or no picture."""
    file = evidence.file_of(row)
    return None if file is None else file.thumbnail


def _fitting(
    photo: np.ndarray, difference: float, rows: list[int], evidence: Evidence
) -> list[int]:
    """Return the rows whose file fits clearly better than `difference`.

    A pale picture is near to any other, so that a threshold alone does not see a swap.
    """
    fitting = []
    for row in rows:
        expected = _expected(evidence, row)
        if expected is not None and source_files.difference(photo, expected) < difference / 3:
            fitting.append(int(row))
    return fitting


@check(
    "share of target photographs without colour of their own",
    limit="grayscale_share",
    allowed=0.01,
    # Lab units: three quarters of clean's, because a crop has less colour than its whole picture
    thresholds={"tone_residual": 3.5},
    remedy="set clean.grayscale: remove, or raise clean.tone_residual: a network trained on gray "
    "targets paints gray",
)
def grayscale_targets(evidence: Evidence) -> Measurement:
    offenders = [
        evidence.offender(side, index, f"tone residual {residual:.2f}")
        for side, pairs in evidence.sides.items()
        for index, residual in enumerate(map(grayscale.tone_residual, pairs.photo))
        if residual < evidence.limits["tone_residual"]
    ]
    return len(offenders) / max(1, evidence.count), offenders


@check(
    "share of photographs that end in the gray of an incomplete download",
    limit="truncated_share",
    allowed=0.01,
    remedy="these files end early and were decoded all the same: remove them, and change "
    "scrape.snapshot to fetch them again",
)
def truncated_photos(evidence: Evidence) -> Measurement:
    offenders = []
    for side, pairs in evidence.sides.items():
        for index, photo in enumerate(pairs.photo):
            rows = _filler_rows(photo)
            if rows >= FILLED_SHARE * len(photo):
                detail = f"the lowest {rows} of {len(photo)} rows are gray"
                offenders.append(evidence.offender(side, index, detail))
    return len(offenders) / max(1, evidence.count), offenders


def _filler_rows(photo: np.ndarray) -> int:
    """Return how many of the lowest rows hold nothing but a decoder's filler."""
    distance = np.abs(photo.astype(np.int16) - FILLER_LEVEL)
    filler = np.all(distance <= FILLER_TOLERANCE, axis=(1, 2))[::-1]
    return len(filler) if filler.all() else int(np.argmin(filler))
