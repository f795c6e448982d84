"""Searches training for copies of validation pictures, without any hash of the cleaning search.

The likeliest training pictures of each validation picture (see `candidates`) are aligned with it
pixel by pixel, beginning where their vectors are most alike. Those that come near a copy are then
aligned in every way. The best alignment decides, unless the witnesses or a close look refute it (see
`refutation`).
"""

from collections.abc import Collection
from typing import NamedTuple

import numpy as np

from src.audit import candidates
from src.audit.candidates import QUERIES, Query, mirror_view
from src.audit.compared_pictures import ComparedPictures
from src.audit.refutation import Likenesses, Refutation
from src.parallel.local import cores, map_threads
from src.vision import forms, likeness, matching
from src.vision.likeness import NEAR_MISS_CORR
from src.vision.matching import Match, Start
from src.vision.views import STRIPS

TOP_K = 40  # likeliest pictures that are aligned
NEAR_COPY = 0.15  # of similarity, how far below the limit a pair is aligned in every way
MAX_NEAR = 3  # pictures that are aligned in every way


class Nearest(NamedTuple):
    """The most similar training picture of each of N validation pictures.

    Attributes:
        similarities: (N,) float64, -1…1 as `matching.match` gives them; -1 if none is likely.
        indices: (N,) int64, into training; 0 if none is likely.
        copies: (N,) bool, whether both show the same. A copy comes before whatever is none,
            however similar.
    """

    similarities: np.ndarray
    indices: np.ndarray
    copies: np.ndarray


def nearest(
    val: ComparedPictures,
    train: ComparedPictures,
    similarity: float,
    excluded: Collection[tuple[int, int]] = (),
) -> Nearest:
    """Find the most similar training picture of each validation picture.

    Args:
        val: N validation pictures.
        train: The training pictures, in the same proportions.
        similarity: The least of a copy, -1…1.
        excluded: Indices of validation and of training that are not compared: a person ruled that
            they are no copies.
    """
    likely = candidates.find(val.variants, train.variants, TOP_K)
    comparison = _Comparison(val, train, similarity, frozenset(excluded))
    edges = np.searchsorted(val.variants.pictures[likely["val"]], np.arange(len(val) + 1))
    by_picture = np.split(likely, edges[1:-1]) if len(val) else []
    likenesses = map_threads(comparison.likenesses, by_picture, "aligning likely copies", cores())
    refutation = Refutation(val, train, likenesses, similarity)
    matched = [
        picture
        for picture, picture_likenesses in enumerate(likenesses)
        if picture_likenesses.matches or picture_likenesses.near_misses
    ]
    copies = map_threads(refutation.copy_of, matched, "looking closely at copies", cores())
    best = [
        (picture_likenesses.similarity, picture_likenesses.most_similar, False)
        for picture_likenesses in likenesses
    ]
    for picture, copy in zip(matched, copies, strict=True):
        if copy is not None:
            best[picture] = likenesses[picture].alike[copy].similarity, copy, True
    columns = zip(*best, strict=True) if best else ((), (), ())
    dtypes = np.float64, np.int64, np.bool_
    return Nearest(*(np.array(c, dtype) for c, dtype in zip(columns, dtypes, strict=True)))


