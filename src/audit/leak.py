"""Searches training for copies of validation pictures, without any hash of the cleaning search.

Each picture becomes a normalised thumbnail. Validation is correlated with training: mirrored,
cropped in several ways, and without the lowest strip; both sides take both roles. Up to 20,000
pictures, blocked matrix products compare every pair. Beyond, an index (FAISS, inverted lists of
coarser thumbnails) looks up the likely pairs. The nearest few of each picture are then aligned
pixel by pixel, and the best alignment is the verdict.
"""

from collections.abc import Iterator
from operator import itemgetter
from typing import NamedTuple

import cv2
import faiss
import numpy as np

from src.dataset.arrays import Shards
from src.parallel.local import cores, map_threads, progress
from src.storage.slices import slices
from src.vision import alignment

Pictures = Shards | np.ndarray  # (N, S, S, 3) uint8

THUMBNAIL_PX = 32
COARSE_PX = 16  # of the index's thumbnails
BLOCK = 1024  # pictures in a matrix product: bounds the memory
MAX_EXACT = 20_000  # pictures up to which every pair is compared
N_PROBE = 24  # inverted lists that a query visits, of up to MAX_LISTS
MAX_LISTS = 1024
PER_LIST = 64  # pictures
MIN_COARSE_CORR = 0.5  # correlation of coarse thumbnails below which a window shows no copy
TOP_K = 5  # nearest pictures that are aligned
STRIP_SHARE = 0.14  # height of a caption, which a second comparison leaves out of both


class Window(NamedTuple):
    """A part of a picture: its scale, and the shares of the free room above it and to its left."""

    scale: float
    down: float
    right: float


WHOLE = Window(1.0, 0.0, 0.0)
_SHIFTS = (0.0, 0.5, 1.0)
WINDOWS = (
    WHOLE,
    *(Window(scale, down, right) for scale in (0.95, 0.9) for down in _SHIFTS for right in _SHIFTS),
)
# A pair that may show the same: indices into val and train, and the correlation of thumbnails.
CANDIDATE = np.dtype([("val", np.int64), ("train", np.int64), ("similarity", np.float32)])


def nearest(val: Pictures, train: Pictures) -> tuple[np.ndarray, np.ndarray]:
    """Find the most similar training picture of each validation picture.

    Args:
        val: (N, S, S, 3) uint8.
        train: (M, T, T, 3) uint8; T may differ from S.

    Returns:
        Similarities (N,), each -1…1 as alignment.similarity gives them, and indices (N,) into
        train. Where a side is empty, similarities are -1 and indices 0.
    """
    if not len(val) or not len(train):
        return np.full(len(val), -1.0), np.zeros(len(val), np.int64)
    search = _by_product if len(val) + len(train) <= MAX_EXACT else _by_index
    candidates = search(val, train)

    def align(i: int) -> tuple[float, int]:
        thumbnail = alignment.thumbnail(val[i])
        best = -1.0, 0
        for j in candidates[i][candidates[i] >= 0]:
            similarity = alignment.similarity(thumbnail, alignment.thumbnail(train[j]))
            best = max(best, (similarity, int(j)), key=itemgetter(0))
        return best

    aligned = map_threads(align, range(len(val)), "aligning nearest pictures", cores())
    similarities, indices = zip(*aligned, strict=True)
    return np.array(similarities), np.array(indices, np.int64)


def _by_product(val: Pictures, train: Pictures) -> np.ndarray:
    """Compare every pair.

    Returns:
        Indices into train, (N, up to TOP_K) int64, the most similar first.
    """
    return np.concatenate([_block_by_product(val[b], train) for b in slices(len(val), BLOCK)])


def _block_by_product(val: np.ndarray, train: Pictures) -> np.ndarray:
    whole_val, windows_val = _features(val, THUMBNAIL_PX)
    indices = np.empty((len(val), 0), np.int64)
    similarities = np.empty((len(val), 0), np.float32)
    for block in slices(len(train), BLOCK):
        whole_train, windows_train = _features(train[block], THUMBNAIL_PX)
        similarity = np.full((len(val), len(whole_train[0])), -1.0, np.float32)
        for variant in range(len(whole_val)):
            for window in windows_val[variant]:
                np.maximum(similarity, window @ whole_train[variant].T, out=similarity)
            for window in windows_train[variant]:
                np.maximum(similarity, whole_val[variant] @ window.T, out=similarity)
        block_indices = np.broadcast_to(np.arange(len(train))[block], similarity.shape)
        similarities = np.concatenate([similarities, similarity], axis=1)
        indices = np.concatenate([indices, block_indices], axis=1)
        order = np.argsort(-similarities, axis=1, kind="stable")[:, :TOP_K]
        similarities = np.take_along_axis(similarities, order, axis=1)
        indices = np.take_along_axis(indices, order, axis=1)
    return indices


def _by_index(val: Pictures, train: Pictures) -> np.ndarray:
    """Look up the likely pairs, each side in an index of the other.

    Returns:
        Indices into train, (N, TOP_K) int64, the most similar first; -1 fills rows with fewer.
    """
    best = _top_k(_look_up(val, train, ("val", "train")))
    best = _top_k(np.concatenate([best, _look_up(train, val, ("train", "val"))]))
    indices = np.full((len(val), TOP_K), -1, np.int64)
    indices[best["val"], _rank(best["val"])] = best["train"]
    return indices


