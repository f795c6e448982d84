"""Copies are found and proven; different pictures are not."""

from dataclasses import dataclass

import numpy as np
import pytest

from src.clean import hash_candidates, near_duplicates
from src.clean.near_duplicates import Proof
from src.imaging import decoding
from src.imaging.picture_files import read_photo
from src.vision.alignment import thumbnail
from src.vision.matching import PictureFeatures
from tests.conftest import DEFAULTS, real
from tests.copies import COPIES, HARD_COPIES, again

CLEAN = DEFAULTS.clean
COUNT = 24
FEW = 8  # pictures of which harder copies are sought
CUT_OR_TILTED = [kind for kind in HARD_COPIES if kind.startswith(("cut by", "turned by 5"))]
MOUNTED = ["polaroid", "uneven frame", "phone screenshot", "strip below", "strip above"]


def _find_copies(thumbnails: np.ndarray, distance: int = CLEAN.hash_distance) -> list:
    features = [PictureFeatures(picture) for picture in thumbnails]
    return near_duplicates.find_copies(features, distance, CLEAN.similarity).proofs


def _pairs(proofs: list[Proof]) -> list[tuple[int, int]]:
    return [(proof.first, proof.second) for proof in proofs]


@dataclass(frozen=True)
class Pictures:
    """Originals and their copies: thumbnails[n] is copy kinds[n] of originals[n]."""

    thumbnails: np.ndarray
    originals: list[int]
    kinds: list[str]
    copies: list[Proof]


def _with_copies(pictures: list[np.ndarray]) -> Pictures:
    rows = [
        (person, kind, change(pixels, np.random.default_rng([person, number])))
        for number, (kind, change) in enumerate({"original": again, **COPIES}.items())
        for person, pixels in enumerate(pictures)
    ]
    originals, kinds, files = zip(*rows, strict=True)
    thumbnails = np.stack([thumbnail(decoding.decode(data)) for data in files])
    return Pictures(thumbnails, list(originals), list(kinds), _find_copies(thumbnails))


@pytest.fixture(scope="module")
def drawn(faces: list[np.ndarray]) -> Pictures:
    return _with_copies(faces[:COUNT])


@pytest.fixture(scope="module")
def photographed() -> Pictures:
    return _with_copies([read_photo(path) for path in real("portraits")[::18][:COUNT]])


@pytest.fixture(params=["drawn", "photographed"])
def pictures(request: pytest.FixtureRequest) -> Pictures:
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("kind", COPIES)
def test_every_copy_of_a_picture_is_found(pictures: Pictures, kind: str):
    pairs = set(_pairs(pictures.copies))
    copies = [n for n, copy_kind in enumerate(pictures.kinds) if copy_kind == kind]
    missed = [n for n in copies if (pictures.originals[n], n) not in pairs]
    assert len(copies) == COUNT
    assert len(missed) <= (kind == "caption strip")  # whose lowest seventh is left out


@pytest.mark.parametrize("kind", [*CUT_OR_TILTED, *MOUNTED, "mirrored and cropped by 10 %"])
def test_large_cuts_tilts_and_mounts_of_a_picture_are_found(faces: list[np.ndarray], kind: str):
    make = HARD_COPIES[kind]
    files = [again(face, np.random.default_rng(0)) for face in faces[:FEW]]
    files += [make(face, np.random.default_rng(n)) for n, face in enumerate(faces[:FEW])]
    pairs = _pairs(_find_copies(np.stack([thumbnail(decoding.decode(data)) for data in files])))
    assert len(pairs) >= FEW - 1
    assert set(pairs) <= {(n, n + FEW) for n in range(FEW)}


def test_no_two_different_pictures_are_taken_for_copies(pictures: Pictures):
    originals = pictures.originals
    assert [(i, j) for i, j in _pairs(pictures.copies) if originals[i] != originals[j]] == []


def test_copies_are_sorted_pairs_with_their_similarity(pictures: Pictures):
    pairs = _pairs(pictures.copies)
    assert pairs == sorted(set(pairs))
    assert all(0 <= i < j < len(pictures.thumbnails) for i, j in pairs)
    assert all(CLEAN.similarity <= proof.match.similarity <= 1 for proof in pictures.copies)


def test_copies_do_not_depend_on_the_order(drawn: Pictures):
    thumbnails = drawn.thumbnails[::5]
    order = np.random.default_rng(0).permutation(len(thumbnails)).tolist()
    shuffled = _pairs(_find_copies(thumbnails[order]))
    restored = sorted(tuple(sorted((order[i], order[j]))) for i, j in shuffled)
    assert restored == _pairs(_find_copies(thumbnails))


def test_a_greater_distance_finds_no_less(drawn: Pictures):
    thumbnails = drawn.thumbnails[::4]
    near, far = (set(_pairs(_find_copies(thumbnails, distance))) for distance in (12, 63))
    assert near < far


def test_real_portraits_and_their_small_copies_are_matched_exactly():
    large, small = real("portraits"), real("portraits_small")
    assert [path.name for path in large] == [path.name for path in small]
    thumbnails = np.stack([thumbnail(read_photo(path)) for path in large + small])
    expected = [(n, n + len(large)) for n in range(len(large))]
    assert _pairs(_find_copies(thumbnails)) == expected
    assert len(expected) == 436


def test_blank_pictures_have_no_copies():
    blank = np.stack([np.full((64, 64), level, np.uint8) for level in range(200)])
    assert _find_copies(blank) == []


def test_the_hash_distance_of_two_is_that_at_which_they_are_found(drawn: Pictures):
    for kind in range(1, 8):
        pair = drawn.thumbnails[[0, kind * COUNT]]
        bits = hash_candidates.hash_distance(*pair)
        assert bits == hash_candidates.hash_distance(*pair[::-1]) <= CLEAN.hash_distance
        assert len(_find_copies(pair)) == 1
        assert bits == 0 or _find_copies(pair, bits - 1) == []


@pytest.mark.parametrize("count", [0, 1])
def test_less_than_two_pictures_make_no_pair(faces: list[np.ndarray], count: int):
    thumbnails = np.array([thumbnail(face) for face in faces[:count]], np.uint8)
    assert _find_copies(thumbnails.reshape(-1, 64, 64)) == []


def test_an_index_in_parts_finds_the_same_copies(drawn: Pictures, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("src.clean.hash_candidates.MAX_INDEX", len(drawn.thumbnails) // 3)
    assert _find_copies(drawn.thumbnails) == drawn.copies


def test_hash_bands_that_are_not_looked_up_are_reported(drawn: Pictures, monkeypatch, capsys):
    monkeypatch.setattr("src.clean.multi_index_hash.MAX_HASHES_PER_VALUE", 1)
    _find_copies(drawn.thumbnails[:200])
    message = capsys.readouterr().err
    assert "hash bands are shared by too many pictures and not looked up" in message
