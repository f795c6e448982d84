"""The search of one band of a multi-index hash; compiled, so that several threads may run it."""

from typing import NamedTuple

import numpy as np

from src.vision.compiled import compiled, inlined
from src.vision.perceptual_hash import BITS

BAND_BITS = 16
BAND_VALUES = 2**BAND_BITS


class Band(NamedTuple):
    """Hashes, sorted by the value of one band.

    Attributes:
        order: (N,) int32, the position of each hash.
        starts: (65537,) int64, where each value starts in `order`.
        leads: (N,) uint64, the first 64 bits of each hash.
    """

    order: np.ndarray
    starts: np.ndarray
    leads: np.ndarray


class Hashes(NamedTuple):
    """Some of the queries or of the database.

    Attributes:
        positions: (K,) int32.
        leads: (K,) uint64, the first 64 bits of each.
    """

    positions: np.ndarray
    leads: np.ndarray


class Limits(NamedTuple):
    """The most bits in which near hashes differ: of a band, of the first 64, of all 256."""

    band_bits: int
    lead_bits: int
    bits: int


@compiled
def sort_band(words: np.ndarray, values: np.ndarray, positions: np.ndarray) -> Band:
    """Sort hashes by their values in a band; those of one value keep their order.

    Args:
        words: (N, 4) uint64, all bits.
        values: (N,) uint16, the band's.
        positions: (K,) int32, of the hashes to sort.
    """
    starts = np.zeros(BAND_VALUES + 1, np.int64)
    for position in positions:
        starts[values[position] + 1] += 1
    starts = np.cumsum(starts)
    ends = starts.copy()  # of what is sorted so far
    order, leads = np.empty_like(positions), np.empty(len(positions), np.uint64)
    for position in positions:
        place = ends[values[position]]
        order[place], leads[place] = position, words[position, 0]
        ends[values[position]] += 1
    return Band(order, starts, leads)


@compiled
def search_band(
    band: int,
    low: int,
    high: int,
    queries: Band,
    database: Band,
    query_words: np.ndarray,
    words: np.ndarray,
    open_values: np.ndarray,
    flips: np.ndarray,
    limits: Limits,
) -> np.ndarray:
    """Find the matches of the queries whose value in a band lies in a range.

    Args:
        band: The band's number.
        low: The first value of the range.
        high: The value after the last one.
        queries: The queries in the band's order.
        database: The database in the band's order.
        query_words: (M, 4) uint64, all bits of the queries.
        words: (N, 4) uint64, all bits of the database.
        open_values: (4, 8192) uint8, a bit for each value of each band that is looked up.
        flips: (F,) uint64, see `_flips`.
        limits: How many bits may differ.

    Returns:
        (P, 3) int64, the fields of MATCH.
    """
    # room for the whole database: the system takes memory only for what is written
    near = Hashes(np.empty_like(database.order), np.empty_like(database.leads))
    lead_bits = np.empty(len(database.leads), np.uint8)
    near_values = np.empty_like(flips)
    matches, count = np.empty((1024, 3), np.int64), 0
    for value in range(low, high):
        first, last = queries.starts[value], queries.starts[value + 1]
        if first < last:
            n = _gather_near(
                np.uint64(value), database, open_values[band], flips, near_values, near
            )
            matches, count = _match_queries(
                Hashes(queries.order[first:last], queries.leads[first:last]),
                Hashes(near.positions[:n], near.leads[:n]),
                lead_bits,
                query_words,
                words,
                open_values[:band],
                limits,
                matches,
                count,
            )
    return matches[:count]


@inlined
def _gather_near(
    value: np.uint64,
    database: Band,
    open_values: np.ndarray,
    flips: np.ndarray,
    near_values: np.ndarray,
    near: Hashes,
) -> int:
    """Gather the hashes that are near a value in a band, and return how many they are.

    Args:
        value: The band's value of some queries.
        database: The database in the band's order.
        open_values: (8192,) uint8, a bit for each value of the band that is looked up.
        flips: (F,) uint64, see `_flips`.
        near_values: (F,) uint64, overwritten.
        near: Overwritten with these hashes.
    """
    n_values = 0
    for flip in flips:
        near_value = value ^ flip
        near_values[n_values] = near_value  # always: a branch would often be mispredicted
        n_values += _is_open(open_values, near_value)
    n = 0
    for near_value in near_values[:n_values]:
        start, end = database.starts[near_value], database.starts[near_value + np.uint64(1)]
        for i in range(start, end):
            near.positions[n], near.leads[n] = database.order[i], database.leads[i]
            n += 1
    return n


