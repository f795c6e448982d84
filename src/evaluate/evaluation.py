"""Score a trained generator on validation, on as many training pictures, and against floors."""

import hashlib
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

from src import generator as gen
from src import images, paired
from src.arrays import Pairs
from src.errors import UserError
from src.evaluate import distances, scores
from src.evaluate.features import Extractor
from src.files import write_bytes, write_text
from src.generator import Generator
from src.parallel import progress
from src.params import Evaluate

SHOWN = 12
PACKAGES = ("torch", "torchvision", "torchmetrics", "torch-fidelity", "numpy", "opencv-python")
LEAST = 3  # pictures of which one can be left out to see what that changes


@dataclass(frozen=True)
class Evaluator:
    """What scoring needs: the features and evaluate's settings."""

    features: Extractor
    settings: Evaluate

    def render(self, generator: Generator, inputs: np.ndarray) -> np.ndarray:
        """Finished pictures, (N, S, S, 3) uint8, in evaluation mode."""
        starts = range(0, len(inputs), self.settings.batch_size)
        batches = [inputs[s : s + self.settings.batch_size] for s in starts]
        made = [gen.to_uint8(generator.render(gen.to_tensor(batch))) for batch in batches]
        return np.concatenate(made)

    def table(self, outputs: np.ndarray, targets: np.ndarray) -> pd.DataFrame:
        return scores.per_picture(outputs, targets, self.settings.grayscale)

    def score(self, outputs: np.ndarray, targets: np.ndarray) -> dict[str, float]:
        table = self.table(outputs, targets)
        return scores.set_distances(self.features, outputs, targets) | scores.summary(table)


def evaluate(
    e: Evaluator, model: Path, val: Pairs, probe: Pairs, predictions: Path, samples: Path
) -> dict:
    """metrics/evaluate.json; pictures, per-picture scores and sample sheets are written.

    `gap` is validation minus training. Floors are what needs no network: `copy_input` scores the
    input itself as output, `mean_color` the mean colour of the training photographs (laid over
    the gray, where that is the input), `real_real` the training photographs against validation's.
    """
    if min(len(val), len(probe)) < LEAST:
        raise UserError(
            f"expected at least {LEAST} pictures a side, found {len(val)} val, {len(probe)} probe"
        )
    generator = gen.load(model if e.settings.model == "last" else model / "best")
    task = generator.config["task"]
    outputs = e.render(generator, val.inputs(task))
    trained = e.render(generator, probe.inputs(task))
    table = e.table(outputs, val.photo)
    _write(outputs, val, table, predictions)
    for name, pairs, made in (("val", val, outputs), ("train", probe, trained)):
        shown = np.linspace(0, len(pairs) - 1, min(SHOWN, len(pairs))).astype(int)
        sheet = images.samples(pairs.inputs(task)[shown], made[shown], pairs.photo[shown])
        write_bytes(samples / f"{name}.png", images.png(sheet))
    on_val = scores.set_distances(e.features, outputs, val.photo) | scores.summary(table)
    on_train = e.score(trained, probe.photo)
    copied = np.stack([images.three_channels(x) for x in val.inputs(task)])
    colored = mean_color(copied if task == "colorize" else None, probe.photo, val.photo.shape)
    real = scores.set_distances(e.features, probe.photo, val.photo, together=False)
    alone = scores.summary(e.table(val.photo, val.photo))
    return {
        "val": on_val,
        "train": on_train,
        "gap": {
            k: round(on_val[k] - on_train[k], 5)
            for k in on_val
            if k != "n" and not k.endswith("_se")
        },
        "floor": {
            "copy_input": e.score(copied, val.photo),
            "mean_color": e.score(colored, val.photo),
            "real_real": real | {k: alone[k] for k in ("colorfulness", "gray_share")},
        },
    }


def mean_color(gray: np.ndarray | None, photos: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Pictures of the photographs' mean colour, or its tint over `gray`, (N, S, S, 3) uint8."""
    mean = photos.mean(axis=(0, 1, 2))
    if gray is None:
        return np.full(shape, mean.round(), np.uint8)
    tint = (mean - mean.mean()).astype(np.float32)
    return np.stack([(picture + tint).round().clip(0, 255).astype(np.uint8) for picture in gray])


def curve(e: Evaluator, model: Path, val: Pairs, file: Path) -> None:
    """Score each snapshot on validation: step, l1, psnr, ssim and fd as CSV."""
    rows = []
    found = sorted((model / "snapshots").glob("step_*.safetensors"))
    for path in progress(found, len(found), "scoring snapshots"):
        generator = gen.load(path.parent, path.stem)
        outputs = e.render(generator, val.inputs(generator.config["task"]))
        means = {k: round(float(v.mean()), 4) for k, v in paired.scores(outputs, val.photo).items()}
        fd = distances.frechet(e.features(outputs), e.features(val.photo, keep=True))
        step = int(path.stem.removeprefix("step_"))
        fd = round(fd, scores.DIGITS[e.features.name])
        rows.append({"step": step, **means, "fd": fd})
    write_text(file, pd.DataFrame(rows).to_csv(index=False))


def meta(e: Evaluator, val: Pairs, probe: Pairs) -> dict:
    """The settings behind the scores."""
    return {
        "features": e.features.name,
        "weights": e.features.weights,
        "antialias": True,
        "model": e.settings.model,
        "pictures_sha256": _digest(val),
        "n_val": len(val),
        "n_train": len(probe),
        "mode": "eval: batch norm by running statistics, no dropout, whole pictures",
        "pictures": "uint8, rounded; l1 on the scale of [-1, 1]",
        "versions": {p: version(p) for p in PACKAGES},
    }


def _digest(val: Pairs) -> str:
    """What validation was: its rows and photographs."""
    digest = hashlib.sha256(repr(list(val.index["row"])).encode())
    digest.update(np.ascontiguousarray(val.photo))
    return digest.hexdigest()


def _write(outputs: np.ndarray, val: Pairs, table: pd.DataFrame, folder: Path) -> None:
    for row, picture in zip(val.index["row"], outputs, strict=True):
        write_bytes(folder / f"{row:06d}.png", images.png(picture))
    rows = pd.concat([val.index[["row", "item_id", "name"]], table], axis=1)
    write_text(folder / "scores.csv", rows.to_csv(index=False, float_format="%.4f"))
