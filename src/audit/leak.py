"""Which validation pictures are also in training? No hash of the search that cleaned is used.

Each picture becomes a normalised thumbnail, and validation is correlated with training: mirrored,
cropped at several places, and without the lowest strip, either way round. Up to 20,000 pictures
every pair is compared by blocked matrix products; beyond, an index (FAISS, inverted lists over
coarser thumbnails) looks up the likely ones. The nearest few of each are then aligned pixel by
pixel, and the best of them is the verdict.
"""

from collections.abc import Iterator
from operator import itemgetter

import cv2
import faiss
import numpy as np

from src.parallel.local import cores, map_threads, progress
from src.vision import alignment

SIDE = 32
BLOCK = 1024  # pictures per product: bounds the memory
EXACT = 20_000  # pictures up to which every pair is compared
COARSE = 16  # pixels of the index's thumbnails
N_PROBE = 24  # of its inverted lists, of up to 1024
LIKELY = 0.5  # correlation of coarse thumbnails below which a window is no copy's
TOP_K = 5  # so many of the nearest are aligned
_SHIFTS = (0.0, 0.5, 1.0)
# Windows as (scale, share of the free room above, to the left); scale 1 is the whole picture.
WINDOWS = (
    (1.0, 0.0, 0.0),
    *((scale, down, right) for scale in (0.95, 0.9) for down in _SHIFTS for right in _SHIFTS),
)
STRIP = 0.14  # a caption's: left out of both in a second comparison


