"""Rows that pairs connect."""

from src.storage.row_components import smallest_connected


def test_rows_of_pairs_that_share_a_row_are_connected():
    assert smallest_connected([(1, 2), (5, 6), (2, 9)]) == {1: 1, 2: 1, 9: 1, 5: 5, 6: 5}
    assert smallest_connected([(3, 4), (2, 1), (1, 3)]) == dict.fromkeys((1, 2, 3, 4), 1)
    assert smallest_connected([]) == {}


def test_the_order_of_the_pairs_does_not_matter():
    pairs = [(9, 1), (4, 9), (7, 8), (8, 4), (2, 3)]
    assert smallest_connected(pairs) == smallest_connected([(b, a) for a, b in pairs[::-1]])


def test_a_long_chain_is_one_component():
    chain = [(row + 1, row) for row in range(100_000)]
    assert set(smallest_connected(chain).values()) == {0}
    assert set(smallest_connected(chain[::-1]).values()) == {0}
