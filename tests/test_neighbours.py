"""Copies are found and proven, different pictures are not."""

from dataclasses import dataclass

import numpy as np
import pytest

from src import images, neighbours, params
from src.demo.catalogue import alter
from src.neighbours import BITS, CUTS, Fingerprint
from tests.conftest import ROOT, real

CLEAN = params.read(ROOT / "params.yaml").clean
KINDS = (
    "recompressed",
    "resized",
    "cropped",
    "mirrored",
    "brightened",
    "captioned",
    "gray",
    "sepia",
)


def _similarity(prints: list[Fingerprint], i: int, j: int) -> float:
    return neighbours.similarity(prints[i].thumbnail, prints[j].thumbnail)


@dataclass(frozen=True)
class Copied:
    """Originals and their copies: kinds[n] of whose[n] is what prints[n] was taken of.

    found: the candidates among all of them.
    """

    prints: list[Fingerprint]
    whose: list[int]
    kinds: list[str]
    found: list[tuple[int, int]]


def _copied(originals: list[np.ndarray]) -> Copied:
    rng = np.random.default_rng(3)
    made = [(person, "original", pixels) for person, pixels in enumerate(originals)]
    made += [
        (person, kind, images.decode(alter(pixels, kind, rng)))
        for person, pixels in enumerate(originals)
        for kind in KINDS
    ]
    whose, kinds, pictures = zip(*made, strict=True)
    prints = [neighbours.fingerprint(p) for p in pictures]
    found = neighbours.candidates(prints, CLEAN.hash_distance)
    return Copied(prints, list(whose), list(kinds), found)


@pytest.fixture(scope="module")
def drawn(faces: list[np.ndarray]) -> Copied:
    return _copied(faces[:24])


@pytest.fixture(scope="module")
def photographed() -> Copied:
    return _copied([images.read(path) for path in real("portraits")[::18][:24]])


@pytest.fixture(params=["drawn", "photographed"])
def copied(request: pytest.FixtureRequest) -> Copied:
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("kind", KINDS)
def test_every_copy_is_a_candidate(copied: Copied, kind: str):
    found = set(copied.found)
    copies = [n for n, k in enumerate(copied.kinds) if k == kind]
    missed = [copied.whose[n] for n in copies if (copied.whose[n], n) not in found]
    assert len(copies) == 24
    assert missed == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_copy_is_proven_by_its_pixels(copied: Copied, kind: str):
    copies = [n for n, k in enumerate(copied.kinds) if k == kind]
    least = min(_similarity(copied.prints, copied.whose[n], n) for n in copies)
    assert least >= CLEAN.similarity


def test_no_two_different_pictures_are_taken_for_copies(copied: Copied):
    wrong = [
        (i, j)
        for i, j in copied.found
        if copied.whose[i] != copied.whose[j]
        and _similarity(copied.prints, i, j) >= CLEAN.similarity
    ]
    assert wrong == []


def test_pixels_alone_tell_different_originals_apart(copied: Copied):
    pairs = [(i, j) for j in range(24) for i in range(j)]
    assert max(_similarity(copied.prints, i, j) for i, j in pairs) < CLEAN.similarity


def test_candidates_are_sorted_pairs_and_always_the_same(copied: Copied):
    assert copied.found == sorted(set(copied.found))
    assert all(0 <= i < j < len(copied.prints) for i, j in copied.found)
    assert copied.found == neighbours.candidates(copied.prints, CLEAN.hash_distance)


def test_candidates_do_not_depend_on_the_order(drawn: Copied):
    order = np.random.default_rng(0).permutation(len(drawn.prints)).tolist()
    shuffled = neighbours.candidates([drawn.prints[n] for n in order], CLEAN.hash_distance)
    assert sorted(tuple(sorted((order[i], order[j]))) for i, j in shuffled) == drawn.found


def test_a_greater_distance_finds_no_less(drawn: Copied):
    near, far = (set(neighbours.candidates(drawn.prints[:40], d)) for d in (20, 90))
    assert near < far