@compiled
def _match_queries(
    queries: Hashes,
    candidates: Hashes,
    lead_bits: np.ndarray,
    query_words: np.ndarray,
    words: np.ndarray,
    earlier_open: np.ndarray,
    limits: Limits,
    matches: np.ndarray,
    count: int,
) -> tuple[np.ndarray, int]:
    """Compare queries with candidates and append the pairs that are near.

    Args:
        queries: Q of them.
        candidates: C hashes of the database.
        lead_bits: At least (C,) uint8, overwritten.
        query_words: (M, 4) uint64, all bits of the queries.
        words: (N, 4) uint64, all bits of the database.
        earlier_open: (B, 8192) uint8, the open values of the bands before this one. A pair that one
            of them shows is skipped, so that each pair is found once.
        limits: How many bits may differ.
        matches: (P, 3) int64, to append to.
        count: How many rows of it are used.

    Returns:
        `matches`, or a longer copy, and how many rows are used.
    """
    for q in range(len(queries.leads)):
        query, lead = queries.positions[q], queries.leads[q]
        if _compare_leads(lead, candidates.leads, lead_bits) > limits.lead_bits:
            continue
        for i in range(len(candidates.leads)):
            if lead_bits[i] > limits.lead_bits:
                continue
            if _is_near_in_a_band(lead, candidates.leads[i], earlier_open, limits.band_bits):
                continue
            match = candidates.positions[i]
            bits = np.int64(lead_bits[i])
            for word in range(1, 4):
                bits += _count_ones(query_words[query, word] ^ words[match, word])
            if bits <= limits.bits:
                if count == len(matches):
                    matches = _twice_as_long(matches)
                matches[count, 0], matches[count, 1], matches[count, 2] = query, match, bits
                count += 1
    return matches, count


@inlined
def _compare_leads(lead: np.uint64, leads: np.ndarray, lead_bits: np.ndarray) -> np.uint8:
    """Count the bits in which each of `leads` differs from one, and return the least count.

    It is a loop of its own, so that the processor compares several at a time.
    """
    least = np.uint8(BITS - 1)
    for i in range(len(leads)):
        lead_bits[i] = _count_ones(lead ^ leads[i])
        least = min(least, lead_bits[i])
    return least


@inlined
def _is_near_in_a_band(a: np.uint64, b: np.uint64, open_values: np.ndarray, max_bits: int) -> bool:
    """Say whether a band shows that two hashes are near.

    Args:
        a: The first 64 bits of a query.
        b: The first 64 bits of a hash of the database.
        open_values: (B, 8192) uint8, the open values of the first bands.
        max_bits: The most bits of a band that differ.
    """
    near = False
    for band in range(len(open_values)):
        shift = np.uint64(band * BAND_BITS)
        value_a = (a >> shift) & np.uint64(BAND_VALUES - 1)
        value_b = (b >> shift) & np.uint64(BAND_VALUES - 1)
        few_bits = bool(_count_ones(value_a ^ value_b) <= max_bits)
        near |= few_bits and _is_open(open_values[band], value_b)
    return near


@inlined
def _is_open(open_values: np.ndarray, value: np.uint64) -> bool:
    byte = open_values[value >> np.uint64(3)]
    return bool((byte >> (value & np.uint64(7))) & np.uint64(1))


@inlined
def _count_ones(word: np.uint64) -> np.int64:
    # LLVM makes one instruction of this
    word -= (word >> np.uint64(1)) & np.uint64(0x5555555555555555)
    word = (word & np.uint64(0x3333333333333333)) + (
        (word >> np.uint64(2)) & np.uint64(0x3333333333333333)
    )
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


@inlined
def _twice_as_long(matches: np.ndarray) -> np.ndarray:
    longer = np.empty((2 * len(matches), 3), np.int64)
    for row in range(len(matches)):
        # one by one: for whole rows numba would compile the text of an error, for seconds
        for column in range(3):
            longer[row, column] = matches[row, column]
    return longer
