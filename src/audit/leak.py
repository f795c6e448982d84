"""Which validation pictures are also in training? Every pair is compared, none is guessed at.

Deliberately apart from the search that cleaned: no hashes. Each picture becomes a normalised
thumbnail, and one blocked matrix product correlates all of validation with all of training:
mirrored, cropped at several places, and without the lowest strip, either way round. The nearest
few of each are then aligned pixel by pixel, and the best of them is the verdict.
"""

import cv2
import numpy as np

from src import neighbours
from src.parallel import progress

SIDE = 32
BLOCK = 2048  # training pictures per product: bounds the memory
ALIGNED = 5  # so many of the nearest are aligned
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
    Returns similarities (N,) in -1…1, as of neighbours.similarity, and indices (N,) into train.
    """
    likely = _likely(val, train)
    best = np.full(len(val), -1.0)
    where = np.zeros(len(val), np.int64)
    for i in progress(range(len(val)), len(val), "aligning nearest pictures"):
        thumbnail = neighbours.thumbnail(val[i])
        for j in likely[i]:
            similarity = neighbours.similarity(thumbnail, neighbours.thumbnail(train[j]))
            if similarity > best[i]:
                best[i], where[i] = similarity, j
    return best, where


def _likely(val: np.ndarray, train: np.ndarray) -> np.ndarray:
    """The indices of the training pictures nearest to each validation picture, (N, ≤ALIGNED)."""
    whole_val, windows_val = _features(val)
    indices = np.empty((len(val), 0), np.int64)
    values = np.empty((len(val), 0), np.float32)
    for start in range(0, len(train), BLOCK):
        whole_train, windows_train = _features(train[start : start + BLOCK])
        similarity = np.full((len(val), len(whole_train[0])), -1.0, np.float32)
        for kept in range(2):
            for window in windows_val[kept]:
                np.maximum(similarity, window @ whole_train[kept].T, out=similarity)
            for window in windows_train[kept]:
                np.maximum(similarity, whole_val[kept] @ window.T, out=similarity)
        here = np.broadcast_to(np.arange(start, start + similarity.shape[1]), similarity.shape)
        values = np.concatenate([values, similarity], axis=1)
        indices = np.concatenate([indices, here], axis=1)
        order = np.argsort(-values, axis=1, kind="stable")[:, :ALIGNED]
        values = np.take_along_axis(values, order, axis=1)
        indices = np.take_along_axis(indices, order, axis=1)
    return indices


def _features(pictures: np.ndarray) -> tuple[list[np.ndarray], list[list[np.ndarray]]]:
    """Unit vectors of the whole pictures and of all windows, each with and without the strip."""
    gray = [cv2.cvtColor(np.ascontiguousarray(p), cv2.COLOR_RGB2GRAY) for p in pictures]
    middle = [cv2.resize(g, (2 * SIDE, 2 * SIDE), interpolation=cv2.INTER_AREA) for g in gray]
    whole, windows = [], []
    for rows in (2 * SIDE, round(2 * SIDE * (1 - STRIP))):
        cut = [m[:rows] for m in middle]
        whole.append(_unit([_window(c, WINDOWS[0]) for c in cut]))
        views = []
        for window in WINDOWS:
            thumbnails = [_window(c, window) for c in cut]
            views.append(_unit(thumbnails))
            views.append(_unit([t[:, ::-1] for t in thumbnails]))
        windows.append(views)
    return whole, windows


def _window(gray: np.ndarray, window: tuple[float, float, float]) -> np.ndarray:
    scale, down, right = window
    height, width = (round(side * scale) for side in gray.shape)
    top, left = round((gray.shape[0] - height) * down), round((gray.shape[1] - width) * right)
    part = gray[top : top + height, left : left + width]
    return cv2.resize(part, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def _unit(thumbnails: list[np.ndarray]) -> np.ndarray:
    """Flattened, broad light removed, mean 0 and length 1; a flat picture becomes zeros."""
    values = np.stack(thumbnails).astype(np.float32)
    values -= np.stack([cv2.GaussianBlur(v, (0, 0), 4) for v in values])
    flat = values.reshape(len(values), -1)
    flat -= flat.mean(axis=1, keepdims=True)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    return flat / np.where(length < SIDE, np.inf, length)
