"""Distances between two sets of features, (N, D) and (M, D) float64, with standard errors."""

from collections.abc import Callable

import numpy as np

CELLS = 1 << 20  # pairs whose kernel is in memory at a time
MANY = 1000  # pictures from which a distance takes seconds
GROUPS, FEW_GROUPS = 32, 8  # of the jackknife, the fewer for so many pictures

Distance = Callable[[np.ndarray, np.ndarray], float]


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    """Fréchet distance of the Gaussians that fit both sets (Heusel et al. 2017), exactly.

    With A and B the centred sets over √(N - 1), their covariances are AᵀA and BᵀB, and the trace
    of the root of their product is the sum of the singular values of A Bᵀ: N x M numbers
    instead of D x D.
    """
    apart = ((a.mean(axis=0) - b.mean(axis=0)) ** 2).sum()
    a, b = ((x - x.mean(axis=0)) / np.sqrt(len(x) - 1) for x in (a, b))
    # of more pictures than features the product of covariances' roots is the smaller matrix
    product = a @ b.T if max(len(a), len(b)) <= a.shape[1] else _root(a) @ _root(b)
    shared = np.linalg.svd(product, compute_uv=False).sum()
    # rounding may leave equal sets a little below zero
    return max(0.0, float(apart + (a**2).sum() + (b**2).sum() - 2 * shared))


def _root(centred: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(centred.T @ centred)
    return (vectors * np.sqrt(values.clip(0))) @ vectors.T


def kernel(a: np.ndarray, b: np.ndarray) -> float:
    """Kernel distance: the unbiased estimate over all pictures, kernel (x·y / D + 1)³.

    After Bińkowski et al. 2018, who average it over subsets.
    """
    return kernel_with_error(a, b, together=False)[0]


def kernel_with_error(a: np.ndarray, b: np.ndarray, together: bool) -> tuple[float, float]:
    """The same with its standard error, as of `with_error`, of sums by group that are made once."""
    groups = [np.arange(len(x)) % _number_of_groups(len(x)) for x in (a, b)]
    sizes = [np.bincount(g).astype(np.float64) for g in groups]
    within = [_cubic_sums(x, x, g, g) for x, g in zip((a, b), groups, strict=True)]
    itself = [
        np.bincount(g, ((x * x).sum(axis=1) / x.shape[1] + 1) ** 3)
        for x, g in zip((a, b), groups, strict=True)
    ]
    across = _cubic_sums(a, b, *groups)

    def estimate(*kept: np.ndarray) -> float:
        counts = [size @ k for size, k in zip(sizes, kept, strict=True)]
        own = sum(
            (k @ sums @ k - alone @ k) / (n * (n - 1))
            for k, sums, alone, n in zip(kept, within, itself, counts, strict=True)
        )
        return float(own - 2 * kept[0] @ across @ kept[1] / (counts[0] * counts[1]))

    every = [np.ones(len(size)) for size in sizes]
    left = [
        [1 - np.eye(len(size))[g] for g in range(len(size)) if size.sum() - size[g] >= 2]
        for size in sizes
    ]
    if together:
        error = _error([estimate(*pair) for pair in zip(*left, strict=True)])
    else:
        errors = [_error([estimate(k, every[1]) for k in left[0]])]
        errors.append(_error([estimate(every[0], k) for k in left[1]]))
        error = float(np.hypot(*errors))
    return estimate(*every), error


def _cubic_sums(a: np.ndarray, b: np.ndarray, of_a: np.ndarray, of_b: np.ndarray) -> np.ndarray:
    """Of the kernel over all pairs, by the groups that both are of: (groups of a, groups of b)."""
    columns = np.eye(of_b.max() + 1)[of_b]
    sums = np.zeros((of_a.max() + 1, columns.shape[1]))
    rows = max(1, CELLS // len(b))
    for at in range(0, len(a), rows):
        part = slice(at, at + rows)
        k = a[part] @ b.T / a.shape[1] + 1
        np.add.at(sums, of_a[part], (k * k * k) @ columns)  # a power takes many times as long
    return sums


def with_error(
    distance: Distance, a: np.ndarray, b: np.ndarray, together: bool
) -> tuple[float, float]:
    """A distance and its jackknife standard error (Efron 1982), by groups of places left out.

    together: the sets are paired place by place, so that both lose the same places. A naive
    bootstrap is no use here: pictures drawn twice bring the sets nearer.
    """
    parts = [_groups(len(x)) for x in (a, b)]
    if together:
        error = _error([distance(_without(a, p), _without(b, p)) for p in parts[0]])
        return distance(a, b), error
    errors = [
        _error([distance(_without(a, p), b) for p in parts[0]]),
        _error([distance(a, _without(b, p)) for p in parts[1]]),
    ]
    return distance(a, b), float(np.hypot(*errors))


def _number_of_groups(count: int) -> int:
    return min(count, GROUPS if count < MANY else FEW_GROUPS)


def _groups(count: int) -> list[np.ndarray]:
    """Groups of places, none of which leaves fewer than two others."""
    number = _number_of_groups(count)
    groups = [np.arange(start, count, number) for start in range(number)]
    return [group for group in groups if count - len(group) >= 2]


def _without(features: np.ndarray, places: np.ndarray) -> np.ndarray:
    return np.delete(features, places, axis=0)


def _error(estimates: list[float]) -> float:
    count = len(estimates)
    if count < 2:
        return 0.0
    return float(np.sqrt((count - 1) * np.var(estimates)))
