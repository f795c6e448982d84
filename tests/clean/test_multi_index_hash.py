"""All pairs within a distance are found, and nothing else: held against counting every bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.clean.multi_index_hash import Index


def _by_counting(asked: np.ndarray, among: np.ndarray, distance: int) -> list:
    apart = np.bitwise_count(asked[:, None] ^ among[None]).astype(np.int64)
    bits, bands = apart.sum(axis=2), apart[..., :8].reshape(*apart.shape[:2], 4, 2).sum(axis=3)
    near = (bands.sum(axis=2) <= distance // 4) & (
        bands.min(axis=2, initial=99) <= round(distance / 32)
    )
    i, j = np.nonzero((bits <= distance) & near)
    return [list(found) for found in zip(i, j, bits[i, j], strict=True)]


def _alike(seed: int, count: int, flips: int) -> np.ndarray:
    """Hashes around a few centres, up to so many bits away."""
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, (3, 256), dtype=np.uint8)[rng.integers(0, 3, count)]
    for own in bits:
        own[rng.permutation(256)[: rng.integers(0, flips + 1)]] ^= 1
    return np.packbits(bits, axis=1)


@given(
    seed=st.integers(0, 2**32),
    sizes=st.tuples(st.integers(0, 40), st.integers(0, 40)),
    flips=st.integers(0, 90),
    distance=st.integers(0, 128),
)
def test_the_pairs_are_those_that_counting_finds(seed, sizes, flips, distance):
    asked, among = np.split(_alike(seed, sum(sizes), flips), sizes[:1])
    found = Index(among).within(asked, distance)
    assert found.tolist() == _by_counting(asked, among, distance)


def test_nothing_is_lost_when_many_are_found():
    hashes = np.zeros((70_000, 32), np.uint8)
    found = Index(hashes[:2]).within(hashes, 0)
    assert found[:, 0].tolist() == [i for i in range(70_000) for _ in range(2)]
    assert set(found[:, 2]) == {0}


@pytest.mark.parametrize("distance", [0, 3, 12, 28])
@pytest.mark.parametrize("over", [0, 1])
def test_a_pair_just_within_is_found_and_one_just_beyond_is_not(distance: int, over: int):
    """By all 256 bits, and by the first 64, of which a quarter of the distance may differ."""
    rng = np.random.default_rng(1)
    own = np.packbits(rng.integers(0, 2, (1, 256), dtype=np.uint8), axis=1)
    few = distance // 4
    for first, others in ((few, distance - few + over), (few + over, distance - few - over)):
        for _ in range(20 if others >= 0 else 0):
            bits = np.unpackbits(own, axis=1)
            bits[0, rng.permutation(64)[:first]] ^= 1
            bits[0, 64 + rng.permutation(192)[:others]] ^= 1
            found = Index(own).within(np.packbits(bits, axis=1), distance)
            assert len(found) == 1 - over


@pytest.mark.parametrize(
    ("bands", "distance", "expected"),
    [((2, 4, 4, 5), 63, 1), ((3, 3, 3, 3), 63, 0), ((3, 3, 3, 3), 90, 1)],
)
def test_a_pair_needs_a_band_that_is_near(bands: tuple, distance: int, expected: int):
    own = np.zeros((1, 32), np.uint8)
    other = np.zeros(256, np.uint8)
    for band, flipped in enumerate(bands):
        other[16 * band : 16 * band + flipped] = 1
    assert len(Index(own).within(np.packbits(other)[None], distance)) == expected


@given(seed=st.integers(0, 2**32), count=st.integers(0, 60), parts=st.integers(1, 9))
def test_an_index_in_parts_finds_each_pair_once(seed: int, count: int, parts: int):
    hashes = _alike(seed, count, 60)
    whole = Index(hashes).within(hashes, 63).tolist()
    found = [
        pair
        for part in range(parts)
        for pair in Index(hashes, part, parts).within(hashes, 63).tolist()
    ]
    assert sorted(found) == whole


def test_values_that_too_many_share_are_counted_and_left_out(monkeypatch: pytest.MonkeyPatch):
    """Of two alike the shared band is not looked up; by another band they are found all the same."""
    rng = np.random.default_rng(3)
    hashes = rng.integers(0, 256, (50, 32), dtype=np.uint8)
    hashes[:, :2] = 7  # the lowest band of all
    hashes[1], hashes[3] = hashes[0], hashes[2]
    hashes[3, 2:8] = ~hashes[2, 2:8]  # alike in the shared band alone
    monkeypatch.setattr("src.clean.multi_index_hash.CROWDED", 20)
    index = Index(hashes)
    assert index.crowded == 1
    pairs = index.within(hashes, 200)[:, :2].tolist()
    assert [0, 1] in pairs
    assert [2, 3] not in pairs
    monkeypatch.setattr("src.clean.multi_index_hash.CROWDED", 50)
    assert Index(hashes).crowded == 0
    assert [2, 3] in Index(hashes).within(hashes, 200)[:, :2].tolist()
