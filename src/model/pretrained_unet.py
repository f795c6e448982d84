"""A U-Net whose encoder has learned ImageNet: a few hundred pictures suffice for what remains."""

import torch
from torch import Tensor, nn

from src.model.layers import Conv2d, use_float32_depthwise
from src.model.networks import initialise, norm_layer, upsample_layers
from src.weights.effnet import build_effnet, early_stages, load_effnet, prepare_signed

# The last blocks of an EfficientNet-Lite0 at 1/2, 1/4, … 1/32 of the sides, and their channels.
LAST_BLOCKS = (0, 2, 4, 10, 15)
ENCODER_WIDTHS = (16, 24, 40, 112, 320)
DECODER_WIDTHS = (1, 2, 4, 4, 8)  # in ngf, from the outermost level on
DROPOUT_LEVELS = (3, 4)
# Of the running statistics. The package's .01 keeps ImageNet's for hundreds of steps.
MOMENTUM = 0.1


class PretrainedUNet(nn.Module):
    """A U-Net as TernausNet (Iglovikov and Shvets 2018), with the EfficientNet-Lite0 as encoder.

    On the device meta, of shapes alone, the encoder's weights are not read. H and W must be
    multiples of 32.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        ngf: int,
        upsample: str,
        norm: str,
        dropout: float,
    ):
        super().__init__()
        # the pictures themselves, of full size, are what the outermost level sees again
        self.skip = nn.Sequential(Conv2d(in_channels, ngf, 3, 1, 1), nn.ReLU(True))
        self.ups = nn.ModuleList()
        in_width = ENCODER_WIDTHS[-1]
        for level in reversed(range(len(LAST_BLOCKS))):
            out_width = ngf * DECODER_WIDTHS[level]
            layers = upsample_layers(upsample, in_width, out_width, bias=False)
            layers += [norm_layer(norm, out_width)]
            layers += [nn.Dropout(dropout)] if dropout and level in DROPOUT_LEVELS else []
            self.ups.append(nn.Sequential(*layers, nn.ReLU(True)))
            in_width = out_width + (ENCODER_WIDTHS[level - 1] if level else ngf)
        self.last = nn.Sequential(Conv2d(in_width, out_channels, 3, 1, 1), nn.Tanh())
        initialise(self)
        effnet = build_effnet() if torch.empty(0).is_meta else load_effnet()
        self.encoder = early_stages(effnet.train().requires_grad_(True), LAST_BLOCKS)
        use_float32_depthwise(self.encoder)
        for module in self.encoder.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = MOMENTUM
        self.multiple = 2 ** len(LAST_BLOCKS)

    def forward(self, x: Tensor) -> Tensor:
        skips = [self.skip(x)]
        x = prepare_signed(x).expand(-1, 3, -1, -1)
        for stage in self.encoder:
            x = stage(x)
            skips.append(x)
        x = skips.pop()
        for up in self.ups:
            x = torch.cat([up(x), skips.pop()], dim=1)
        y: Tensor = self.last(x)
        return y
