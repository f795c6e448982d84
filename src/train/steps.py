"""One step of each network: the losses of pix2pix."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from src.model.generator import Generator
from src.params import Train
from src.train.augment import augment


@dataclass
class Networks:
    """What is trained. Without an adversarial loss there is no discriminator.

    average: the moving average of the generator's weights, where one is kept. run and judge: how
    generator and discriminator are called, so that gradients are shared with other processes.
    """

    generator: Generator
    discriminator: nn.Module | None
    generator_adam: torch.optim.Adam
    discriminator_adam: torch.optim.Adam | None
    average: Generator | None = None
    run: nn.Module | None = None
    judge: nn.Module | None = None

    @property
    def parts(self) -> dict[str, nn.Module | torch.optim.Adam]:
        """What a checkpoint keeps, by name."""
        names = ("generator", "discriminator", "generator_adam", "discriminator_adam", "average")
        return {name: part for name in names if (part := getattr(self, name)) is not None}

    @property
    def kept(self) -> Generator:
        """The generator that becomes the model."""
        return self.average or self.generator

    @torch.no_grad()
    def follow(self, decay: float, step: int) -> None:
        """Move the average on by a step: decay · average + (1 - decay) · weights.

        At first with less decay, (1 + step) / (10 + step), so that the weights it began with
        are soon forgotten: of 300 steps at .99 they would else keep a twentieth, and the
        variances of batch normalisation, which begin at 1, would drown what was measured.
        """
        share = 1 - min(decay, (1 + step) / (10 + step))
        for mean, now in zip(
            self.average.state_dict().values(), self.generator.state_dict().values(), strict=True
        ):
            if mean.is_floating_point():
                mean.lerp_(now, share)
            else:
                mean.copy_(now)


def discriminator_step(
    nets: Networks, x: Tensor, real: Tensor, fake: Tensor, train: Train
) -> dict[str, Tensor]:
    """Teach D to tell (x, real) from (x, fake); its loss is halved, as published."""
    nets.discriminator_adam.zero_grad()
    losses = {"d": torch.zeros((), device=x.device)}
    for name, photo, label in (("real", real, 1), ("fake", fake.detach(), 0)):
        judged = nets.judge(torch.cat(augment(x, photo, train.discriminator.augment), 1)).float()
        loss = _bce(judged, label) / 2
        loss.backward()  # now: what it keeps is gone before the other's is made
        losses["d"] += loss.detach()
        right = judged > 0 if label else judged < 0
        losses[f"d_right_on_{name}"] = right.float().mean()
    nets.discriminator_adam.step()
    return losses


def generator_step(
    nets: Networks, x: Tensor, real: Tensor, fake: Tensor, train: Train
) -> dict[str, Tensor]:
    """Teach G to be near the photo (L1) and to be taken for real by D."""
    l1 = F.l1_loss(fake.float(), real)
    loss, losses = train.l1_weight * l1, {"g_l1": l1.detach()}
    if nets.discriminator is not None:
        nets.discriminator.requires_grad_(False)  # it learns nothing here: half its backward
        pair = augment(x, fake, train.discriminator.augment)
        gan = _bce(nets.discriminator(torch.cat(pair, 1)).float(), 1)
        loss = loss + train.gan_weight * gan
        losses["g_gan"] = gan.detach()
    nets.generator_adam.zero_grad()
    loss.backward()
    if nets.discriminator is not None:
        nets.discriminator.requires_grad_(True)
    nets.generator_adam.step()
    return losses


def learning_rate(step: int, steps: int, base: float) -> float:
    """Constant for the first half, then linear to zero: a pure function of the step."""
    half = steps / 2
    return base if step < half else base * (steps - step) / (steps - half)


def _bce(logits: Tensor, label: int) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))
