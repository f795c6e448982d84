"""Which rows belong together: the connected components over pairs of rows."""

from collections.abc import Iterable


def smallest_connected(pairs: Iterable[tuple[int, int]]) -> dict[int, int]:
    """Return for each row of some pairs the smallest row that these connect it with.

    Rows are connected directly or over others. The algorithm is union-find; the order of the pairs
    does not matter.
    """
    parents: dict[int, int] = {}

    def root(row: int) -> int:
        parents.setdefault(row, row)
        while parents[row] != row:
            parents[row] = parents[parents[row]]
            row = parents[row]
        return row

    for a, b in pairs:
        low, high = sorted((root(a), root(b)))
        parents[high] = low
    return {row: root(row) for row in parents}
