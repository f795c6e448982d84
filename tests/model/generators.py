"""Tiny generators for tests, with running statistics."""

import numpy as np
import torch

from src.model.generator import Generator
from src.model.tensors import to_tensor
from tests.builders import untrained

NETWORKS = {
    "encdec": {"ngf": 4, "n_downs": 2, "n_blocks": 1, "upsample": "resize", "norm": "batch"},
    "unet": {"ngf": 4, "n_downs": 3, "upsample": "resize", "norm": "batch", "dropout": 0.0},
    "pretrained": {"ngf": 4, "upsample": "resize", "norm": "batch", "dropout": 0.0},
}


def generator(
    model: str = "encdec", task: str = "colorize", output: str = "chroma", gain: float = 1.0
) -> Generator:
    """Return a tiny generator with some running statistics; `gain` scales its last layer."""
    torch.manual_seed(0)
    config = {"task": task, "output": output, "model": model, "network": NETWORKS[model]}
    config |= {"size": 32, "crop": "center", "canny": {}}
    network = Generator(config)
    with torch.no_grad():
        *_, last = (m for m in network.modules() if isinstance(m, torch.nn.Conv2d))
        last.weight.mul_(gain)
        network(inputs(task))  # moves the running statistics
    return network.eval()


def inputs(task: str = "colorize", count: int = 3) -> torch.Tensor:
    """Return random inputs of 64 pixels, in [-1, 1]."""
    shape = (count, 64, 64) if task != "labels" else (count, 64, 64, 3)
    return to_tensor(np.random.default_rng(1).integers(256, size=shape, dtype=np.uint8))


ENCDEC = {"ngf": 4, "n_downs": 4, "n_blocks": 1, "upsample": "resize", "norm": "batch"}
UNET = {"ngf": 4, "n_downs": 5, "upsample": "transposed", "norm": "batch", "dropout": 0.5}
# models and their settings, by name
VARIANTS = {
    "encdec": ("encdec", ENCDEC),
    "encdec-instance": ("encdec", ENCDEC | {"norm": "instance"}),
    "unet": ("unet", UNET),
    "unet-instance": ("unet", UNET | {"norm": "instance"}),
    "pretrained": ("pretrained", NETWORKS["pretrained"]),
}


def variant(
    name: str = "encdec", task: str = "colorize", output: str = "chroma", gain: float = 4
) -> Generator:
    """Return an untrained generator for 32-pixel pictures; see `untrained`."""
    return untrained(task, output, *VARIANTS[name], gain)
