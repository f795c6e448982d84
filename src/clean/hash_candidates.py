"""Pictures that may show the same: candidates by hash, for `near_duplicates` to compare by pixels.

The hash is PDQ's idea (Facebook, 2019): a bit for the sign of each of the 16x16 lowest frequencies
of a 64x64 gray thumbnail's discrete cosine transform. A cut or a tilt changes all of them. So a
picture is also hashed in the views of it that a copy could show (`views.VIEWS`). These are cuts
of up to 20 % of both sides or 25 % of one, and tilts of 2 to 7 degrees. Each view is looked up among
the other pictures, as it is and mirrored. The whole picture is looked up in all eight forms of a
square, which exchange bits and change the signs of odd frequencies. A caption changes the lowest
frequencies, so pictures are also compared without its strip. Blank pictures, whose bits are noise,
have no copies and are left out first.
"""

import sys
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from src.clean.multi_index_hash import Index
from src.parallel.local import cores, map_compiled, map_threads
from src.storage.slices import even_slices
from src.vision import alignment, forms, matching
from src.vision.bands import border_variants
from src.vision.matching import PictureFeatures
from src.vision.perceptual_hash import BITS, BLOCK, hash_views, orient_hashes
from src.vision.views import STRIPS, THUMBNAIL_PX, UPRIGHT_FORMS, VIEWS

MAX_LOOKUP = 4096  # thumbnails that are looked up at a time, because they share lookups
MAX_INDEX = 20_000_000  # hashes in an index; of more, several parts are built by band value

# Two thumbnails that may show the same, and the look-up by which one matches the other.
CANDIDATE = np.dtype(
    [
        ("query", np.int32),  # the thumbnail that was looked up
        ("match", np.int32),
        ("bits", np.int16),  # that differ between their hashes
        ("view", np.uint8),  # of the query, in VIEWS
        ("strip", np.uint8),  # left out of both, in STRIPS
        ("form", np.uint8),  # of the query, in FORMS
    ]
)


class Variants(NamedTuple):
    """The border variants of all pictures, without the blank ones.

    Attributes:
        thumbnails: (V, 64, 64) uint8.
        chromas: V of (16, 16, 2) uint8, None for gray pictures.
        pictures: (V,) int64, the picture of each.
        numbers: (V,) int64, 0 for all of the picture, 1 without its bands.
        alone: (V,) bool, whether its picture has no other variant, blank ones included.
    """

    thumbnails: np.ndarray
    chromas: list[np.ndarray | None]
    pictures: np.ndarray
    numbers: np.ndarray
    alone: np.ndarray


def find_variants(features: Sequence[PictureFeatures]) -> Variants:
    """Return the border variants of pictures, without the blank ones."""
    variants = [
        (variant.thumbnail, variant.chroma, picture, number, len(picture_variants) == 1)
        for picture, picture_variants in enumerate(map(matching.feature_variants, features))
        for number, variant in enumerate(picture_variants)
        if not alignment.is_blank(variant.thumbnail)
    ]
    columns = zip(*variants, strict=True) if variants else ((), (), (), (), ())
    pixels, chromas, pictures, numbers, alone = columns
    return Variants(
        np.array(pixels, np.uint8).reshape(-1, THUMBNAIL_PX, THUMBNAIL_PX),
        list(chromas),
        np.array(pictures, np.int64),
        np.array(numbers, np.int64),
        np.array(alone, bool),
    )


def find_candidates(variants: Variants, distance: int) -> np.ndarray:
    """Look up every variant among all others.

    Args:
        variants: Of all pictures.
        distance: The most bits of 256 in which the hashes of candidates differ.

    Returns:
        (C,) CANDIDATE.
    """
    count = len(variants.thumbnails)
    blocks = even_slices(count, MAX_LOOKUP)
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
        views = hashes[strip, None, block] if strip else _hash_all_views(variants.thumbnails[block])
        queries, query_forms, query_views = _query_forms(views, turned=strip == 0)
        matches = index.range_search(queries.reshape(-1, BITS // 8), distance)
        number, position = np.unravel_index(matches["query"], queries.shape[:2])
        query = position + block.start
        comparable = _comparable(variants, query, matches["match"])
        strip_candidates = np.empty(len(matches), CANDIDATE)
        strip_candidates["query"], strip_candidates["match"] = query, matches["match"]
        strip_candidates["bits"], strip_candidates["view"] = matches["bits"], query_views[number]
        strip_candidates["strip"], strip_candidates["form"] = strip, query_forms[number]
        candidates.append(strip_candidates[comparable])
    return _nearest(np.concatenate(candidates))


def _hash_all_views(thumbnails: np.ndarray) -> np.ndarray:
    """Return the hashes of (N, 64, 64) thumbnails in all VIEWS, computed on all cores."""
    parts = [thumbnails[part] for part in even_slices(len(thumbnails), BLOCK)]
    part_hashes = map_threads(partial(hash_views, views=VIEWS), parts, "", cores())
    return np.concatenate(part_hashes, axis=1)


def _query_forms(views: np.ndarray, turned: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the hashes to look up: each view as it is and mirrored.

    Args:
        views: (views, ..., 32) uint8.
        turned: Whether the first view is looked up in all other forms too.

    Returns:
        (Q, ..., 32) uint8; and the form and the view of each, (Q,) uint8.
    """
    queries = [(form, view) for form in UPRIGHT_FORMS for view in range(len(views))]
    queries += [(form, 0) for form in forms.FORMS if turned and form not in UPRIGHT_FORMS]
    hashes = np.stack([orient_hashes(views[view], form) for form, view in queries])
    query_forms, query_views = np.array(queries, np.uint8).T
    return hashes, query_forms, query_views


def _comparable(variants: Variants, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Say which variants are compared, (P,) bool: those of different pictures.

    Two pictures that both have bands are not compared as wholes: their bands alone may be alike.
    """
    differ = variants.pictures[a] != variants.pictures[b]
    both_complete = variants.numbers[a] + variants.numbers[b] == 0
    both_have_bands = ~(variants.alone[a] | variants.alone[b])
    comparable: np.ndarray = differ & ~(both_complete & both_have_bands)
    return comparable


def _nearest(candidates: np.ndarray) -> np.ndarray:
    """Keep each pair's view of fewest bits, for each strip and form."""
    c = candidates
    order = np.lexsort((c["view"], c["bits"], c["strip"], c["form"], c["match"], c["query"]))
    candidates = candidates.take(order)
    is_nearest = np.zeros(len(candidates), bool)
    is_nearest[:1] = True
    for field in ("query", "match", "strip", "form"):
        is_nearest[1:] |= candidates[field][1:] != candidates[field][:-1]
    return candidates.compress(is_nearest)


def hash_distance(a: np.ndarray, b: np.ndarray) -> int:
    """Count the bits of 256 that differ between two thumbnails, compared as `find_candidates` does.

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
        _least_bits(queries, hashes, turned)
        for i, j in matching.comparable_variants(len(variants_a), len(variants_b))
        for queries, hashes, turned in (
            (views_a[:, i], strips_b[:1, j], True),
            (views_b[:, j], strips_a[:1, i], True),
            (strips_a[:, i], strips_b[:, j], False),
        )
    )


def _least_bits(views: np.ndarray, hashes: np.ndarray, turned: bool) -> int:
    """Return the fewest bits that differ between a view in some form and its hash."""
    oriented, _, query_views = _query_forms(views, turned)
    view_hashes = np.broadcast_to(hashes, views.shape)[query_views]
    return int(np.bitwise_count(oriented ^ view_hashes).sum(axis=-1, dtype=np.int64).min())
