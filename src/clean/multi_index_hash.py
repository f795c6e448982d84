"""All pairs of 256-bit hashes that are near each other.

Near are two of which `distance` bits at most differ, a quarter of that at most among the first 64,
and in one of the four bands that these are cut into, of 16 bits, half a band's share of it (of 63
bits 15 and 2). All such pairs are found, and no others.

Multi-index hashing (Norouzi, Punjani, Fleet 2012) over the first 64 bits, which are to hold the
most telling ones: each band is sorted once, and what is within so many bits of a value is collected
for all that ask with this value. Words up to 11 bits apart have a band within 2, and .69 of random
ones 15 bits apart. What is found is counted bit by bit. FAISS's flat binary index takes time with
the square of the number, and its multi-index hash counts all 256 bits alike.

An index larger than memory is made in parts, each of the hashes that have a band in a range of
values: a pair is found in one of them. Where very many hashes share a band's value, most of them are
no copies of each other and the work would grow with their square: those values are not looked up.
"""

from functools import lru_cache
from itertools import combinations

import numpy as np

from src.parallel.local import cores, map_threads
from src.vision.compiled import compiled, inlined
from src.vision.perceptual_hash import BITS

BANDS, BAND = 4, 16  # bits of each
PARTS = 16  # of a band's values, that threads look up at a time
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
        orders = [np.argsort(row, kind="stable") for row in keys]
        leads = [words[order, 0] for order in orders]  # as they are looked up, in one go
        values = np.arange(2**BAND + 1)
        begins = [np.searchsorted(row[o], values) for row, o in zip(keys, orders, strict=True)]
        step = 2**BAND // PARTS
        parts = [
            (band, low, low + step) for band in range(BANDS) for low in range(0, 2**BAND, step)
        ]
        index = self._words, self._order, self._first, self._starts, self._open

        def look(part: tuple[int, int, int]) -> np.ndarray:
            band = part[0]
            asking = words, keys, orders[band], leads[band], begins[band]
            return _look(asking, index, part, flips, (most, distance, coarse))

        pairs = np.concatenate(map_threads(look, parts, "", cores()))
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


@inlined
def _ones(word):
    # LLVM makes one instruction of this
    word -= (word >> np.uint64(1)) & np.uint64(0x5555555555555555)
    word = (word & np.uint64(0x3333333333333333)) + (
        (word >> np.uint64(2)) & np.uint64(0x3333333333333333)
    )
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


@inlined
def _is_open(values, key):
    return (values[key >> np.uint64(3)] >> (key & np.uint64(7))) & np.uint64(1) != 0


@compiled
def _gather(keys, starts, first, order, near, places):
    n = 0
    for key in keys:
        for at in range(starts[key], starts[key + np.uint64(1)]):
            near[n], places[n] = first[at], order[at]
            n += 1


@inlined
def _twice_as_long(found):
    longer = np.empty((2 * len(found), 3), np.int64)
    for row in range(len(found)):
        # one by one: whole rows would make numba compile the text of an error, for seconds
        for column in range(3):
            longer[row, column] = found[row, column]
    return longer


@compiled
def _look(asking, index, part, flips, limits):
    """The pairs that a band shows of what asks with values of it from `low` to below `high`."""
    asked, keys, own, leads, begins = asking
    words, order, first, starts, open_ = index
    band, low, high = part
    most, distance, coarse = limits
    found = np.empty((1024, 3), np.int64)
    count = 0
    near, places = np.empty(1024, np.uint64), np.empty(1024, np.int32)
    ones = np.empty(1024, np.uint8)
    runs, values = np.empty(len(flips), np.uint64), open_[band]
    for value in range(low, high):
        if begins[value] == begins[value + 1]:
            continue
        # all that is near in this band, once for all that ask with this value
        alike = n = 0
        for flip in flips:
            key = np.uint64(value) ^ flip
            runs[alike] = key  # and over it, if it is not open: no branch, which goes either way
            alike += _is_open(values, key)
        for key in runs[:alike]:
            n += starts[band, key + np.uint64(1)] - starts[band, key]
        if n > len(near):
            near, places = np.empty(2 * n, np.uint64), np.empty(2 * n, np.int32)
            ones = np.empty(2 * n, np.uint8)
        _gather(runs[:alike], starts[band], first, order, near, places)
        for place in range(begins[value], begins[value + 1]):
            i, word = own[place], leads[place]
            least = np.uint8(BITS - 1)
            for at in range(n):  # by itself: several at a time
                ones[at] = _ones(word ^ near[at])
                least = min(least, ones[at])
            if least > coarse:
                continue
            for at in range(n):
                if ones[at] > coarse:
                    continue
                bits, apart = np.int64(ones[at]), word ^ near[at]
                # an earlier band has found it already
                again = False
                for earlier in range(band):
                    differ = (apart >> np.uint64(earlier * BAND)) & np.uint64(2**BAND - 1)
                    other = np.uint64(keys[earlier, i]) ^ differ
                    again |= _ones(differ) <= most and _is_open(open_[earlier], other)
                if again:
                    continue
                j = places[at]
                for rest in range(1, 4):
                    bits += _ones(asked[i, rest] ^ words[j, rest])
                if bits > distance:
                    continue
                if count == len(found):
                    found = _twice_as_long(found)
                found[count, 0] = i
                found[count, 1] = j
                found[count, 2] = bits
                count += 1
    return found[:count]
