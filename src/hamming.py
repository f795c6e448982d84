"""All pairs of 256-bit hashes that are near each other.

Near are two of which `distance` bits at most differ, a quarter of that at most among the first 64,
and in one of the four bands that these are cut into, of 16 bits, half a band's share of it (of 63
bits 15 and 2). All such pairs are found, and no others.

Multi-index hashing (Norouzi, Punjani, Fleet 2012) over the first 64 bits, which are to hold the
most telling ones: each band is sorted once and looked up under every key so near. Words up to 11
bits apart have a band within 2, and .69 of random ones 15 bits apart. What is found is counted bit
by bit. FAISS's flat binary index takes time with the square of the number, and its multi-index hash
counts all 256 bits alike.

An index larger than memory is made in parts, each of the hashes that have a band in a range of
values: a pair is found in one of them. Where very many hashes share a band's value, most of them are
no copies of each other and the work would grow with their square: those values are not looked up.
"""

from functools import lru_cache
from itertools import combinations

import numpy as np
from numba import njit

from src.parallel import cores, map_threads

BITS = 256
BANDS, BAND = 4, 16  # bits of each
BLOCK = 1 << 16  # hashes that a thread looks up at a time
CROWDED = 1 << 17  # hashes of one value of a band from which it is not looked up


class Index:
    """Hashes to be found, (N, 32) uint8; of `parts` parts number `part`.

    crowded: how many values of a band are not looked up, as too many hashes share them.
    """

    def __init__(self, hashes: np.ndarray, part: int = 0, parts: int = 1):
        words = _words(hashes)
        keys = _keys(words)
        counts = np.stack([np.bincount(row, minlength=2**BAND) for row in keys])
        crowded = counts > CROWDED
        self.crowded = int(crowded.sum())
        # a bit for each value worth looking up: all of them fit into a core's fastest memory
        self._open = np.packbits((counts > 0) & ~crowded, axis=1, bitorder="little")
        low, high = (2**BAND * edge // parts for edge in (part, part + 1))
        inside = (keys >= low) & (keys < high) if parts > 1 else np.ones_like(keys, bool)
        self._members = np.nonzero(inside.any(axis=0))[0].astype(np.int32)
        self._words = words[self._members] if parts > 1 else words
        orders, starts, before = [], [], 0
        for own, kept in zip(keys[:, self._members], inside[:, self._members], strict=True):
            places = np.nonzero(kept)[0].astype(np.int32)
            places = places[np.argsort(own[places], kind="stable")]
            orders.append(places)
            starts.append(before + np.searchsorted(own[places], np.arange(2**BAND + 1)))
            before += len(places)
        self._order, self._starts = np.concatenate(orders), np.stack(starts)
        self._first = self._words[self._order, 0]

    def within(self, asked: np.ndarray, distance: int) -> np.ndarray:
        """Every (asked, found, bits) that are near, `bits` at most `distance`.

        asked: (M, 32) uint8. Returns (P, 3) int64, sorted.
        """
        words, keys = _words(asked), _keys(_words(asked))
        coarse, near = distance // 4, round(distance / 32)
        most = min(near, coarse // BANDS)  # pigeons: some band is at least so near
        flips = _flips(most)
        blocks = range(0, len(words), BLOCK)

        def look(start: int) -> np.ndarray:
            part = slice(start, start + BLOCK)
            index = self._words, self._order, self._first, self._starts, self._open
            return _look(words[part], keys[:, part], start, *index, flips, most, distance, coarse)

        found = map_threads(look, blocks, "", cores())
        pairs = np.concatenate(found) if found else np.empty((0, 3), np.int64)
        pairs[:, 1] = self._members[pairs[:, 1]]
        return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def _words(hashes: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(hashes).view(np.uint64)


def _keys(words: np.ndarray) -> np.ndarray:
    """Each band's value, (4, N)."""
    shifts = np.arange(BANDS, dtype=np.uint64)[:, None] * np.uint64(BAND)
    return ((words[:, 0] >> shifts) & np.uint64(2**BAND - 1)).astype(np.uint16)


@lru_cache
def _flips(most: int) -> np.ndarray:
    """All ways to change up to `most` bits of a band."""
    ways = [
        sum(1 << bit for bit in c) for n in range(most + 1) for c in combinations(range(BAND), n)
    ]
    return np.array(ways, np.uint64)


@njit(inline="always")
def _ones(word):
    # LLVM makes one instruction of this
    word -= (word >> np.uint64(1)) & np.uint64(0x5555555555555555)
    word = (word & np.uint64(0x3333333333333333)) + (
        (word >> np.uint64(2)) & np.uint64(0x3333333333333333)
    )
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


@njit(inline="always")
def _is_open(values, key):
    return (values[key >> np.uint64(3)] >> (key & np.uint64(7))) & np.uint64(1) != 0


@njit(inline="always")
def _twice_as_long(found):
    longer = np.empty((2 * len(found), 3), np.int64)
    for row in range(len(found)):
        # one by one: whole rows would make numba compile the text of an error, for seconds
        for column in range(3):
            longer[row, column] = found[row, column]
    return longer


@njit(nogil=True, cache=True)
def _look(asked, keys, start, words, order, first, starts, open_, flips, most, distance, coarse):
    found = np.empty((1024, 3), np.int64)
    count = 0
    for i in range(len(asked)):
        word = asked[i, 0]
        for band in range(BANDS):
            own, values = np.uint64(keys[band, i]), open_[band]
            for flip in flips:
                key = own ^ flip
                if not _is_open(values, key):
                    continue
                for at in range(starts[band, key], starts[band, key + np.uint64(1)]):
                    apart = word ^ first[at]
                    bits = _ones(apart)
                    if bits > coarse:
                        continue
                    # an earlier band has found it already
                    again = False
                    for earlier in range(band):
                        low = (apart >> np.uint64(earlier * BAND)) & np.uint64(2**BAND - 1)
                        other = np.uint64(keys[earlier, i]) ^ low
                        again |= _ones(low) <= most and _is_open(open_[earlier], other)
                    if again:
                        continue
                    j = order[at]
                    for part in range(1, 4):
                        bits += _ones(asked[i, part] ^ words[j, part])
                    if bits > distance:
                        continue
                    if count == len(found):
                        found = _twice_as_long(found)
                    found[count, 0] = start + i
                    found[count, 1] = j
                    found[count, 2] = bits
                    count += 1
    return found[:count]
