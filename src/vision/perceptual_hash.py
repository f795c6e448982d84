"""The perceptual hash: 256 signs of a thumbnail's lowest frequencies."""

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np

from src.storage.slices import even_slices
from src.vision.alignment import THUMBNAIL_PX, VIEWS
from src.vision.compiled import compiled

BITS = 256
HASHED = 64  # pictures hashed at a time: what is made of them stays near the core
_FREQUENCIES = 16
_numbers = np.arange(BITS).reshape(_FREQUENCIES, _FREQUENCIES)
# The lowest 8x8 come first: of these fewer bits change.
_low = np.maximum(_numbers // _FREQUENCIES, _numbers % _FREQUENCIES) < 8
_ORDER = np.concatenate([_numbers[_low], _numbers[~_low]])
_PLACES = divmod(_ORDER, _FREQUENCIES)
MIRROR_BITS = np.packbits(_ORDER % _FREQUENCIES % 2 == 0)  # frequencies count from 1


def hashes(thumbnails: Sequence[np.ndarray]) -> np.ndarray:
    """The hash of whole pictures: N of (64, 64) uint8 → (N, 32) uint8."""
    return hash_all(thumbnails, VIEWS[:1])[0]


def hash_all(thumbnails: Sequence[np.ndarray], views: tuple) -> np.ndarray:
    """`_hashes` of many, in bounded memory."""
    made = [
        hash_views(np.asarray(thumbnails[block]), views)
        for block in even_slices(len(thumbnails), HASHED)
    ]
    return np.concatenate([np.empty((len(views), 0, BITS // 8), np.uint8), *made], axis=1)


def hash_views(thumbnails: np.ndarray, views: tuple) -> np.ndarray:
    """The hash in each view: (N, 64, 64) uint8 → (views, N, 32) uint8."""
    count = len(thumbnails)
    lines = (
        cv2.transpose(thumbnails.reshape(count, -1)).astype(np.float32).reshape(THUMBNAIL_PX, -1)
    )
    cuts = sorted({view[:2] for view in views})
    # exact: sums stay below 2**24 here, and below 2**53 in what follows
    down = np.concatenate([_cosines(cut) for cut in cuts]).astype(np.float32) @ lines
    made = np.empty((len(views), count, BITS // 8), np.uint8)
    for cut, own in zip(cuts, down.reshape(-1, _FREQUENCIES, THUMBNAIL_PX, count), strict=True):
        numbers = [number for number, view in enumerate(views) if view[:2] == cut]
        across = np.concatenate([_cosines(views[number][2:]) for number in numbers])
        made[numbers] = _signs(across @ own.astype(np.float64), *_PLACES)
    return made


@compiled
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
    edges = np.arange(THUMBNAIL_PX + 1) / THUMBNAIL_PX
    middle = (edges[:-1] + edges[1:]) / 2
    covered = (
        np.clip(np.minimum(edges[1:], high) - np.maximum(edges[:-1], low), 0, None) * THUMBNAIL_PX
    )
    phase = np.pi * (middle - low) / (high - low)
    return np.round(np.cos(np.outer(np.arange(1, _FREQUENCIES + 1), phase)) * covered * 1024)
