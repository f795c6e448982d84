"""Pictures that show the same: candidates by hash, aligned and compared pixel by pixel."""

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np

from src.clean.hash_candidates import Variants, find_candidates, find_variants
from src.parallel.local import map_compiled
from src.storage.slices import slices
from src.vision import alignment, forms, matching, views
from src.vision.likeness import NEAR_MISS_CORR
from src.vision.matching import Match, PictureFeatures, Start

COMPARED_BLOCK = 512  # candidates that are compared at a time


class Proof(NamedTuple):
    """Two pictures that show the same.

    Attributes:
        first: The number of a picture.
        second: The number of a later one.
        hash_distance: Bits of 256 in which the hashes that led to the pair differ.
        match: What the pixels have in common; the second in terms of the first.
    """

    first: int
    second: int
    hash_distance: int
    match: Match


class Likenesses(NamedTuple):
    """What the pixels of candidates have in common.

    Attributes:
        proofs: Pairs that show the same, sorted by their pictures.
        near_misses: Pairs that are alike but do not match, sorted: their best likeness.
    """

    proofs: list[Proof]
    near_misses: list[Proof]


def find_copies(
    features: Sequence[PictureFeatures], distance: int, similarity: float
) -> Likenesses:
    """Find all pairs of pictures that show the same, and those that nearly do.

    Args:
        features: Of the pictures, in their order.
        distance: The most bits of 256 in which the hashes of candidates differ.
        similarity: The least correlation of a copy, -1…1. Alignment starts at the poses that the
            hashes suggest and ends at the first that reaches it. So the value of a pair may be
            below `matching.match`'s.
    """
    variants = find_variants(features)
    candidates, pairs = _order_by_picture(find_candidates(variants, distance), variants)
    compare = partial(
        _compare,
        features=features,
        variants=variants,
        candidates=candidates,
        pairs=pairs,
        similarity=similarity,
    )
    blocks = slices(len(candidates), COMPARED_BLOCK)
    proofs: dict[tuple[int, int], Proof] = {}
    near_misses: dict[tuple[int, int], Proof] = {}
    for part in map_compiled(compare, blocks, "comparing likely copies"):
        for proof in part.proofs:
            proofs.setdefault((proof.first, proof.second), proof)
        for near in part.near_misses:
            _keep_best(near_misses, near)
    return Likenesses(
        [proofs[pair] for pair in sorted(proofs)],
        [near_misses[pair] for pair in sorted(near_misses.keys() - proofs.keys())],
    )


def _keep_best(near_misses: dict[tuple[int, int], Proof], near: Proof) -> None:
    best = near_misses.setdefault((near.first, near.second), near)
    if near.match.similarity > best.match.similarity:
        near_misses[near.first, near.second] = near


def _order_by_picture(candidates: np.ndarray, variants: Variants) -> tuple[np.ndarray, np.ndarray]:
    """Sort candidates by pair of pictures, those of fewest bits first.

    Returns:
        (C,) CANDIDATE, and (C, 2) int64: the two pictures of each, the smaller number first.
    """
    c = candidates
    pictures = np.stack([variants.pictures[c["query"]], variants.pictures[c["match"]]], axis=1)
    pairs = np.sort(pictures, axis=1)
    ties = c["form"], c["strip"], c["view"], c["match"], c["query"]
    order = np.lexsort((*ties, c["bits"], pairs[:, 1], pairs[:, 0]))
    return candidates.take(order), pairs[order]


