"""The sets of look-alikes are the same everywhere, and hold no two equal pictures."""

from itertools import combinations

import numpy as np
import pytest

from tests import lookalikes

COUNT = 6
MIN_DIFFERENCE = 0.5  # mean levels between any two, before noise


@pytest.mark.parametrize("name", lookalikes.LOOKALIKES)
def test_any_two_lookalikes_differ(name: str):
    pictures = [pixels.astype(np.int16) for pixels in lookalikes.drawings(name, COUNT)]
    assert len(pictures) == COUNT
    for a, b in combinations(pictures, 2):
        assert np.abs(a - b).mean() > MIN_DIFFERENCE


@pytest.mark.parametrize("name", lookalikes.LOOKALIKES)
def test_a_set_of_lookalikes_is_the_same_each_time(name: str):
    first, again = lookalikes.LOOKALIKES[name](2), lookalikes.LOOKALIKES[name](2)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(*first)
