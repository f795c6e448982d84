"""Pictures that show the same: candidates by hash, proof by pixels.

The hash is PDQ's idea (Facebook, 2019): a bit for the sign of each of the 16x16 lowest frequencies
of a 64x64 gray thumbnail's discrete cosine transform. A crop changes all of them, so a picture is
also hashed in the views of it that a crop could show (`alignment.VIEWS`). Each view is looked up
among the other pictures, and mirrored too: a mirror image changes the sign of every odd frequency
across. A caption changes the lowest frequencies, so pictures are also compared without its strip.
Candidates are then aligned pixel by pixel. Blank pictures, whose bits are noise, have no copies and
are left out first.
"""

import sys
from collections.abc import Sequence
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np

from src.clean.multi_index_hash import Index
from src.parallel.local import cores, map_compiled
from src.storage.slices import even_slices, slices
from src.vision import alignment
from src.vision.alignment import STRIPS, THUMBNAIL_PX, VIEWS
from src.vision.bands import border_variants
from src.vision.perceptual_hash import BITS, MIRROR_BITS, hash_views

MIN_LOOKUP, MAX_LOOKUP = 512, 4096  # thumbnails that are looked up at a time
MAX_INDEX = 20_000_000  # hashes in an index; of more, several parts are built by band value
COMPARED_BLOCK = 512  # candidates that are compared at a time

# Two thumbnails that may show the same, and how one was found by the other.
CANDIDATE = np.dtype(
    [
        ("query", np.int32),  # the thumbnail that was looked up
        ("match", np.int32),
        ("bits", np.int16),  # that differ between their hashes
        ("view", np.uint8),  # of the query, in VIEWS
        ("strip", np.uint8),  # left out of both, in STRIPS
        ("mirrored", np.bool_),  # whether the query was
    ]
)


class Variants(NamedTuple):
    """The border variants of all pictures, without the blank ones.

    Attributes:
        thumbnails: (V, 64, 64) uint8.
        pictures: (V,) int64, the picture of each.
        numbers: (V,) int64, 0 for all of the picture, 1 without its bands.
        alone: (V,) bool, whether its picture has no other variant, blank ones included.
    """

    thumbnails: np.ndarray
    pictures: np.ndarray
    numbers: np.ndarray
    alone: np.ndarray


def find_copies(
    thumbnails: Sequence[np.ndarray] | np.ndarray, distance: int, similarity: float
) -> list[tuple[int, int, float]]:
    """Find the pictures that show the same.

    Args:
        thumbnails: N of (64, 64) uint8.
        distance: The most bits of 256 in which the hashes of candidates differ.
        similarity: The least correlation of a copy, -1…1. Alignment starts at the poses that the
            hashes suggest and ends at the first that reaches it. So the value of a pair may be
            below `alignment.similarity`'s.

    Returns:
        Sorted (i, j, similarity) with i < j.
    """
    variants = _variants(thumbnails)
    candidates, pairs = _order_by_picture(_candidates(variants, distance), variants)
    compare = partial(
        _compare,
        thumbnails=variants.thumbnails,
        candidates=candidates,
        pairs=pairs,
        similarity=similarity,
    )
    blocks = slices(len(candidates), COMPARED_BLOCK)
    similarities: dict[tuple[int, int], float] = {}
    for block_similarities in map_compiled(compare, blocks, "comparing likely copies"):
        for pair, value in block_similarities.items():
            similarities.setdefault(pair, value)
    return sorted((i, j, value) for (i, j), value in similarities.items())


def hash_distance(a: np.ndarray, b: np.ndarray) -> int:
    """Count the bits of 256 that differ between two thumbnails, compared as `find_copies` does.

    Args:
        a: (64, 64) uint8.
        b: (64, 64) uint8.

    Returns:
        The least number over all views, strips and border variants.
    """
    variants_a, variants_b = (np.stack(border_variants(thumbnail)) for thumbnail in (a, b))
    views_a, views_b = (hash_views(variants, VIEWS) for variants in (variants_a, variants_b))
    strips_a, strips_b = (hash_views(variants, STRIPS) for variants in (variants_a, variants_b))
    return min(
        _least_bits(queries, hashes)
        for i, j in alignment.comparable_variants(len(variants_a), len(variants_b))
        for queries, hashes in (
            (views_a[:, i], strips_b[:1, j]),
            (views_b[:, j], strips_a[:1, i]),
            (strips_a[:, i], strips_b[:, j]),
        )
    )


def _least_bits(queries: np.ndarray, hashes: np.ndarray) -> int:
    """Return the fewest bits that differ in a row, with the queries mirrored or not."""
    oriented = np.stack([queries, queries ^ MIRROR_BITS])
    return int(np.bitwise_count(oriented ^ hashes).sum(axis=-1, dtype=np.int64).min())


def _variants(thumbnails: Sequence[np.ndarray] | np.ndarray) -> Variants:
    variants = [
        (thumbnail, picture, number, len(of_picture) == 1)
        for picture, of_picture in enumerate(map(border_variants, thumbnails))
        for number, thumbnail in enumerate(of_picture)
        if not alignment.is_blank(thumbnail)
    ]
    columns = zip(*variants, strict=True) if variants else ((), (), (), ())
    pixels, pictures, numbers, alone = columns
    return Variants(
        np.array(pixels, np.uint8).reshape(-1, THUMBNAIL_PX, THUMBNAIL_PX),
        np.array(pictures, np.int64),
        np.array(numbers, np.int64),
        np.array(alone, bool),
    )


