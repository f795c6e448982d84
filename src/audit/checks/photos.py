"""Checks of the target photographs, as the arrays hold them."""

from collections.abc import Iterator, Sequence

import numpy as np

from src.audit import source_files
from src.audit.evidence import Evidence
from src.audit.registry import CheckResult, Offender, check
from src.audit.source_files import Box
from src.storage.slices import slices

BLOCK = 1024  # thumbnails that are compared at a time
FILLED_SHARE = 0.08  # of the picture's height


@check(
    "photographs that do not show what their file shows",
    limit_key="altered_photos",
    limit=0,
    thresholds={"photo_difference": 5},  # levels between a photograph and its file
    remedy="pixels changed between the file and the array (channels, orientation, range, rows): "
    "correct src/imaging or src/pair, and run `dvc repro -f pair`",
)
def altered_photos(evidence: Evidence) -> CheckResult:
    offenders: list[Offender] = []
    for side, pairs in evidence.sides.items():
        files = map(evidence.file_of, pairs.index["row"])
        expected = [None if file is None else file.thumbnail for file in files]
        shown = evidence.measures[side].thumbnails
        most = evidence.limits["photo_difference"]
        offenders += _altered(evidence, side, shown, expected, most)
    return len(offenders), offenders


@check(
    "label maps that do not show what their file shows, if the task is labels",
    limit_key="altered_labels",
    limit=0,
    thresholds={"label_difference": 5},  # as photo_difference
    remedy="pixels changed between the file and the array (channels, orientation, range, rows): "
    "correct src/imaging or src/pair, and run `dvc repro -f pair`",
)
def altered_labels(evidence: Evidence) -> CheckResult:
    offenders: list[Offender] = []
    for side, pairs in evidence.sides.items():
        if evidence.task == "labels" and pairs.labels is not None:
            expected = [evidence.label_thumbnail_of(row) for row in pairs.index["row"]]
            shown = source_files.thumbnails(pairs.labels)
            most = evidence.limits["label_difference"]
            offenders += _altered(evidence, side, shown, expected, most)
    return len(offenders), offenders


def _altered(
    evidence: Evidence,
    side: str,
    pictures: np.ndarray,
    files: list[np.ndarray | None],
    most: float,
) -> Iterator[Offender]:
    """Yield the rows of a side whose picture is far from its file, or nearer to a neighbour's.

    Args:
        evidence: Of the whole audit.
        side: The side's name.
        pictures: Thumbnails of the arrays, (N, 16, 16, 3) uint8.
        files: N times the thumbnail of the file; None if there is no file or no picture.
        most: Levels between a picture and its file, above which it is altered.
    """
    rows = evidence.sides[side].index["row"].tolist()
    own_differences = _differences(pictures, files)
    previous = _differences(pictures, [None, *files[:-1]][: len(files)])
    following = _differences(pictures, [*files[1:], None][: len(files)])
    are_altered = own_differences > most
    # a pale picture is near to any other, so that a threshold alone does not see a swap
    show_previous, show_following = (d < own_differences / 3 for d in (previous, following))
    for index in np.flatnonzero(are_altered | show_previous | show_following).tolist():
        file = files[index]
        if file is None:
            continue  # broken_files names it
        if are_altered[index]:
            mistake = source_files.explain(pictures[index], file)
            detail = f"{own_differences[index]:.0f} levels from its file: {mistake}"
        else:
            shown = rows[index - 1 if show_previous[index] else index + 1]
            detail = f"it shows the file of row {shown}"
        yield evidence.offender(side, index, detail)


def _differences(photos: np.ndarray, files: Sequence[np.ndarray | None]) -> np.ndarray:
    """Return each photograph's difference from a file, (N,), in levels; infinite if there is none.

    Args:
        photos: Thumbnails, (N, 16, 16, 3) uint8.
        files: N times a file's thumbnail.
    """
    differences = np.full(len(files), np.inf)
    known = [(index, file) for index, file in enumerate(files) if file is not None]
    for block in slices(len(known), BLOCK):
        indices, shown = zip(*known[block], strict=True)
        some = list(indices)
        differences[some] = source_files.differences(photos[some], np.stack(shown))
    return differences


@check(
    "share of faces that the crop cuts through, where faces were looked for",
    limit_key="cut_faces_share",
    limit=0.05,
    thresholds={"visible_face": 0.9},  # share of a face that is visible; below, the crop cuts it
    remedy="for one face of several, lower pair.face_margin; for a face that fills its picture, "
    "give pair.crop_size the pictures' proportions",
    severity="warn",
)
def cut_faces(evidence: Evidence) -> CheckResult:
    least, count, cut_count, offenders = evidence.limits["visible_face"], 0, 0, []
    for side, pairs in evidence.sides.items():
        for index, faces in enumerate(pairs.faces or []):
            file = evidence.file_of(pairs.index["row"].iloc[index])
            shares = [_visible_share(face, file.cut) for face in faces] if file else []
            n_cut = sum(1 - least < share < least for share in shares)
            count, cut_count = count + len(shares), cut_count + n_cut
            if n_cut:
                detail = f"the crop cuts through {n_cut} of {len(shares)} faces"
                offenders.append(evidence.offender(side, index, detail))
    return cut_count / max(1, count), offenders


def _visible_share(face: Box, cut: Box) -> float:
    """Return the share of a face's area that lies inside the cut."""
    left, top, right, bottom = face
    across = max(0.0, min(right, cut[2]) - max(left, cut[0]))
    down = max(0.0, min(bottom, cut[3]) - max(top, cut[1]))
    return across * down / ((right - left) * (bottom - top))


@check(
    "share of target photographs without colour of their own",
    limit_key="grayscale_share",
    limit=0.01,
    # Lab units: three quarters of clean's, because a crop has less colour than its whole picture
    thresholds={"tone_residual": 3.5},
    remedy="set clean.grayscale: remove, or raise clean.tone_residual: a network trained on gray "
    "targets paints gray; if it should, set audit.limits.grayscale_share to 1",
)
def grayscale_targets(evidence: Evidence) -> CheckResult:
    offenders = [
        evidence.offender(side, index, f"tone residual {residual:.2f}")
        for side, measures in evidence.measures.items()
        for index, residual in enumerate(measures.tone_residuals)
        if residual < evidence.limits["tone_residual"]
    ]
    return len(offenders) / max(1, evidence.count), offenders


@check(
    "share of photographs that end in the gray of an incomplete download",
    limit_key="truncated_share",
    limit=0.01,
    remedy="these files end early and were decoded all the same: remove them, and change "
    "scrape.snapshot to fetch them again",
)
def truncated_photos(evidence: Evidence) -> CheckResult:
    offenders = []
    for side, pairs in evidence.sides.items():
        filler_rows, height = evidence.measures[side].filler_rows, pairs.photo.shape[1]
        for index in np.flatnonzero(filler_rows >= FILLED_SHARE * height).tolist():
            detail = f"the lowest {filler_rows[index]} of {height} rows are gray"
            offenders.append(evidence.offender(side, index, detail))
    return len(offenders) / max(1, evidence.count), offenders
