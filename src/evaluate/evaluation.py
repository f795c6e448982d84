"""Score a trained generator on validation, on as many training pictures, and against floors."""

import hashlib
from collections.abc import Callable, Sized
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

from src.dataset import arrays
from src.dataset.arrays import Pairs, Shards
from src.drawing.sheets import sample_sheet, three_channels
from src.errors import UserError
from src.evaluate import distances
from src.evaluate.features import Extractor
from src.evaluate.lpips import Lpips
from src.evaluate.scores import DIGITS, looks, per_picture, set_distances, summary
from src.model import image_metrics
from src.model.distributed import SINGLE_PROCESS, World
from src.model.generator import Generator
from src.model.saving import load_generator
from src.model.tensors import to_tensor, to_uint8
from src.parallel.local import progress
from src.params import Evaluate
from src.storage.atomic import write_bytes, write_text
from src.storage.encoding import encode_png

SHOWN = 12
PACKAGES = ("torch", "torchvision", "torchmetrics", "torch-fidelity", "numpy", "opencv-python")
Make = Callable[[slice], np.ndarray]  # pictures of some places, (n, S, S, 3) uint8
LEAST = 3  # pictures of which one can be left out to see what that changes


@dataclass(frozen=True)
class Measured:
    """A set of pictures: their features, (N, D), and `scores.per_picture`."""

    features: np.ndarray
    table: pd.DataFrame

    def scores(self, name: str, real: np.ndarray) -> dict[str, float]:
        """Against the features of their targets, which go by `name`."""
        return set_distances(name, self.features, real) | summary(self.table)


@dataclass(frozen=True)
class Evaluator:
    """What scoring needs: the features, evaluate's settings, and the processes that share it.

    Pictures are made, scored and forgotten batch by batch: what stays are features and scores.
    """

    features: Extractor
    settings: Evaluate
    world: World = SINGLE_PROCESS
    lpips: Lpips | None = None

    def render(self, generator: Generator, inputs: Shards | np.ndarray) -> np.ndarray:
        """Finished pictures, (N, S, S, 3) uint8, in evaluation mode."""
        made = [self._made(generator, inputs[part]) for part in self._parts(inputs)]
        return np.concatenate(made)

    def rendering(self, generator: Generator, inputs: Shards | np.ndarray) -> Make:
        """The same, some at a time, as `measure` asks for them."""
        return lambda part: self._made(generator, inputs[part])

    def measure(self, make: Make, pairs: Pairs, folder: Path | None = None) -> Measured:
        """Score pictures against their targets; each is written to `folder`, by ledger row."""
        rows = list(pairs.index["row"])

        def batch(part: slice) -> tuple[np.ndarray, dict[str, np.ndarray]]:
            outputs = make(part)
            if folder:
                for row, picture in zip(rows[part], outputs, strict=True):
                    write_bytes(folder / f"{row:06d}.png", encode_png(picture))
            targets = pairs.photo[part]
            table = per_picture(outputs, targets, self.settings.grayscale)
            if self.lpips:
                table["lpips"] = self.lpips(outputs, targets)
            # many small tables would leave holes in memory, of many times their size
            return self.features.batch(outputs), {name: np.array(table[name]) for name in table}

        found = self.world.map(batch, self._parts(pairs))
        features, scored = zip(*found, strict=True)
        columns = {name: np.concatenate([part[name] for part in scored]) for name in scored[0]}
        return Measured(np.concatenate(features), pd.DataFrame(columns))

    def _made(self, generator: Generator, inputs: np.ndarray) -> np.ndarray:
        x = to_tensor(inputs).to(self.features.device)
        return to_uint8(generator.to(x.device).render(x))

    def _parts(self, pictures: Sized) -> list[slice]:
        size = self.settings.batch_size
        return [slice(at, at + size) for at in range(0, len(pictures), size)]


