"""Bands are frames and caption strips; a plain background is none."""

import numpy as np
import pytest

from src.vision.alignment import thumbnail
from src.vision.bands import MAX_LINES, MIN_LINES, border_variants, borders
from src.vision.views import THUMBNAIL_PX


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (THUMBNAIL_PX, THUMBNAIL_PX), np.uint8)


def test_bands_are_counted_on_each_side(noise: np.ndarray):
    noise[:10], noise[-6:], noise[:, :5] = 255, 0, 128
    assert borders(noise) == (10, 6, 5, 0)


@pytest.mark.parametrize("lines", [1, MIN_LINES, MAX_LINES, MAX_LINES + 1])
def test_too_thin_or_too_wide_a_band_does_not_count(noise: np.ndarray, lines: int):
    noise[:lines] = 255
    assert borders(noise)[0] == (lines if MIN_LINES <= lines <= MAX_LINES else 0)


def test_a_band_may_hold_text(noise: np.ndarray):
    noise[-8:] = 20
    noise[-6:-3, 10:30] = 240
    assert borders(noise) == (0, 8, 0, 0)


def test_plain_backgrounds_are_hardly_ever_bands(faces: list[np.ndarray]):
    assert sum(any(borders(thumbnail(face))) for face in faces) <= 4


def test_a_picture_with_bands_has_a_second_variant_without_them(noise: np.ndarray):
    assert [variant is noise for variant in border_variants(noise)] == [True]
    noise[:10] = 255
    full, inner = border_variants(noise)
    assert full is noise
    assert inner.shape == noise.shape
    assert not (inner[:4] == 255).all()


def test_a_flat_picture_has_no_bands():
    assert borders(np.full((THUMBNAIL_PX, THUMBNAIL_PX), 90, np.uint8)) == (0, 0, 0, 0)
