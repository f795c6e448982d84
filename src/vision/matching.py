"""Do two pictures show the same? Their normalised correlation, in the pose where it is highest.

Either picture may be cut out of the other, rotated by a few degrees, or in one of the eight forms of
a square. Bands around it (frames, strips of a caption) are left out if that matches better.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from src.vision import forms, witness
from src.vision.alignment import align, compared_rows, detail
from src.vision.bands import border_variants, borders
from src.vision.correlation import POSITION, ROTATION, SIZE, correlations, warp
from src.vision.views import POSES, STRIPS, THUMBNAIL_PX, UPRIGHT_FORMS

MIN_SECOND_LOOK, MAX_SECOND_LOOK = 0.75, 0.985  # correlations between which a second look pays off
# By how much a second look must be better, because look-alikes gain by it too. Of 3,117 copies of
# all kinds 3,057 are proven with it and 2,899 without; no more look-alikes pass.
SECOND_MARGIN, SECOND_AGREEMENT_MARGIN = 0.01, 0.045
# Height over width of pictures, on which tilts depend. Only the second look tries them.
ASPECTS, MIN_ASPECT_DEGREES = (1.0, 4 / 3, 3 / 4, 16 / 9, 9 / 16), 2.0
STARTS = 3  # views from which the alignment of any two starts
CROPPED_SHARE = 0.985  # visible share below which a picture counts as cut out of the other
FRAMED_SHARE = 0.9  # the same where bands were left out, whose edges are sure to a line or two
TIE_MARGIN = 0.02  # of similarity
MAX_MARKED_CORR = 0.78  # of a block, below which there is a mark in one of the pictures
MIN_EDGE_AGREEMENT = 0.6  # of the blocks at an edge, below which there is a caption


@dataclass(frozen=True)
class Match:
    """How well one picture matches another, and what was done to it for that.

    Attributes:
        similarity: The correlation, -1…1.
        form: Of the first picture, in `forms.FORMS`, that the second one shows.
        border: What was left out: "", "caption" or "frame".
        visible_share: How much of the larger one's height or width the smaller one shows, whichever
            is less.
        rotation: Degrees, either way.
        agreement: See `witness.agreement`.
        edge_agreement: See `witness.edge_agreement`.
        differing: The blocks of the first and of the second picture, numbered in rows of 8, in
            which one shows something that the other does not.
        banded: For each picture, whether bands around it were left out.
        is_first_smaller: Whether the first picture shows less, if one of them does.
        color_difference: See `witness.color_difference`; 0 if either picture is gray.
        pose: Of the picture that is laid upon the other, see `correlation`.
        strip: Which of STRIPS was left out.
        is_first_moved: Whether the first picture was laid upon the second.
    """

    similarity: float
    form: int = forms.PLAIN
    border: str = ""
    visible_share: float = 1.0
    rotation: float = 0.0
    agreement: float = 1.0
    edge_agreement: float = 1.0
    differing: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())
    banded: tuple[bool, bool] = (False, False)
    is_first_smaller: bool = False
    color_difference: float = 0.0
    pose: tuple[float, ...] = field(default=(0.5, 0.5, 1.0, 1.0, 0.0), compare=False)
    strip: int = field(default=0, compare=False)
    is_first_moved: bool = field(default=False, compare=False)

    def is_copy(self, similarity: float) -> bool:
        """Say whether both pictures show the same; `similarity` is the least that counts."""
        agree = self.agreement >= witness.MIN_AGREEMENT
        same_colors = self.color_difference <= witness.MAX_COLOR_DIFFERENCE
        return self.similarity >= similarity and agree and same_colors

    def edges_agree(self) -> bool:
        """Say whether neither the highest nor the lowest strip shows something else."""
        return self.edge_agreement >= MIN_EDGE_AGREEMENT

    def is_cut(self) -> bool:
        """Say whether one picture shows less than the other, beyond its bands."""
        return self.visible_share < (FRAMED_SHARE if any(self.banded) else CROPPED_SHARE)


class PictureFeatures(NamedTuple):
    """What a picture is compared by.

    Attributes:
        thumbnail: (64, 64) uint8 gray.
        chroma: (16, 16, 2) uint8, from `witness.chroma`; None for a gray picture.
    """

    thumbnail: np.ndarray
    chroma: np.ndarray | None = None


def match(a: PictureFeatures, b: PictureFeatures) -> Match:
    """Return how two pictures match best.

    Several matches may be as good as the best one, within TIE_MARGIN. Of these the plainest is
    returned: one that the witnesses do not refute if there is any, then that of the least effort.
    """
    matches, best = [], -1.0
    for start in sorted(_starts(a, b), key=lambda start: -start.value):
        if aligned := match_from(start, best - TIE_MARGIN):
            matches.append(aligned)
            best = max(best, aligned.similarity)
    good = [m for m in matches if m.similarity >= best - TIE_MARGIN]
    plainest = min(good, key=lambda m: (not m.is_copy(-1.0), _effort(m)))
    return replace(plainest, similarity=best)


def feature_variants(features: PictureFeatures) -> list[PictureFeatures]:
    """Return a picture as it is, and without its bands if it has any."""
    thumbnails = border_variants(features.thumbnail)
    if len(thumbnails) == 1:
        return [features]
    chroma = features.chroma
    if chroma is not None:
        chroma = witness.without_bands(chroma, borders(features.thumbnail))
    return [features, PictureFeatures(thumbnails[1], chroma)]


def comparable_variants(count_a: int, count_b: int) -> list[tuple[int, int]]:
    """List the border variants of two pictures to compare; not both whole if both have bands."""
    pairs = [(i, j) for i in range(count_a) for j in range(count_b)]
    return pairs if min(count_a, count_b) == 1 else pairs[1:]


class Start(NamedTuple):
    """Where the alignment of two pictures begins.

    Attributes:
        value: How well they correlate there, -1…1.
        fixed: The thumbnail of the fixed picture.
        details: Of the fixed picture, and of the one laid upon it in its form.
        chromas: Of the same; None for gray pictures.
        pose: Of the second in the first.
        strip: Which of STRIPS is left out.
        form: See `Match`.
        border: See `Match`.
        banded: See `Match`.
        is_first_moved: Whether the first picture of the match is the one laid upon the other.
    """

    value: float
    fixed: np.ndarray
    details: tuple[np.ndarray, np.ndarray]
    chromas: tuple[np.ndarray | None, np.ndarray | None]
    pose: np.ndarray
    strip: int
    form: int
    border: str
    banded: tuple[bool, bool] = (False, False)
    is_first_moved: bool = False


def match_from(start: Start, target: float, least: float | None = None) -> Match | None:
    """Return the match that an alignment leads to, or None if it is too low.

    Args:
        start: Where the alignment begins.
        target: The correlation that is looked for, -1…1.
        least: The correlation below which there is no match; the target if left out.
    """
    value, pose = align(*start.details, start.pose, start.strip, target)
    if value < min(target, MIN_SECOND_LOOK):
        return None
    attempts = [_Evidence.of(value, start.details, pose)]
    if MIN_SECOND_LOOK <= value < MAX_SECOND_LOOK:
        attempts.append(_second_look(start, pose, target))
    best = max(attempts, key=lambda attempt: attempt.value)
    if best.value < (target if least is None else least):
        return None
    height, width = map(float, best.pose[SIZE])
    fixed, moved = start.chromas
    difference = 0.0
    if fixed is not None and moved is not None:
        difference = witness.color_difference(fixed, moved, best.pose)
    return Match(
        similarity=min(best.value, 1.0),
        form=start.form,
        border=start.border,
        visible_share=min(height, width, 1 / height, 1 / width),
        rotation=float(abs(best.pose[ROTATION])),
        agreement=min(best.agreement, attempts[-1].agreement),
        edge_agreement=best.edge_agreement,
        differing=_differing(best.blocks, start),
        banded=start.banded,
        is_first_smaller=start.is_first_moved == (height * width < 1),
        color_difference=difference,
        pose=tuple(best.pose.tolist()),
        strip=start.strip,
        is_first_moved=start.is_first_moved,
    )


class _Evidence(NamedTuple):
    """How well two pictures agree in a pose; see `Match`."""

    value: float
    agreement: float
    edge_agreement: float
    blocks: np.ndarray
    pose: np.ndarray

    @classmethod
    def of(
        cls, value: float, details: tuple[np.ndarray, np.ndarray], pose: np.ndarray
    ) -> "_Evidence":
        """Look at the details of two pictures, which correlate with a value in a pose."""
        blocks = witness.block_correlations(*details, pose)
        edges = witness.edge_agreement(blocks)
        return cls(value, witness.agreement(blocks), edges, blocks, pose)


def _second_look(start: Start, pose: np.ndarray, target: float) -> _Evidence:
    """Compare a picture with the details of the part of the fixed one that it covers, and no more.

    Details depend on the scale, and on what lies beside them. Cuts of 20 % of facades correlate
    with their originals at .86 or more, and with these details at .97.
    """
    aspects = ASPECTS if abs(pose[ROTATION]) >= MIN_ASPECT_DEGREES else ASPECTS[:1]
    attempts = [_look_again(start, pose, target, aspect) for aspect in aspects]
    return max(attempts, key=lambda attempt: attempt.value)


def _look_again(start: Start, pose: np.ndarray, target: float, aspect: float) -> _Evidence:
    """Take the second look at pictures of some height over width."""
    below = warp(start.fixed.astype(np.float32), pose, aspect)
    outside = np.isnan(below)
    below[outside] = np.median(start.fixed)
    covered = detail(np.rint(below).astype(np.uint8), start.strip)
    details = np.where(outside, np.float32(0), covered), np.where(outside, 0, start.details[1])
    value, rest = align(*details, POSES[0], start.strip, target)
    evidence = _Evidence.of(value, details, rest)
    return evidence._replace(
        value=value - SECOND_MARGIN,
        agreement=evidence.agreement - SECOND_AGREEMENT_MARGIN,
        pose=_composed(pose, rest),
    )


def _composed(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """Return the pose of a picture that has a pose within another pose."""
    angle = np.deg2rad(outer[ROTATION])
    down, across = inner[POSITION] - 0.5
    return np.array(
        [
            outer[0] + outer[2] * (np.cos(angle) * down + np.sin(angle) * across),
            outer[1] + outer[3] * (np.cos(angle) * across - np.sin(angle) * down),
            outer[2] * inner[2],
            outer[3] * inner[3],
            outer[ROTATION] + inner[ROTATION],
        ]
    )


def _differing(blocks: np.ndarray, start: Start) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the blocks in which the first and the second picture differ, if neither is cut."""
    differ = blocks < MAX_MARKED_CORR  # not where there is nothing to compare
    low, high = compared_rows(start.strip)
    middles = (np.arange(len(blocks)) + 0.5) * THUMBNAIL_PX / len(blocks)
    differ[(middles < low) | (middles >= high)] = True
    undo = forms.INVERSES[start.form] if start.is_first_moved else start.form
    moved = forms.orient(differ, undo)
    fixed_numbers, moved_numbers = (
        tuple(np.flatnonzero(mask).tolist()) for mask in (differ, moved)
    )
    if start.is_first_moved:
        return moved_numbers, fixed_numbers
    return fixed_numbers, moved_numbers


