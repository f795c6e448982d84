"""Score a trained generator on validation, on as many training pictures, and against floors."""

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from torch import nn

from src import generator as gen
from src import images
from src.arrays import Pairs
from src.errors import UserError
from src.evaluate import scores
from src.files import write_bytes, write_text
from src.generator import Generator
from src.parallel import progress
from src.params import Evaluate

SHOWN = 12


@dataclass(frozen=True)
class Evaluator:
    """What scoring needs: the feature network and evaluate's settings."""

    features: nn.Module
    settings: Evaluate

    def render(self, generator: Generator, inputs: np.ndarray) -> np.ndarray:
        """Finished pictures, (N, S, S, 3) uint8, in evaluation mode."""
        starts = range(0, len(inputs), self.settings.batch_size)
        batches = [inputs[s : s + self.settings.batch_size] for s in starts]
        made = [gen.to_uint8(generator.render(gen.to_tensor(batch))) for batch in batches]
        return np.concatenate(made)

    def table(self, outputs: np.ndarray, targets: np.ndarray) -> pd.DataFrame:
        return scores.per_picture(outputs, targets, self.settings.grayscale)

    def distances(self, outputs: np.ndarray, targets: np.ndarray) -> dict[str, float]:
        return scores.distances(self.features, outputs, targets, self.settings.batch_size)

    def score(self, outputs: np.ndarray, targets: np.ndarray) -> dict[str, float]:
        return self.distances(outputs, targets) | scores.summary(self.table(outputs, targets))


def evaluate(
    e: Evaluator, model: Path, val: Pairs, probe: Pairs, predictions: Path, samples: Path
) -> dict:
    """metrics/evaluate.json; pictures, per-picture scores and sample sheets are written.

    `gap` is validation minus training. `floor.copy_input` scores the input itself as output,
    `floor.real_real` the training photographs against validation's.
    """
    if min(len(val), len(probe)) < 2:
        raise UserError(
            f"expected at least 2 pictures a side, found {len(val)} val, {len(probe)} probe"
        )
    generator = gen.load(model)
    task = generator.config["task"]
    outputs = e.render(generator, val.inputs(task))
    trained = e.render(generator, probe.inputs(task))
    table = e.table(outputs, val.photo)
    _write(outputs, val, table, predictions)
    for name, pairs, made in (("val", val, outputs), ("train", probe, trained)):
        shown = np.linspace(0, len(pairs) - 1, min(SHOWN, len(pairs))).astype(int)
        sheet = images.samples(pairs.inputs(task)[shown], made[shown], pairs.photo[shown])
        write_bytes(samples / f"{name}.png", images.png(sheet))
    on_val = e.distances(outputs, val.photo) | scores.summary(table)
    on_train = e.score(trained, probe.photo)
    copied = np.stack([images.three_channels(x) for x in val.inputs(task)])
    return {
        "val": on_val,
        "train": on_train,
        "gap": {k: round(on_val[k] - on_train[k], 5) for k in on_val if k != "n"},
        "floor": {
            "copy_input": e.score(copied, val.photo),
            "real_real": e.distances(probe.photo, val.photo),
        },
    }


def curve(e: Evaluator, model: Path, val: Pairs, file: Path) -> None:
    """Score each snapshot on validation: step, l1, fd as CSV."""
    rows = []
    found = sorted((model / "snapshots").glob("step_*.safetensors"))
    for path in progress(found, len(found), "scoring snapshots"):
        generator = gen.load(path.parent, path.stem)
        outputs = e.render(generator, val.inputs(generator.config["task"]))
        l1 = float(scores.l1(outputs, val.photo).mean())
        fd = e.distances(outputs, val.photo)[e.features.name]
        rows.append({"step": int(path.stem.removeprefix("step_")), "l1": round(l1, 4), "fd": fd})
    write_text(file, pd.DataFrame(rows).to_csv(index=False))


def meta(e: Evaluator, weights: Path | None, val: Pairs, probe: Pairs) -> dict:
    """The settings behind the scores."""
    return {
        "features": e.features.name,
        "weights": weights.name if weights else f"random, seed {e.settings.random_seed}",
        "n_val": len(val),
        "n_train": len(probe),
        "mode": "eval: batch norm by running statistics, no dropout, whole pictures",
        "pictures": "uint8, rounded; l1 on the scale of [-1, 1]",
        "versions": {p: version(p) for p in ("torch", "torchvision", "torchmetrics", "numpy")},
    }


def _write(outputs: np.ndarray, val: Pairs, table: pd.DataFrame, folder: Path) -> None:
    for row, picture in zip(val.index["row"], outputs, strict=True):
        write_bytes(folder / f"{row:06d}.png", images.png(picture))
    rows = pd.concat([val.index[["row", "item_id", "name"]], table], axis=1)
    write_text(folder / "scores.csv", rows.to_csv(index=False, float_format="%.4f"))
