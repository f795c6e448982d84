"""Pictures that show the same: candidates by hash, proof by pixels.

The hash is PDQ's idea (Facebook, 2019): the 16x16 lowest frequencies of a 64x64 gray thumbnail's
discrete cosine transform, a bit each for its sign. A crop changes all of them, so a picture is also
hashed in the views of it that a crop could show (`alignment.VIEWS`), and each is looked up among the
others' whole pictures, mirrored too: a mirror image changes the sign of every odd frequency
across. A caption changes the lowest ones, so pictures are compared without its strip as well. What
lies near enough is then aligned pixel by pixel. Blank pictures, whose bits are noise, are like
nothing and set apart first.
"""

import sys
from collections.abc import Sequence
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np

from src.clean.multi_index_hash import Index
from src.parallel.local import cores, map_compiled
from src.storage.slices import even_slices
from src.vision import alignment
from src.vision.alignment import STRIPS, THUMBNAIL_PX, VIEWS
from src.vision.bands import border_variants
from src.vision.perceptual_hash import BITS, MIRROR_BITS, hash_all, hash_views

BLOCK = 512  # candidates that are compared at a time, and pictures looked up at least
MOST = 4096  # pictures that are looked up at a time
PART = 20_000_000  # hashes that an index is made of; more are looked up in parts, by band value


class Forms(NamedTuple):
    """Every form of every picture that is not blank.

    pictures: (F,) whose each is. numbers: (F,) 0 whole, 1 without bands. lone: (F,) whether it is
    its picture's only one. shown: (F, 64, 64) uint8.
    """

    pictures: np.ndarray
    numbers: np.ndarray
    lone: np.ndarray
    shown: np.ndarray


def find_copies(
    thumbnails: Sequence[np.ndarray], distance: int, similarity: float
) -> list[tuple[int, int, float]]:
    """Pairs (i, j, similarity), i < j, near within `distance` bits whose pixels correlate, sorted.

    thumbnails: N of (64, 64) uint8; similarity: -1…1, as of alignment.similarity, but aligned from
    what the hashes tell; the first is given that reaches the one asked for.
    """
    forms = _forms(thumbnails)
    found = _candidates(forms, distance)
    pairs = np.sort(forms.pictures[found[:, :2]], axis=1)
    # the most likely way to see a pair comes first
    order = np.lexsort((*found.T[::-1], found[:, 2], pairs[:, 1], pairs[:, 0]))
    return _proven(forms.shown, found[order], pairs[order], similarity)


def hash_distance(a: np.ndarray, b: np.ndarray) -> int:
    """Bits of 256 between two thumbnails, in the nearest of the ways in which they are compared."""
    one, other = (np.stack(border_variants(thumb)) for thumb in (a, b))
    views, strips = (
        [hash_views(shown, ways) for shown in (one, other)] for ways in (VIEWS, STRIPS)
    )
    return min(
        _least(asking, asked)
        for i, j in alignment.comparable_variants(len(one), len(other))
        for asking, asked in (
            (views[0][:, i], strips[1][:1, j]),
            (views[1][:, j], strips[0][:1, i]),
            (strips[0][:, i], strips[1][:, j]),
        )
    )


def _least(asking: np.ndarray, asked: np.ndarray) -> int:
    both = np.stack([asking, asking ^ MIRROR_BITS])
    return int(np.bitwise_count(both ^ asked).sum(axis=-1, dtype=np.int64).min())


def _forms(thumbnails: Sequence[np.ndarray]) -> Forms:
    found = [
        (picture, number, len(every) == 1, form)
        for picture, every in enumerate(map(border_variants, thumbnails))
        for number, form in enumerate(every)
        if not alignment.is_blank(form)
    ]
    pictures, numbers, lone, shown = zip(*found, strict=True) if found else ((), (), (), ())
    return Forms(
        np.array(pictures, np.int64),
        np.array(numbers, np.int64),
        np.array(lone, bool),
        np.array(shown, np.uint8).reshape(-1, THUMBNAIL_PX, THUMBNAIL_PX),
    )


