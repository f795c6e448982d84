"""Pairs as side-by-side pictures, which the official pix2pix code reads."""

from pathlib import Path

import numpy as np

from src.dataset import arrays
from src.drawing.sheets import three_channels
from src.storage.atomic import write_bytes
from src.storage.encoding import encode_png


def export_pairs(folder: Path, out: Path, task: str) -> int:
    """Write each pair as a PNG: the input left, the photo right.

    Args:
        folder: The pairs of both sides.
        out: Gets train/ and val/, with a file for each ledger row.
        task: colorize, sketch or labels: whose inputs stand left.

    Returns:
        How many pairs were written.

    Raises:
        UserError: The pairs are missing, or the source has no inputs for this task.
    """
    count = 0
    for side in ("train", "val"):
        pairs = arrays.load(folder, side)
        for row, left, right in zip(
            pairs.index["row"], pairs.inputs(task), pairs.photo, strict=True
        ):
            both = np.concatenate([three_channels(left), right], axis=1)
            write_bytes(out / side / f"{row:06d}.png", encode_png(both))
            count += 1
    return count
