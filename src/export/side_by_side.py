"""Pairs as side-by-side pictures, which the official pix2pix code reads."""

from pathlib import Path

import numpy as np

from src.dataset import arrays
from src.drawing.sheets import three_channels
from src.storage.atomic import write_bytes
from src.storage.encoding import encode_png


def export_pairs(folder: Path, target: Path, task: str) -> int:
    """Write pairs side by side, input left and target right, as the official code reads them."""
    written = 0
    for side in ("train", "val"):
        pairs = arrays.load(folder, side)
        for row, left, right in zip(
            pairs.index["row"], pairs.inputs(task), pairs.photo, strict=True
        ):
            both = np.concatenate([three_channels(left), right], axis=1)
            write_bytes(target / side / f"{row:06d}.png", encode_png(both))
            written += 1
    return written