def _candidates(forms: Forms, distance: int) -> np.ndarray:
    """(asking form, found form, bits, view of the asking one, strip left out of both, mirrored)."""
    count = len(forms.shown)
    if not count:
        return np.empty((0, 6), np.int64)
    # the larger, the more of them ask for the same: but each core is to have one
    blocks = even_slices(count, min(MOST, max(BLOCK, -(-count // cores()))))
    wholes = hash_all(forms.shown, STRIPS)
    found = []
    parts = -(-len(forms.shown) // PART)
    for part in range(parts):
        indexes = [Index(own, part, parts) for own in wholes]
        crowded = sum(index.crowded for index in indexes)
        if crowded and part == 0:
            print(
                f"clean: {crowded} hash bands are shared by too many pictures and not looked up; "
                "copies that have none but these in common are missed",
                file=sys.stderr,
            )
        look = partial(_look_up, forms=forms, indexes=indexes, wholes=wholes, distance=distance)
        found += map_compiled(look, blocks, "looking up likely copies")
    return _nearest(np.concatenate(found)) if parts > 1 else np.concatenate(found)


def _look_up(
    block: slice, forms: Forms, indexes: list[Index], wholes: np.ndarray, distance: int
) -> np.ndarray:
    """The candidates of a block of asking forms."""
    here = []
    for strip, index in enumerate(indexes):
        own = wholes[strip, None, block] if strip else hash_all(forms.shown[block], VIEWS)
        asked = np.stack([own, own ^ MIRROR_BITS])
        near = index.within(asked.reshape(-1, BITS // 8), distance)
        mirrored, view, place = np.unravel_index(near[:, 0], asked.shape[:3])
        near[:, 0] = place + block.start
        told = np.stack([view, np.full(len(near), strip), mirrored], axis=1)
        near = np.concatenate([near, told], axis=1)
        here.append(near[_comparable(forms, near[:, 0], near[:, 1])])
    return _nearest(np.concatenate(here))


def _comparable(forms: Forms, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Not a picture with itself, and of two that have bands not the bands."""
    bands = (forms.numbers[a] + forms.numbers[b] == 0) & ~(forms.lone[a] | forms.lone[b])
    return (forms.pictures[a] != forms.pictures[b]) & ~bands


def _nearest(found: np.ndarray) -> np.ndarray:
    """Of the ways in which two were found the one of fewest bits, for each strip and mirroring."""
    asking, asked, bits, view, strip, mirrored = found.T
    found = found[np.lexsort((view, bits, strip, mirrored, asked, asking))]
    alike = [0, 1, 4, 5]
    fresh = np.ones(len(found), bool)
    fresh[1:] = (found[1:, alike] != found[:-1, alike]).any(axis=1)
    return found[fresh]


def _proven(
    shown: np.ndarray, found: np.ndarray, pairs: np.ndarray, similarity: float
) -> list[tuple[int, int, float]]:
    """The pairs that one of the ways in which they were found proves."""

    prove = partial(_prove, shown=shown, found=found, pairs=pairs, similarity=similarity)
    proven: dict[tuple[int, int], float] = {}
    for part in map_compiled(prove, range(0, len(found), BLOCK), "comparing likely copies"):
        for pair, value in part.items():
            proven.setdefault(pair, value)
    return sorted((i, j, value) for (i, j), value in proven.items())


def _prove(
    at: int, shown: np.ndarray, found: np.ndarray, pairs: np.ndarray, similarity: float
) -> dict[tuple[int, int], float]:
    """Of a block of candidates the pairs whose pixels are similar, by the first way that shows it."""
    details = lru_cache(2 * BLOCK)(lambda form, strip: alignment.detail(shown[form], strip))
    proven: dict[tuple[int, int], float] = {}
    part = slice(at, at + BLOCK)
    for pair, way in zip(map(tuple, pairs[part].tolist()), found[part].tolist(), strict=True):
        if pair not in proven:
            asking, asked, _, view, strip, mirrored = way
            moved = alignment.oriented(details(asked, strip), bool(mirrored))
            fixed, place = details(asking, strip), alignment.POSES[view]
            value, _ = alignment.aligned(fixed, moved, place, strip, similarity)
            if value >= similarity:
                proven[pair] = min(value, 1.0)
    return proven
