"""Snapshots of a training: weights, sample sheets and validation scores."""

from pathlib import Path

import numpy as np

from src.dataset.arrays import Pairs
from src.drawing.sheets import sample_sheet
from src.model import image_metrics
from src.model.distributed import SINGLE_PROCESS, World
from src.model.generator import Generator
from src.model.saving import save_generator
from src.model.tensors import to_tensor, to_uint8
from src.storage.atomic import write_bytes
from src.storage.encoding import encode_png
from src.storage.slices import slices
from src.storage.snapshot_names import snapshot_name

SHEET_PICTURES = 6  # of validation, in a sample sheet
BATCH_SIZE = 32

Scores = dict[str, float]  # the snapshot's step, and its mean score by metric


def take(
    generator: Generator, val: Pairs, out: Path, step: int, world: World = SINGLE_PROCESS
) -> Scores:
    """Write the weights, and a sheet of input | output | target; score the validation pictures.

    Args:
        generator: In training mode, as it is again afterwards.
        val: The validation pairs.
        out: Gets snapshots/ and samples/, which the main process writes.
        step: The number of steps done.
        world: The processes that score together.

    Returns:
        The step, and the mean l1, psnr and ssim.

    Raises:
        FloatingPointError: A picture is not finite, though all weights may be.
    """
    world.on_main(save_generator, generator, out / "snapshots", snapshot_name(step))
    generator.eval()
    inputs = val.inputs(generator.config["task"])
    device = next(generator.parameters()).device

    def render(rows: slice | np.ndarray) -> np.ndarray:
        pictures = generator.render(to_tensor(inputs[rows]).to(device))
        if not pictures.isfinite().all():
            raise FloatingPointError("a picture")
        return to_uint8(pictures)

    def score(rows: slice) -> dict[str, np.ndarray]:
        return image_metrics.scores(render(rows), val.photo[rows])

    sample_pairs = np.linspace(0, len(val) - 1, min(SHEET_PICTURES, len(val))).astype(int)
    sheet = sample_sheet(inputs[sample_pairs], render(sample_pairs), val.photo[sample_pairs])
    world.on_main(write_bytes, out / "samples" / f"{snapshot_name(step)}.png", encode_png(sheet))
    batches = world.map(score, slices(len(val), BATCH_SIZE))
    generator.train()
    means = {
        key: np.concatenate([batch[key] for batch in batches]).mean()
        for key in image_metrics.BETTER
    }
    return {"step": step} | {key: round(float(mean), 5) for key, mean in means.items()}
