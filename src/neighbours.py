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
from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np
from numba import njit

from src import alignment
from src.alignment import SIDE, STRIPS, VIEWS
from src.hamming import BITS, Index
from src.parallel import cores, map_shared

BLOCK = 512  # candidates that are compared at a time, and pictures looked up at least
HASHED = 64  # pictures hashed at a time: what is made of them stays near the core
MOST = 4096  # pictures that are looked up at a time
PART = 20_000_000  # hashes that an index is made of; more are looked up in parts, by band value
_FREQUENCIES = 16
_numbers = np.arange(BITS).reshape(_FREQUENCIES, _FREQUENCIES)
# The lowest 8x8 come first: of these fewer bits change.
_low = np.maximum(_numbers // _FREQUENCIES, _numbers % _FREQUENCIES) < 8
_ORDER = np.concatenate([_numbers[_low], _numbers[~_low]])
_PLACES = divmod(_ORDER, _FREQUENCIES)
_MIRROR = np.packbits(_ORDER % _FREQUENCIES % 2 == 0)  # frequencies count from 1


class Forms(NamedTuple):
    """Every form of every picture that is not blank.

    pictures: (F,) whose each is. numbers: (F,) 0 whole, 1 without bands. lone: (F,) whether it is
    its picture's only one. shown: (F, 64, 64) uint8.
    """

    pictures: np.ndarray
    numbers: np.ndarray
    lone: np.ndarray
    shown: np.ndarray


def hashes(thumbnails: Sequence[np.ndarray]) -> np.ndarray:
    """The hash of whole pictures: N of (64, 64) uint8 → (N, 32) uint8."""
    return _by_blocks(thumbnails, VIEWS[:1])[0]


def copies(
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


def distance(a: np.ndarray, b: np.ndarray) -> int:
    """Bits of 256 between two thumbnails, in the nearest of the ways in which they are compared."""
    one, other = (np.stack(alignment.forms(thumb)) for thumb in (a, b))
    views, strips = ([_hashes(shown, ways) for shown in (one, other)] for ways in (VIEWS, STRIPS))
    return min(
        _least(asking, asked)
        for i, j in alignment.compared(len(one), len(other))
        for asking, asked in (
            (views[0][:, i], strips[1][:1, j]),
            (views[1][:, j], strips[0][:1, i]),
            (strips[0][:, i], strips[1][:, j]),
        )
    )


def _least(asking: np.ndarray, asked: np.ndarray) -> int:
    both = np.stack([asking, asking ^ _MIRROR])
    return int(np.bitwise_count(both ^ asked).sum(axis=-1, dtype=np.int64).min())


def _forms(thumbnails: Sequence[np.ndarray]) -> Forms:
    found = [
        (picture, number, len(every) == 1, form)
        for picture, every in enumerate(map(alignment.forms, thumbnails))
        for number, form in enumerate(every)
        if not alignment.is_blank(form)
    ]
    pictures, numbers, lone, shown = zip(*found, strict=True) if found else ((), (), (), ())
    return Forms(
        np.array(pictures, np.int64),
        np.array(numbers, np.int64),
        np.array(lone, bool),
        np.array(shown, np.uint8).reshape(-1, SIDE, SIDE),
    )


def _candidates(forms: Forms, distance: int) -> np.ndarray:
    """(asking form, found form, bits, view of the asking one, strip left out of both, mirrored)."""
    count = len(forms.shown)
    if not count:
        return np.empty((0, 6), np.int64)
    # the larger, the more of them ask for the same: but each core is to have one
    blocks = _blocks(count, min(MOST, max(BLOCK, -(-count // cores()))))
    wholes = _by_blocks(forms.shown, STRIPS)
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
        found += map_shared(look, blocks, "looking up likely copies")
    return _nearest(np.concatenate(found)) if parts > 1 else np.concatenate(found)


def _look_up(
    block: slice, forms: Forms, indexes: list[Index], wholes: np.ndarray, distance: int
) -> np.ndarray:
    """The candidates of a block of asking forms."""
    here = []
    for strip, index in enumerate(indexes):
        own = wholes[strip, None, block] if strip else _by_blocks(forms.shown[block], VIEWS)
        asked = np.stack([own, own ^ _MIRROR])
        near = index.within(asked.reshape(-1, BITS // 8), distance)
        mirrored, view, place = np.unravel_index(near[:, 0], asked.shape[:3])
        near[:, 0] = place + block.start
        told = np.stack([view, np.full(len(near), strip), mirrored], axis=1)
        near = np.concatenate([near, told], axis=1)
        here.append(near[_comparable(forms, near[:, 0], near[:, 1])])
    return _nearest(np.concatenate(here))


def _blocks(count: int, most: int) -> list[slice]:
    """Blocks of so many at most, as equal as can be."""
    blocks = -(-count // most)
    edges = [count * number // blocks for number in range(blocks + 1)] if blocks else []
    return [slice(low, high) for low, high in pairwise(edges)]


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
    for part in map_shared(prove, range(0, len(found), BLOCK), "comparing likely copies"):
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
            fixed, place = details(asking, strip), alignment.PLACES[view]
            value, _ = alignment.aligned(fixed, moved, place, strip, similarity)
            if value >= similarity:
                proven[pair] = min(value, 1.0)
    return proven


def _by_blocks(thumbnails: Sequence[np.ndarray], views: tuple) -> np.ndarray:
    """`_hashes` of many, in bounded memory."""
    made = [
        _hashes(np.asarray(thumbnails[block]), views) for block in _blocks(len(thumbnails), HASHED)
    ]
    return np.concatenate([np.empty((len(views), 0, BITS // 8), np.uint8), *made], axis=1)


def _hashes(thumbnails: np.ndarray, views: tuple) -> np.ndarray:
    """The hash in each view: (N, 64, 64) uint8 → (views, N, 32) uint8."""
    count = len(thumbnails)
    lines = cv2.transpose(thumbnails.reshape(count, -1)).astype(np.float32).reshape(SIDE, -1)
    cuts = sorted({view[:2] for view in views})
    # exact: sums stay below 2**24 here, and below 2**53 in what follows
    down = np.concatenate([_cosines(cut) for cut in cuts]).astype(np.float32) @ lines
    made = np.empty((len(views), count, BITS // 8), np.uint8)
    for cut, own in zip(cuts, down.reshape(-1, _FREQUENCIES, SIDE, count), strict=True):
        numbers = [number for number, view in enumerate(views) if view[:2] == cut]
        across = np.concatenate([_cosines(views[number][2:]) for number in numbers])
        made[numbers] = _signs(across @ own.astype(np.float64), *_PLACES)
    return made


@njit(nogil=True, cache=True)
def _signs(values, rows, columns):
    """A bit for each positive one of 16x16 values at these places, the first of eight the highest.

    values: (16, 16·views, N), down and across → (views, N, 32) uint8.
    """
    views, count = values.shape[1] // _FREQUENCIES, values.shape[2]
    made = np.empty((views, count, len(rows) // 8), np.uint8)
    bits = np.empty(count, np.uint8)
    for view in range(views):
        for byte in range(len(rows) // 8):
            for place in range(8 * byte, 8 * byte + 8):
                # unsigned: numba would look whether a signed place counts from the end
                own = values[
                    np.uint32(rows[place]), np.uint32(_FREQUENCIES * view + columns[place])
                ]
                for picture in range(count):  # side by side: several at a time
                    bits[picture] = 2 * bits[picture] + (own[picture] > 0)
            for picture in range(count):
                made[view, picture, byte] = bits[picture]  # of the byte before nothing is left
    return made


@lru_cache
def _cosines(cut: tuple[float, float]) -> np.ndarray:
    """The first 16 cosines over what a cut leaves of 64 pixels, (16, 64); zero outside.

    Rounded to integers of at most 1024: sums of products are exact, on every machine.
    """
    low, high = cut[0], 1 - cut[1]
    edges = np.arange(SIDE + 1) / SIDE
    middle = (edges[:-1] + edges[1:]) / 2
    covered = np.clip(np.minimum(edges[1:], high) - np.maximum(edges[:-1], low), 0, None) * SIDE
    phase = np.pi * (middle - low) / (high - low)
    return np.round(np.cos(np.outer(np.arange(1, _FREQUENCIES + 1), phase)) * covered * 1024)
