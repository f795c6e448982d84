"""Finds which training pictures a validation picture may be a copy of, without any hash.

A picture becomes a unit vector: a thumbnail of 12 pixels without broad light. Each view of it that
a copy could show is looked up among the other side's whole pictures, as it is and mirrored; the
whole picture in all eight forms of a square. Both sides take both roles. Captions and frames change
the vector, so pictures are also compared without a strip, and without the bands around them. A few
pictures are compared with all others; for many an index (FAISS, inverted lists) picks the likely ones.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache, partial
from typing import NamedTuple

import cv2
import numpy as np

from src.audit.vector_index import Everything, Lists
from src.parallel.local import stream_threads
from src.storage.slices import slices
from src.vision import alignment, forms, views
from src.vision.bands import border_variants
from src.vision.views import THUMBNAIL_PX, UNCUT, UPRIGHT_FORMS, View

VECTOR_PX = 12
LIGHT_SIGMA = 1.5  # pixels of a vector over which light is broad
MIN_DETAIL = 1.0  # levels below which a vector is flat, and like none
BLOCK = 512  # pictures that are looked up at a time: bounds the memory
MAX_WAITING = 4_000_000  # candidates that are not yet compared with the best
MAX_EXACT = 20_000  # pictures up to which every pair is compared
PER_PAIR = 3  # views of a pair from which it is aligned

# Two border variants that may show the same, and the look-up by which one matches the other.
CANDIDATE = np.dtype(
    [
        ("val", np.int32),
        ("train", np.int32),
        ("similarity", np.float32),  # of the vectors
        ("query", np.uint8),  # in QUERIES
        ("by_val", bool),  # whether the validation picture was looked up, or the training picture
    ]
)


def mirror_view(view: View) -> View:
    """Return a view of the mirrored picture that leaves out the same."""
    return view._replace(left=view.right, right=view.left)


class Query(NamedTuple):
    """How a picture is looked up: its view and its form, among others without a strip.

    The view is cut out first, and then turned into the form.
    """

    view: View
    form: int
    strip: View


_CUTS = (((0, 0.1), (0.05, 0.05), (0.1, 0)), ((0, 0.2), (0.1, 0.1), (0.2, 0)))  # at both ends
_CORNERS = (0, 0.15), (0.15, 0)
# What a copy may show of a picture: all, less of its height and width, or less of one of them.
_VIEWS: tuple[View, ...] = (
    UNCUT,
    *(View(*rows, *columns) for cuts in _CUTS for rows in cuts for columns in cuts),
    *(View(*rows, *columns) for rows in _CORNERS for columns in _CORNERS),
    *(View(*rows) for cuts in _CUTS for rows in cuts),
    *(View(0, 0, *columns) for cuts in _CUTS for columns in cuts),
)
# What may be left out of the pictures of an index: nothing, or a strip.
_, _BOTTOM, _TOP = views.STRIPS
_RIGHT, _LEFT = View(right=0.14), View(left=0.14)
STRIPS: tuple[View, ...] = (UNCUT, _BOTTOM, _TOP, _RIGHT, _LEFT)
# What is looked up without each strip: a caption's, or a square from another part of one picture.
_STRIP_VIEWS: dict[View, tuple[View, ...]] = {
    _BOTTOM: (_BOTTOM, View(0.1, 0.05), _TOP),
    _TOP: (_TOP, View(0.05, 0.1), _BOTTOM),
    _RIGHT: (View(0, 0, 0.09, 0.05), _LEFT),
    _LEFT: (View(0, 0, 0.05, 0.09), _RIGHT),
}
# Each second one is the mirror image of the one before: both are found by one look-up.
QUERIES = (
    *(Query(view, form, UNCUT) for view in _VIEWS for form in UPRIGHT_FORMS),
    *(Query(UNCUT, form, UNCUT) for form in forms.FORMS if form not in UPRIGHT_FORMS),
    *(
        Query(view, form, mirror_view(strip) if form == forms.MIRRORED else strip)
        for strip, views in _STRIP_VIEWS.items()
        for view in views
        for form in UPRIGHT_FORMS
    ),
)


class Variants(NamedTuple):
    """The border variants of one side's pictures, without the blank ones.

    Attributes:
        thumbnails: (V, 64, 64) uint8.
        pictures: (V,) int64, the picture of each, ascending.
        numbers: (V,) int64, 0 for all of the picture, 1 without its bands.
    """

    thumbnails: np.ndarray
    pictures: np.ndarray
    numbers: np.ndarray


def variants(thumbnails: Iterable[np.ndarray]) -> Variants:
    """Return the border variants of pictures, given their (64, 64) uint8 thumbnails."""
    rows = [
        (variant, picture, number)
        for picture, thumbnail in enumerate(thumbnails)
        for number, variant in enumerate(border_variants(thumbnail))
        if not alignment.is_blank(variant)
    ]
    pixels, pictures, numbers = zip(*rows, strict=True) if rows else ((), (), ())
    return Variants(
        np.array(pixels, np.uint8).reshape(-1, THUMBNAIL_PX, THUMBNAIL_PX),
        np.array(pictures, np.int64),
        np.array(numbers, np.int64),
    )


def join_variants(parts: Sequence[Variants], starts: Sequence[int]) -> Variants:
    """Return several parts, each of consecutive pictures from its start on, as one."""
    thumbnails, pictures, numbers = zip(*parts, strict=True)
    shifted = [part_pictures + start for part_pictures, start in zip(pictures, starts, strict=True)]
    return Variants(np.concatenate(thumbnails), np.concatenate(shifted), np.concatenate(numbers))


def find(val: Variants, train: Variants, count: int) -> np.ndarray:
    """Return each validation picture's likeliest CANDIDATEs, in `count` training pictures at most.

    Returns:
        (C,) CANDIDATE, sorted by validation picture; those of a pair of pictures follow each other,
        the most similar pairs and views first.
    """
    best = np.empty(0, CANDIDATE)
    if not len(val.pictures) or not len(train.pictures):
        return best
    exact = len(val.pictures) + len(train.pictures) <= MAX_EXACT
    for by_val, queries, database in ((True, val, train), (False, train, val)):
        index = Everything if exact else Lists
        indexes = {strip: index(*_upright_vectors(database, strip)) for strip in STRIPS}
        look_up = partial(
            _look_up,
            queries.thumbnails,
            indexes=indexes,
            count=len(database.pictures),
            by_val=by_val,
        )
        waiting = [best]
        blocks = slices(len(queries.pictures), BLOCK)
        for block_candidates in stream_threads(look_up, blocks, "looking up likely copies"):
            waiting.append(block_candidates)
            if sum(map(len, waiting)) > MAX_WAITING:
                waiting = [_best(np.concatenate(waiting), val, train, count)]
        best = _best(np.concatenate(waiting), val, train, count)
    return best


def _look_up(
    thumbnails: np.ndarray,
    block: slice,
    indexes: Mapping[View, Everything | Lists],
    count: int,
    by_val: bool,
) -> np.ndarray:
    """Look up some of a side's pictures in every way.

    Args:
        thumbnails: Of the side's variants, (N, 64, 64) uint8.
        block: Which of them are looked up.
        indexes: Of the other side's variants in their upright forms, by STRIPS.
        count: How many variants the other side has.
        by_val: Whether the pictures are of validation.

    Returns:
        CANDIDATEs of all QUERIES.
    """
    vectors = lru_cache(1)(partial(_vectors, thumbnails[block]))  # of one view in three forms
    candidates = []
    for strip, index in indexes.items():
        # the first of each two mirror images
        numbers = np.array([n for n in range(0, len(QUERIES), 2) if QUERIES[n].strip == strip])
        strip_queries = [QUERIES[number] for number in numbers]
        oriented = [_orient(vectors(query.view), query.form) for query in strip_queries]
        near = index.search(np.stack(oriented))
        queries, rows = np.divmod(near.queries, block.stop - block.start)
        are_mirrored, matches = np.divmod(near.matches, count)
        part = np.empty(len(rows), CANDIDATE)
        part["val" if by_val else "train"] = rows + block.start
        part["train" if by_val else "val"] = matches
        part["similarity"], part["by_val"] = near.similarities, by_val
        part["query"] = numbers[queries] + are_mirrored
        candidates.append(part)
    return np.concatenate(candidates)


def _best(candidates: np.ndarray, val: Variants, train: Variants, count: int) -> np.ndarray:
    """Return the best PER_PAIR candidates of each pair, of the `count` best pairs of each of `val`."""
    val_pictures = val.pictures[candidates["val"]]
    train_pictures = train.pictures[candidates["train"]]
    ties = (candidates[name] for name in ("by_val", "query", "train", "val"))
    order = np.lexsort((*ties, -candidates["similarity"], train_pictures, val_pictures))
    candidates = candidates[order]
    pairs = val_pictures[order] << 32 | train_pictures[order]  # both numbers in one
    # equal pairs follow each other, so that a search finds the first of them, which is the best
    firsts = np.searchsorted(pairs, pairs)
    pair_similarities = candidates["similarity"][firsts]
    is_best = np.arange(len(pairs)) - firsts < PER_PAIR
    candidates, pairs = candidates[is_best], pairs[is_best]
    val_pictures = pairs >> 32
    order = np.lexsort((pairs, -pair_similarities[is_best], val_pictures))  # stable within a pair
    candidates, pairs, val_pictures = candidates[order], pairs[order], val_pictures[order]
    pair_numbers = np.cumsum(np.diff(pairs, prepend=-1) != 0)
    ranks = pair_numbers - pair_numbers[np.searchsorted(val_pictures, val_pictures)]
    return np.asarray(candidates[ranks < count])


def _upright_vectors(database: Variants, strip: View) -> list[np.ndarray]:
    """Return the vectors of pictures as they are and mirrored, without a strip."""
    # mirrored views and vectors of pictures are views and vectors of mirrored pictures
    mirror_images = _vectors(database.thumbnails, mirror_view(strip))
    return [_vectors(database.thumbnails, strip), _orient(mirror_images, forms.MIRRORED)]


def _vectors(thumbnails: np.ndarray, view: View) -> np.ndarray:
    """Return unit vectors of a view without its broad light; a flat one becomes zeros.

    Args:
        thumbnails: (N, 64, 64) uint8.
        view: What is left out.

    Returns:
        (N, 144) float32.
    """
    top, bottom, left, right, _ = view
    light = cv2.getGaussianKernel(6 * VECTOR_PX + 1, LIGHT_SIGMA)
    rows, columns = _reduction(top, bottom), _reduction(left, right)
    blur = cv2.sepFilter2D(np.eye(VECTOR_PX, dtype=np.float32), -1, np.ones(1), light)
    vectors = np.empty((len(thumbnails), VECTOR_PX**2), np.float32)
    for block in slices(len(thumbnails), BLOCK):
        small = rows @ thumbnails[block].astype(np.float32) @ columns.T
        small -= blur @ small @ blur.T
        vectors[block] = small.reshape(len(small), -1)
    vectors -= vectors.mean(axis=1, keepdims=True)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(length < MIN_DETAIL * VECTOR_PX, np.inf, length))


def _reduction(low: float, high: float) -> np.ndarray:
    """Return the (12, 64) float32 that averages lines, without a share at either end."""
    edges = np.linspace(low, 1 - high, VECTOR_PX + 1) * THUMBNAIL_PX
    lines = np.arange(THUMBNAIL_PX)
    ends = np.minimum(edges[1:, None], lines + 1)
    covered = np.clip(ends - np.maximum(edges[:-1, None], lines), 0, None)
    return np.asarray(covered / covered.sum(axis=1, keepdims=True), np.float32)


def _orient(vectors: np.ndarray, form: int) -> np.ndarray:
    """Return vectors, (N, 144), of the pictures in a form."""
    pixels = vectors.reshape(-1, VECTOR_PX, VECTOR_PX).transpose(1, 2, 0)
    oriented = forms.orient(pixels, form).transpose(2, 0, 1).reshape(len(vectors), -1)
    return np.ascontiguousarray(oriented)
