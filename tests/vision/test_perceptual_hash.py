"""The hash is the signs of the lowest frequencies, exactly the same for a picture anywhere."""

import numpy as np
import pytest

from src.vision import forms, perceptual_hash
from src.vision.alignment import thumbnail
from src.vision.perceptual_hash import BLOCK, hash_views, hashes, orient_hashes
from src.vision.views import STRIPS, VIEWS


@pytest.fixture
def thumbnails(faces: list[np.ndarray]) -> np.ndarray:
    return np.stack([thumbnail(face) for face in faces])


def test_a_hash_is_the_signs_of_the_cosine_transform(thumbnails: np.ndarray):
    positions = (np.arange(64) + 0.5) / 64
    cosines = np.cos(np.pi * np.arange(1, 17)[:, None] * positions)
    frequencies = cosines @ thumbnails[0].astype(float) @ cosines.T
    low, bits = np.zeros((16, 16), bool), frequencies > 0
    low[:8, :8] = True
    expected = np.packbits(np.concatenate([bits[low], bits[~low]]))
    assert np.bitwise_count(hashes(thumbnails[:1])[0] ^ expected).sum() <= 1


def test_a_frequency_near_zero_has_its_exact_sign(thumbnails: np.ndarray):
    """Lines across a picture leave little of all frequencies, far less than float32 resolves."""
    lines = np.repeat(np.random.default_rng(0).integers(0, 256, (9, 64, 1), np.uint8), 64, axis=2)
    pictures = np.concatenate([lines, lines.swapaxes(1, 2), thumbnails[:9]])
    for view, view_hashes in zip(VIEWS, hash_views(pictures, VIEWS), strict=True):
        if not view.degrees:
            down, across = (
                perceptual_hash._cosines(cut).astype(np.int64) for cut in (view[:2], view[2:4])
            )
            bits = down @ pictures.astype(np.int64) @ across.T > 0
            bits = bits.reshape(-1, 256)[:, perceptual_hash._bit_numbers]
            assert np.array_equal(view_hashes, np.packbits(bits, axis=1))


@pytest.mark.parametrize("form", forms.FORMS)
def test_the_hash_of_a_form_follows_from_the_pictures(thumbnails: np.ndarray, form: int):
    oriented = np.stack([forms.orient(thumbnail, form) for thumbnail in thumbnails])
    difference = np.bitwise_count(hashes(oriented) ^ orient_hashes(hashes(thumbnails), form))
    assert difference.sum(axis=1, dtype=np.int64).max() <= 2


def test_many_pictures_have_the_hashes_of_each(thumbnails: np.ndarray):
    each = [hashes(thumbnail[None])[0] for thumbnail in thumbnails[:5]]
    assert np.array_equal(hashes(thumbnails[:5]), each)
    # more than a block, each by itself and read-only, as they come from a file
    single = [np.frombuffer(t.tobytes(), np.uint8).reshape(64, 64) for t in thumbnails[:5]]
    assert BLOCK < 5 * 30
    assert np.array_equal(hashes(single * 30), each * 30)


@pytest.mark.parametrize("views", [VIEWS, STRIPS], ids=["views", "strips"])
def test_each_view_has_the_hash_of_that_view_alone(thumbnails: np.ndarray, views: tuple):
    together = hash_views(thumbnails[:3], views)
    assert together.shape == (len(views), 3, 32)
    assert np.array_equal(together[0], hashes(thumbnails[:3]))
    for number, view in enumerate(views):
        assert np.array_equal(together[number], hash_views(thumbnails[:3], [view])[0])


def test_no_pictures_have_no_hashes():
    assert hashes([]).shape == (0, 32)