def border_name(a: np.ndarray, b: np.ndarray) -> str:
    """Return what the bands of two thumbnails are, "frame" or "caption"."""
    return "frame" if sum(borders(a)[2:] + borders(b)[2:]) else "caption"


class _Variant(NamedTuple):
    """A border variant: its thumbnail, its details for each of STRIPS, and its chroma."""

    thumbnail: np.ndarray
    details: list[np.ndarray]
    chroma: np.ndarray | None


def _starts(a: PictureFeatures, b: PictureFeatures) -> Iterator[Start]:
    """Yield the best starts of every pair of border variants in every form, either one moved."""
    variants_a, variants_b = (
        [_Variant(v.thumbnail, _details(v.thumbnail), v.chroma) for v in feature_variants(features)]
        for features in (a, b)
    )
    border_of_bands = border_name(a.thumbnail, b.thumbnail)
    for i, j in comparable_variants(len(variants_a), len(variants_b)):
        first, second = variants_a[i], variants_b[j]
        banded = (i > 0, j > 0)
        border = border_of_bands if any(banded) else ""
        for form in forms.FORMS:
            for start in _best_starts(second, first, form, border):
                yield start._replace(form=form, banded=banded, is_first_moved=True)
            for start in _best_starts(first, second, forms.INVERSES[form], border):
                yield start._replace(form=form, banded=banded, is_first_moved=False)


