"""Ranges of positions, cut into slices."""

from itertools import pairwise


def slices(count: int, size: int) -> list[slice]:
    """The slices of `size` positions that cover 0 … count - 1; the last one may be shorter."""
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


def even_slices(count: int, most: int) -> list[slice]:
    """The fewest slices of at most `most` positions, as equal in length as possible."""
    number = -(-count // most)
    edges = [count * edge // number for edge in range(number + 1)] if number else []
    return [slice(low, high) for low, high in pairwise(edges)]
