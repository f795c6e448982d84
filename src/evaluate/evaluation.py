"""Score a trained generator on validation and on training pictures, and beside baselines."""

import hashlib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from src.dataset import arrays
from src.dataset.arrays import Pairs, Shards
from src.drawing.sheets import sample_sheet, three_channels
from src.errors import UserError
from src.evaluate import distances
from src.evaluate.evaluator import Evaluator, Features
from src.evaluate.scores import FRECHET_DIGITS, color_scores, summary
from src.model import image_metrics
from src.model.device import describe
from src.model.generator import Generator
from src.model.saving import load_generator
from src.progress import progress_bar
from src.storage.atomic import read_json, write_bytes, write_text
from src.storage.csv_cells import inert_cell
from src.storage.encoding import encode_png
from src.storage.snapshot_names import snapshot_name, snapshot_step

N_SAMPLES = 12  # on a sheet
MIN_PICTURES = 3  # of a side: two must remain when the jackknife leaves one out
PACKAGES = (
    "torch",
    "torchvision",
    "torchmetrics",
    "torch-fidelity",
    "efficientnet-lite-pytorch",
    "numpy",
    "opencv-python",
)


def evaluate(
    evaluator: Evaluator,
    model: Path,
    val: Pairs,
    probe: Pairs,
    train_photos: Shards | np.ndarray,
    predictions: Path,
    samples: Path,
    leaks: bool = False,
) -> dict[str, Any]:
    """Score a model, and write its pictures, the scores of each, and sheets of samples.

    If training pictures leak into validation, the gap is recorded as not interpretable.

    Args:
        evaluator: Renders and scores.
        model: The folder of a trained model.
        val: Validation's pairs.
        probe: As many training pairs, or all if there are fewer, prepared like validation's.
        train_photos: All photographs of training, (N, H, W, 3) uint8.
        predictions: Gets the pictures of validation, and the scores of each.
        samples: Gets a sheet of each side.
        leaks: Whether training pictures are in validation.

    Returns:
        metrics/evaluate.json: the scores on `val` and `train`, the `gap` between them, and the
        scores of the baselines under `baselines`.

    Raises:
        UserError: A side has too few pictures, the task's inputs, or the model are missing.
    """
    if min(len(val), len(probe)) < MIN_PICTURES:
        raise UserError(
            f"expected at least {MIN_PICTURES} pictures a side, found {len(val)} val, "
            f"{len(probe)} probe"
        )
    weights = model / weights_file(model, evaluator.settings.snapshot)
    generator = load_generator(weights.parent, weights.stem)
    task = generator.config["task"]
    for side, pairs in (("val", val), ("train", probe)):
        sheet = encode_png(_sample_sheet(evaluator, generator, pairs))
        evaluator.world.on_main(write_bytes, samples / f"{side}.png", sheet)
    val_features, train_features = map(evaluator.photo_features, (val, probe))
    on_val = _score(evaluator, generator, val, val_features, predictions)
    on_train = _score(evaluator, generator, probe, train_features)
    return {
        "val": on_val,
        "train": on_train,
        "gap": gap(on_val, on_train) | {"interpretable": int(not leaks)},
        "baselines": _baselines(
            evaluator, task, val, mean_color(train_photos), val_features, train_features
        ),
    }


def weights_file(model: Path, choice: str) -> str:
    """Return the file of the weights that are scored, below the folder of a trained model.

    Args:
        model: Holds snapshots/ with their scores.
        choice: last, or best_ and the metric by which a snapshot is the best; of equals the
            earliest.
    """
    if choice == "last":
        return "generator.safetensors"
    metric = choice.removeprefix("best_")
    sign = image_metrics.BETTER[metric]
    best = max(
        _snapshot_scores(model), key=lambda snapshot: (sign * snapshot[metric], -snapshot["step"])
    )
    return f"snapshots/{snapshot_name(best['step'])}.safetensors"


def _snapshot_scores(model: Path) -> list[dict[str, Any]]:
    """Return the scores of each snapshot that this training has taken, in its order."""
    scores: list[dict[str, Any]] = read_json(model / "snapshots" / "scores.json")
    return scores


def _sample_sheet(evaluator: Evaluator, generator: Generator, pairs: Pairs) -> np.ndarray:
    positions = np.linspace(0, len(pairs) - 1, min(N_SAMPLES, len(pairs))).astype(int)
    inputs = pairs.inputs(generator.config["task"])[positions]
    return sample_sheet(inputs, evaluator.render(generator, inputs), pairs.photo[positions])


def _score(
    evaluator: Evaluator,
    generator: Generator,
    pairs: Pairs,
    targets: Features,
    folder: Path | None = None,
) -> dict[str, float]:
    """Return the generator's scores; pictures and their scores are written if there is a folder."""
    inputs = pairs.inputs(generator.config["task"])
    outputs = evaluator.measure(evaluator.renderer(generator, inputs), pairs, folder)
    if folder:
        evaluator.world.on_main(_write_scores, outputs.table, pairs, folder / "scores.csv")
    return evaluator.scores(outputs, targets)


