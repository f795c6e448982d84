"""Tiny trainings for tests: their parameters, how they are killed, and what they leave."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from src.model.depth import network_settings
from src.params import Params, Size
from src.train import steps
from src.train.gan import Networks, build

CPU = torch.device("cpu")
# a training of a second
TINY = {
    "pair.crop_size": 32,
    "pair.load_size": 36,
    "models.encdec.ngf": 4,
    "models.encdec.n_downs": 2,
    "models.encdec.n_blocks": 1,
    "models.unet.ngf": 4,
    "train.discriminator.ndf": 4,
    "train.discriminator.n_layers": 1,
    "train.steps": 10,
    "train.batch_size": 2,
    "train.checkpoint_every": 5,
    "train.precision": "fp32",
    "train.adversarial_from": 0.0,
    "train.gan_mode": "vanilla",
    "train.device": "cpu",
}
WEIGHTS = "model/generator.safetensors"
METRICS = ("history.csv", "progress.csv", "train.json")


class Killed(BaseException):
    """Stands for a signal: nothing catches it."""


def kill(monkeypatch, train: Callable, p: Params, step: int) -> None:
    """Train, and be killed in the middle of step number `step`, counted from this run's first."""
    calls = []

    def dying_step(*arguments: object) -> dict:
        calls.append(None)
        if len(calls) == step:
            raise Killed
        return steps.generator_step(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr("src.train.loop.generator_step", dying_step)
        with pytest.raises(Killed):
            train(p)


def outputs() -> dict[str, bytes]:
    """Return all files that a training leaves, by name."""
    files = [*Path("model").rglob("*"), *map(Path, METRICS)]
    return {str(file): file.read_bytes() for file in files if file.is_file()}


def remove_outputs() -> None:
    """Remove the outputs, as DVC does before it runs a stage."""
    shutil.rmtree("model", ignore_errors=True)
    for name in METRICS:
        Path(name).unlink(missing_ok=True)


def undisturbed(train: Callable, p: Params) -> tuple[dict[str, bytes], dict]:
    """Return the outputs and the metrics of a training, and remove the outputs."""
    metrics = train(p)
    files = outputs()
    remove_outputs()
    return files, metrics


def checkpoints() -> list[Path]:
    """Return the files of all checkpoints."""
    return list(Path(".resume").rglob("*.pt"))


def networks(p: Params) -> Networks:
    """Return fresh networks of a colorizing encoder-decoder."""
    torch.manual_seed(0)
    settings = network_settings("encdec", p.models.encdec.model_dump(), Size(32, 32))
    config = {"task": "colorize", "output": "chroma", "model": "encdec", "network": settings}
    return build(config, p, CPU)


def random_batch(side: int = 32) -> tuple[torch.Tensor, torch.Tensor]:
    """Return two gray inputs and two photos, in [-1, 1]."""
    rng = torch.Generator().manual_seed(0)
    x, real = (torch.rand(2, c, side, side, generator=rng) * 2 - 1 for c in (1, 3))
    return x, real


def flat_weights(network: torch.nn.Module) -> torch.Tensor:
    """Return a copy of all weights as a vector."""
    return torch.cat([w.detach().flatten().clone() for w in network.parameters()])
