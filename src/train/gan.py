"""The generator and its discriminator, with what trains them."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import nn

from src.model.depth import require_patches
from src.model.distributed import SINGLE_PROCESS, World, sync_batch_norms
from src.model.generator import CHANNELS, Generator
from src.model.layers import set_memory_format
from src.params import Params, Train
from src.train.discriminator import Discriminator
from src.train.perceptual import PerceptualLoss

Network = TypeVar("Network", bound=nn.Module)
StatePart = nn.Module | torch.optim.Optimizer


@dataclass
class Networks:
    """The networks and their optimizers.

    Attributes:
        generator: The network that becomes the model, unless there is an `ema`.
        generator_ddp: The generator as training calls it: all processes share its gradients.
        generator_adam: The generator's optimizer.
        discriminator: None if train.gan_weight is 0, as are the next two.
        discriminator_ddp: The discriminator as its own training calls it.
        discriminator_adam: The discriminator's optimizer.
        ema: The moving average of the generator's weights; None if train.ema_decay is 0.
        perceptual: A loss beside L1; None if train.perceptual_weight is 0.
    """

    generator: Generator
    generator_ddp: nn.Module
    generator_adam: torch.optim.Adam
    discriminator: Discriminator | None = None
    discriminator_ddp: nn.Module | None = None
    discriminator_adam: torch.optim.Adam | None = None
    ema: Generator | None = None
    perceptual: PerceptualLoss | None = None

    @property
    def final_generator(self) -> Generator:
        """The generator that becomes the model."""
        return self.ema or self.generator

    @property
    def state_parts(self) -> dict[str, StatePart]:
        """Everything that a checkpoint holds the state of, by name."""
        names = ("generator", "generator_adam", "discriminator", "discriminator_adam", "ema")
        return {name: part for name in names if (part := getattr(self, name)) is not None}

    def set_learning_rate(self, rate: float) -> None:
        """Set both optimizers' learning rate."""
        for adam in (self.generator_adam, self.discriminator_adam):
            if adam is not None:
                adam.param_groups[0]["lr"] = rate

    @torch.no_grad()
    def update_ema(self, decay: float, step: int) -> None:
        """Set ema = d · ema + (1 - d) · generator, with d = min(decay, (1 + step) / (10 + step)).

        The lower decay of the first steps forgets the initial weights. After 300 steps at 0.99
        they would else still count a twentieth. The running variances of batch normalisation
        start at 1, and that twentieth would dominate them.
        """
        if self.ema is None:
            return
        share = 1 - min(decay, (1 + step) / (10 + step))
        for mean, value in zip(
            self.ema.state_dict().values(), self.generator.state_dict().values(), strict=True
        ):
            if mean.is_floating_point():
                mean.lerp_(value, share)
            else:
                mean.copy_(value)


def build(
    config: dict[str, Any], p: Params, device: torch.device, world: World = SINGLE_PROCESS
) -> Networks:
    """Return fresh networks and optimizers; their weights come from torch's own generator.

    Raises:
        UserError: The pictures are too small for the discriminator.
    """
    t, size = p.train, p.pair.crop_size

    def place(network: Network, channels: int) -> Network:
        network = sync_batch_norms(network.to(device), world)
        set_memory_format(network, (t.batch_size // world.size, channels, *size))
        return network

    channels = CHANNELS[p.task]
    generator = place(Generator(config), channels)
    ema = deepcopy(generator) if t.ema_decay else None
    nets = Networks(generator, world.wrap_ddp(generator), _adam(generator, t), ema=ema)
    if t.perceptual_weight:
        nets.perceptual = PerceptualLoss().to(device).to(memory_format=torch.channels_last)
    if t.gan_weight:
        require_patches(t.discriminator, size)
        channels += 3  # it sees the input and the picture
        nets.discriminator = place(Discriminator(channels, t.discriminator), channels)
        nets.discriminator_ddp = world.wrap_ddp(nets.discriminator)
        nets.discriminator_adam = _adam(nets.discriminator, t)
    return nets


def trainable(network: nn.Module) -> list[nn.Parameter]:
    """Return the weights that training changes."""
    return [weight for weight in network.parameters() if weight.requires_grad]


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Let nothing computed in the block have gradients of the network's weights."""
    weights = trainable(network)
    for weight in weights:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in weights:
            weight.requires_grad_(True)


def _adam(network: nn.Module, t: Train) -> torch.optim.Adam:
    return torch.optim.Adam(trainable(network), t.lr, (t.beta1, t.beta2), fused=True)