def _best_starts(fixed: _Variant, moved: _Variant, form: int, border: str) -> list[Start]:
    """Return the most promising views and strips of `moved` in a form."""
    starts = []
    # cuts and captions of pictures that are also turned are not searched
    is_upright = form in UPRIGHT_FORMS
    chromas = fixed.chroma, None if moved.chroma is None else forms.orient(moved.chroma, form)
    for strip, moved_detail in enumerate(moved.details if is_upright else moved.details[:1]):
        details = fixed.details[strip], forms.orient(moved_detail, form)
        left_out = border or ("caption" if strip else "")
        poses = POSES if is_upright and not strip else POSES[:1]
        values = correlations(*details, poses, *compared_rows(strip))
        for value, pose in zip(values, poses, strict=True):
            starts.append(
                Start(value, fixed.thumbnail, details, chromas, pose, strip, form, left_out)
            )
    return sorted(starts, key=lambda start: -start.value)[:STARTS]


def _effort(match: Match) -> tuple[int, float]:
    """Return a sort key: how many changes a match assumes, then how much of the larger it shows."""
    return bool(match.form) + bool(match.border) + match.is_cut(), -match.visible_share


def _details(thumbnail: np.ndarray) -> list[np.ndarray]:
    return [detail(thumbnail, strip) for strip in range(len(STRIPS))]