def _baselines(
    evaluator: Evaluator,
    task: str,
    val: Pairs,
    mean: np.ndarray,
    val_features: Features,
    train_features: Features,
) -> dict[str, dict[str, float]]:
    """Return the scores that need no network.

    Returns:
        copy_input: The input itself as output. mean_color: The training photographs' mean colour,
        laid over the gray if that is the input. real_real: The probe's photographs instead of
        outputs, compared with validation's as sets.
    """
    inputs = val.inputs(task)

    def copy_input(part: slice) -> np.ndarray:
        return np.stack([three_channels(picture) for picture in inputs[part]])

    def paint_mean_color(part: slice) -> np.ndarray:
        gray = inputs[part] if task == "colorize" else None
        return tint(gray, mean, val.photo[part])

    renders = {"copy_input": copy_input, "mean_color": paint_mean_color}
    pictures = {name: evaluator.measure(render, val) for name, render in renders.items()}
    real = evaluator.set_scores(train_features, val_features, paired=False)
    return {
        **{name: evaluator.scores(scored, val_features) for name, scored in pictures.items()},
        "real_real": real | _color_score_means(val, evaluator.min_residual),
    }


def gap(on_val: dict[str, float], on_train: dict[str, float]) -> dict[str, float]:
    """Return validation minus training of every score but n and the standard errors.

    Scores of sets depend on the number of pictures: of different numbers they are left out.
    """
    alike = on_val["n"] == on_train["n"]
    names = [name for name in on_val if name != "n" and not name.endswith("_se")]
    names = [name for name in names if alike or f"{name}_se" not in on_val]
    return {name: round(on_val[name] - on_train[name], 5) for name in names}


def mean_color(photos: Shards | np.ndarray) -> np.ndarray:
    """Return the mean colour of photographs, (3,) float64 in levels."""
    sums = [block.sum(axis=(0, 1, 2), dtype=np.int64) for block in arrays.blocks(photos)]
    mean: np.ndarray = np.sum(sums, axis=0) / (len(photos) * photos.shape[1] * photos.shape[2])
    return mean


def tint(gray: np.ndarray | None, mean: np.ndarray, photos: np.ndarray) -> np.ndarray:
    """Return pictures of one colour, or of its tint laid over gray.

    Args:
        gray: (N, H, W) uint8, or None: the colour alone.
        mean: The colour, (3,).
        photos: (N, H, W, 3): the shape of the result, which is uint8.
    """
    if gray is None:
        return np.full(photos.shape, mean.round(), np.uint8)
    offset = (mean - mean.mean()).astype(np.float32)
    pictures: np.ndarray = (gray[..., None] + offset).round().clip(0, 255).astype(np.uint8)
    return pictures


def _color_score_means(val: Pairs, min_residual: float) -> dict[str, float]:
    tables = [pd.DataFrame(color_scores(block, min_residual)) for block in arrays.blocks(val.photo)]
    return {name: mean for name, mean in summary(pd.concat(tables)).items() if name != "n"}


def curve(evaluator: Evaluator, model: Path, val: Pairs, file: Path) -> None:
    """Measure how far each snapshot's pictures are from validation's.

    The CSV file has the columns step, and the first extractor's Fréchet distance.
    """
    extractor = evaluator.extractors[0]
    targets = extractor(val.photo, cache=True)
    steps = [snapshot["step"] for snapshot in _snapshot_scores(model)]
    rows = []
    for step in progress_bar(steps, len(steps), "scoring snapshots"):
        generator = load_generator(model / "snapshots", snapshot_name(step))
        render = evaluator.renderer(generator, val.inputs(generator.config["task"]))
        distance = distances.frechet(evaluator.output_features(render, val), targets)
        rows.append({"step": step, extractor.network.frechet: round(distance, FRECHET_DIGITS)})
    evaluator.world.on_main(write_text, file, pd.DataFrame(rows).to_csv(index=False))


def meta(evaluator: Evaluator, model: Path, val: Pairs, probe: Pairs) -> dict[str, Any]:
    """Return metrics/evaluate_meta.json: the settings, processors and versions behind the scores."""
    trained = model / "computed_on.json"  # an earlier version's model has none
    weights = weights_file(model, evaluator.settings.snapshot)
    return {
        "features": {e.network.frechet: e.weights for e in evaluator.extractors},
        "lpips": {evaluator.lpips.name: evaluator.lpips.weights} if evaluator.lpips else {},
        "antialias": True,
        "snapshot": evaluator.settings.snapshot,
        "weights_file": weights,
        "scored_step": snapshot_step(weights),
        "computed_on": {
            "training": read_json(trained) if trained.exists() else {},
            "evaluation": describe(evaluator.extractors[0].device, torch.float32),
        },
        "pictures_sha256": _digest(val),
        "n_val": len(val),
        "n_train": len(probe),
        "mode": "eval: batch norm by running statistics, no dropout, whole pictures",
        "pictures": "uint8, rounded; l1 on the scale of [-1, 1]",
        "versions": {package: _version(package) for package in PACKAGES},
    }


def _version(package: str) -> str:
    """Return a package's version, or that its modules came with another, as those of OpenCV may."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "from another package"


def _digest(val: Pairs) -> str:
    """Return the SHA-256 of validation's rows and photographs."""
    digest = hashlib.sha256(repr(list(val.index["row"])).encode())
    for block in arrays.blocks(val.photo):
        digest.update(block.data)
    return digest.hexdigest()


def _write_scores(table: pd.DataFrame, val: Pairs, file: Path) -> None:
    texts = val.index[["item_id", "name"]].map(inert_cell, na_action="ignore")
    rows = pd.concat([val.index["row"], texts, table], axis=1)
    write_text(file, rows.to_csv(index=False, float_format="%.4f"))
