"""Precision, recall, density and coverage of a set of pictures, from their nearest neighbours."""

import numpy as np

from src.storage.slices import slices

NAMES = ("precision", "recall", "density", "coverage")
PRECISION_K = 3  # neighbours, as in Kynkäänniemi et al. 2019
DENSITY_K = 5  # as in Naeem et al. 2020
MAX_CELLS = 1 << 22  # distances that are in memory at a time


def neighbourhood_scores(fake: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Return the precision, recall, density and coverage of a set, (4,), in the order of NAMES.

    The features of the set are (N, D), those of the photographs that it should look like (M, D). A
    picture's neighbourhood reaches to its k-th nearest picture of the same set, but never beyond
    the set.

    Returns:
        Precision: the share of `fake` in any neighbourhood of `real`, by 3 neighbours. Recall: the
        share of `real` in any neighbourhood of `fake`. Density: the mean number of neighbourhoods
        of `real` around one of `fake`, over k = 5. Coverage: the share of those that hold any.
    """
    near_real, wide_real = _radii(real, PRECISION_K), _radii(real, DENSITY_K)
    near_fake = _radii(fake, PRECISION_K)
    precise, neighbourhoods = np.zeros(len(fake), bool), 0
    recalled, covered = np.zeros(len(real), bool), np.zeros(len(real), bool)
    for part in slices(len(real), max(1, MAX_CELLS // len(fake))):
        distances = _squared_distances(real[part], fake)
        inside = distances <= wide_real[part, None]
        precise |= (distances <= near_real[part, None]).any(axis=0)
        recalled[part] = (distances <= near_fake).any(axis=1)
        covered[part] = inside.any(axis=1)
        neighbourhoods += int(inside.sum())
    density = neighbourhoods / (min(DENSITY_K, len(real) - 1) * len(fake))
    return np.array([precise.mean(), recalled.mean(), density, covered.mean()])


def _radii(features: np.ndarray, k: int) -> np.ndarray:
    """Return each picture's squared distance from its k-th nearest other one, (N,)."""
    count = len(features)
    rank = min(k, count - 1)  # 0 is the picture itself
    parts = slices(count, max(1, MAX_CELLS // count))
    blocks = (_squared_distances(features[part], features) for part in parts)
    return np.concatenate([np.partition(block, rank, axis=1)[:, rank] for block in blocks])


def _squared_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the squared distance of every pair, (N, M)."""
    squares = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)
    distances: np.ndarray = (squares - 2 * a @ b.T).clip(0)
    return distances
