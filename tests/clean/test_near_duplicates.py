"""Copies are found and proven, different pictures are not."""

from dataclasses import dataclass

import numpy as np
import pytest

from src.clean import near_duplicates
from src.imaging import decoding
from src.imaging.picture_files import read_photo
from src.params import read_params
from src.vision import perceptual_hash
from src.vision.alignment import thumbnail
from tests.conftest import ROOT, real
from tests.copies import COPIES, again

CLEAN = read_params(ROOT / "params.yaml").clean
COUNT = 24


def _copies(thumbnails: np.ndarray, distance: int = CLEAN.hash_distance) -> list:
    return near_duplicates.find_copies(thumbnails, distance, CLEAN.similarity)


@dataclass(frozen=True)
class Copied:
    """Originals and their copies: kinds[n] of whose[n] is what thumbnails[n] was made of."""

    thumbnails: np.ndarray
    whose: list[int]
    kinds: list[str]
    found: list[tuple[int, int, float]]


def _copied(originals: list[np.ndarray]) -> Copied:
    made = [
        (person, kind, change(pixels, np.random.default_rng([person, number])))
        for number, (kind, change) in enumerate({"original": again, **COPIES}.items())
        for person, pixels in enumerate(originals)
    ]
    whose, kinds, files = zip(*made, strict=True)
    thumbnails = np.stack([thumbnail(decoding.decode(data)) for data in files])
    return Copied(thumbnails, list(whose), list(kinds), _copies(thumbnails))


@pytest.fixture(scope="module")
def drawn(faces: list[np.ndarray]) -> Copied:
    return _copied(faces[:COUNT])


@pytest.fixture(scope="module")
def photographed() -> Copied:
    return _copied([read_photo(path) for path in real("portraits")[::18][:COUNT]])


@pytest.fixture(params=["drawn", "photographed"])
def copied(request: pytest.FixtureRequest) -> Copied:
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("kind", COPIES)
def test_every_copy_of_a_picture_is_found(copied: Copied, kind: str):
    found = {(i, j) for i, j, _ in copied.found}
    copies = [n for n, k in enumerate(copied.kinds) if k == kind]
    missed = [copied.whose[n] for n in copies if (copied.whose[n], n) not in found]
    assert len(copies) == COUNT
    assert len(missed) <= (kind == "caption strip")  # whose lowest seventh is left out


def test_no_two_different_pictures_are_taken_for_copies(copied: Copied):
    assert [(i, j) for i, j, _ in copied.found if copied.whose[i] != copied.whose[j]] == []


def test_copies_are_sorted_pairs_and_always_the_same(copied: Copied):
    pairs = [(i, j) for i, j, _ in copied.found]
    assert pairs == sorted(set(pairs))
    assert all(0 <= i < j < len(copied.thumbnails) for i, j in pairs)
    assert all(CLEAN.similarity <= similarity <= 1 for *_, similarity in copied.found)


def test_copies_do_not_depend_on_the_order(drawn: Copied):
    few = drawn.thumbnails[::5]
    order = np.random.default_rng(0).permutation(len(few))
    shuffled = sorted(sorted((order[i], order[j])) for i, j, _ in _copies(few[order]))
    assert shuffled == [[i, j] for i, j, _ in _copies(few)]


def test_a_greater_distance_finds_no_less(drawn: Copied):
    few = drawn.thumbnails[::4]
    near, far = ({(i, j) for i, j, _ in _copies(few, distance)} for distance in (12, 63))
    assert near < far


def test_real_portraits_and_their_small_copies_are_matched_exactly():
    large, small = real("portraits"), real("portraits_small")
    assert [path.name for path in large] == [path.name for path in small]
    thumbnails = np.stack([thumbnail(read_photo(path)) for path in large + small])
    expected = [(n, n + len(large)) for n in range(len(large))]
    assert [(i, j) for i, j, _ in _copies(thumbnails)] == expected
    assert len(expected) == 436


def test_a_mirror_image_has_the_hash_with_every_odd_frequency_across_turned(faces):
    one = np.stack([thumbnail(face) for face in faces])
    mirrored = perceptual_hash.hashes(np.ascontiguousarray(one[:, :, ::-1]))
    apart = np.bitwise_count(perceptual_hash.hashes(one) ^ mirrored ^ perceptual_hash.MIRROR_BITS)
    assert apart.sum(axis=1, dtype=np.int64).max() <= 2


def test_a_hash_is_the_sign_of_the_cosine_transform(faces: list[np.ndarray]):
    thumb = thumbnail(faces[0])
    places = (np.arange(64) + 0.5) / 64
    cosines = np.cos(np.pi * np.arange(1, 17)[:, None] * places)
    frequencies = cosines @ thumb.astype(float) @ cosines.T
    low, bits = np.zeros((16, 16), bool), frequencies > 0
    low[:8, :8] = True
    expected = np.packbits(np.concatenate([bits[low], bits[~low]]))
    apart = np.bitwise_count(perceptual_hash.hashes(thumb[None])[0] ^ expected)
    assert apart.sum() <= 1


def test_hashes_of_many_are_those_of_each(faces: list[np.ndarray]):
    thumbnails = np.stack([thumbnail(face) for face in faces[:5]])
    each = [perceptual_hash.hashes(thumb[None])[0] for thumb in thumbnails]
    assert np.array_equal(perceptual_hash.hashes(thumbnails), each)
    # more than are hashed at a time, as they come from a file: each by itself, not to be written to
    kept = [np.frombuffer(thumb.tobytes(), np.uint8).reshape(64, 64) for thumb in thumbnails]
    assert np.array_equal(perceptual_hash.hashes(kept * 30), each * 30)


def test_blank_pictures_are_set_apart():
    blank = np.stack([np.full((64, 64), level, np.uint8) for level in range(200)])
    assert _copies(blank) == []


def test_the_distance_of_two_is_that_at_which_they_are_found(drawn: Copied):
    thumbnails = drawn.thumbnails
    for kind in range(1, 8):
        pair = thumbnails[[0, kind * COUNT]]
        bits = near_duplicates.hash_distance(*pair)
        assert bits == near_duplicates.hash_distance(*pair[::-1]) <= CLEAN.hash_distance
        assert len(_copies(pair, CLEAN.hash_distance)) == 1
        assert bits == 0 or _copies(pair, bits - 1) == []


@pytest.mark.parametrize("count", [0, 1])
def test_less_than_two_pictures_make_no_pair(faces: list[np.ndarray], count: int):
    thumbnails = np.array([thumbnail(face) for face in faces[:count]], np.uint8)
    assert _copies(thumbnails.reshape(-1, 64, 64)) == []


def test_an_index_in_parts_finds_the_same_copies(drawn: Copied, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("src.clean.near_duplicates.PART", len(drawn.thumbnails) // 3)
    assert _copies(drawn.thumbnails) == drawn.found


def test_shared_hash_bands_are_told(drawn: Copied, monkeypatch, capsys):
    monkeypatch.setattr("src.clean.multi_index_hash.CROWDED", 1)
    _copies(drawn.thumbnails[:200])
    said = capsys.readouterr().err
    assert "hash bands are shared by too many pictures and not looked up" in said
