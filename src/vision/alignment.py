"""Do two thumbnails show the same? Their normalised correlation, in the pose where it is highest.

What is compared is detail, between single pixels, which misalign, and broad light. Either picture
may be cut out of the other, mirrored or rotated by a few degrees. Bands around it (frames, strips
of a caption) are left out if that matches better. No hash is used: the audit may rely on it.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np

from src.imaging import resizing
from src.vision.bands import border_variants, borders
from src.vision.correlation import coordinate_ascent, correlation, correlations

THUMBNAIL_PX = 64
View = tuple[float, float, float, float]  # shares cut off at the top, bottom, left and right

# What a picture may show of another.
_SMALL_CUTS = (
    ((0, 0.05), (0.05, 0)),
    ((0, 0.1), (0.033, 0.067), (0.067, 0.033), (0.1, 0)),
    ((0.05, 0.1), (0.1, 0.05)),
    ((0.1, 0.1),),
)
_ONE_WAY_CUTS = (
    *((0, share) for share in (0.05, 0.1, 0.15, 0.25)),
    *((share, 0) for share in (0.05, 0.1, 0.15, 0.25)),
    (0.125, 0.125),
)
UNCUT: View = (0, 0, 0, 0)
VIEWS: tuple[View, ...] = (
    UNCUT,
    *((*rows, *columns) for cuts in _SMALL_CUTS for rows in cuts for columns in cuts),
    *((*cut, 0, 0) for cut in _ONE_WAY_CUTS),
    *((0, 0, *cut) for cut in _ONE_WAY_CUTS),
)
# The pose of each view in the picture that it is a view of.
POSES = np.array(
    [
        [(1 + top - bottom) / 2, (1 + left - right) / 2, 1 - top - bottom, 1 - left - right, 0]
        for top, bottom, left, right in VIEWS
    ]
)
# What may be left out of both pictures: nothing, or a strip as high as a caption's.
STRIPS: tuple[View, ...] = (UNCUT, (0, 0.15, 0, 0), (0.15, 0, 0, 0))
BLANK_DETAIL = 0.5  # levels of detail below which a picture is like nothing
CONTRAST_PX = 6  # pixels over which contrast is evened out
NOISE_LEVELS = 4  # of detail that may be noise, and are not evened out
MIN_START_CORR = 0.25  # correlation in a view below which no alignment leads to a copy
STARTS = 3  # views from which the alignment of any two starts
CROPPED_SHARE = 0.985  # visible share below which a picture counts as cut out of the other
TIE_MARGIN = 0.02  # of similarity


@dataclass(frozen=True)
class Match:
    """How well one picture matches another, and what was done to it for that.

    Attributes:
        similarity: The correlation, -1…1.
        mirrored: Whether one is the mirror image of the other.
        border: What was left out: "", "caption" or "frame".
        visible_share: How much of the larger one's height or width the smaller one shows, whichever
            is less.
        rotation: Degrees, either way.
    """

    similarity: float
    mirrored: bool = False
    border: str = ""
    visible_share: float = 1.0
    rotation: float = 0.0


def thumbnail(pixels: np.ndarray) -> np.ndarray:
    """Return a picture's gray thumbnail: (height, width, 3) uint8 RGB → (64, 64) uint8."""
    return cv2.cvtColor(resizing.thumbnail(pixels, THUMBNAIL_PX), cv2.COLOR_RGB2GRAY)


def is_blank(thumbnail: np.ndarray) -> bool:
    """Say whether nothing in a thumbnail, (height, width) uint8, distinguishes it from others."""
    blurred = cv2.blur(thumbnail, (15, 15))
    return cv2.norm(thumbnail, blurred, cv2.NORM_L1) < BLANK_DETAIL * thumbnail.size


def detail(thumbnail: np.ndarray, strip: int = 0) -> np.ndarray:
    """Return what distinguishes pictures: middle frequencies, their contrast evened out.

    Args:
        thumbnail: (64, 64) uint8.
        strip: Which of STRIPS is left out.

    Returns:
        (64, 64) float32, zero in the strip; a blank picture has zeros only.
    """
    low, high = _compared_rows(strip)
    values = np.zeros(thumbnail.shape, np.float32)
    if not is_blank(thumbnail[low:high]):
        rows = thumbnail[low:high].astype(np.float32)
        rows = cv2.GaussianBlur(rows, (0, 0), 1) - cv2.GaussianBlur(rows, (0, 0), 8)
        contrast = np.sqrt(cv2.GaussianBlur(rows * rows, (0, 0), CONTRAST_PX))
        values[low:high] = rows / (contrast + NOISE_LEVELS)
    return values


