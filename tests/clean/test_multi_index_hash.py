"""The search returns all near pairs and nothing else; the reference counts every bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.clean.multi_index_hash import Index


def _search(database: np.ndarray, queries: np.ndarray, distance: int) -> list[tuple]:
    return Index(database).range_search(queries, distance).tolist()


def _reference_search(database: np.ndarray, queries: np.ndarray, distance: int) -> list[tuple]:
    bytes_apart = np.bitwise_count(queries[:, None] ^ database[None]).astype(np.int64)
    bits = bytes_apart.sum(axis=2)
    band_bits = bytes_apart[..., :8].reshape(*bits.shape, 4, 2).sum(axis=3)
    near = (band_bits.sum(axis=2) <= distance // 4) & (
        band_bits.min(axis=2, initial=99) <= round(distance / 32)
    )
    i, j = np.nonzero((bits <= distance) & near)
    return list(zip(i.tolist(), j.tolist(), bits[i, j].tolist(), strict=True))


def _similar_hashes(seed: int, count: int, max_flips: int) -> np.ndarray:
    """Return hashes that differ from one of three centres in up to `max_flips` bits."""
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, (3, 256), dtype=np.uint8)[rng.integers(0, 3, count)]
    for row in bits:
        row[rng.permutation(256)[: rng.integers(0, max_flips + 1)]] ^= 1
    return np.packbits(bits, axis=1)


@given(
    seed=st.integers(0, 2**32),
    sizes=st.tuples(st.integers(0, 40), st.integers(0, 40)),
    max_flips=st.integers(0, 90),
    distance=st.integers(0, 128),
)
def test_the_pairs_are_those_that_counting_finds(seed, sizes, max_flips, distance):
    queries, database = np.split(_similar_hashes(seed, sum(sizes), max_flips), sizes[:1])
    expected = _reference_search(database, queries, distance)
    assert _search(database, queries, distance) == expected


def test_no_match_is_lost_when_there_are_many():
    hashes = np.zeros((70_000, 32), np.uint8)
    matches = Index(hashes[:2]).range_search(hashes, 0)
    assert matches["query"].tolist() == [i for i in range(70_000) for _ in range(2)]
    assert set(matches["bits"]) == {0}


@pytest.mark.parametrize("distance", [0, 3, 12, 28])
@pytest.mark.parametrize("excess", [0, 1])
def test_a_pair_at_the_distance_is_found_and_one_beyond_it_is_not(distance: int, excess: int):
    """By all 256 bits, and by the first 64, of which a quarter of the distance may differ."""
    rng = np.random.default_rng(1)
    query = np.packbits(rng.integers(0, 2, (1, 256), dtype=np.uint8), axis=1)
    share = distance // 4
    for lead_flips, other_flips in (
        (share, distance - share + excess),
        (share + excess, distance - share - excess),
    ):
        for _ in range(20 if other_flips >= 0 else 0):
            bits = np.unpackbits(query, axis=1)
            bits[0, rng.permutation(64)[:lead_flips]] ^= 1
            bits[0, 64 + rng.permutation(192)[:other_flips]] ^= 1
            assert len(_search(query, np.packbits(bits, axis=1), distance)) == 1 - excess


@pytest.mark.parametrize(
    ("band_flips", "distance", "expected"),
    [((2, 4, 4, 5), 63, 1), ((3, 3, 3, 3), 63, 0), ((3, 3, 3, 3), 90, 1)],
)
def test_a_pair_needs_a_band_that_is_near(band_flips: tuple, distance: int, expected: int):
    database = np.zeros((1, 32), np.uint8)
    bits = np.zeros(256, np.uint8)
    for band, flips in enumerate(band_flips):
        bits[16 * band : 16 * band + flips] = 1
    assert len(_search(database, np.packbits(bits)[None], distance)) == expected


@given(seed=st.integers(0, 2**32), count=st.integers(0, 60), parts=st.integers(1, 9))
def test_an_index_in_parts_finds_each_pair_once(seed: int, count: int, parts: int):
    hashes = _similar_hashes(seed, count, 60)
    matches = [
        match
        for part in range(parts)
        for match in Index(hashes, part, parts).range_search(hashes, 63).tolist()
    ]
    assert sorted(matches) == _search(hashes, hashes, 63)


def test_a_band_value_that_too_many_hashes_share_is_counted_and_not_looked_up(
    monkeypatch: pytest.MonkeyPatch,
):
    """Equal hashes are found by their other bands; hashes that share only this band are not."""
    rng = np.random.default_rng(3)
    hashes = rng.integers(0, 256, (50, 32), dtype=np.uint8)
    hashes[:, :2] = 7  # the lowest band of all
    hashes[1], hashes[3] = hashes[0], hashes[2]
    hashes[3, 2:8] = ~hashes[2, 2:8]  # equal in the shared band alone
    monkeypatch.setattr("src.clean.multi_index_hash.MAX_HASHES_PER_VALUE", 20)
    assert Index(hashes).crowded == 1
    pairs = {match[:2] for match in _search(hashes, hashes, 200)}
    assert (0, 1) in pairs
    assert (2, 3) not in pairs
    monkeypatch.setattr("src.clean.multi_index_hash.MAX_HASHES_PER_VALUE", 50)
    assert Index(hashes).crowded == 0
    assert (2, 3) in {match[:2] for match in _search(hashes, hashes, 200)}