def _look_up(queries: Pictures, database: Pictures, fields: tuple[str, str]) -> np.ndarray:
    """Return the CANDIDATEs of windows of `queries` against whole pictures of `database`.

    Args:
        queries: (N, S, S, 3) uint8.
        database: (M, T, T, 3) uint8.
        fields: The fields of CANDIDATE for the indices of `queries` and of `database`.
    """
    indexes = _indexes(database)
    candidates = []
    blocks = slices(len(queries), BLOCK)
    for block in progress(blocks, len(blocks), "looking up"):
        query_indices = np.arange(len(queries))[block]
        for index, views in zip(indexes, _features(queries[block], COARSE_PX)[1], strict=True):
            for number, view in enumerate(views):
                similarities, matches = index.search(view, TOP_K)
                # the whole picture, view 0, keeps its nearest however far
                likely = (matches >= 0) & ((similarities >= MIN_COARSE_CORR) | (number == 0))
                part = np.empty(np.count_nonzero(likely), CANDIDATE)
                part[fields[0]] = query_indices[np.nonzero(likely)[0]]
                part[fields[1]] = matches[likely]
                part["similarity"] = similarities[likely]
                candidates.append(part)
    return np.concatenate(candidates)


def _top_k(candidates: np.ndarray) -> np.ndarray:
    """Return the TOP_K best CANDIDATEs of each validation picture, each training picture once."""
    val, train, similarity = (candidates[name] for name in ("val", "train", "similarity"))
    candidates = candidates[np.lexsort((-similarity, train, val))]
    pairs = candidates[["val", "train"]]
    candidates = candidates[np.concatenate([[True], pairs[1:] != pairs[:-1]])[: len(candidates)]]
    val, train, similarity = (candidates[name] for name in ("val", "train", "similarity"))
    candidates = candidates[np.lexsort((train, -similarity, val))]
    return candidates[_rank(candidates["val"]) < TOP_K]


def _rank(groups: np.ndarray) -> np.ndarray:
    """Return each element's position within its group; `groups` is sorted."""
    return np.arange(len(groups)) - np.searchsorted(groups, groups)


def _indexes(pictures: Pictures) -> list[faiss.Index]:
    """Return inverted lists of the whole pictures, with and without the strip."""
    blocks = [_wholes(pictures[block], COARSE_PX) for block in slices(len(pictures), BLOCK)]
    indexes = []
    for parts in zip(*blocks, strict=True):
        lists = int(np.clip(len(pictures) // PER_LIST, 1, MAX_LISTS))
        index = faiss.index_factory(COARSE_PX**2, f"IVF{lists},Flat", faiss.METRIC_INNER_PRODUCT)
        vectors = np.concatenate(parts)
        index.train(vectors)
        index.add(vectors)
        faiss.extract_index_ivf(index).nprobe = N_PROBE
        indexes.append(index)
    return indexes


def _features(pictures: np.ndarray, size: int) -> tuple[list[np.ndarray], list[list[np.ndarray]]]:
    """Return unit vectors of the whole pictures and of all views, with and without the strip.

    Args:
        pictures: (N, S, S, 3) uint8.
        size: Pixels of the thumbnails.

    Returns:
        For each of the two variants: (N, size * size) float32 of the whole pictures; and a list
        of such arrays, one for each window, as it is and mirrored.
    """
    wholes, windows = [], []
    for grays in _gray_variants(pictures):
        wholes.append(_unit([_crop(gray, WHOLE, size) for gray in grays]))
        views = []
        for window in WINDOWS:
            thumbnails = [_crop(gray, window, size) for gray in grays]
            views.append(_unit(thumbnails))
            views.append(_unit([thumbnail[:, ::-1] for thumbnail in thumbnails]))
        windows.append(views)
    return wholes, windows


def _wholes(pictures: np.ndarray, size: int) -> list[np.ndarray]:
    return [_unit([_crop(gray, WHOLE, size) for gray in v]) for v in _gray_variants(pictures)]


def _gray_variants(pictures: np.ndarray) -> Iterator[list[np.ndarray]]:
    """Yield the pictures in gray at twice the thumbnails' size, with and without the strip."""
    height = 2 * THUMBNAIL_PX
    grays = [cv2.cvtColor(np.ascontiguousarray(p), cv2.COLOR_RGB2GRAY) for p in pictures]
    reduced = [cv2.resize(g, (height, height), interpolation=cv2.INTER_AREA) for g in grays]
    for rows in (height, round(height * (1 - STRIP_SHARE))):
        yield [gray[:rows] for gray in reduced]


def _crop(gray: np.ndarray, window: Window, size: int) -> np.ndarray:
    height, width = (round(side * window.scale) for side in gray.shape)
    top = round((gray.shape[0] - height) * window.down)
    left = round((gray.shape[1] - width) * window.right)
    part = gray[top : top + height, left : left + width]
    return cv2.resize(part, (size, size), interpolation=cv2.INTER_AREA)


def _unit(thumbnails: list[np.ndarray]) -> np.ndarray:
    """Flatten, remove broad light, and scale to mean 0 and length 1; a flat picture becomes zeros."""
    values = np.stack(thumbnails).astype(np.float32)
    side = values.shape[1]
    values -= np.stack([cv2.GaussianBlur(v, (0, 0), side / 8) for v in values])
    vectors = values.reshape(len(values), -1)
    vectors -= vectors.mean(axis=1, keepdims=True)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(length < side, np.inf, length)
