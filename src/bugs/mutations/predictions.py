"""Faults in what evaluate wrote. Each function takes the project's folder and a kind."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from src.dataset import arrays
from src.dataset.arrays import Pairs
from src.evaluate import evaluation, features
from src.imaging.picture_files import read_photo
from src.model.saving import load_generator
from src.params import read_params
from src.storage.atomic import write_bytes, write_json, write_text
from src.storage.encoding import encode_png
from src.weights import pretrained


def outputs(root: Path, kind: str) -> None:
    """Predictions of other pictures, of another range, or lost; scored anew unless stale."""
    folder, val = root / "data/predictions", arrays.load(root / "data/pairs", "val")
    named = sorted(folder.glob("*.png"))
    made = np.stack([read_photo(path) for path in named])
    if kind == "lost":
        for path in named[-2:]:
            path.unlink()
        return
    if kind == "training":
        _score_training(root)
        return
    changed = made // 255 if kind == "unit" else np.roll(made, 1, axis=0)
    for path, picture in zip(named, changed, strict=True):
        write_bytes(path, encode_png(picture))
    if kind != "stale":
        _score_again(root, changed, val)


def _score_training(root: Path) -> None:
    """Outputs for training pictures in the place of validation's, and their scores."""
    probe, folder = arrays.load(root / "data/pairs", "probe"), root / "data/predictions"
    for path in folder.glob("*.png"):
        path.unlink()
    generator = load_generator(root / "data/model")
    made = _evaluator(root).render(generator, probe.inputs(generator.config["task"]))
    for row, picture in zip(probe.index["row"], made, strict=True):
        write_bytes(folder / f"{row:06d}.png", encode_png(picture))
    _score_again(root, made, probe)


def _score_again(root: Path, made: np.ndarray, val: Pairs) -> None:
    e = _evaluator(root)
    measured = e.measure(lambda part: made[part], val)
    rows = pd.concat([val.index[["row", "item_id", "name"]], measured.table], axis=1)
    text = rows.to_csv(index=False, float_format="%.4f")
    write_text(root / "data/predictions/scores.csv", text)
    path = root / "metrics/evaluate.json"
    told = json.loads(path.read_text(encoding="utf-8"))
    told["val"] = measured.scores(e.features.name, e.features(val.photo))
    told["gap"] |= evaluation.gap(told["val"], told["train"])
    write_json(path, told)


def _evaluator(root: Path) -> evaluation.Evaluator:
    p = read_params(root / "params.yaml")
    file = pretrained.extractor_file(root / "data/weights")
    extractor = features.build(file, p.evaluate.random_seed, p.evaluate.batch_size)
    return evaluation.Evaluator(extractor, p.evaluate)
