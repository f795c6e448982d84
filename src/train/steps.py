"""One step of each network: the losses of pix2pix (Isola et al. 2017).

Inputs `x` are (B, C, H, W), photos `real` and the generator's pictures `fake` (B, 3, H, W), all of
them in [-1, 1]. A step changes the weights of its network.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from src.params import Train
from src.train.augment import augment
from src.train.gan import Networks, frozen


def discriminator_step(
    nets: Networks, x: Tensor, real: Tensor, fake: Tensor, t: Train
) -> dict[str, Tensor]:
    """Teach the discriminator to distinguish (x, real) from (x, fake).

    Its loss is the mean of both losses, as published.

    Returns:
        The loss `d`, and which share of its logits is right on real and on generated pictures, the
        mean over its parts.
    """
    assert nets.discriminator_ddp is not None
    assert nets.discriminator_adam is not None
    nets.discriminator_adam.zero_grad()
    losses = {"d": torch.zeros((), device=x.device)}
    for name, photo, label in (("real", real, 1), ("fake", fake.detach(), 0)):
        pair = augment(x, photo, t.discriminator.augment)
        logits = nets.discriminator_ddp(torch.cat(pair, 1))
        loss = discriminator_loss(t.gan_mode, logits, label) / 2
        torch.autograd.backward(loss)  # at once: only one pass's activations are in memory
        losses["d"] += loss.detach()
        middle = 0.5 if t.gan_mode == "lsgan" else 0.0
        is_right = [part > middle if label else part < middle for part in logits]
        losses[f"d_right_on_{name}"] = _mean([part.float().mean() for part in is_right])
    nets.discriminator_adam.step()
    return losses


def generator_step(
    nets: Networks,
    x: Tensor,
    real: Tensor,
    fake: Tensor,
    t: Train,
    use_discriminator: bool = True,
) -> dict[str, Tensor]:
    """Teach the generator to match the photo (L1) and to pass for real.

    Without use of the discriminator L1 and the perceptual loss alone count.

    Returns:
        The losses `g_l1` and, where there is one, `g_perceptual` and `g_gan`, before their weights.
    """
    discriminator = nets.discriminator if use_discriminator else None
    l1 = F.l1_loss(fake.float(), real)
    loss, losses = t.l1_weight * l1, {"g_l1": l1.detach()}
    if nets.perceptual is not None:
        perceptual = nets.perceptual(fake, real)
        loss = loss + t.perceptual_weight * perceptual
        losses["g_perceptual"] = perceptual.detach()
    if discriminator is not None:
        pair = augment(x, fake, t.discriminator.augment)
        with frozen(discriminator):  # halves its backward pass: it does not learn here
            gan = generator_loss(t.gan_mode, discriminator(torch.cat(pair, 1)))
        loss = loss + t.gan_weight * gan
        losses["g_gan"] = gan.detach()
    nets.generator_adam.zero_grad()
    torch.autograd.backward(loss)
    nets.generator_adam.step()
    return losses


def learning_rate(step: int, steps: int, base: float) -> float:
    """Return the rate of a step: constant for the first half of `steps`, then linear to zero."""
    half = steps / 2
    return base if step < half else base * (steps - step) / (steps - half)


def discriminator_loss(mode: str, logits: Sequence[Tensor], label: int) -> Tensor:
    """Return the mean loss of a discriminator, of whose parts each counts alike.

    Args:
        mode: `vanilla`, cross entropy (Goodfellow et al. 2014), as pix2pix has it; `lsgan`, least
            squares (Mao et al. 2017); or `hinge` (Lim and Ye 2017).
        logits: Of each part, of any shape.
        label: 1 for photos, 0 for generated pictures.
    """
    return _mean([_loss(mode, part.float(), label) for part in logits])


def generator_loss(mode: str, logits: Sequence[Tensor]) -> Tensor:
    """Return the mean loss of a generator whose pictures got these logits, see `discriminator_loss`."""
    if mode == "hinge":
        return -_mean([part.float().mean() for part in logits])
    return discriminator_loss(mode, logits, 1)


def _loss(mode: str, logits: Tensor, label: int) -> Tensor:
    if mode == "hinge":
        return F.relu(1 - logits if label else 1 + logits).mean()
    loss = F.mse_loss if mode == "lsgan" else F.binary_cross_entropy_with_logits
    return loss(logits, torch.full_like(logits, label))


def _mean(values: list[Tensor]) -> Tensor:
    return torch.stack(values).mean()
