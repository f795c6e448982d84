"""Ranges of positions, cut into slices."""

from itertools import pairwise


def slices(count: int, size: int) -> list[slice]:
    """Cut the positions 0 … `count` - 1 into slices of `size`; the last one may be shorter."""
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


def even_slices(count: int, max_size: int) -> list[slice]:
    """Cut the positions 0 … `count` - 1 into the fewest slices of at most `max_size`.

    Their lengths differ by one at most.
    """
    number = -(-count // max_size)
    edges = [count * edge // number for edge in range(number + 1)] if number else []
    return [slice(start, stop) for start, stop in pairwise(edges)]
