"""What is looked at along the way: weights, sample sheets and validation scores."""

from pathlib import Path

import numpy as np
import torch

from src.dataset.arrays import Pairs
from src.drawing.sheets import sample_sheet
from src.model import image_metrics
from src.model.distributed import SINGLE_PROCESS, World
from src.model.generator import Generator
from src.model.saving import save_generator
from src.model.tensors import to_tensor, to_uint8
from src.storage.atomic import read_json, write_bytes, write_json
from src.storage.encoding import encode_png

SHOWN = 6  # validation pictures in a sample sheet
BATCH = 32


def name(step: int) -> str:
    """What a snapshot's files are called."""
    return f"step_{step:06d}"


def take(
    generator: Generator,
    val: Pairs,
    out: Path,
    step: int,
    device: torch.device,
    world: World = SINGLE_PROCESS,
) -> dict[str, float]:
    """Keep the weights and a sheet of input | output | target; the mean scores of validation.

    Several processes score it together, and the first one writes.
    """
    world.on_main(save_generator, generator, out / "snapshots", name(step))
    generator.eval()
    inputs = val.inputs(generator.config["task"])

    def made(places: slice | np.ndarray) -> np.ndarray:
        return to_uint8(generator.render(to_tensor(inputs[places]).to(device)))

    shown = np.linspace(0, len(val) - 1, min(SHOWN, len(val))).astype(int)
    sheet = sample_sheet(inputs[shown], made(shown), val.photo[shown])
    sheet_file = out / "samples" / f"{name(step)}.png"
    world.on_main(write_bytes, sheet_file, encode_png(sheet))
    parts = [slice(at, at + BATCH) for at in range(0, len(val), BATCH)]
    scores = world.map(lambda part: image_metrics.scores(made(part), val.photo[part]), parts)
    generator.train()
    means = {key: np.concatenate([s[key] for s in scores]).mean() for key in image_metrics.BETTER}
    return {"step": step} | {key: round(float(mean), 5) for key, mean in means.items()}


def keep_best(scored: list[dict[str, float]], by: str, out: Path) -> dict[str, float]:
    """Copy the best snapshot, the earlier of equals, to `out`/best; its step and scores."""
    best = max(scored, key=lambda s: (image_metrics.BETTER[by] * s[by], -s["step"]))
    weights = out / "snapshots" / f"{name(best['step'])}.safetensors"
    write_bytes(out / "best" / "generator.safetensors", weights.read_bytes())
    write_json(out / "best" / "config.json", read_json(out / "snapshots" / "config.json"))
    return best
