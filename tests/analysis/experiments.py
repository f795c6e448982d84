"""Experiments whose outputs are photographs with noise."""

import numpy as np
import pandas as pd

from src.analysis.comparison import Experiment
from src.evaluate import scores
from tests.builders import pairs_of


def experiment(name: str, photos: np.ndarray, noise: float, seed: int = 0) -> Experiment:
    """Return an experiment whose outputs differ from their targets by noise."""
    rng = np.random.default_rng(seed)
    shift = rng.normal(0, noise, (len(photos), 1, 1, 1))
    outputs = (photos + shift + rng.normal(0, noise, photos.shape)).clip(0, 255).astype(np.uint8)
    scored = scores.per_picture(outputs, photos, 4.0).rename(columns={"gray": "gray_share"})
    table = pd.concat([pd.DataFrame({"row": range(len(photos))}), scored], axis=1)
    return Experiment(name, table, outputs, pairs_of(photos))
