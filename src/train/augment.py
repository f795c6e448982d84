"""What the discriminator sees, changed at random so that it cannot learn a small set by heart.

Differentiable augmentation (DiffAugment, Zhao et al. 2020, with the paper's ranges), of real and
generated pictures alike. What moves or hides a place does so in the input and the picture at once.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

SHIFT = 1 / 8  # of a side, by at most which a pair is moved
HIDDEN = 1 / 2  # of a side: the square that is cut out


def augment(x: Tensor, picture: Tensor, kinds: list[str]) -> tuple[Tensor, Tensor]:
    """Inputs (B, C, H, W) and pictures (B, 3, H, W), both in [-1, 1], changed by each of `kinds`.

    Draws from torch's own generator.
    """
    for kind in kinds:
        x, picture = KINDS[kind](x, picture)
    return x, picture


def _color(x: Tensor, picture: Tensor) -> tuple[Tensor, Tensor]:
    """Brightness, saturation and contrast of the picture alone."""
    brightness, saturation, contrast = torch.rand(3, len(x), 1, 1, 1, device=x.device)
    picture = picture + brightness - 0.5
    gray = picture.mean(dim=1, keepdim=True)
    picture = gray + (picture - gray) * 2 * saturation
    middle = picture.mean(dim=(1, 2, 3), keepdim=True)
    return x, middle + (picture - middle) * (contrast + 0.5)


def _translation(x: Tensor, picture: Tensor) -> tuple[Tensor, Tensor]:
    height, width = x.shape[2:]
    most = [round(side * SHIFT) for side in (height, width)]
    down, right = (
        torch.randint(2 * m + 1, (len(x), 1), device=x.device) + torch.arange(side, device=x.device)
        for m, side in zip(most, (height, width), strict=True)
    )
    which = torch.arange(len(x), device=x.device)[:, None, None]
    room = (most[1], most[1], most[0], most[0])

    def moved(pictures: Tensor) -> Tensor:
        padded = F.pad(pictures, room).permute(0, 2, 3, 1)
        return padded[which, down[:, :, None], right[:, None, :]].permute(0, 3, 1, 2)

    return moved(x), moved(picture)


def _cutout(x: Tensor, picture: Tensor) -> tuple[Tensor, Tensor]:
    outside = []
    for side in x.shape[2:]:
        half = round(side * HIDDEN) // 2
        middle = torch.randint(side, (len(x), 1), device=x.device)
        away = torch.arange(side, device=x.device) - middle
        outside.append((away < -half) | (away >= half))
    kept = outside[0][:, None, :, None] | outside[1][:, None, None, :]
    return x * kept, picture * kept


Kind = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
KINDS: dict[str, Kind] = {"color": _color, "translation": _translation, "cutout": _cutout}
