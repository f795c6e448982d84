"""Slices cover every position once, in order."""

from hypothesis import given
from hypothesis import strategies as st

from src.storage.slices import even_slices, slices

COUNTS, SIZES = st.integers(0, 100), st.integers(1, 30)


@given(COUNTS, SIZES)
def test_slices_cover_all_positions_and_only_the_last_one_is_shorter(count: int, size: int):
    parts = slices(count, size)
    assert [i for part in parts for i in range(part.start, part.stop)] == list(range(count))
    assert all(part.stop - part.start == size for part in parts[:-1])
    assert all(0 < part.stop - part.start <= size for part in parts)


@given(COUNTS, SIZES)
def test_even_slices_are_as_few_and_as_equal_as_possible(count: int, max_size: int):
    parts = even_slices(count, max_size)
    assert [i for part in parts for i in range(part.start, part.stop)] == list(range(count))
    lengths = [part.stop - part.start for part in parts]
    assert len(parts) == len(slices(count, max_size))
    assert max(lengths, default=0) <= max_size
    assert max(lengths, default=0) - min(lengths, default=0) <= 1
