"""A perceptual loss (Johnson et al. 2016): how far pictures are from photos in a network's features."""

from typing import cast

from torch import Tensor, nn

from src.weights.effnet import load_effnet, prepare

# The last blocks at a half, a quarter and an eighth of the sides: edges, textures, parts.
LAST_BLOCKS = (0, 2, 4)


class PerceptualLoss(nn.Module):
    """The mean L1 distance in the early features of an EfficientNet-Lite0, by their own size.

    Each of three layers counts alike: its distance is a share of the photos' mean feature.
    """

    def __init__(self) -> None:
        super().__init__()
        network = load_effnet()
        blocks = list(cast(nn.ModuleList, network._blocks))
        stem = cast(list[nn.Module], [network._conv_stem, network._bn0, network._swish])
        self.stages = nn.ModuleList()
        start = 0
        for last in LAST_BLOCKS:
            self.stages.append(nn.Sequential(*stem, *blocks[start : last + 1]))
            stem, start = [], last + 1

    def forward(self, fake: Tensor, real: Tensor) -> Tensor:
        """Return the loss of pictures and the photos that they should be, (B, 3, H, W) in [-1, 1]."""
        x, y = (prepare(127.5 * (pictures + 1)) for pictures in (fake, real))
        loss = x.new_zeros(())
        for stage in self.stages:
            x, y = stage(x), stage(y.detach())
            loss = loss + (x - y).abs().float().mean() / y.abs().float().mean().clamp_min(1e-6)
        return loss / len(self.stages)
