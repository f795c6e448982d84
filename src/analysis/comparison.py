"""Which of two experiments is better, and is the difference more than chance?

Both experiments are compared on the same validation pictures. The interval of each difference comes
from a bootstrap over these pictures (Efron and Tibshirani 1993) with the same draws for both. A
distance of sets is computed for every draw. A picture that is drawn twice changes it, but for both
experiments alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from src.analysis.seed_spread import SeedSpread
from src.dataset import arrays
from src.dataset.arrays import Pairs
from src.errors import UserError, one_line
from src.evaluate import distances
from src.evaluate.distances import Distance
from src.evaluate.evaluation import MIN_PICTURES
from src.evaluate.features import Extractor
from src.imaging import decoding
from src.imaging.picture_files import read_photo
from src.model import image_metrics
from src.params import Size
from src.progress import progress_bar
from src.report.results import LPIPS, better_direction
from src.storage.slices import slices

DRAWS, SET_DRAWS = 10_000, 300  # of the bootstrap; the fewer for distances of sets
MAX_CELLS = 1 << 22  # drawn scores that are in memory at a time
CONFIDENCE = 0.95
PICTURE_SCORES = (*image_metrics.BETTER, *LPIPS, "colorfulness", "gray_share")


@dataclass(frozen=True)
class Experiment:
    """An experiment's results on validation.

    Attributes:
        name: Of the experiment, its commit, or the word workspace.
        table: Scores; a row per validation picture.
        outputs: The model's pictures, (N, H, W, 3) uint8.
        val: Their pairs.
    """

    name: str
    table: pd.DataFrame
    outputs: np.ndarray
    val: Pairs

    @property
    def size(self) -> str:
        """Of the pictures: one number for a square, else width and height, such as 96x48."""
        return Size(*self.val.photo.shape[1:3]).words


@dataclass(frozen=True)
class Difference:
    """A score of experiment b minus that of a, with its confidence interval."""

    metric: str
    value: float
    low: float
    high: float

    @property
    def better(self) -> str:
        """Which score is better: "higher", "lower", or "" if neither is."""
        return better_direction(self.metric)

    @property
    def winner(self) -> str:
        """Return "a" or "b", the better one or else the higher one; "" if that may be chance."""
        if self.low <= 0 <= self.high:
            return ""
        return "b" if (self.value > 0) == (self.better != "lower") else "a"

    def sentence(self, a: str, b: str, spread: SeedSpread | None = None) -> str:
        """Return which experiment is better and by how much, or that the difference may be chance."""
        if not self.winner:
            interval = f"[{self.low:+.3g}, {self.high:+.3g}]"
            return f"{self.metric}: not distinguishable ({b} {self.value:+.3g} {interval})"
        winner = {"a": a, "b": b}[self.winner]
        quality = "better" if self.better else "higher"
        low, high = sorted([abs(self.low), abs(self.high)])
        interval = f"[{low:.3g}, {high:.3g}]"
        seeds = ""
        if spread and spread.covers(self.metric, self.value):
            seeds = f", within what seeds alone change ({spread.ranges[self.metric]:.3g})"
        return f"{self.metric}: {winner} {quality} by {abs(self.value):.3g} {interval}{seeds}"


def compare(
    a: Experiment, b: Experiment, extractors: Sequence[Extractor], seed: int
) -> list[Difference]:
    """Return the differences, b minus a, of each picture's scores and of the distances of sets.

    Raises:
        UserError: The two were not scored on the same validation pictures.
    """
    _require_same_pictures(a, b)
    rng = np.random.default_rng(seed)
    set_differences = [
        d for extractor in extractors for d in _set_differences(a, b, extractor, rng)
    ]
    return _score_differences(a, b, rng) + set_differences


def _require_same_pictures(a: Experiment, b: Experiment) -> None:
    has_same_pictures = a.val.photo.shape == b.val.photo.shape and all(
        np.array_equal(*pair)
        for pair in zip(arrays.blocks(a.val.photo), arrays.blocks(b.val.photo), strict=True)
    )
    if not has_same_pictures or list(a.table["row"]) != list(b.table["row"]):
        raise UserError(
            f"{a.name} has {len(a.table)} validation pictures of {a.size} pixels, "
            f"{b.name} {len(b.table)} of {b.size}, and they are not the same: "
            "expected experiments that differ after the pair stage only"
        )


def _score_differences(a: Experiment, b: Experiment, rng: np.random.Generator) -> list[Difference]:
    metrics = [m for m in PICTURE_SCORES if m in a.table and m in b.table]
    values = (b.table[metrics] - a.table[metrics]).to_numpy()
    means = zip(metrics, values.mean(axis=0), _drawn_means(values, rng).T, strict=True)
    return [_difference(metric, float(mean), drawn) for metric, mean, drawn in means]


def _drawn_means(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the means of (N, M) values over DRAWS draws of N rows, (DRAWS, M)."""
    count = len(values)
    parts = slices(DRAWS, max(1, MAX_CELLS // max(1, values.size)))
    draws = (rng.integers(count, size=(part.stop - part.start, count)) for part in parts)
    return np.concatenate([values[positions].mean(axis=1) for positions in draws])


def _set_differences(
    a: Experiment, b: Experiment, extractor: Extractor, rng: np.random.Generator
) -> list[Difference]:
    targets = extractor(a.val.photo, cache=True)
    features_a, features_b = extractor(a.outputs), extractor(b.outputs)

    def difference(positions: np.ndarray, distance: Distance, scale: float) -> float:
        distance_a, distance_b = (
            distance(features[positions], targets[positions])
            for features in (features_a, features_b)
        )
        return scale * (distance_b - distance_a)

    count = len(targets)
    draws = SET_DRAWS if count < distances.MANY_PICTURES else SET_DRAWS // 6
    differences = []
    for metric, distance, scale in (
        (extractor.network.frechet, distances.frechet, 1),
        (extractor.network.kernel, distances.kernel, 1e3),
    ):
        of = partial(difference, distance=distance, scale=scale)
        steps = progress_bar(range(draws), draws, f"comparing {metric}")
        drawn = np.array([of(rng.integers(count, size=count)) for _ in steps])
        value = of(np.arange(count))
        # double draws shift all drawn distances alike: only their spread counts
        differences.append(_difference(metric, value, drawn + (value - drawn.mean())))
    return differences


def _difference(metric: str, value: float, drawn: np.ndarray) -> Difference:
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Difference(metric, value, float(low), float(high))


def load_experiment(name: str, folder: Path) -> Experiment:
    """Return the experiment whose ARTIFACTS (see revision) lie in a folder as in the project.

    Raises:
        UserError: An artifact is missing or damaged, or there are too few pictures.
    """
    predictions = folder / "data/predictions"
    try:
        table = pd.read_csv(predictions / "scores.csv").rename(columns={"gray": "gray_share"})
        table = table[["row", *(m for m in PICTURE_SCORES if m in table or m not in LPIPS)]]
        outputs = [read_photo(predictions / f"{row:06d}.png") for row in table["row"]]
    except (OSError, KeyError, ValueError, decoding.ImageError) as error:
        reason = one_line(error)
        raise UserError(
            f"{name}: its predictions cannot be read ({reason}): `dvc repro evaluate` computes "
            "them, `dvc pull` gets them if a remote holds them"
        ) from None
    if len(table) < MIN_PICTURES:
        raise UserError(
            f"{name} has {len(table)} validation pictures, expected at least {MIN_PICTURES}"
        )
    return Experiment(name, table, np.stack(outputs), arrays.load(folder / "data/pairs", "val"))