def _compare(
    block: slice,
    features: Sequence[PictureFeatures],
    variants: Variants,
    candidates: np.ndarray,
    pairs: np.ndarray,
    similarity: float,
) -> Likenesses:
    """Compare the pixels of a block of candidates.

    Args:
        block: Which candidates.
        features: Of the pictures, in their order.
        variants: Their border variants.
        candidates: (C,) CANDIDATE.
        pairs: (C, 2) int64, the pictures of each.
        similarity: The least correlation of a copy, -1…1.

    Returns:
        A proof of each pair of copies, from the first candidate that proves it; and the pairs of
        which a candidate comes near.
    """
    comparison = _Comparison(features, variants)
    proofs: dict[tuple[int, int], Proof] = {}
    near_misses: dict[tuple[int, int], Proof] = {}
    for (i, j), candidate in zip(pairs[block].tolist(), candidates[block], strict=True):
        if (i, j) in proofs:
            continue
        match = comparison.compare(candidate, i, similarity)
        if match and match.is_copy(similarity):
            proofs[i, j] = Proof(i, j, int(candidate["bits"]), match)
        elif match:
            _keep_best(near_misses, Proof(i, j, int(candidate["bits"]), match))
    return Likenesses(list(proofs.values()), list(near_misses.values()))


class _Comparison:
    """Compares the pixels of candidates; remembers the details of the last pictures."""

    def __init__(self, features: Sequence[PictureFeatures], variants: Variants):
        self._features, self._variants = features, variants
        self._details = lru_cache(2 * COMPARED_BLOCK)(self._detail)

    def compare(self, candidate: np.void, first: int, similarity: float) -> Match | None:
        """Return what a candidate's two pictures have in common, or None if they are not alike.

        Args:
            candidate: A CANDIDATE.
            first: The picture that the other one is described in terms of.
            similarity: The least correlation of a copy, -1…1.
        """
        start = self._start(candidate, first)
        # the hashes leave out a strip or bands, which the pictures may not have
        if start.strip or any(start.banded):
            match = matching.match_from(self._plain_start(candidate, start), similarity)
            if match and match.is_copy(similarity) and match.edges_agree():
                return match
        return matching.match_from(start, similarity, min(similarity, NEAR_MISS_CORR))

    def _start(self, candidate: np.void, first: int) -> Start:
        """Return where the alignment of a candidate begins: `match` is laid upon `query`."""
        query, moved, strip = (int(candidate[name]) for name in ("query", "match", "strip"))
        variants = self._variants
        details = self._details(query, strip), self._details(moved, strip)
        chromas = variants.chromas[query], variants.chromas[moved]
        banded = bool(variants.numbers[query]), bool(variants.numbers[moved])
        border = "caption" if strip else ""
        if any(banded):
            pictures = variants.pictures[[query, moved]]
            border = matching.border_name(*(self._features[n].thumbnail for n in pictures))
        form = int(candidate["form"])  # of the query that matched
        is_query_first = variants.pictures[query] == first
        return Start(
            value=-1.0,
            fixed=variants.thumbnails[query],
            details=(details[0], forms.orient(details[1], forms.INVERSES[form])),
            chromas=(chromas[0], _orient(chromas[1], forms.INVERSES[form])),
            pose=views.POSES[candidate["view"]],
            strip=strip,
            form=form if is_query_first else forms.INVERSES[form],
            border=border,
            banded=banded if is_query_first else banded[::-1],
            is_first_moved=not is_query_first,
        )

    def _plain_start(self, candidate: np.void, start: Start) -> Start:
        """Return the same start for the whole pictures, with all strips and bands."""
        pictures = self._variants.pictures[[candidate["query"], candidate["match"]]]
        fixed, moved = (self._features[picture] for picture in pictures)
        inverse = forms.INVERSES[int(candidate["form"])]
        return start._replace(
            fixed=fixed.thumbnail,
            details=(
                alignment.detail(fixed.thumbnail),
                forms.orient(alignment.detail(moved.thumbnail), inverse),
            ),
            chromas=(fixed.chroma, _orient(moved.chroma, inverse)),
            strip=0,
            border="",
            banded=(False, False),
        )

    def _detail(self, variant: int, strip: int) -> np.ndarray:
        return alignment.detail(self._variants.thumbnails[variant], strip)


def _orient(chroma: np.ndarray | None, form: int) -> np.ndarray | None:
    return None if chroma is None else forms.orient(chroma, form)
