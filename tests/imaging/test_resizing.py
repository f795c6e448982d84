"""Resized pictures have the requested size and the same content."""

import numpy as np
import pytest

from src.imaging.resizing import resize, thumbnail

RED = (255, 0, 0)


def test_a_resized_flat_picture_has_the_requested_size_and_the_same_colour():
    flat = np.full((10, 6, 3), RED, np.uint8)
    assert np.array_equal(resize(flat, 5, 7), np.full((7, 5, 3), RED, np.uint8))
    assert resize(flat[..., 0], 3, 2).shape == (2, 3)


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (300, 2), (127, 129), (128, 64)])
def test_any_size_has_a_thumbnail(size: tuple[int, int]):
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    assert thumbnail(pixels, 64).shape == (64, 64, 3)
    assert thumbnail(pixels[..., 0], 64).shape == (64, 64)


def test_a_thumbnail_at_half_the_size_is_the_mean_of_four_pixels():
    pixels = np.arange(16, dtype=np.uint8).reshape(4, 4) * 16
    means = pixels.reshape(2, 2, 2, 2).mean(axis=(1, 3))
    assert np.array_equal(thumbnail(pixels, 2), means)


def test_a_thumbnail_is_nearly_the_resized_picture(faces: list[np.ndarray]):
    for face in faces[:4]:
        difference = thumbnail(face, 64).astype(int) - resize(face, 64, 64)
        assert np.abs(difference).mean() < 4  # levels
