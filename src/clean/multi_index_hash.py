"""All pairs of 256-bit hashes that are near each other.

Two hashes are near if three things are true. At most `distance` of all bits differ. Of the first 64
bits, at most a quarter of that number differ. These 64 bits make four bands of 16 bits, and in one
of the bands at most half of a band's share differ: for a distance of 63 that is 2 bits.

The search is multi-index hashing (Norouzi, Punjani, Fleet 2012) over the first 64 bits, which
should be the most reliable ones. Each band is sorted once. Queries with the same band value share one
lookup of all hashes that are near in this band. Each of these candidates is then compared bit by bit.
Two hashes that differ in up to 11 of the 64 bits always have such a band; of random ones that differ
in 15 bits, 69 % have one. FAISS's flat binary index takes time with the square of the number. Its
multi-index hash treats all 256 bits alike.

An index larger than memory is built in parts. Each part holds the hashes that have a band in a
range of values, and every pair is found in exactly one of them. A band value that very many hashes
share is not looked up: most of them are no copies, and the work would grow with their square.
"""

from functools import lru_cache
from itertools import combinations

import numpy as np

from src.clean.band_search import BAND_BITS, BAND_VALUES, Limits, search_band, sort_band
from src.parallel.local import cores, map_threads
from src.storage.slices import slices

BANDS = 4
VALUES_PER_TASK = BAND_VALUES // 16  # that a thread looks up at a time
MAX_HASHES_PER_VALUE = 1 << 17  # of a band: a value that more share is not looked up
MATCH = np.dtype([("query", np.int64), ("match", np.int64), ("bits", np.int64)])


class Index:
    """A database of hashes, or a part of one.

    Attributes:
        crowded: How many band values are not looked up because too many hashes share them.
    """

    def __init__(self, hashes: np.ndarray, part: int = 0, parts: int = 1):
        """Sort the hashes by each band.

        Args:
            hashes: (N, 32) uint8, of all parts.
            part: The number of this part, from 0.
            parts: How many parts there are.
        """
        words = _words(hashes)
        values = _band_values(words)
        counts = np.stack([np.bincount(row, minlength=BAND_VALUES) for row in values])
        crowded = counts > MAX_HASHES_PER_VALUE
        self.crowded = int(crowded.sum())
        # a bit for each value that is looked up: all of them fit into a core's fastest memory
        self._open_values = np.packbits((counts > 0) & ~crowded, axis=1, bitorder="little")
        low, high = (BAND_VALUES * edge // parts for edge in (part, part + 1))
        inside = (values >= low) & (values < high)
        self._members = _positions(inside.any(axis=0))
        self._words = words[self._members] if parts > 1 else words
        self._bands = [
            sort_band(self._words, row[self._members], _positions(row_inside[self._members]))
            for row, row_inside in zip(values, inside, strict=True)
        ]

    def range_search(self, queries: np.ndarray, distance: int) -> np.ndarray:
        """Find every query and hash of the database that are near each other.

        Args:
            queries: (M, 32) uint8.
            distance: The most bits that differ, 0…128.

        Returns:
            (P,) MATCH, sorted: the query's position, the hash's position in the database, and how
            many bits differ.
        """
        words = _words(queries)
        positions = np.arange(len(words), dtype=np.int32)
        query_bands = map_threads(
            lambda band: sort_band(words, band, positions), list(_band_values(words)), "", cores()
        )
        limits = _limits(distance)
        flips = _flips(limits.band_bits)

        def search(task: tuple[int, slice]) -> np.ndarray:
            band, values = task
            return search_band(
                band,
                values.start,
                values.stop,
                query_bands[band],
                self._bands[band],
                words,
                self._words,
                self._open_values,
                flips,
                limits,
            )

        ranges = slices(BAND_VALUES, VALUES_PER_TASK)
        tasks = [(band, values) for band in range(BANDS) for values in ranges]
        rows = np.concatenate(map_threads(search, tasks, "", cores()))
        matches: np.ndarray = rows.view(MATCH).ravel()
        matches["match"] = self._members[matches["match"]]
        order = np.lexsort((matches["match"], matches["query"]))
        return np.asarray(matches[order])


def _words(hashes: np.ndarray) -> np.ndarray:
    """View (N, 32) uint8 as (N, 4) uint64."""
    return np.ascontiguousarray(hashes).view(np.uint64)


def _band_values(words: np.ndarray) -> np.ndarray:
    """Return each band's value of each hash, (4, N) uint16."""
    return np.ascontiguousarray(words.view(np.uint16)[:, :BANDS].T)


def _positions(mask: np.ndarray) -> np.ndarray:
    return np.nonzero(mask)[0].astype(np.int32)


def _limits(distance: int) -> Limits:
    lead_bits = distance // 4
    # pigeonhole principle: some band differs in no more than a quarter of these
    return Limits(min(round(distance / 32), lead_bits // BANDS), lead_bits, distance)


@lru_cache
def _flips(max_bits: int) -> np.ndarray:
    """Return all ways to flip up to `max_bits` bits of a band, (F,) uint64."""
    flips = [
        sum(1 << bit for bit in bits)
        for count in range(max_bits + 1)
        for bits in combinations(range(BAND_BITS), count)
    ]
    return np.array(flips, np.uint64)
