"""Precision, recall, density and coverage: the papers' definitions, torch-fidelity, and their errors."""

import numpy as np
import pytest
import torch
from torch_fidelity.metric_prc import prc_features_to_metric

from src.evaluate import distances, neighbourhoods
from src.evaluate.neighbourhoods import NAMES, neighbourhood_scores


def features(seed: int, count: int, spread: float = 1.0, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, spread, (count, 8))


def named(fake: np.ndarray, real: np.ndarray) -> dict[str, float]:
    return dict(zip(NAMES, neighbourhood_scores(fake, real), strict=True))


SETS = [
    (features(1, 60), features(2, 50)),
    (features(1, 40, 0.5), features(2, 70)),
    (features(1, 50, 2.0), features(2, 30, 1.0, 0.5)),
]


@pytest.mark.parametrize(("fake", "real"), SETS)
def test_precision_and_recall_are_those_of_torch_fidelity(fake, real):
    settings = {"prc_neighborhood": 3, "prc_batch_size": 100, "save_cpu_ram": False}
    tensors = map(torch.from_numpy, (fake, real))
    theirs = prc_features_to_metric(*tensors, verbose=False, **settings)
    ours = named(fake, real)
    for name in ("precision", "recall"):
        assert ours[name] == pytest.approx(theirs[name], abs=1e-6)


@pytest.mark.parametrize(("fake", "real"), SETS)
def test_density_and_coverage_are_as_defined(fake, real):
    """Naeem et al. 2020, equations 3 and 4, pair by pair."""
    k, apart = 5, np.linalg.norm
    radii = [sorted(apart(real - r, axis=1))[k] for r in real]
    inside = [[apart(r - f) <= radius for f in fake] for r, radius in zip(real, radii, strict=True)]
    ours = named(fake, real)
    assert ours["density"] == pytest.approx(np.sum(inside) / (k * len(fake)))
    assert ours["coverage"] == pytest.approx(np.any(inside, axis=1).mean())


def test_what_is_computed_in_parts_is_the_same(monkeypatch):
    fake, real = SETS[0]
    whole = neighbourhood_scores(fake, real)
    monkeypatch.setattr(neighbourhoods, "MAX_CELLS", 200)
    np.testing.assert_allclose(neighbourhood_scores(fake, real), whole)


def test_a_set_resembles_itself():
    real = features(3, 40)
    scores = named(real, real.copy())
    assert (scores["precision"], scores["recall"], scores["coverage"]) == (1, 1, 1)
    assert scores["density"] >= 1


def test_a_missing_mode_costs_recall_and_coverage_and_no_precision():
    modes = features(4, 30), features(5, 30, shift=50)
    whole = named(
        np.concatenate([features(6, 30), features(7, 30, shift=50)]), np.concatenate(modes)
    )
    half = named(features(6, 60), np.concatenate(modes))
    assert half["recall"] < 0.6 < whole["recall"]
    assert half["coverage"] < 0.6 < whole["coverage"]
    assert half["precision"] == pytest.approx(whole["precision"], abs=0.1)


def test_what_is_far_from_the_photographs_scores_nothing():
    assert list(neighbourhood_scores(features(8, 20, shift=100), features(9, 20))) == [0, 0, 0, 0]


@pytest.mark.parametrize("count", [2, 3, 4])
def test_sets_of_few_pictures_are_scored(count):
    scores = neighbourhood_scores(features(1, count), features(2, count))
    assert np.isfinite(scores).all()
    assert (scores >= 0).all()


def test_the_error_is_no_smaller_than_the_spread_of_other_draws_and_at_most_twice_as_large():
    draws = np.array(
        [neighbourhood_scores(features(n, 64), features(99 + n, 64)) for n in range(60)]
    )
    errors = [
        distances.with_error(neighbourhood_scores, features(n, 64), features(99 + n, 64), False)[1]
        for n in range(10)
    ]
    ratios = np.mean(errors, axis=0) / draws.std(axis=0)
    assert (ratios > 0.9).all()
    assert (ratios < 2.3).all()
