"""The networks of pix2pix (Isola et al. 2017): two generators and the PatchGAN discriminator.

Pictures are (N, C, H, W) float in [-1, 1], as inputs and as outputs.
"""

import torch
from torch import Tensor, nn

from src.model.layers import (
    BatchNorm2d,
    Conv2d,
    ConvTranspose2d,
    ResizeConv2d,
    SingleChannelConv2d,
)


def norm_layer(kind: str, channels: int) -> nn.Module:
    """Return a batch or instance normalisation with learned scale and shift."""
    if kind == "batch":
        return BatchNorm2d(channels)
    return nn.InstanceNorm2d(channels, affine=True)


def upsample_layers(kind: str, in_width: int, out_width: int, bias: bool) -> list[nn.Module]:
    """Return layers that double the size, from one number of channels to another.

    They are a transposed convolution, as published, or resize and convolve (Odena et al. 2016).
    """
    if kind == "transposed":
        return [ConvTranspose2d(in_width, out_width, 4, 2, 1, bias=bias)]
    # the first keeps the names of the weights in models saved when it was the doubling
    return [nn.Identity(), ResizeConv2d(in_width, out_width, bias=bias)]


def initialise(network: nn.Module) -> None:
    """Draw convolutions from N(0, 0.02) and scales from N(1, 0.02); biases are 0 (as published).

    A network on the device meta, of shapes alone, stays as it is.
    """
    if next(network.parameters()).is_meta:
        return  # torch would import a symbolic algebra to draw nothing
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, 0.02)
        elif isinstance(module, nn.BatchNorm2d | nn.InstanceNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)


class Residual(nn.Module):
    """A residual block: x + f(x), where f is two 3x3 convolutions."""

    def __init__(self, channels: int, norm: str):
        super().__init__()
        self.body = nn.Sequential(
            Conv2d(channels, channels, 3, 1, 1, bias=False),
            norm_layer(norm, channels),
            nn.ReLU(True),
            Conv2d(channels, channels, 3, 1, 1, bias=False),
            norm_layer(norm, channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.body(x)
        return x + y


class EncDec(nn.Module):
    """The plain encoder-decoder: strided convolutions, residual blocks, upsampling.

    Everything passes through the bottleneck, which has ngf * 2**(n_downs - 1) channels and
    1 / 2**n_downs of the size. H and W must be multiples of 2**n_downs.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        ngf: int,
        n_downs: int,
        n_blocks: int,
        upsample: str,
        norm: str,
    ):
        super().__init__()
        widths = [ngf << level for level in range(n_downs)]
        layers: list[nn.Module] = []
        for level, width in enumerate(widths):
            in_width = widths[level - 1] if level else in_channels
            layers += [Conv2d(in_width, width, 4, 2, 1, bias=False)]
            layers += [norm_layer(norm, width), nn.ReLU(True)]
        layers += [Residual(widths[-1], norm) for _ in range(n_blocks)]
        for level in reversed(range(n_downs)):
            out_width = widths[level - 1] if level else out_channels
            layers += upsample_layers(upsample, widths[level], out_width, bias=level == 0)
            layers += [norm_layer(norm, out_width), nn.ReLU(True)] if level else [nn.Tanh()]
        self.layers = nn.Sequential(*layers)
        self.multiple = 2**n_downs
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return y


class UNet(nn.Module):
    """The U-Net generator: at each size the decoder sees the encoder's feature maps again.

    The encoder's levels have ngf * (1, 2, 4, 8, 8, …) channels. With 3 → 3 channels, ngf 64,
    n_downs 8 and transposed convolutions this is the official 256-pixel network of 54,413,955
    parameters. H and W must be multiples of 2**n_downs.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        ngf: int,
        n_downs: int,
        upsample: str,
        norm: str,
        dropout: float,
    ):
        super().__init__()
        widths = [ngf * min(8, 2**level) for level in range(n_downs)]
        self.downs = nn.ModuleList()
        for level, width in enumerate(widths):
            in_width = widths[level - 1] if level else in_channels
            # in place, as published: the decoder's ReLU gives the same for what it leaves
            layers: list[nn.Module] = [nn.LeakyReLU(0.2, True)] if level else []
            layers += [Conv2d(in_width, width, 4, 2, 1, bias=False)]
            # not at the ends: the first level sees raw pixels, a 1x1 bottleneck would become zero
            layers += [norm_layer(norm, width)] if 0 < level < n_downs - 1 else []
            self.downs.append(nn.Sequential(*layers))
        self.ups = nn.ModuleList()
        for level in reversed(range(n_downs)):
            in_width = widths[level] * (1 if level == n_downs - 1 else 2)
            out_width = widths[level - 1] if level else out_channels
            layers = [nn.ReLU(True)]
            layers += upsample_layers(upsample, in_width, out_width, bias=level == 0)
            if level:
                layers += [norm_layer(norm, out_width)]
                # as published: in the levels of full width except the innermost
                layers += [nn.Dropout(dropout)] if dropout and 4 <= level < n_downs - 1 else []
            else:
                layers += [nn.Tanh()]
            self.ups.append(nn.Sequential(*layers))
        self.multiple = 2**n_downs
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        for down in self.downs:
            x = down(x)
            skips.append(x)
        x = self.ups[0](skips.pop())
        for up in self.ups[1:]:
            x = up(torch.cat([x, skips.pop()], dim=1))
        return x


class PatchGAN(nn.Module):
    """The discriminator: a logit, real or fake, for each patch of (input, picture), (N, 1, h, w).

    The receptive field is 16, 34, 70 or 142 pixels for 1 to 4 layers after the first.
    """

    def __init__(self, in_channels: int, ndf: int, n_layers: int):
        super().__init__()
        layers: list[nn.Module] = [Conv2d(in_channels, ndf, 4, 2, 1), nn.LeakyReLU(0.2, True)]
        width = ndf
        for level in range(1, n_layers + 1):
            stride = 2 if level < n_layers else 1
            in_width, width = width, ndf * min(8, 2**level)
            layers += [Conv2d(in_width, width, 4, stride, 1, bias=False)]
            layers += [BatchNorm2d(width), nn.LeakyReLU(0.2, True)]
        layers += [SingleChannelConv2d(width, 1, 4, 1, 1)]
        self.layers = nn.Sequential(*layers)
        initialise(self)

    def forward(self, pair: Tensor) -> Tensor:
        logits: Tensor = self.layers(pair)
        return logits
