"""A discriminator in the features of a network that knows photographs (Sauer et al. 2021).

It tells real from fake after far fewer pictures than one that learns from pixels alone. Pairs are
(N, C + 3, H, W) float in [-1, 1], the input's channels first.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from src.model.layers import BatchNorm2d, use_float32_depthwise
from src.weights.effnet import early_stages, load_effnet, prepare_signed

# The last blocks of an EfficientNet-Lite0 at 1/4, 1/8, 1/16 and 1/32 of the sides, and their channels.
LAST_BLOCKS = (2, 4, 10, 15)
FEATURE_WIDTHS = (24, 40, 112, 320)
PICTURE_CHANNELS = 3
COLOR_HALVINGS = 2  # of pictures of 1/8 of the sides


class ProjectedGAN(nn.Module):
    """One small discriminator for the features of each scale, and one for the coarse colours.

    Each also sees the input at its scale, so that it judges the pair. The published one has features
    alone, which hardly see a tint: with them alone generated facades are all of one. The network is
    frozen.
    """

    def __init__(self, in_channels: int, ndf: int):
        super().__init__()
        widths = [ndf << level for level in range(len(LAST_BLOCKS))]
        self.projection = Projection(widths)
        input_channels = in_channels - PICTURE_CHANNELS
        self.heads = nn.ModuleList(
            _head(width + input_channels, width, n_halvings)
            for n_halvings, width in zip(reversed(range(len(widths))), widths, strict=True)
        )
        self.heads.append(_head(in_channels, 2 * ndf, COLOR_HALVINGS))
        self.to(memory_format=torch.channels_last)

    def forward(self, pair: Tensor) -> list[Tensor]:
        """Return each part's logits, (N, 1, h, w) with h and w near H / 32 and W / 32."""
        x, picture = pair[:, :-PICTURE_CHANNELS], pair[:, -PICTURE_CHANNELS:]
        logits = []
        *heads, color_head = self.heads
        for maps, head in zip(self.projection(picture), heads, strict=True):
            small = F.interpolate(x, maps.shape[2:], mode="area").to(maps.dtype)
            logits.append(head(torch.cat([small, maps], 1)))
        coarse = F.avg_pool2d(pair, 32 >> COLOR_HALVINGS)
        return [*logits, color_head(coarse)]


class Projection(nn.Module):
    """The frozen features, mixed at random across channels and scales, as published.

    The mixing keeps the discriminators from looking at a few strong channels alone.

    Args:
        widths: The channels of each scale after the mixing, the finest first.
    """

    def __init__(self, widths: list[int]):
        super().__init__()
        self.stages = early_stages(load_effnet(), LAST_BLOCKS)
        use_float32_depthwise(self.stages)
        self.mix_channels = nn.ModuleList(map(_random_conv, FEATURE_WIDTHS, widths, [1] * 4))
        self.mix_scales = nn.ModuleList(map(_random_conv, widths[1:], widths, [3] * 3))
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> "Projection":
        """Stay as it is: its normalisation keeps the statistics of photographs."""
        return super().train(False)

    def forward(self, picture: Tensor) -> list[Tensor]:
        """Return the mixed features of (N, 3, H, W), the finest first."""
        x, features = prepare_signed(picture), []
        for stage, mix in zip(self.stages, self.mix_channels, strict=True):
            x = stage(x)
            features.append(mix(x))
        mixed = [features.pop()]
        for finer, mix in zip(reversed(features), reversed(self.mix_scales), strict=True):
            coarser = F.interpolate(mixed[0], finer.shape[2:], mode="bilinear")
            mixed.insert(0, finer + mix(coarser))
        return mixed


def _random_conv(in_width: int, out_width: int, kernel: int) -> nn.Conv2d:
    """Return a convolution that keeps the size, with He et al.'s (2015) random weights."""
    layer = nn.Conv2d(in_width, out_width, kernel, padding=kernel // 2)
    nn.init.kaiming_normal_(layer.weight)
    return layer


def _head(in_width: int, width: int, n_halvings: int) -> nn.Sequential:
    """Return a discriminator that halves the sides some times, with bounded (spectral) norms."""
    layers: list[nn.Module] = []
    for level in range(max(1, n_halvings)):
        kernel, stride, padding = (4, 2, 1) if n_halvings else (1, 1, 0)
        out_width = width << level
        layer = nn.Conv2d(in_width, out_width, kernel, stride, padding, bias=False)
        layers += [spectral_norm(layer), BatchNorm2d(out_width), nn.LeakyReLU(0.2, True)]
        in_width = out_width
    layers += [spectral_norm(nn.Conv2d(in_width, 1, 3, 1, 1))]
    return nn.Sequential(*layers)
