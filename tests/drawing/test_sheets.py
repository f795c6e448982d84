"""Sheets: pictures in rows, white between them."""

import numpy as np
import pytest

from src.drawing.sheets import grid, sample_sheet, three_channels


def test_three_channels_repeats_gray_and_leaves_colour():
    gray = np.arange(16, dtype=np.uint8).reshape(4, 4)
    color = three_channels(gray)
    assert color.shape == (4, 4, 3)
    assert all(np.array_equal(color[..., c], gray) for c in range(3))
    assert three_channels(color) is color


def test_a_grid_is_white_between_its_pictures():
    pictures = [[np.full((5, 5, 3), 40 * r + 10 * c, np.uint8) for c in range(3)] for r in range(2)]
    sheet = grid(pictures, gap=2)
    assert sheet.shape == (2 * 7 + 2, 3 * 7 + 2, 3)
    assert (sheet[9:14, 16:21] == 60).all()
    assert (sheet == 255).all(axis=2).sum() == 16 * 23 - 6 * 25


def test_pictures_of_a_grid_may_be_wide():
    sheet = grid([[np.zeros((3, 7, 3), np.uint8)] * 2] * 3, gap=1)
    assert sheet.shape == (3 * 4 + 1, 2 * 8 + 1, 3)
    assert (sheet == 0).all(axis=2).sum() == 6 * 3 * 7


@pytest.mark.parametrize(("count", "rows"), [(1, 1), (2, 1), (3, 2)])
def test_a_sample_sheet_has_two_samples_a_row(count: int, rows: int):
    inputs = np.full((count, 8, 8), 10, np.uint8)
    outputs = np.full((count, 8, 8, 3), 20, np.uint8)
    targets = np.full((count, 8, 8, 3), 30, np.uint8)
    sheet = sample_sheet(inputs, outputs, targets)
    assert sheet.shape == (rows * 12 + 4, 6 * 12 + 4, 3)
    assert [sheet[4, 4 + 12 * c, 0] for c in range(3)] == [10, 20, 30]
    for value in (10, 20, 30):
        assert (sheet[..., 0] == value).sum() == count * 64
