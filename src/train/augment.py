"""Random changes of what the discriminator sees, so that it cannot memorise a small set.

This is differentiable augmentation (DiffAugment, Zhao et al. 2020) with the paper's ranges, for
real and generated pictures alike. Translation and cutout change input and picture in the same
place.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

MAX_SHIFT = 1 / 8  # of a side, by which a pair is moved
CUTOUT_SIDE = 1 / 2  # of a side: the square that is cut out


def augment(x: Tensor, picture: Tensor, kinds: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Return inputs and pictures, in [-1, 1], changed by each of `kinds`, names in KINDS.

    The changes are drawn from torch's own generator.
    """
    for kind in kinds:
        x, picture = KINDS[kind](x, picture)
    return x, picture


def _color(x: Tensor, picture: Tensor) -> tuple[Tensor, Tensor]:
    """Change brightness, saturation and contrast of the picture alone."""
    brightness, saturation, contrast = torch.rand(3, len(x), 1, 1, 1, device=x.device)
    picture = picture + brightness - 0.5
    gray = picture.mean(dim=1, keepdim=True)
    picture = gray + (picture - gray) * 2 * saturation
    mean = picture.mean(dim=(1, 2, 3), keepdim=True)
    return x, mean + (picture - mean) * (contrast + 0.5)


def _translation(x: Tensor, picture: Tensor) -> tuple[Tensor, Tensor]:
    """Move each pair by up to MAX_SHIFT; what it leaves is zero."""
    device, sides = x.device, x.shape[2:]
    limits = [round(side * MAX_SHIFT) for side in sides]
    rows, columns = (
        torch.randint(2 * limit + 1, (len(x), 1), device=device) + torch.arange(side, device=device)
        for limit, side in zip(limits, sides, strict=True)
    )
    pairs = torch.arange(len(x), device=device)[:, None, None]
    padding = (limits[1], limits[1], limits[0], limits[0])

    def move(pictures: Tensor) -> Tensor:
        padded = F.pad(pictures, padding).permute(0, 2, 3, 1)
        return padded[pairs, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)

    return move(x), move(picture)


def _cutout(x: Tensor, picture: Tensor) -> tuple[Tensor, Tensor]:
    """Set a square of each pair to zero; it may reach over the edges."""
    outside = []
    for side in x.shape[2:]:
        half = round(side * CUTOUT_SIDE) // 2
        center = torch.randint(side, (len(x), 1), device=x.device)
        offset = torch.arange(side, device=x.device) - center
        outside.append((offset < -half) | (offset >= half))
    mask = outside[0][:, None, :, None] | outside[1][:, None, None, :]
    return x * mask, picture * mask


Kind = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
KINDS: dict[str, Kind] = {"color": _color, "translation": _translation, "cutout": _cutout}