def evaluate(
    e: Evaluator,
    model: Path,
    val: Pairs,
    probe: Pairs,
    predictions: Path,
    samples: Path,
    leaks: bool = False,
) -> dict:
    """metrics/evaluate.json; pictures, per-picture scores and sample sheets are written.

    `gap` is validation minus training, and `interpretable` is 0 where the audit found `leaks`.
    Floors are what needs no network: `copy_input` scores the input itself as output, `mean_color`
    the mean colour of the training photographs (laid over the gray, where that is the input),
    `real_real` the training photographs against validation's.
    """
    if min(len(val), len(probe)) < LEAST:
        raise UserError(
            f"expected at least {LEAST} pictures a side, found {len(val)} val, {len(probe)} probe"
        )
    generator = load_generator(model if e.settings.model == "last" else model / "best")
    task, name = generator.config["task"], e.features.name
    inputs = val.inputs(task)
    for side, pairs in (("val", val), ("train", probe)):
        shown = np.linspace(0, len(pairs) - 1, min(SHOWN, len(pairs))).astype(int)
        given = pairs.inputs(task)[shown]
        sheet = sample_sheet(given, e.render(generator, given), pairs.photo[shown])
        e.world.on_main(write_bytes, samples / f"{side}.png", encode_png(sheet))
    real, known = e.features(val.photo, keep=True), e.features(probe.photo, keep=True)
    mean = mean_color(probe.photo)

    def scored(make: Make, pairs: Pairs, targets: np.ndarray, folder: Path | None = None) -> dict:
        # of one set at a time: features and scores are what grows with the pictures
        measured = e.measure(make, pairs, folder)
        if folder:
            e.world.on_main(_write_table, measured.table, pairs, folder)
        return measured.scores(name, targets)

    def one_color(part: slice) -> np.ndarray:
        return tinted(inputs[part] if task == "colorize" else None, mean, val.photo[part])

    on_val = scored(e.rendering(generator, inputs), val, real, predictions)
    on_train = scored(e.rendering(generator, probe.inputs(task)), probe, known)
    return {
        "val": on_val,
        "train": on_train,
        "gap": gap(on_val, on_train) | {"interpretable": int(not leaks)},
        "floor": {
            "copy_input": scored(lambda part: _three_channels(inputs[part]), val, real),
            "mean_color": scored(one_color, val, real),
            "real_real": set_distances(name, known, real, together=False)
            | _looks(val, e.settings.grayscale),
        },
    }


def gap(on_val: dict[str, float], on_train: dict[str, float]) -> dict[str, float]:
    """Validation minus training, of all but their numbers and errors."""
    names = [k for k in on_val if k != "n" and not k.endswith("_se")]
    return {k: round(on_val[k] - on_train[k], 5) for k in names}


def mean_color(photos: Shards | np.ndarray) -> np.ndarray:
    """The mean colour of photographs, (3,) levels."""
    total = sum(block.sum(axis=(0, 1, 2), dtype=np.int64) for block in arrays.blocks(photos))
    return total / (len(photos) * photos.shape[1] * photos.shape[2])


def tinted(gray: np.ndarray | None, mean: np.ndarray, photos: np.ndarray) -> np.ndarray:
    """As many pictures as `photos` of the mean colour, or its tint over `gray`; uint8."""
    if gray is None:
        return np.full(photos.shape, mean.round(), np.uint8)
    tint = (mean - mean.mean()).astype(np.float32)
    return (gray[..., None] + tint).round().clip(0, 255).astype(np.uint8)


def _looks(val: Pairs, grayscale: float) -> dict[str, float]:
    found = [looks(block, grayscale) for block in arrays.blocks(val.photo)]
    table = pd.concat([pd.DataFrame(part) for part in found])
    return {k: v for k, v in summary(table).items() if k != "n"}


def _three_channels(pictures: np.ndarray) -> np.ndarray:
    return np.stack([three_channels(picture) for picture in pictures])


def curve(e: Evaluator, model: Path, val: Pairs, file: Path) -> None:
    """Score each snapshot on validation: step, l1, psnr, ssim and fd as CSV."""
    e = replace(e, lpips=None)
    rows, real = [], e.features(val.photo, keep=True)
    found = {_step(path): path for path in (model / "snapshots").glob("step_*.safetensors")}
    for step in progress(sorted(found), len(found), "scoring snapshots"):
        generator = load_generator(found[step].parent, found[step].stem)
        made = e.measure(e.rendering(generator, val.inputs(generator.config["task"])), val)
        means = {k: round(float(made.table[k].mean()), 4) for k in image_metrics.BETTER}
        fd = round(distances.frechet(made.features, real), DIGITS[e.features.name])
        rows.append({"step": step, **means, "fd": fd})
    table = pd.DataFrame(rows).to_csv(index=False)
    e.world.on_main(write_text, file, table)


def _step(snapshot: Path) -> int:
    return int(snapshot.stem.removeprefix("step_"))


def meta(e: Evaluator, val: Pairs, probe: Pairs) -> dict:
    """The settings behind the scores."""
    return {
        "features": e.features.name,
        "weights": e.features.weights,
        "lpips_weights": e.lpips.weights if e.lpips else "none",
        "antialias": True,
        "model": e.settings.model,
        "device": e.features.device.type,
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
    for block in arrays.blocks(val.photo):
        digest.update(block)
    return digest.hexdigest()


def _write_table(table: pd.DataFrame, val: Pairs, folder: Path) -> None:
    rows = pd.concat([val.index[["row", "item_id", "name"]], table], axis=1)
    write_text(folder / "scores.csv", rows.to_csv(index=False, float_format="%.4f"))
