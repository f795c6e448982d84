"""Portraits drawn from numbers."""

import numpy as np
import pytest

from src.demo import portraits


def test_a_portrait_is_the_same_each_time(faces: list[np.ndarray]):
    assert np.array_equal(portraits.draw(11, 3), faces[3])
    assert faces[3].shape == (portraits.HEIGHT, portraits.WIDTH, 3)
    assert faces[3].dtype == np.uint8


def test_people_differ(faces: list[np.ndarray]):
    apart = [np.abs(a.astype(int) - b).mean() for n, a in enumerate(faces) for b in faces[n + 1 :]]
    assert min(apart) > 10


@pytest.mark.parametrize("variant", [(11, 3, 1), (12, 3, 0)], ids=["shot", "seed"])
def test_another_shot_or_seed_is_another_picture(
    faces: list[np.ndarray], variant: tuple[int, int, int]
):
    assert np.abs(portraits.draw(*variant).astype(int) - faces[3]).mean() > 10
