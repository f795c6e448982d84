"""Copies of validation pictures in training are found, and strangers are not."""

import numpy as np
import pytest

from src.demo.inventory import alter
from src.imaging import decoding
from src.imaging.picture_files import read_photo
from src.vision import forms
from tests.audit.conftest import Search
from tests.builders import square_crop
from tests.conftest import real

KINDS = ["recompressed", "resized", "cropped", "mirrored", "brightened", "captioned"]
COPIED = [1, 6, 13, 19]  # of twenty training pictures


@pytest.fixture(scope="module")
def squares(faces) -> np.ndarray:
    return np.stack([square_crop(face, 78, "center") for face in faces])


def copy(picture: np.ndarray, kind: str, seed: int = 0) -> np.ndarray:
    return decoding.decode(alter(picture, kind, np.random.default_rng(seed)))


@pytest.fixture
def by_index(monkeypatch) -> None:
    """Let few pictures be looked up as many are: in a fraction of the lists."""
    monkeypatch.setattr("src.audit.candidates.MAX_EXACT", 0)
    monkeypatch.setattr("src.audit.vector_index.PER_LIST", 4)


@pytest.mark.parametrize("of_file", [True, False], ids=["of the file", "of the square"])
@pytest.mark.parametrize("kind", KINDS)
def test_copies_in_training_are_found(faces, squares, search: Search, kind: str, of_file: bool):
    originals = [faces[i] if of_file else square_crop(faces[i], 192, "center") for i in COPIED]
    copies = [copy(original, kind, seed) for seed, original in enumerate(originals)]
    val = np.stack([square_crop(picture, 64, "center") for picture in copies])
    _, index, copies = search(val, squares[:20])
    assert list(index) == COPIED
    assert copies.all()


def test_other_pictures_are_not_taken_for_copies(squares, search: Search):
    _, index, copies = search(squares[20:32, :64, :64], squares[:20])
    assert copies.shape == index.shape == (12,)
    assert not copies.any()


def test_an_excluded_pair_hides_no_other_copy(faces, squares, search: Search):
    train = np.concatenate([squares[:4], squares[1:2]])
    val = np.stack([square_crop(copy(faces[1], "recompressed"), 64, "center")])
    assert search(val, train).indices.tolist() == [1]
    nearest = search(val, train, excluded=[(0, 1)])
    assert nearest.indices.tolist() == [4]
    assert nearest.copies.all()
    assert not search(val, train, excluded=[(0, 1), (0, 4)]).copies.any()


def test_the_same_picture_is_found_at_another_size(faces, search: Search):
    train = np.stack([square_crop(face, 140, "center") for face in faces[:8]])
    val = np.stack([square_crop(face, 32, "center") for face in faces[:8]])
    _, index, copies = search(val, train)
    assert list(index) == list(range(8))
    assert copies.all()


def test_a_leak_is_found_either_way_round(faces, search: Search):
    """The copy with less on it may be the one in training."""
    train = np.stack([square_crop(copy(face, "cropped", 1), 64, "center") for face in faces[:6]])
    val = np.stack([square_crop(face, 64, "center") for face in faces[:6]])
    _, index, copies = search(val, train)
    assert list(index) == list(range(6))
    assert copies.all()


@pytest.mark.parametrize("block", [1, 7, 19])
def test_blocks_do_not_change_the_verdict(search: Search, monkeypatch, faces, squares, block: int):
    copies = np.stack([square_crop(copy(faces[i], "recompressed"), 64, "center") for i in COPIED])
    val = np.concatenate([copies, squares[20:23, :64, :64]])
    in_one_block = search(val, squares[:20])
    monkeypatch.setattr("src.audit.candidates.BLOCK", block)
    in_several = search(val, squares[:20])
    # products of other shapes are rounded otherwise
    np.testing.assert_allclose(in_several.similarities, in_one_block.similarities, rtol=1e-6)
    np.testing.assert_array_equal(in_several.indices, in_one_block.indices)
    np.testing.assert_array_equal(in_several.copies, in_one_block.copies)


def test_flat_pictures_resemble_nothing(squares, search: Search):
    flat = np.full((2, 64, 64, 3), 128, np.uint8)
    train = np.concatenate([squares[:3, :64, :64], flat])
    similarity, _, copies = search(flat, train)
    assert np.isfinite(similarity).all()
    assert not copies.any()


def test_one_training_picture_is_enough(squares, search: Search):
    _, index, copies = search(squares[:2], squares[:1])
    assert list(index) == [0, 0]
    assert list(copies) == [True, False]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("turned", [False, True], ids=["copied to val", "copied to train"])
def test_an_index_finds_what_comparing_all_finds(
    by_index, faces, squares, search: Search, kind: str, turned: bool
):
    copies = np.stack([square_crop(copy(faces[i], kind, i), 64, "center") for i in COPIED])
    originals = np.stack([square_crop(face, 64, "center") for face in faces[:20]])
    val, train = copies, originals.copy()
    if turned:
        val, train[COPIED] = originals[COPIED], copies
    _, index, copies = search(val, train)
    assert list(index) == COPIED
    assert copies.all()


def test_an_index_takes_no_stranger_for_a_copy(by_index, squares, search: Search):
    _, index, copies = search(squares[20:32, :64, :64], squares[:20])
    assert copies.shape == index.shape == (12,)
    assert not copies.any()


