"""Pictures between uint8 arrays and float tensors."""

import numpy as np
import pytest
import torch

from src.model.tensors import to_tensor, to_uint8


def test_every_level_survives_both_conversions():
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    gray = to_tensor(levels)
    assert (gray.min(), gray.max()) == (-1, 1)
    np.testing.assert_array_equal(to_uint8(gray.expand(1, 3, 16, 16))[..., 1], levels)
    photo = np.stack([levels, levels[:, ::-1], levels[:, :, ::-1]], axis=-1)
    assert to_tensor(photo).shape == (1, 3, 16, 16)
    np.testing.assert_array_equal(to_uint8(to_tensor(photo)), photo)


@pytest.mark.parametrize(("value", "level"), [(-1.5, 0), (1.01, 255), (0.0, 128), (0.9961, 255)])
def test_levels_are_rounded_and_never_wrap(value: float, level: int):
    assert to_uint8(torch.full((1, 3, 1, 1), value)).ravel().tolist() == [level] * 3
