"""The perceptual hash: 256 signs of a thumbnail's lowest frequencies."""

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from threadpoolctl import ThreadpoolController

from src.storage.slices import even_slices
from src.vision.compiled import compiled
from src.vision.views import THUMBNAIL_PX, VIEWS, View

BITS = 256
BLOCK = 128  # pictures hashed at a time
_FREQUENCIES = 16
# The error of a sum of 64 products in float32, as a share of the largest number that a cosine is
# multiplied by: 64 roundings of at most 2**-24 each, of 64 products with at most 1024.
_MAX_ERROR = np.float32(64 * 2**-24 * 64 * 1024)
_thread_pools = ThreadpoolController()  # of the library that multiplies matrices
# The frequency of each bit, as a row and a column of the 16x16. The lowest 8x8 come first, because
# copies change fewer of their bits.
_numbers = np.arange(BITS).reshape(_FREQUENCIES, _FREQUENCIES)
_is_low = np.maximum(_numbers // _FREQUENCIES, _numbers % _FREQUENCIES) < 8
_bit_numbers = np.concatenate([_numbers[_is_low], _numbers[~_is_low]])
_ROWS, _COLUMNS = divmod(_bit_numbers, _FREQUENCIES)
# The bits that a reversal of the rows or columns inverts: of odd frequencies, the first of which is 1.
_ODD_ROWS, _ODD_COLUMNS = (np.packbits(numbers % 2 == 0) for numbers in (_ROWS, _COLUMNS))
# Where each bit stands in the hash of the picture with rows and columns exchanged.
_EXCHANGED = np.argsort(_bit_numbers)[_COLUMNS * _FREQUENCIES + _ROWS]


def hashes(thumbnails: Sequence[np.ndarray]) -> np.ndarray:
    """Return the hash of each picture: N of (64, 64) uint8 → (N, 32) uint8."""
    return hash_views(thumbnails, VIEWS[:1]).reshape(-1, BITS // 8)


def hash_views(thumbnails: Sequence[np.ndarray] | np.ndarray, views: Sequence[View]) -> np.ndarray:
    """Return the hash of each picture in each view, in bounded memory.

    Args:
        thumbnails: N of (64, 64) uint8.
        views: What is hashed of each.

    Returns:
        (views, N, 32) uint8.
    """
    # threads on products this small wait for each other for most of the time
    with _thread_pools.limit(limits=1, user_api="blas"):
        blocks = [
            _hash_block(np.asarray(thumbnails[block]), views)
            for block in even_slices(len(thumbnails), BLOCK)
        ]
    return np.concatenate([np.empty((len(views), 0, BITS // 8), np.uint8), *blocks], axis=1)


def orient_hashes(hashes: np.ndarray, form: int) -> np.ndarray:
    """Return the hashes of pictures in one of `forms.FORMS`, given theirs, (..., 32) uint8."""
    if form & 4:
        bits = np.unpackbits(hashes, axis=-1)
        hashes = np.packbits(bits[..., _EXCHANGED], axis=-1)
    if form & 2:
        hashes = hashes ^ _ODD_ROWS
    if form & 1:
        hashes = hashes ^ _ODD_COLUMNS
    return hashes


def _hash_block(thumbnails: np.ndarray, views: Sequence[View]) -> np.ndarray:
    """Turn pictures as the views are turned, and hash them in each view."""
    block_hashes = np.empty((len(views), len(thumbnails), BITS // 8), np.uint8)
    for degrees in {view.degrees for view in views}:
        numbers = [number for number, view in enumerate(views) if view.degrees == degrees]
        pixels = cv2.transpose(thumbnails.reshape(len(thumbnails), -1))
        if degrees:
            pixels = pixels[_turned_pixels(degrees)]
        block_hashes[numbers] = _hash_cuts(pixels, [views[number] for number in numbers])
    return block_hashes


@lru_cache
def _turned_pixels(degrees: float) -> np.ndarray:
    """Return the pixel of a picture that is nearest to each of one turned in it, (4096,) int64."""
    angle = np.deg2rad(degrees)
    middle = (THUMBNAIL_PX - 1) / 2
    down, across = np.indices((THUMBNAIL_PX, THUMBNAIL_PX)) - middle
    # as `correlation.warp` turns
    rows = middle + np.cos(angle) * down + np.sin(angle) * across
    columns = middle + np.cos(angle) * across - np.sin(angle) * down
    rows, columns = (np.rint(line.clip(0, THUMBNAIL_PX - 1)) for line in (rows, columns))
    return np.asarray(rows * THUMBNAIL_PX + columns, np.int64).ravel()


def _hash_cuts(pixels: np.ndarray, views: Sequence[View]) -> np.ndarray:
    """Take the cosine transform of all columns once, and of the rows in each view.

    Args:
        pixels: (4096, N) uint8.
        views: What is hashed; the pixels are turned by their degrees already.

    Returns:
        (views, N, 32) uint8.
    """
    count = pixels.shape[1]
    row_cuts = sorted({view[:2] for view in views})
    # exact: sums stay below 2**24 here
    down = np.concatenate([_cosines(cut) for cut in row_cuts]).astype(np.float32)
    down = down @ pixels.astype(np.float32).reshape(THUMBNAIL_PX, -1)
    down = down.reshape(-1, _FREQUENCIES, THUMBNAIL_PX, count)
    cut_hashes = np.empty((len(views), count, BITS // 8), np.uint8)
    for row_cut, cut_down in zip(row_cuts, down, strict=True):
        numbers = [number for number, view in enumerate(views) if view[:2] == row_cut]
        across = np.concatenate([_cosines(views[number][2:4]) for number in numbers])
        across = across.astype(np.float32)
        largest = np.maximum(cut_down.max(axis=(1, 2)), -cut_down.min(axis=(1, 2)))
        cut_hashes[numbers] = _signs(
            across @ cut_down, across, cut_down, _MAX_ERROR * largest, _ROWS, _COLUMNS
        )
    return cut_hashes


@compiled
def _signs(
    values: np.ndarray,
    across: np.ndarray,
    down: np.ndarray,
    errors: np.ndarray,
    rows: np.ndarray,
    columns: np.ndarray,
) -> np.ndarray:
    """Pack the signs of each picture's 16x16 values into bytes; a positive value gives a 1.

    Args:
        values: (16, 16·views, N) float32, down and across: `across` @ `down`, which is rounded.
            Those near zero are overwritten with exact ones.
        across: (16·views, 64) float32, whole numbers.
        down: (16, 64, N) float32, whole numbers.
        errors: (16,) float32, the most by which a row's values are wrong.
        rows: (256,), of each bit's value; of every eight bits the first is the highest.
        columns: (256,), of each bit's value within its view.

    Returns:
        (views, N, 32) uint8.
    """
    views, count = values.shape[1] // _FREQUENCIES, values.shape[2]
    packed = np.empty((views, count, len(rows) // 8), np.uint8)
    byte_values = np.empty(count, np.uint8)
    for view in range(views):
        for byte in range(len(rows) // 8):
            for bit in range(8 * byte, 8 * byte + 8):
                # unsigned: numba would test whether a signed index counts from the end
                row, column = np.uint32(rows[bit]), np.uint32(_FREQUENCIES * view + columns[bit])
                bit_values = values[row, column]
                unsure = 0
                for picture in range(count):  # side by side: several at a time
                    unsure += abs(bit_values[picture]) < errors[row]
                if unsure:
                    _settle(bit_values, across[column], down[row], errors[row])
                for picture in range(count):
                    byte_values[picture] = 2 * byte_values[picture] + (bit_values[picture] > 0)
            for picture in range(count):
                packed[view, picture, byte] = byte_values[picture]  # the byte before has overflowed
    return packed


@compiled
def _settle(values: np.ndarray, across: np.ndarray, down: np.ndarray, error: float) -> None:
    """Overwrite the values below an error with sums in float64, exact below 2**53."""
    for picture in range(len(values)):
        if abs(values[picture]) < error:
            total = 0.0
            for x in range(len(across)):
                total += np.float64(across[x]) * np.float64(down[x, picture])
            values[picture] = total


@lru_cache
def _cosines(cut: tuple[float, float]) -> np.ndarray:
    """Return the first 16 cosines over the part of 64 pixels that a cut leaves, zero outside.

    The values are rounded to integers of at most 1024: sums of products are exact on every machine.

    Args:
        cut: Shares cut off at either end.

    Returns:
        (16, 64) float64.
    """
    low, high = cut[0], 1 - cut[1]
    edges = np.arange(THUMBNAIL_PX + 1) / THUMBNAIL_PX
    middle = (edges[:-1] + edges[1:]) / 2
    inside = np.minimum(edges[1:], high) - np.maximum(edges[:-1], low)
    covered = np.clip(inside, 0, None) * THUMBNAIL_PX
    phase = np.pi * (middle - low) / (high - low)
    cosines = np.cos(np.outer(np.arange(1, _FREQUENCIES + 1), phase))
    return np.asarray(np.round(cosines * covered * 1024))
