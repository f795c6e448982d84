"""How well pictures fit their own counterparts, compared with those of others."""

import numpy as np


def unit_vectors(vectors: np.ndarray) -> np.ndarray:
    """Bring (N, D) rows to mean 0 and length 1; flat ones become zeros."""
    centered = vectors - vectors.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(centered, axis=1, keepdims=True)
    return np.asarray(centered / np.maximum(lengths, 1e-6))


def own_target_shares(vectors: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return, for each vector, the share of the other targets that are less similar than its own.

    Args:
        vectors: (N, D), N at least 2, as `unit_vectors` returns them.
        targets: (N, D), likewise; each vector's own one has its row.

    Returns:
        (N,) float64 in [0, 1]; the similarity is the correlation.
    """
    similarity = vectors @ targets.T
    worse = np.diag(similarity)[:, None] > similarity
    return np.asarray(worse.sum(axis=1) / (len(vectors) - 1))
