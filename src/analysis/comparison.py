"""Which of two experiments is better, and is that more than chance?

Both are compared on the same validation pictures: the difference of each score is bootstrapped
over pictures (Efron and Tibshirani 1993), always the same ones in both. A distance of sets is
taken anew for every draw: what pictures drawn twice do to it they do to both.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from src.dataset import arrays
from src.dataset.arrays import Pairs
from src.errors import UserError
from src.evaluate import distances
from src.evaluate.distances import Distance
from src.evaluate.evaluation import LEAST
from src.evaluate.features import Extractor
from src.evaluate.scores import KERNEL
from src.imaging import decoding
from src.imaging.picture_files import read_photo
from src.model import image_metrics
from src.parallel.local import progress

ARTIFACTS = ("data/predictions", "data/pairs/val")  # of an experiment, which are compared
WORKSPACE = "workspace"
DRAWS, SET_DRAWS = 10_000, 300
CELLS = 1 << 22  # numbers drawn that are in memory at a time
LEVEL = 0.95
# the sign of what is better; 0: neither is by itself
BETTER = image_metrics.BETTER | {"lpips": -1, "colorfulness": 0, "gray_share": -1}
SETS = {name for pair in KERNEL.items() for name in pair}


@dataclass(frozen=True)
class Experiment:
    """What an experiment left: scores by validation row, its pictures and their targets."""

    name: str
    table: pd.DataFrame
    outputs: np.ndarray
    val: Pairs


@dataclass(frozen=True)
class Difference:
    """b minus a of a metric, with its interval."""

    metric: str
    value: float
    low: float
    high: float

    def sentence(self, a: str, b: str) -> str:
        """The one that a person wants."""
        span = [self.low, self.high]
        if self.low <= 0 <= self.high:
            low, high = (f"{x:+.3g}" for x in span)
            return f"{self.metric}: not distinguishable ({b} {self.value:+.3g} [{low}, {high}])"
        sign = BETTER.get(self.metric, -1)
        better = b if self.value * (sign or 1) > 0 else a
        low, high = (f"{x:.3g}" for x in sorted(map(abs, span)))
        how = "better" if sign else "higher"
        return f"{self.metric}: {better} {how} by {abs(self.value):.3g} [{low}, {high}]"


def compare(a: Experiment, b: Experiment, extractor: Extractor, seed: int) -> list[Difference]:
    """The differences of each picture's scores and of the two set distances, with 95 % intervals.

    Raises UserError where the two were not scored on the same validation pictures.
    """
    _refuse_other_pictures(a, b)
    rng = np.random.default_rng(seed)
    metrics = [m for m in BETTER if m in a.table and m in b.table]
    apart = (b.table[metrics] - a.table[metrics]).to_numpy()
    every = zip(metrics, apart.mean(axis=0), _resampled_means(apart, rng).T, strict=True)
    found = [_difference(metric, float(mean), means) for metric, mean, means in every]
    real = extractor(a.val.photo, keep=True)
    one, other = (extractor(e.outputs) for e in (a, b))

    def apart_by(places: np.ndarray, distance: Distance, times: float) -> float:
        both = [distance(made[places], real[places]) for made in (other, one)]
        return times * (both[0] - both[1])

    number = SET_DRAWS if len(real) < distances.MANY else SET_DRAWS // 6
    kinds = {
        extractor.name: (distances.frechet, 1),
        KERNEL[extractor.name]: (distances.kernel, 1e3),
    }
    for metric, (distance, times) in kinds.items():
        by = partial(apart_by, distance=distance, times=times)
        draws = _resampled(len(real), number, rng, by, f"comparing {metric}")
        found.append(_difference(metric, by(np.arange(len(real))), draws))
    return found


def _refuse_other_pictures(a: Experiment, b: Experiment) -> None:
    same = a.val.photo.shape == b.val.photo.shape and all(
        np.array_equal(*pair)
        for pair in zip(arrays.blocks(a.val.photo), arrays.blocks(b.val.photo), strict=True)
    )
    if not same or list(a.table["row"]) != list(b.table["row"]):
        raise UserError(
            f"{a.name} has {len(a.table)} validation pictures of {a.val.photo.shape[1]} pixels, "
            f"{b.name} {len(b.table)} of {b.val.photo.shape[1]}, and they are not the same: "
            "expected experiments that differ after the pair stage only"
        )


def _resampled_means(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The means of (N, M) values over DRAWS draws of N of them, (DRAWS, M)."""
    rows = max(1, CELLS // max(1, values.size))
    sizes = [min(rows, DRAWS - at) for at in range(0, DRAWS, rows)]
    draws = (rng.integers(len(values), size=(size, len(values))) for size in sizes)
    return np.concatenate([values[places].mean(axis=1) for places in draws])


def _resampled(
    count: int,
    draws: int,
    rng: np.random.Generator,
    value: Callable[[np.ndarray], float],
    title: str,
) -> np.ndarray:
    every = progress(range(draws), draws, title)
    return np.array([value(rng.integers(count, size=count)) for _ in every])


def _difference(metric: str, value: float, draws: np.ndarray) -> Difference:
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    if metric in SETS:
        # pictures drawn twice shift every draw alike: what matters is how far they scatter
        low, high = (value + edge - draws.mean() for edge in (low, high))
    return Difference(metric, value, float(low), float(high))


def load_experiment(name: str, folder: Path) -> Experiment:
    """The experiment whose artifacts lie in `folder` as in the project's own."""
    predictions = folder / "data/predictions"
    try:
        table = pd.read_csv(predictions / "scores.csv").rename(columns={"gray": "gray_share"})
        table = table[["row", *(m for m in BETTER if m in table or m != "lpips")]]
        outputs = [read_photo(predictions / f"{row:06d}.png") for row in table["row"]]
    except (OSError, KeyError, ValueError, decoding.ImageError) as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"{name}: its predictions cannot be read ({reason}): run `dvc repro evaluate` there, "
            "or `dvc pull` what it left"
        ) from None
    if len(table) < LEAST:
        raise UserError(f"{name} has {len(table)} validation pictures, expected at least {LEAST}")
    return Experiment(name, table, np.stack(outputs), arrays.load(folder / "data/pairs", "val"))


def fetch_from_dvc(name: str, folder: Path) -> Path:
    """A folder with an experiment's artifacts, from DVC's cache; UserError where it has none."""
    if name == WORKSPACE:
        return Path()
    if not name:
        raise UserError(f"an experiment without a name: expected one, a commit or {WORKSPACE}")
    # of this command alone: no stage needs it, and it takes a second to load
    from dvc.api import DVCFileSystem

    try:
        files = DVCFileSystem(rev=name)
        for path in ARTIFACTS:
            files.get(path, str(folder / path), recursive=True)
    except Exception as error:  # DVC's, its index's and git's have no common kind
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(
            f"{name}: its {' and '.join(ARTIFACTS)} cannot be had from DVC: {reason}"
        ) from None
    return folder