def similarity(a: np.ndarray, b: np.ndarray) -> float:
    """Return the best correlation of two thumbnails, -1…1, over all that `match` tries."""
    return match(a, b).similarity


def match(a: np.ndarray, b: np.ndarray) -> Match:
    """Return how two thumbnails, (64, 64) uint8, match best.

    Of the matches that are as good as the best within TIE_MARGIN, the plainest is returned.
    """
    details_a, details_b = (
        [_details(variant) for variant in border_variants(thumbnail)] for thumbnail in (a, b)
    )
    border = "frame" if sum(borders(a)[2:] + borders(b)[2:]) else "caption"
    starts = [
        start
        for i, j in comparable_variants(len(details_a), len(details_b))
        for fixed, moved in ((details_a[i], details_b[j]), (details_b[j], details_a[i]))
        for mirrored in (False, True)
        for start in _best_starts(fixed, moved, mirrored, border if i + j else "")
    ]
    matches, best = [], -1.0
    for start in sorted(starts, key=lambda start: -start.value):
        matches.append(_match_from(start, best - TIE_MARGIN))
        best = max(best, matches[-1].similarity)
    plainest = min((m for m in matches if m.similarity >= best - TIE_MARGIN), key=_effort)
    return replace(plainest, similarity=best)


def comparable_variants(count_a: int, count_b: int) -> list[tuple[int, int]]:
    """List which border variants of two pictures are compared; of two with bands not the bands."""
    pairs = [(i, j) for i in range(count_a) for j in range(count_b)]
    return pairs if min(count_a, count_b) == 1 else pairs[1:]


def orient(picture: np.ndarray, mirrored: bool) -> np.ndarray:
    """Return the picture itself or its mirror image, contiguous."""
    return np.ascontiguousarray(picture[:, ::-1]) if mirrored else picture


def align(
    fixed: np.ndarray, moved: np.ndarray, pose: np.ndarray, strip: int, target: float = -1.0
) -> tuple[float, np.ndarray]:
    """Improve the pose of one picture in another, unless it starts hopelessly.

    Args:
        fixed: Details of a picture, (64, 64) float32.
        moved: Details of another, (64, 64) float32.
        pose: The pose of `moved` in `fixed` to begin with, one of POSES.
        strip: Which of STRIPS is left out.
        target: The correlation that is looked for; an alignment that will not come near it ends
            early.

    Returns:
        The correlation, -1…1, and the pose that has it.
    """
    low, high = _compared_rows(strip)
    value = correlation(fixed, moved, pose, low, high, 2)
    if value >= MIN_START_CORR:
        value, pose = coordinate_ascent(fixed, moved, pose, low, high, target)
    return float(value), pose


class _Start(NamedTuple):
    """Where the alignment of two pictures' details begins, and how well they correlate there."""

    value: float
    fixed: np.ndarray
    moved: np.ndarray
    pose: np.ndarray
    strip: int
    mirrored: bool
    border: str


def _best_starts(
    fixed: list[np.ndarray], moved: list[np.ndarray], mirrored: bool, border: str
) -> list[_Start]:
    """Return the most promising views and strips, given the `_details` of both."""
    starts = []
    for strip, moved_detail in enumerate(moved):
        both = fixed[strip], orient(moved_detail, mirrored)
        left_out = border or ("caption" if strip else "")
        poses = POSES[:1] if strip else POSES
        values = correlations(*both, poses, *_compared_rows(strip))
        for value, pose in zip(values, poses, strict=True):
            starts.append(_Start(value, *both, pose, strip, mirrored, left_out))
    return sorted(starts, key=lambda start: -start.value)[:STARTS]


def _match_from(start: _Start, target: float) -> Match:
    value, pose = align(start.fixed, start.moved, start.pose, start.strip, target)
    height, width = float(pose[2]), float(pose[3])
    visible_share = min(height, width, 1 / height, 1 / width)
    return Match(value, start.mirrored, start.border, visible_share, float(abs(pose[4])))


def _effort(match: Match) -> tuple[int, float]:
    """Return how many things were done to a picture, then how much of it is missing."""
    cropped = match.visible_share < CROPPED_SHARE
    return match.mirrored + bool(match.border) + cropped, -match.visible_share


def _details(thumbnail: np.ndarray) -> list[np.ndarray]:
    return [detail(thumbnail, strip) for strip in range(len(STRIPS))]


def _compared_rows(strip: int) -> tuple[int, int]:
    """Return the first row outside a strip, and the row after the last one."""
    top, bottom = STRIPS[strip][:2]
    return round(top * THUMBNAIL_PX), round((1 - bottom) * THUMBNAIL_PX)