def nearest(val: np.ndarray, train: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each validation picture the most similar training picture.

    val, train: (N, S, S, 3) uint8; S may differ between them.
    Returns similarities (N,) in -1…1, as of alignment.similarity, and indices (N,) into train.
    """
    if not len(val) or not len(train):
        return np.full(len(val), -1.0), np.zeros(len(val), np.int64)
    compare = _by_product if len(val) + len(train) <= EXACT else _by_index
    likely = compare(val, train)

    def aligned(i: int) -> tuple[float, int]:
        thumbnail = alignment.thumbnail(val[i])
        best = -1.0, 0
        for j in likely[i][likely[i] >= 0]:
            similarity = alignment.similarity(thumbnail, alignment.thumbnail(train[j]))
            best = max(best, (similarity, int(j)), key=itemgetter(0))
        return best

    found = map_threads(aligned, range(len(val)), "aligning nearest pictures", cores())
    similarities, where = zip(*found, strict=True)
    return np.array(similarities), np.array(where, np.int64)


def _by_product(val: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Every pair compared: the nearest training pictures of each of val, (N, ≤ALIGNED)."""
    return np.concatenate([_block_by_product(val[at], train) for at in _blocks(len(val))])


def _block_by_product(val: np.ndarray, train: np.ndarray) -> np.ndarray:
    whole_val, windows_val = _features(val, SIDE)
    indices = np.empty((len(val), 0), np.int64)
    values = np.empty((len(val), 0), np.float32)
    for block in _blocks(len(train)):
        whole_train, windows_train = _features(train[block], SIDE)
        similarity = np.full((len(val), len(whole_train[0])), -1.0, np.float32)
        for kept in range(2):
            for window in windows_val[kept]:
                np.maximum(similarity, window @ whole_train[kept].T, out=similarity)
            for window in windows_train[kept]:
                np.maximum(similarity, whole_val[kept] @ window.T, out=similarity)
        here = np.broadcast_to(np.arange(len(train))[block], similarity.shape)
        values = np.concatenate([values, similarity], axis=1)
        indices = np.concatenate([indices, here], axis=1)
        order = np.argsort(-values, axis=1, kind="stable")[:, :TOP_K]
        values = np.take_along_axis(values, order, axis=1)
        indices = np.take_along_axis(indices, order, axis=1)
    return indices


def _by_index(val: np.ndarray, train: np.ndarray) -> np.ndarray:
    """The same by inverted lists of coarse thumbnails; -1 where fewer were found."""
    found = [np.empty((0, 3))]
    for asked, among in ((val, train), (train, val)):
        indexes = _indexes(among)
        for block in progress(_blocks(len(asked)), -(-len(asked) // BLOCK), "looking up"):
            rows = np.arange(len(asked))[block]
            for index, views in zip(indexes, _features(asked[block], COARSE)[1], strict=True):
                for number, view in enumerate(views):
                    values, hits = index.search(view, TOP_K)
                    # of the whole picture the nearest are wanted, however far
                    wanted = (hits >= 0) & ((values >= LIKELY) | (number == 0))
                    at = np.nonzero(wanted)[0]
                    pair = (rows[at], hits[wanted]) if asked is val else (hits[wanted], rows[at])
                    found.append(np.stack([*pair, values[wanted]], axis=1))
        found = [_top_k(np.concatenate(found))]
    nearest = np.full((len(val), TOP_K), -1, np.int64)
    i, j, _ = found[0].T
    i = i.astype(np.int64)
    place = np.arange(len(i)) - np.searchsorted(i, i)  # within each of val
    nearest[i, place] = j
    return nearest


def _top_k(found: np.ndarray) -> np.ndarray:
    """Of (val, train, similarity) the best ALIGNED of each of val, each training picture once."""
    found = found[np.lexsort((-found[:, 2], found[:, 1], found[:, 0]))]
    same = (found[1:, :2] == found[:-1, :2]).all(axis=1)
    found = found[np.concatenate([[True], ~same])[: len(found)]]
    found = found[np.lexsort((found[:, 1], -found[:, 2], found[:, 0]))]
    place = np.arange(len(found)) - np.searchsorted(found[:, 0], found[:, 0])
    return found[place < TOP_K]


def _indexes(pictures: np.ndarray) -> list[faiss.Index]:
    """Inverted lists of the whole pictures, with and without the strip."""
    blocks = [_wholes(pictures[block], COARSE) for block in _blocks(len(pictures))]
    made = []
    for parts in zip(*blocks, strict=True):
        lists = int(np.clip(len(pictures) // 64, 1, 1024))
        index = faiss.index_factory(COARSE**2, f"IVF{lists},Flat", faiss.METRIC_INNER_PRODUCT)
        whole = np.concatenate(parts)
        index.train(whole)
        index.add(whole)
        index.nprobe = N_PROBE
        made.append(index)
    return made


def _blocks(count: int) -> list[slice]:
    return [slice(start, min(start + BLOCK, count)) for start in range(0, count, BLOCK)]


def _features(pictures: np.ndarray, side: int) -> tuple[list[np.ndarray], list[list[np.ndarray]]]:
    """Unit vectors of the whole pictures and of all windows, each with and without the strip."""
    whole, windows = [], []
    for cut in _cuts(pictures):
        whole.append(_unit([_window(c, WINDOWS[0], side) for c in cut]))
        views = []
        for window in WINDOWS:
            thumbnails = [_window(c, window, side) for c in cut]
            views.append(_unit(thumbnails))
            views.append(_unit([t[:, ::-1] for t in thumbnails]))
        windows.append(views)
    return whole, windows


def _wholes(pictures: np.ndarray, side: int) -> list[np.ndarray]:
    return [_unit([_window(c, WINDOWS[0], side) for c in cut]) for cut in _cuts(pictures)]


def _cuts(pictures: np.ndarray) -> Iterator[list[np.ndarray]]:
    """The pictures in gray at twice the thumbnails' size, with and without the strip."""
    gray = [cv2.cvtColor(np.ascontiguousarray(p), cv2.COLOR_RGB2GRAY) for p in pictures]
    middle = [cv2.resize(g, (2 * SIDE, 2 * SIDE), interpolation=cv2.INTER_AREA) for g in gray]
    for rows in (2 * SIDE, round(2 * SIDE * (1 - STRIP))):
        yield [m[:rows] for m in middle]


def _window(gray: np.ndarray, window: tuple[float, float, float], to: int) -> np.ndarray:
    scale, down, right = window
    height, width = (round(side * scale) for side in gray.shape)
    top, left = round((gray.shape[0] - height) * down), round((gray.shape[1] - width) * right)
    part = gray[top : top + height, left : left + width]
    return cv2.resize(part, (to, to), interpolation=cv2.INTER_AREA)


def _unit(thumbnails: list[np.ndarray]) -> np.ndarray:
    """Flattened, broad light removed, mean 0 and length 1; a flat picture becomes zeros."""
    values = np.stack(thumbnails).astype(np.float32)
    side = values.shape[1]
    values -= np.stack([cv2.GaussianBlur(v, (0, 0), side / 8) for v in values])
    flat = values.reshape(len(values), -1)
    flat -= flat.mean(axis=1, keepdims=True)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    return flat / np.where(length < side, np.inf, length)
