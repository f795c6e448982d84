"""Faults in what evaluate wrote. Each public function takes the project's folder and a kind."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from src.dataset import arrays
from src.dataset.arrays import Pairs
from src.evaluate import evaluation, features
from src.evaluate.evaluator import Evaluator
from src.imaging.picture_files import read_photo
from src.model.saving import load_generator
from src.params import read_params
from src.storage.atomic import write_bytes, write_json, write_text
from src.storage.encoding import encode_png

N_LOST = 2  # pictures


def replace_outputs(root: Path, kind: str) -> None:
    """Replace the outputs by others, and score them unless the scores are to be stale.

    The last ones are deleted (lost), are those of training pictures (training), have levels of 0
    and 1 (unit), or each picture gets another's output (shuffled or stale).
    """
    folder, val = root / "data/predictions", arrays.load(root / "data/pairs", "val")
    paths = sorted(folder.glob("*.png"))
    outputs = np.stack([read_photo(path) for path in paths])
    if kind == "lost":
        for path in paths[-N_LOST:]:
            path.unlink()
        return
    if kind == "training":
        _score_training(root)
        return
    replaced = outputs // 255 if kind == "unit" else np.roll(outputs, 1, axis=0)
    for path, picture in zip(paths, replaced, strict=True):
        write_bytes(path, encode_png(picture))
    if kind != "stale":
        _score(root, replaced, val)


def _score_training(root: Path) -> None:
    """Write outputs for training pictures in the place of validation's, and their scores."""
    probe, folder = arrays.load(root / "data/pairs", "probe"), root / "data/predictions"
    for path in folder.glob("*.png"):
        path.unlink()
    generator = load_generator(root / "data/model")
    outputs = _evaluator(root).render(generator, probe.inputs(generator.config["task"]))
    for row, picture in zip(probe.index["row"], outputs, strict=True):
        write_bytes(folder / f"{row:06d}.png", encode_png(picture))
    _score(root, outputs, probe)


def _score(root: Path, outputs: np.ndarray, pairs: Pairs) -> None:
    """Record the scores of `outputs` against the targets of `pairs` as those of validation."""
    evaluator = _evaluator(root)
    scored = evaluator.measure(lambda part: outputs[part], pairs)
    rows = pd.concat([pairs.index[["row", "item_id", "name"]], scored.table], axis=1)
    text = rows.to_csv(index=False, float_format="%.4f")
    write_text(root / "data/predictions/scores.csv", text)
    path = root / "metrics/evaluate.json"
    metrics = json.loads(path.read_text(encoding="utf-8"))
    metrics["val"] = evaluator.scores(scored, evaluator.photo_features(pairs))
    metrics["gap"] |= evaluation.gap(metrics["val"], metrics["train"])
    write_json(path, metrics)


def _evaluator(root: Path) -> Evaluator:
    params = read_params(root / "params.yaml")
    settings = params.evaluate
    extractors = features.build_extractors(root / "data/weights", settings.batch_size)
    return Evaluator(extractors, settings, params.clean.tone_residual)
