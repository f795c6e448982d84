"""Feature networks that distances between sets of pictures are measured in."""

from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor, nn
from torchmetrics.image.fid import NoTrainInceptionV3

from src.errors import UserError


class RandomFeatures(nn.Module):
    """A small fixed network of random convolutions: (N, 3, H, W) uint8 → (N, 224) float.

    Three convolutions (4x4, stride 2, ReLU) from a seed; the features are each layer's channel
    means. It sees colour and coarse texture, not content: its distance is no FID and goes by
    its own name.
    """

    name = "fd_random"
    widths = (32, 64, 128)
    num_features = sum(widths)

    def __init__(self, seed: int):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.layers = nn.ModuleList()
        inside = 3
        for width in self.widths:
            layer = nn.Conv2d(inside, width, 4, 2, 1, bias=False)
            spread = (2 / (16 * inside)) ** 0.5  # He et al. 2015
            layer.weight.data = torch.randn(layer.weight.shape, generator=generator) * spread
            self.layers.append(layer)
            inside = width
        self.eval().requires_grad_(False)

    def forward(self, pictures: Tensor) -> Tensor:
        x = pictures.float() / 127.5 - 1
        features = []
        for layer in self.layers:
            x = layer(x).relu()
            features.append(x.mean(dim=(2, 3)))
        return torch.cat(features, dim=1)


class InceptionFeatures(nn.Module):
    """The 2048 features of FID's Inception: (N, 3, H, W) uint8 → (N, 2048) float.

    Raises UserError where the file does not fit the network.
    """

    name = "fid"
    num_features = 2048

    def __init__(self, weights: Path):
        super().__init__()
        try:
            torch.load(weights, weights_only=True)  # refuses code, which the next line would run
            self.network = NoTrainInceptionV3("inception-v3-compat", ["2048"], str(weights))
        except (
            RuntimeError,
            OSError,
            KeyError,
            ValueError,
            TypeError,
            EOFError,
            UnpicklingError,
        ) as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise UserError(f"{weights} does not fit the Inception network: {reason}") from None
        self.eval().requires_grad_(False)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.network(pictures)


def build(weights: Path | None, seed: int) -> RandomFeatures | InceptionFeatures:
    """Inception from verified weights, or random features where there are none."""
    return InceptionFeatures(weights) if weights else RandomFeatures(seed)