class _Comparison:
    """Aligns likely copies of two sides, validation and training."""

    def __init__(
        self,
        val: ComparedPictures,
        train: ComparedPictures,
        similarity: float,
        excluded: frozenset[tuple[int, int]],
    ):
        self._val, self._train, self._similarity = val, train, similarity
        self._excluded = excluded

    def likenesses(self, likely: np.ndarray) -> Likenesses:
        """Return the training pictures that are like a validation picture, by its CANDIDATEs."""
        matches: dict[int, Match] = {}  # by training picture
        target = 0.0
        for candidate in likely:
            picture = int(self._train.variants.pictures[candidate["train"]])
            if (int(self._val.variants.pictures[candidate["val"]]), picture) in self._excluded:
                continue
            if picture in matches and matches[picture].is_copy(self._similarity):
                continue
            if match := self._match(candidate, min(target, self._similarity - NEAR_COPY)):
                matches[picture] = max(match, matches.get(picture, match), key=self._rank)
                target = max(target, match.similarity)
        if not any(self._is_sure(match) for match in matches.values()):
            for picture, match in self._align_near(likely, matches).items():
                matches[picture] = max(match, matches[picture], key=self._rank)
        return self._sorted(matches)

    def _sorted(self, matches: dict[int, Match]) -> Likenesses:
        ranked = sorted(matches, key=lambda picture: -matches[picture].similarity)
        copies = [picture for picture in ranked if matches[picture].is_copy(self._similarity)]
        near_misses = {
            picture: matches[picture]
            for picture in ranked
            if picture not in copies and matches[picture].similarity >= NEAR_MISS_CORR
        }
        index = ranked[0] if ranked else 0
        similarity = matches[index].similarity if ranked else -1.0
        return Likenesses({p: matches[p] for p in copies}, near_misses, similarity, index)

    def _is_sure(self, match: Match) -> bool:
        return match.is_copy(self._similarity) and likeness.is_sure(match)

    def _rank(self, match: Match) -> tuple[bool, float]:
        return match.is_copy(self._similarity), match.similarity

    def _align_near(self, likely: np.ndarray, matches: dict[int, Match]) -> dict[int, Match]:
        """Align in every way the pictures that come near a copy."""
        near = [
            picture
            for picture, match in matches.items()
            if self._similarity - NEAR_COPY <= match.similarity < self._similarity
        ]
        near = sorted(near, key=lambda picture: -matches[picture].similarity)[:MAX_NEAR]
        if not near:
            return {}
        val = self._val.features(int(self._val.variants.pictures[likely["val"][0]]))
        return {p: matching.match(val, self._train.features(p)) for p in near}

    def _match(self, candidate: np.void, target: float) -> Match | None:
        """Return how the two pictures of a candidate match, or None if that is below the target."""
        matches = []
        # the vectors leave out a strip, but there may be no caption in it
        for strip in dict.fromkeys((_caption(QUERIES[candidate["query"]]), 0)):
            start = self._start(candidate, strip)
            match = matching.match_from(start, target)
            if match and (
                match.is_copy(self._similarity) or likeness.may_be_near(match, self._similarity)
            ):
                match = matching.match_from(self._with_colors(start, candidate), target)
            if match:
                matches.append(match)
        return max(matches, key=self._rank, default=None)

    def _start(self, candidate: np.void, strip: int) -> Start:
        """Return where the alignment begins: the match lies in the query.

        The validation picture is the first one of the result, whichever it is of a candidate.
        """
        query = QUERIES[candidate["query"]]
        (query_side, fixed), (match_side, moved) = self._roles(candidate)
        fixed_strip = strip if query.view == query.strip else 0
        details = query_side.detail(fixed, fixed_strip), match_side.detail(moved, strip)
        is_val_moved = not candidate["by_val"]
        numbers = (
            self._val.variants.numbers[candidate["val"]],
            self._train.variants.numbers[candidate["train"]],
        )
        return Start(
            value=-1.0,
            fixed=query_side.variants.thumbnails[fixed],
            details=(details[0], forms.orient(details[1], forms.INVERSES[query.form])),
            chromas=(None, None),
            pose=_pose(query),
            strip=strip,
            form=forms.INVERSES[query.form] if is_val_moved else query.form,
            border="",
            banded=(bool(numbers[0]), bool(numbers[1])),
            is_first_moved=is_val_moved,
        )

    def _with_colors(self, start: Start, candidate: np.void) -> Start:
        fixed, moved = (side.chroma(variant) for side, variant in self._roles(candidate))
        if moved is not None:
            moved = forms.orient(moved, forms.INVERSES[QUERIES[candidate["query"]].form])
        return start._replace(chromas=(fixed, moved))

    def _roles(
        self, candidate: np.void
    ) -> tuple[tuple[ComparedPictures, int], tuple[ComparedPictures, int]]:
        """Return the side and the variant of the query, and those of the match."""
        val = self._val, int(candidate["val"])
        train = self._train, int(candidate["train"])
        return (val, train) if candidate["by_val"] else (train, val)


def _caption(query: Query) -> int:
    """Return which of alignment's strips a query leaves out of its matches."""
    return STRIPS.index(query.strip) if query.strip in STRIPS else 0


def _pose(query: Query) -> np.ndarray:
    """Return the pose of a match in the picture that is looked up."""
    top, bottom, left, right, _ = query.view
    # the match takes the form of the query
    strip = mirror_view(query.strip) if query.form == forms.MIRRORED else query.strip
    above, below, before, after, _ = strip
    height = (1 - top - bottom) / (1 - above - below)
    width = (1 - left - right) / (1 - before - after)
    return np.array([top + (0.5 - above) * height, left + (0.5 - before) * width, height, width, 0])
