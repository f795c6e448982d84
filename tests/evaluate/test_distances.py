"""Distances between sets of features: the papers' formulas, torchmetrics' own, and their errors."""

import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from src.evaluate import distances


class FeatureTable(nn.Module):
    """Returns given features: each picture holds the number of its row."""

    def __init__(self, features: np.ndarray):
        super().__init__()
        self.features = torch.from_numpy(features)
        self.num_features = features.shape[1]

    def forward(self, pictures: Tensor) -> Tensor:
        return self.features[pictures[:, 0, 0, 0].long()]


def numbers(first: int, last: int) -> Tensor:
    return torch.arange(first, last, dtype=torch.uint8).reshape(-1, 1, 1, 1).expand(-1, 3, 1, 1)


def random_features(seed: int, count: int, width: int, shift: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(count, width)) @ np.random.default_rng(9).normal(size=(width, width))
    return np.abs(mixed + shift)


def reference(a: np.ndarray, b: np.ndarray) -> float:
    """The Fréchet distance as written in the paper, in float64."""
    root = sqrtm(np.cov(a, rowvar=False) @ np.cov(b, rowvar=False))
    apart = ((a.mean(axis=0) - b.mean(axis=0)) ** 2).sum()
    both = np.cov(a, rowvar=False) + np.cov(b, rowvar=False)
    return float(apart + np.trace(both - 2 * np.real(root)))


SHAPES = [(90, 70, 12), (20, 30, 64), (40, 9, 24), (2, 3, 8)]


@pytest.mark.parametrize(("n", "m", "width"), SHAPES)
def test_the_frechet_distance_is_that_of_the_paper(n, m, width):
    a, b = random_features(1, n, width), random_features(2, m, width, 1)
    assert distances.frechet(a, b) == pytest.approx(reference(a, b), rel=1e-5)


@pytest.mark.parametrize(("n", "m", "width"), SHAPES)
def test_the_frechet_distance_is_that_of_torchmetrics(n, m, width):
    a, b = random_features(1, n, width), random_features(2, m, width, 1)
    metric = FrechetInceptionDistance(FeatureTable(np.concatenate([a, b]))).set_dtype(torch.float64)
    metric.update(numbers(0, n), real=True)
    metric.update(numbers(n, n + m), real=False)
    assert distances.frechet(a, b) == pytest.approx(float(metric.compute()), rel=1e-5)


@pytest.mark.parametrize(("n", "width"), [(30, 12), (30, 64)])
def test_the_kernel_distance_is_torchmetrics_over_the_whole_set(n, width):
    a, b = random_features(1, n, width), random_features(2, n, width, 1)
    metric = KernelInceptionDistance(
        FeatureTable(np.concatenate([a, b])), subsets=1, subset_size=n
    ).set_dtype(torch.float64)
    metric.update(numbers(0, n), real=True)
    metric.update(numbers(n, 2 * n), real=False)
    assert distances.kernel(a, b) == pytest.approx(float(metric.compute()[0]), rel=1e-5)


@given(st.integers(0, 2**31), st.integers(2, 12), st.integers(2, 12), st.integers(1, 16))
def test_distances_have_no_direction_and_no_order(seed, n, m, width):
    rng = np.random.default_rng(seed)
    a, b = rng.random((n, width)), rng.random((m, width))
    for distance in (distances.frechet, distances.kernel):
        value = distance(a, b)
        assert distance(b, a) == pytest.approx(value, abs=1e-6)
        assert distance(a[::-1], rng.permutation(b)) == pytest.approx(value, abs=1e-6)


def test_identical_sets_have_no_distance():
    a = random_features(1, 40, 16)
    assert 0 <= distances.frechet(a, a) < 1e-6
    assert distances.kernel(a, a) < 0  # unbiased: pictures in both sets make it negative


@pytest.mark.parametrize("distance", [distances.frechet, distances.kernel])
def test_the_error_is_how_much_other_pictures_change_the_distance(distance):
    def pair(seed: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(seed)
        return rng.normal(size=(80, 4)), rng.normal(0.5, 1, size=(80, 4))

    values = [distance(*pair(seed)) for seed in range(200)]
    errors = [distances.with_error(distance, *pair(seed), paired=False)[1] for seed in range(10)]
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.25)


@pytest.mark.parametrize("distance", [distances.frechet, distances.kernel])
def test_what_paired_sets_share_does_not_count_as_error(distance):
    rng = np.random.default_rng(0)
    a = rng.normal(size=(60, 4))
    b = a + rng.normal(0.3, 0.1, size=(60, 4))
    error, unpaired_error = (
        distances.with_error(distance, a, b, paired)[1] for paired in (True, False)
    )
    assert error < 0.5 * unpaired_error


@pytest.mark.parametrize("count", [2, 3, 5])
def test_a_handful_of_pictures_has_a_finite_error(count):
    a, b = random_features(1, count, 6), random_features(2, count, 6)
    for paired in (True, False):
        value, error = distances.with_error(distances.frechet, a, b, paired)
        assert np.isfinite([value, error]).all()


def plain_kernel(a: np.ndarray, b: np.ndarray) -> float:
    """The kernel distance as written in the paper."""

    def k(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return (x @ y.T / x.shape[1] + 1) ** 3

    def within(x: np.ndarray) -> float:
        return (k(x, x).sum() - np.trace(k(x, x))) / (len(x) * (len(x) - 1))

    return float(within(a) + within(b) - 2 * k(a, b).mean())


def test_an_error_takes_the_memory_of_one_group_left_out_and_not_of_all():
    a = np.zeros((2000, 64))
    tracemalloc.start()
    try:
        distances.with_error(lambda a, b: 0.0, a, a, paired=True)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * a.nbytes, "both sets without a group, and some of the last ones"


@pytest.mark.parametrize(
    ("n", "m", "paired"), [(3, 3, True), (3, 5, False), (40, 40, True), (70, 33, False)]
)
def test_the_error_from_sums_by_group_is_that_of_leaving_groups_out(monkeypatch, n, m, paired):
    a, b = random_features(1, n, 6), random_features(2, m, 6, 1)
    expected = tuple(map(float, distances.with_error(plain_kernel, a, b, paired)))
    assert distances.kernel_with_error(a, b, paired) == pytest.approx(expected, rel=1e-9)
    monkeypatch.setattr("src.evaluate.distances.MANY_PICTURES", 32)  # few groups
    monkeypatch.setattr("src.evaluate.distances.MAX_KERNEL_CELLS", 2 * m + 1)  # two rows at a time
    expected = tuple(map(float, distances.with_error(plain_kernel, a, b, paired)))
    assert distances.kernel_with_error(a, b, paired) == pytest.approx(expected, rel=1e-9)
