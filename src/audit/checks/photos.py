"""The target photographs, as the arrays hold them."""

import numpy as np

from src.audit import source_files
from src.audit.evidence import Evidence
from src.audit.registry import Measure, check
from src.vision import grayscale

FILLER = 128  # the gray that decoders leave where data ends
FILLED = 0.08  # of the picture's height


@check(
    "photographs that do not show what their file shows",
    limit="altered_photos",
    allowed=0,
    thresholds={"photo_difference": 5},  # levels of 255, of a photo from its file
    remedy="pixels went wrong between the file and the array (channels, orientation, range, "
    "rows): mend src/images.py or src/pair.py and run `dvc repro -f pair`",
)
def altered_photos(e: Evidence) -> Measure:
    offenders = []
    for side, pairs in e.sides.items():
        shown, rows = source_files.small(pairs.photo), list(pairs.index["row"])
        for at, row in enumerate(rows):
            file = e.file_of(row)
            if file is None or file.small is None:
                continue  # broken_files names it
            away = source_files.difference(shown[at], file.small)
            if away > e.limits["photo_difference"]:
                why = source_files.explanation(shown[at], file.small)
                offenders.append(e.at(side, at, f"{away:.0f} levels from its file: {why}"))
            elif other := _slipped(shown[at], away, rows[max(0, at - 1) : at + 2], e):
                offenders.append(e.at(side, at, f"it shows the file of row {other}"))
    return len(offenders), offenders


def _slipped(shown: np.ndarray, away: float, rows: list[int], e: Evidence) -> int | None:
    """A neighbouring row whose file fits clearly better: pale pictures are near to any other."""
    for row in rows:
        file = e.file_of(row)
        if (
            file
            and file.small is not None
            and source_files.difference(shown, file.small) < away / 3
        ):
            return int(row)
    return None


@check(
    "share of target photographs without colour of their own",
    limit="grayscale_share",
    allowed=0.01,
    thresholds={"tone_residual": 4.6},  # Lab units
    remedy="set clean.grayscale: remove, or raise clean.tone_residual; a network trained on gray "
    "targets paints gray",
)
def grayscale_targets(e: Evidence) -> Measure:
    offenders = [
        e.at(side, at, f"tone residual {value:.2f}")
        for side, pairs in e.sides.items()
        for at, value in enumerate(map(grayscale.tone_residual, pairs.photo))
        if value < e.limits["tone_residual"]
    ]
    return len(offenders) / max(1, e.count), offenders


@check(
    "share of photographs that end in the gray of a download that broke off",
    limit="truncated_share",
    allowed=0.01,
    remedy="these were decoded though their data ends early: remove the files, change "
    "scrape.snapshot to fetch them anew",
)
def truncated_photos(e: Evidence) -> Measure:
    offenders = []
    for side, pairs in e.sides.items():
        for at, photo in enumerate(pairs.photo):
            rows = _filled(photo)
            if rows >= FILLED * len(photo):
                offenders.append(e.at(side, at, f"the lowest {rows} of {len(photo)} rows are gray"))
    return len(offenders) / max(1, e.count), offenders


def _filled(photo: np.ndarray) -> int:
    """How many of the lowest rows are a decoder's filler and nothing else."""
    filler = (np.abs(photo.astype(np.int16) - FILLER) <= 3).all(axis=(1, 2))[::-1]
    return len(filler) if filler.all() else int(np.argmin(filler))
