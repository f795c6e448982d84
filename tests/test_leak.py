"""Copies of validation pictures in training are found, and strangers are not."""

import numpy as np
import pytest

from src import images
from src.audit import leak
from src.demo.catalogue import alter
from src.pair import square
from tests.conftest import real

KINDS = ["recompressed", "resized", "cropped", "mirrored", "brightened", "captioned"]
COPIED = [1, 6, 13, 19]  # of twenty training pictures


@pytest.fixture
def limit(changed) -> float:
    return changed().audit.limits.leak_similarity


@pytest.fixture(scope="module")
def squares(faces) -> np.ndarray:
    return np.stack([square(face, 78, "center") for face in faces])


def copy(picture: np.ndarray, kind: str, seed: int = 0) -> np.ndarray:
    return images.decode(alter(picture, kind, np.random.default_rng(seed)))


@pytest.mark.parametrize("whole", [True, False], ids=["of the file", "of the square"])
@pytest.mark.parametrize("kind", KINDS)
def test_copies_in_training_are_found(faces, squares, limit: float, kind: str, whole: bool):
    originals = [faces[i] if whole else square(faces[i], 192, "center") for i in COPIED]
    copies = [copy(original, kind, seed) for seed, original in enumerate(originals)]
    val = np.stack([square(picture, 64, "center") for picture in copies])
    similarity, index = leak.nearest(val, squares[:20])
    assert list(index) == COPIED
    assert similarity.min() >= limit


def test_other_pictures_are_not_taken_for_copies(squares, limit: float):
    similarity, index = leak.nearest(squares[20:32, :64, :64], squares[:20])
    assert similarity.shape == index.shape == (12,)
    assert similarity.max() < limit


def test_the_same_picture_is_found_at_another_size(faces, limit: float):
    train = np.stack([square(face, 140, "center") for face in faces[:8]])
    val = np.stack([square(face, 32, "center") for face in faces[:8]])
    similarity, index = leak.nearest(val, train)
    assert list(index) == list(range(8))
    assert similarity.min() >= limit


def test_a_leak_is_found_either_way_round(faces, limit: float):
    """The copy with less on it may be the one in training."""
    train = np.stack([square(copy(face, "cropped", 1), 64, "center") for face in faces[:6]])
    val = np.stack([square(face, 64, "center") for face in faces[:6]])
    similarity, index = leak.nearest(val, train)
    assert list(index) == list(range(6))
    assert similarity.min() >= limit


@pytest.mark.parametrize("block", [1, 7, 19])
def test_blocks_do_not_change_the_verdict(monkeypatch, faces, squares, block: int):
    copies = np.stack([square(copy(faces[i], "recompressed"), 64, "center") for i in COPIED])
    val = np.concatenate([copies, squares[20:23, :64, :64]])
    whole = leak.nearest(val, squares[:20])
    monkeypatch.setattr(leak, "BLOCK", block)
    for one, other in zip(whole, leak.nearest(val, squares[:20]), strict=True):
        np.testing.assert_array_equal(one, other)


def test_flat_pictures_resemble_nothing(squares, limit: float):
    flat = np.full((2, 64, 64, 3), 128, np.uint8)
    train = np.concatenate([squares[:3, :64, :64], flat])
    similarity, _ = leak.nearest(flat, train)
    assert np.isfinite(similarity).all()
    assert similarity.max() < limit


def test_one_training_picture_is_enough(squares, limit: float):
    similarity, index = leak.nearest(squares[:2], squares[:1])
    assert list(index) == [0, 0]
    assert similarity[0] >= limit > similarity[1]


def test_real_strangers_are_not_taken_for_copies(limit: float):
    people = real("portraits")[::6]
    photos = np.stack([square(images.read(file), 64, "center") for file in people])
    similarity, _ = leak.nearest(photos[::5], np.delete(photos, np.s_[::5], axis=0))
    assert similarity.max() < limit


def test_real_copies_are_found(limit: float):
    people = real("portraits")[::6]
    train = np.stack([square(images.read(file), 78, "center") for file in people])
    small = {file.name: file for file in real("portraits_small")}
    copied = [i for i, file in enumerate(people) if file.name in small][::8]
    val = np.stack([square(images.read(small[people[i].name]), 64, "center") for i in copied])
    planted = [
        square(copy(images.read(people[at]), kind, at), 64, "center")
        for at, kind in enumerate(KINDS)
    ]
    similarity, index = leak.nearest(np.concatenate([val, planted]), train)
    assert list(index) == [*copied, *range(len(KINDS))]
    assert similarity.min() >= limit
