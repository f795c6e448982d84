"""All pairs of 256-bit hashes within a distance, exactly.

Multi-index hashing (Norouzi, Punjani, Fleet 2012) over the first 64 bits, which are to hold the
most telling ones: cut into four bands, two words within c bits of each other have a band within
c // 4 bits. So each band is sorted once, and looked up under every key so near. What is found is
counted bit by bit. FAISS's flat binary index takes time with the square of the number, and its
multi-index hash counts all 256 bits alike.
"""

from itertools import combinations

import numpy as np
from numba import njit

from src.parallel import cores, map_threads

BITS = 256
BANDS, BAND = 4, 16  # bits of each
BLOCK = 4096  # hashes looked up at a time


class Index:
    """Hashes to be found: (N, 32) uint8."""

    def __init__(self, hashes: np.ndarray):
        words = _words(hashes)
        keys = _keys(words)
        order = np.argsort(keys, axis=1, kind="stable").astype(np.int32)
        self._words = words
        self._order = order
        self._first = np.ascontiguousarray(words[:, 0][order])
        bounds = np.arange(2**BAND + 1)
        placed = np.take_along_axis(keys, order, axis=1)
        self._starts = np.stack([np.searchsorted(row, bounds) for row in placed])

    def within(self, asked: np.ndarray, distance: int, coarse: int) -> np.ndarray:
        """Every (asked, found, bits) at most `distance` bits apart, `coarse` in the first 64.

        asked: (M, 32) uint8. Returns (P, 3) int64, sorted.
        """
        words, keys = _words(asked), _keys(_words(asked))
        most = coarse // BANDS  # pigeons: some band is at least so near
        flips = _flips(most)
        blocks = range(0, len(words), BLOCK)

        def look(start: int) -> np.ndarray:
            part = slice(start, start + BLOCK)
            index = self._words, self._order, self._first, self._starts
            return _look(words[part], keys[:, part], start, *index, flips, most, distance, coarse)

        found = map_threads(look, blocks, "", cores())
        pairs = np.concatenate(found) if found else np.empty((0, 3), np.int64)
        return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def _words(hashes: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(hashes).view(np.uint64)


def _keys(words: np.ndarray) -> np.ndarray:
    """Each band's value, (4, N)."""
    shifts = np.arange(BANDS, dtype=np.uint64)[:, None] * np.uint64(BAND)
    return ((words[:, 0] >> shifts) & np.uint64(2**BAND - 1)).astype(np.int64)


def _flips(most: int) -> np.ndarray:
    """All ways to change up to `most` bits of a band."""
    ways = [
        sum(1 << bit for bit in c) for n in range(most + 1) for c in combinations(range(BAND), n)
    ]
    return np.array(ways, np.int64)


@njit(inline="always")
def _ones(word):
    # LLVM makes one instruction of this
    word -= (word >> np.uint64(1)) & np.uint64(0x5555555555555555)
    word = (word & np.uint64(0x3333333333333333)) + (
        (word >> np.uint64(2)) & np.uint64(0x3333333333333333)
    )
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


@njit(nogil=True, cache=True)
def _look(asked, keys, start, words, order, first, starts, flips, most, distance, coarse):
    found = np.empty((1024, 3), np.int64)
    count = 0
    for i in range(len(asked)):
        word = asked[i, 0]
        for band in range(BANDS):
            for flip in flips:
                key = keys[band, i] ^ flip
                for at in range(starts[band, key], starts[band, key + 1]):
                    apart = word ^ first[band, at]
                    bits = _ones(apart)
                    if bits > coarse:
                        continue
                    # an earlier band has found it already
                    again = False
                    for earlier in range(band):
                        low = (apart >> np.uint64(earlier * BAND)) & np.uint64(2**BAND - 1)
                        again |= _ones(low) <= most
                    if again:
                        continue
                    j = order[band, at]
                    for part in range(1, 4):
                        bits += _ones(asked[i, part] ^ words[j, part])
                    if bits > distance:
                        continue
                    if count == len(found):
                        larger = np.empty((2 * count, 3), np.int64)
                        larger[:count] = found
                        found = larger
                    found[count, 0] = start + i
                    found[count, 1] = j
                    found[count, 2] = bits
                    count += 1
    return found[:count]