def _candidates(variants: Variants, distance: int) -> np.ndarray:
    """Look up every variant among all others; returns (C,) CANDIDATE."""
    count = len(variants.thumbnails)
    # larger blocks share more lookups, but each core should have one
    blocks = even_slices(count, min(MAX_LOOKUP, max(MIN_LOOKUP, -(-count // cores()))))
    hashes = hash_views(variants.thumbnails, STRIPS)
    candidates = [np.empty(0, CANDIDATE)]
    parts = -(-count // MAX_INDEX)
    for part in range(parts):
        indexes = [Index(strip_hashes, part, parts) for strip_hashes in hashes]
        if part == 0:
            _report_crowded(sum(index.crowded for index in indexes))
        look_up = partial(
            _look_up, variants=variants, indexes=indexes, hashes=hashes, distance=distance
        )
        candidates += map_compiled(look_up, blocks, "looking up likely copies")
    joined = np.concatenate(candidates)
    return _nearest(joined) if parts > 1 else joined


def _report_crowded(count: int) -> None:
    if count:
        print(
            f"clean: {count} hash bands are shared by too many pictures and not looked up; "
            "copies that have none but these in common are missed",
            file=sys.stderr,
        )


def _look_up(
    block: slice, variants: Variants, indexes: list[Index], hashes: np.ndarray, distance: int
) -> np.ndarray:
    """Look up a block of variants.

    Args:
        block: Which variants.
        variants: All variants.
        indexes: An index of all variants' hashes for each of STRIPS.
        hashes: (strips, V, 32) uint8, the hashes in the indexes.
        distance: The most bits of 256 that differ.

    Returns:
        (C,) CANDIDATE.
    """
    candidates = []
    for strip, index in enumerate(indexes):
        # without a strip in every view; with it uncut only
        views = (
            hashes[strip, None, block] if strip else hash_views(variants.thumbnails[block], VIEWS)
        )
        queries = np.stack([views, views ^ MIRROR_BITS])
        matches = index.range_search(queries.reshape(-1, BITS // 8), distance)
        mirrored, view, position = np.unravel_index(matches["query"], queries.shape[:3])
        query = position + block.start
        comparable = _comparable(variants, query, matches["match"])
        of_strip = np.empty(len(matches), CANDIDATE)
        of_strip["query"], of_strip["match"] = query, matches["match"]
        of_strip["bits"], of_strip["view"] = matches["bits"], view
        of_strip["strip"], of_strip["mirrored"] = strip, mirrored
        candidates.append(of_strip[comparable])
    return _nearest(np.concatenate(candidates))


def _comparable(variants: Variants, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Say which variants are compared: of different pictures, and of two with bands not the bands."""
    differ = variants.pictures[a] != variants.pictures[b]
    both_complete = variants.numbers[a] + variants.numbers[b] == 0
    both_have_bands = ~(variants.alone[a] | variants.alone[b])
    comparable: np.ndarray = differ & ~(both_complete & both_have_bands)
    return comparable


def _nearest(candidates: np.ndarray) -> np.ndarray:
    """Keep each pair's view of fewest bits, for each strip and mirroring."""
    c = candidates
    order = np.lexsort((c["view"], c["bits"], c["strip"], c["mirrored"], c["match"], c["query"]))
    candidates = candidates.take(order)
    is_nearest = np.zeros(len(candidates), bool)
    is_nearest[:1] = True
    for field in ("query", "match", "strip", "mirrored"):
        is_nearest[1:] |= candidates[field][1:] != candidates[field][:-1]
    return candidates.compress(is_nearest)


def _order_by_picture(candidates: np.ndarray, variants: Variants) -> tuple[np.ndarray, np.ndarray]:
    """Sort candidates by pair of pictures, those of fewest bits first.

    Returns:
        (C,) CANDIDATE, and (C, 2) int64: the two pictures of each, the smaller number first.
    """
    c = candidates
    pictures = np.stack([variants.pictures[c["query"]], variants.pictures[c["match"]]], axis=1)
    pairs = np.sort(pictures, axis=1)
    ties = c["mirrored"], c["strip"], c["view"], c["match"], c["query"]
    order = np.lexsort((*ties, c["bits"], pairs[:, 1], pairs[:, 0]))
    return candidates.take(order), pairs[order]


def _compare(
    block: slice,
    thumbnails: np.ndarray,
    candidates: np.ndarray,
    pairs: np.ndarray,
    similarity: float,
) -> dict[tuple[int, int], float]:
    """Compare the pixels of a block of candidates.

    Args:
        block: Which candidates.
        thumbnails: (V, 64, 64) uint8.
        candidates: (C,) CANDIDATE.
        pairs: (C, 2) int64, the pictures of each.
        similarity: The least correlation of a copy, -1…1.

    Returns:
        The correlation of each pair of copies, from the first candidate that proves it.
    """
    details = lru_cache(2 * COMPARED_BLOCK)(
        lambda variant, strip: alignment.detail(thumbnails[variant], strip)
    )
    similarities: dict[tuple[int, int], float] = {}
    for (i, j), candidate in zip(pairs[block].tolist(), candidates[block].tolist(), strict=True):
        if (i, j) not in similarities:
            query, match, _, view, strip, mirrored = candidate
            moved = alignment.orient(details(match, strip), mirrored)
            value, _ = alignment.align(
                details(query, strip), moved, alignment.POSES[view], strip, similarity
            )
            if value >= similarity:
                similarities[i, j] = min(value, 1.0)
    return similarities
