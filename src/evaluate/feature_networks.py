"""Networks in whose features two sets of pictures are compared. NETWORKS is their registry."""

from itertools import pairwise
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from src.weights import pretrained
from src.weights.effnet import SIDE_PX, load_effnet, prepare
from src.weights.loading import require_weights


class FeatureNetwork(nn.Module):
    """A frozen network: (N, 3, H, W) uint8 → (N, D) float. It is built from its file of weights.

    Batch normalisation is folded into the convolutions, which changes a distance by less than 1e-6
    of its value.

    Attributes:
        name: Ends the names of precision, recall, density and coverage.
        frechet: The name of the Fréchet distance in its features.
        kernel: The name of 1000 times the kernel distance.
        cpu_batch: Pictures at a time on a CPU: their feature maps still fit its caches.
    """

    name: ClassVar[str]
    frechet: ClassVar[str]
    kernel: ClassVar[str]
    cpu_batch: ClassVar[int]

    def __init__(self, weights: Path):
        super().__init__()
        self.network = self.load(weights).eval().requires_grad_(False)
        fold_norms(self.network)
        self.network.to(memory_format=torch.channels_last)

    @staticmethod
    def weights_file(folder: Path) -> Path | None:
        """Return the network's verified weights in the folder of the stage `weights`, or None."""
        raise NotImplementedError

    @staticmethod
    def load(weights: Path) -> nn.Module:
        """Return the network with the weights of a file."""
        raise NotImplementedError

    def features(self, pictures: Tensor) -> Tensor:
        """Return the features of pictures in channels-last order."""
        raise NotImplementedError

    def forward(self, pictures: Tensor) -> Tensor:
        on_cpu = pictures.device.type == "cpu"
        parts = torch.split(pictures, self.cpu_batch) if on_cpu else [pictures]
        ordered = [part.contiguous(memory_format=torch.channels_last) for part in parts]
        return torch.cat([self.features(part) for part in ordered])


class EffnetFeatures(FeatureNetwork):
    """The 1,280 features of an EfficientNet-Lite0.

    Whole pictures are resized to 224 pixels, as the network was trained.
    """

    name, frechet, kernel = "effnet", "fd_effnet", "kd_effnet_x1000"
    cpu_batch = 2

    @staticmethod
    def weights_file(folder: Path) -> Path:
        """Return the file in the installed package; raise UserError if it is another."""
        return pretrained.effnet_file()

    @staticmethod
    def load(weights: Path) -> nn.Module:
        network = load_effnet(weights)
        for layer in network.modules():
            # the package pads in a pass of its own, also where the convolution can
            padding = getattr(layer, "static_padding", None)
            if isinstance(layer, nn.Conv2d) and isinstance(padding, nn.ZeroPad2d):
                left, right, top, bottom = padding.padding
                if (left, top) == (right, bottom):
                    layer.padding, layer.static_padding = (top, left), nn.Identity()
        return network

    def features(self, pictures: Tensor) -> Tensor:
        size = (SIDE_PX, SIDE_PX)
        x = F.interpolate(pictures.float(), size, mode="bilinear", antialias=True)
        maps: Tensor = self.network.extract_features(prepare(x))  # type: ignore[operator]
        return maps.mean(dim=(2, 3))


class InceptionFeatures(FeatureNetwork):
    """The 2,048 features of FID's Inception network."""

    name, frechet, kernel = "inception", "fid", "kid_x1000"
    cpu_batch = 8

    @staticmethod
    def weights_file(folder: Path) -> Path | None:
        """Return the file that the stage `weights` has verified, or None."""
        return pretrained.inception_file(folder)

    @staticmethod
    def load(weights: Path) -> nn.Module:
        """Return the network; raise UserError if the file does not hold Inception's weights."""
        from torchmetrics.image.fid import NoTrainInceptionV3

        with require_weights(weights, "the Inception network"):
            return NoTrainInceptionV3("inception-v3-compat", ["2048"], str(weights))

    def features(self, pictures: Tensor) -> Tensor:
        features: Tensor = self.network(pictures)
        return features


def fold_norms(network: nn.Module) -> None:
    """Fold each batch normalisation of a frozen network into the convolution before it."""
    for module in network.modules():
        for (name, convolution), (norm_name, norm) in pairwise(list(module.named_children())):
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(module, name, fuse_conv_bn_eval(convolution, norm))
                setattr(module, norm_name, nn.Identity())


# Each one whose weights are available is used. The first always is.
NETWORKS: tuple[type[FeatureNetwork], ...] = (EffnetFeatures, InceptionFeatures)