def test_real_portraits_and_their_small_copies_are_matched_exactly():
    large = real("portraits")[::11][:40]
    small = {path.name: path for path in real("portraits_small")}
    prints = [
        neighbours.fingerprint(images.read(path))
        for path in large + [small[path.name] for path in large]
    ]
    proven = {
        (i, j)
        for i, j in neighbours.candidates(prints, CLEAN.hash_distance)
        if _similarity(prints, i, j) >= CLEAN.similarity
    }
    assert proven == {(n, n + 40) for n in range(40)}


def test_a_fingerprint_has_a_hash_for_each_cut_of_the_picture_and_its_mirror_image(faces):
    made = neighbours.fingerprint(faces[0])
    assert made.hashes.shape == made.mirrored.shape == (len(CUTS), BITS // 8)
    assert made.thumbnail.shape == (64, 64)
    assert np.array_equal(made.thumbnail, neighbours.thumbnail(faces[0]))
    flipped = neighbours.fingerprint(np.ascontiguousarray(faces[0][:, ::-1]))
    apart = np.bitwise_count(made.mirrored[0] ^ flipped.hashes[0]).sum()
    assert apart <= 2


def test_a_fingerprint_is_the_same_each_time(faces: list[np.ndarray]):
    one, two = neighbours.fingerprint(faces[0]), neighbours.fingerprint(faces[0].copy())
    assert one.hashes.tobytes() == two.hashes.tobytes()
    assert one.mirrored.tobytes() == two.mirrored.tobytes()


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (300, 2)])
def test_any_size_has_a_fingerprint(size: tuple[int, int]):
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    assert neighbours.fingerprint(pixels).thumbnail.shape == (64, 64)


def _flat(level: int) -> np.ndarray:
    return np.full((80, 60, 3), level, np.uint8)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_flat_picture_matches_nothing(faces: list[np.ndarray], level: int):
    flat = neighbours.thumbnail(_flat(level))
    for other in (_flat(128), faces[0]):
        assert neighbours.similarity(flat, neighbours.thumbnail(other)) == -1
        assert neighbours.similarity(neighbours.thumbnail(other), flat) == -1


def test_nearly_flat_pictures_with_different_marks_do_not_match():
    def marked(rows: slice, columns: slice) -> np.ndarray:
        sheet = _flat(240)
        sheet[rows, columns] = 0
        return neighbours.thumbnail(sheet)

    every = slice(None)
    sheets = [
        marked(slice(0, 4), every),
        marked(slice(-4, None), every),
        marked(every, slice(0, 3)),
        marked(slice(0, 8), slice(0, 8)),
        marked(slice(36, 44), slice(26, 34)),
    ]
    for j, sheet in enumerate(sheets):
        for other in sheets[:j]:
            assert neighbours.similarity(sheet, other) < CLEAN.similarity


def test_similarity_is_the_same_both_ways_and_whole_for_itself(faces: list[np.ndarray]):
    one, two = (neighbours.thumbnail(face) for face in faces[:2])
    assert neighbours.similarity(one, one) == pytest.approx(1, abs=1e-4)
    assert neighbours.similarity(one, two) == neighbours.similarity(two, one)


def test_the_distance_of_two_is_that_at_which_they_become_candidates(drawn: Copied):
    prints = drawn.prints[:30]
    for i, j in [(0, 24), (0, 25), (0, 1), (2, 7), (3, 29), (5, 6)]:
        bits = neighbours.distance(prints[i], prints[j])
        assert bits == neighbours.distance(prints[j], prints[i])
        pair = [prints[i], prints[j]]
        assert neighbours.candidates(pair, bits) == [(0, 1)]
        assert bits == 0 or neighbours.candidates(pair, bits - 1) == []


@pytest.mark.parametrize("count", [0, 1])
def test_less_than_two_pictures_make_no_pair(faces: list[np.ndarray], count: int):
    prints = [neighbours.fingerprint(face) for face in faces[:count]]
    assert neighbours.candidates(prints, BITS) == []
