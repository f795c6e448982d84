"""Colorfulness is 0 for gray and grows with saturation."""

import numpy as np
import pytest

from src.vision.colorfulness import colorfulness
from tests.disguises import GRAY


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_flat_picture_has_no_colorfulness(level: int):
    assert colorfulness(np.full((40, 30, 3), level, np.uint8)) == 0


def test_a_gray_picture_has_no_colorfulness(faces: list[np.ndarray]):
    assert colorfulness(GRAY["three equal channels"](faces[0], None)) == 0
    assert colorfulness(faces[0]) > 5


def test_colorfulness_grows_with_saturation(faces: list[np.ndarray]):
    gray = GRAY["three equal channels"](faces[0], None).astype(float)
    halfway = (0.5 * gray + 0.5 * faces[0]).astype(np.uint8)
    assert 0 < colorfulness(halfway) < colorfulness(faces[0])


def test_colorfulness_is_the_published_one():
    # two halves, red and blue: rg is ±255/0, yb is 127.5/-255 by Hasler and Süsstrunk's definition
    pixels = np.zeros((2, 2, 3), np.uint8)
    pixels[0, :, 0] = pixels[1, :, 2] = 255
    spread, mean = np.hypot(127.5, 191.25), np.hypot(127.5, 63.75)
    assert colorfulness(pixels) == pytest.approx(spread + 0.3 * mean)


def test_many_pictures_have_the_colorfulness_of_each(faces: list[np.ndarray]):
    each = [float(colorfulness(face)) for face in faces[:3]]
    assert colorfulness(np.stack(faces[:3])) == pytest.approx(each)
