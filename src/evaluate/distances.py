"""Distances of two sets of features, (N, D) and (M, D) float64, and standard errors by a jackknife."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from threadpoolctl import ThreadpoolController

from src.storage.slices import slices

MAX_KERNEL_CELLS = 1 << 20  # pairs of pictures whose kernel is in memory at a time
MANY_PICTURES = 1000  # from which a distance takes seconds
_thread_pools = ThreadpoolController()  # of the library that multiplies matrices
GROUPS, FEW_GROUPS = 32, 8  # of the jackknife; the fewer for many pictures

Distance = Callable[[np.ndarray, np.ndarray], float]
# Of two sets of features: a number, or several as an array.
Estimate = Callable[[np.ndarray, np.ndarray], float | np.ndarray]


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    """Return the exact Fréchet distance of the Gaussians that fit both sets (Heusel et al. 2017).

    With A and B the centred sets over √(N - 1), their covariances are AᵀA and BᵀB. The trace of the
    root of their product is the sum of the singular values of A Bᵀ: N x M numbers instead of D x D.
    """
    mean_distance = ((a.mean(axis=0) - b.mean(axis=0)) ** 2).sum()
    a, b = ((x - x.mean(axis=0)) / np.sqrt(len(x) - 1) for x in (a, b))
    most = max(len(a), len(b))
    # threads on matrices this small wait for each other for most of the time
    with _thread_pools.limit(limits=1 if most < MANY_PICTURES else None, user_api="blas"):
        # with more pictures than features, the covariances' roots give the smaller matrix
        product = a @ b.T if most <= a.shape[1] else _root(a) @ _root(b)
        trace = np.linalg.svd(product, compute_uv=False).sum()
    # rounding may leave equal sets a little below zero
    return max(0.0, float(mean_distance + (a**2).sum() + (b**2).sum() - 2 * trace))


def _root(centred: np.ndarray) -> np.ndarray:
    """Return the root of a centred set's covariance, (D, D)."""
    values, vectors = np.linalg.eigh(centred.T @ centred)
    root: np.ndarray = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    return root


def kernel(a: np.ndarray, b: np.ndarray) -> float:
    """Return the kernel distance of two sets: the unbiased estimate over all their pictures.

    The kernel is (x·y / D + 1)³, as in Bińkowski et al. 2018, who average it over subsets.
    """
    return kernel_with_error(a, b, paired=False)[0]


def kernel_with_error(a: np.ndarray, b: np.ndarray, paired: bool) -> tuple[float, float]:
    """Return the kernel distance and the standard error that `with_error` finds for it.

    The kernel is summed once for each pair of groups. Every estimate without a group follows from
    these sums.
    """
    sums = _KernelSums.of(a, b)
    all_a, all_b = (np.ones(len(sizes)) for sizes in sums.sizes)
    parts_a, parts_b = (_weights_without_one(sizes) for sizes in sums.sizes)
    if paired:
        pairs = zip(parts_a, parts_b, strict=True)
        error = _jackknife([sums.distance(part_a, part_b) for part_a, part_b in pairs])
    else:
        error_a = _jackknife([sums.distance(part, all_b) for part in parts_a])
        error_b = _jackknife([sums.distance(all_a, part) for part in parts_b])
        error = np.hypot(error_a, error_b)
    return sums.distance(all_a, all_b), float(error)


def _weights_without_one(sizes: np.ndarray) -> list[np.ndarray]:
    """Return weights that leave out one group, for each group that leaves two pictures or more."""
    weights = 1 - np.eye(len(sizes))
    return [weights[g] for g in range(len(sizes)) if sizes.sum() - sizes[g] >= 2]


@dataclass(frozen=True)
class _KernelSums:
    """The kernel of two sets, a and b, summed over groups of pictures.

    Attributes:
        sizes: Pictures in each group of a and of b, (groups,) each.
        within: Over all pairs of a set, (groups, groups) each.
        diagonal: Over each picture with itself, (groups,) each.
        across: Over all pairs of a and b, (groups of a, groups of b).
    """

    sizes: list[np.ndarray]
    within: list[np.ndarray]
    diagonal: list[np.ndarray]
    across: np.ndarray

    @classmethod
    def of(cls, a: np.ndarray, b: np.ndarray) -> "_KernelSums":
        groups = [np.arange(len(x)) % _number_of_groups(len(x)) for x in (a, b)]
        sets = list(zip((a, b), groups, strict=True))
        return cls(
            sizes=[np.bincount(g).astype(np.float64) for g in groups],
            within=[_cubic_sums(x, x, g, g) for x, g in sets],
            diagonal=[np.bincount(g, ((x * x).sum(axis=1) / x.shape[1] + 1) ** 3) for x, g in sets],
            across=_cubic_sums(a, b, *groups),
        )

    def distance(self, *weights: np.ndarray) -> float:
        """Return the kernel distance of the groups whose weight is 1 instead of 0."""
        counts = [sizes @ w for sizes, w in zip(self.sizes, weights, strict=True)]
        within = sum(
            (w @ sums @ w - diagonal @ w) / (n * (n - 1))
            for w, sums, diagonal, n in zip(
                weights, self.within, self.diagonal, counts, strict=True
            )
        )
        across = 2 * weights[0] @ self.across @ weights[1] / (counts[0] * counts[1])
        return float(within - across)


def _cubic_sums(
    a: np.ndarray, b: np.ndarray, groups_a: np.ndarray, groups_b: np.ndarray
) -> np.ndarray:
    """Return the kernel summed over all pairs of two groups, (groups of a, groups of b)."""
    columns = np.eye(groups_b.max() + 1)[groups_b]
    sums: np.ndarray = np.zeros((groups_a.max() + 1, columns.shape[1]))
    for part in slices(len(a), max(1, MAX_KERNEL_CELLS // len(b))):
        k = a[part] @ b.T / a.shape[1] + 1
        np.add.at(sums, groups_a[part], (k * k * k) @ columns)  # k**3 takes many times as long
    return sums


def with_error(
    estimate: Estimate, a: np.ndarray, b: np.ndarray, paired: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return an estimate and its standard error by a jackknife over groups (Efron 1982).

    A bootstrap would not do: pictures that are drawn twice bring the sets nearer. Of `paired` sets,
    pictures at the same position belong together, and are left out together.
    """
    groups_a, groups_b = _groups(len(a)), _groups(len(b))
    value = np.asarray(estimate(a, b))
    if paired:
        return value, _jackknife([estimate(_without(a, g), _without(b, g)) for g in groups_a])
    error_a = _jackknife([estimate(_without(a, g), b) for g in groups_a])
    error_b = _jackknife([estimate(a, _without(b, g)) for g in groups_b])
    return value, np.hypot(error_a, error_b)


def _number_of_groups(count: int) -> int:
    return min(count, GROUPS if count < MANY_PICTURES else FEW_GROUPS)


def _groups(count: int) -> list[np.ndarray]:
    """Return groups of positions, each of which leaves at least two others."""
    number = _number_of_groups(count)
    groups = [np.arange(start, count, number) for start in range(number)]
    return [group for group in groups if count - len(group) >= 2]


def _without(features: np.ndarray, positions: np.ndarray) -> np.ndarray:
    return np.delete(features, positions, axis=0)


def _jackknife(estimates: Sequence[float | np.ndarray]) -> np.ndarray:
    """Return the standard error from the estimates that each lack one group; 0 of less than two."""
    if len(estimates) < 2:
        return np.zeros(np.shape(estimates[0]) if estimates else ())
    error: np.ndarray = np.sqrt((len(estimates) - 1) * np.var(np.array(estimates), axis=0))
    return error