@pytest.mark.parametrize("block", [1, 7])
def test_blocks_do_not_change_what_an_index_finds(
    search: Search, by_index, monkeypatch, squares, block: int
):
    in_one_block = search(squares[3:8, :64, :64], squares[:20])
    monkeypatch.setattr("src.audit.candidates.BLOCK", block)
    val = squares[3:8, :64, :64]
    for expected, actual in zip(in_one_block, search(val, squares[:20]), strict=True):
        np.testing.assert_array_equal(actual, expected)


def test_an_index_of_one_picture_is_enough(by_index, squares, search: Search):
    _, index, copies = search(squares[:2], squares[:1])
    assert list(index) == [0, 0]
    assert list(copies) == [True, False]


@pytest.mark.parametrize("exact", [0, 20_000], ids=["by index", "by product"])
@pytest.mark.parametrize(("val", "train"), [(0, 3), (3, 0), (0, 0)])
def test_an_empty_side_has_no_copies(
    monkeypatch, squares, search: Search, val: int, train: int, exact: int
):
    monkeypatch.setattr("src.audit.candidates.MAX_EXACT", exact)
    _, index, copies = search(squares[:val], squares[10 : 10 + train])
    assert copies.shape == index.shape == (val,)
    assert not copies.any()


def test_a_copy_is_found_among_more_lookalikes_than_are_aligned(squares, search: Search):
    """Its own original among many pictures that differ from it by their light alone."""
    original = squares[4, :64, :64]
    lights = [(original * share).astype(np.uint8) for share in np.linspace(0.3, 0.9, 9)]
    train = np.stack([*lights, original, *squares[10:15, :64, :64]])
    _, index, copies = search(original[None], train)
    assert index[0] <= 9
    assert copies[0]


def test_the_similarity_of_equal_pictures_is_one(search: Search, squares):
    similarity, _, _ = search(squares[:1], squares[:1])
    assert 0.999 < similarity[0] <= 1 + 1e-6


def test_real_strangers_are_not_taken_for_copies(search: Search):
    people = real("portraits")[::6]
    photos = np.stack([square_crop(read_photo(file), 64, "center") for file in people])
    _, _, copies = search(photos[::5], np.delete(photos, np.s_[::5], axis=0))
    assert not copies.any()


def test_real_copies_are_found(search: Search):
    people = real("portraits")[::6]
    train = np.stack([square_crop(read_photo(file), 78, "center") for file in people])
    small = {file.name: file for file in real("portraits_small")}
    copied = [i for i, file in enumerate(people) if file.name in small][::8]
    val = np.stack([square_crop(read_photo(small[people[i].name]), 64, "center") for i in copied])
    planted = [
        square_crop(copy(read_photo(people[i]), kind, i), 64, "center")
        for i, kind in enumerate(KINDS)
    ]
    _, index, copies = search(np.concatenate([val, planted]), train)
    assert list(index) == [*copied, *range(len(KINDS))]
    assert copies.all()


@pytest.mark.parametrize("form", forms.FORMS)
def test_a_copy_in_any_form_of_the_square_is_found(search: Search, squares, form: int):
    val = np.stack([forms.orient(picture[:64, :64], form) for picture in squares[:3]])
    _, index, copies = search(val, squares[:10, :64, :64])
    assert copies.all()
    assert list(index) == [0, 1, 2]


def test_a_square_from_another_part_of_a_picture_is_found(search: Search, squares):
    _, index, copies = search(squares[:3, :66, :66], squares[:6, 10:76, :66])
    assert copies.all()
    assert list(index) == [0, 1, 2]


def test_smooth_skies_are_not_taken_for_copies(search: Search):
    """They differ in their light alone, which distinguishes nothing."""
    slope = np.linspace(0, 1, 64)[:, None, None] * np.ones((1, 64, 1))
    tops = np.random.default_rng(0).integers(0, 256, (12, 2, 3))
    skies = np.stack([top + slope * (bottom - top) for top, bottom in tops]).astype(np.uint8)
    assert not search(skies[:6], skies[6:]).copies.any()


def test_horizons_alone_are_not_taken_for_copies(search: Search):
    """Two colours, a wavy edge and noise: a close look finds nothing that both have."""
    rng = np.random.default_rng(0)
    rows, columns = np.linspace(0, 1, 256)[:, None], np.linspace(0, 1, 256)
    edges = [0.5 + 0.08 * np.sin(4 * columns + phase) for phase in rng.uniform(0, 6, 24)]
    skies = [np.where((rows < edge)[..., None], (130, 170, 220), (210, 170, 110)) for edge in edges]
    dunes = [(sky + rng.normal(0, 5, (256, 256, 1))).clip(0, 255).astype(np.uint8) for sky in skies]
    copies = search(np.stack(dunes[::2]), np.stack(dunes[1::2])).copies
    assert copies.sum() <= 1


def test_dark_copies_of_small_pictures_are_found(faces, search: Search):
    """Of a fifth of the light hardly any detail is left in the copy; the original has its own."""
    train = np.stack([square_crop(face, 32, "center") for face in faces])
    _, index, copies = search((train * 0.2).astype(np.uint8), train)
    assert list(index[copies]) == list(range(len(faces)))
