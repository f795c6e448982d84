"""The EfficientNet-Lite0 (Tan and Le 2019) that has learned ImageNet, from an installed package."""

from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

SIDE_PX = 224  # at which the network was trained


def load_effnet(weights: Path | None = None) -> nn.Module:
    """Return the frozen network, with the package's own weights or those of a file.

    Raises:
        UserError: The package holds another file.
    """
    # imported late: it imports a network's library, which opens a socket
    from src.weights import pretrained

    network = build_effnet()
    network.load_state_dict(torch.load(weights or pretrained.effnet_file(), weights_only=True))
    return network.eval().requires_grad_(False)


def build_effnet() -> nn.Module:
    """Return the network with weights that have learned nothing."""
    # imported late: what only reads scores needs neither
    from efficientnet_lite_pytorch import EfficientNet

    network: nn.Module = EfficientNet.from_name("efficientnet-lite0")
    return network


def early_stages(network: nn.Module, last_blocks: tuple[int, ...]) -> nn.ModuleList:
    """Return the network's layers up to some of its blocks, one stage for each of these."""
    blocks = list(cast(nn.ModuleList, network._blocks))
    stem = cast(list[nn.Module], [network._conv_stem, network._bn0, network._swish])
    stages = nn.ModuleList()
    start = 0
    for last in last_blocks:
        stages.append(nn.Sequential(*stem, *blocks[start : last + 1]))
        stem, start = [], last + 1
    return stages


def prepare(levels: Tensor) -> Tensor:
    """Return pictures as the network was trained on them: 0…255 of any shape → about [-1, 1]."""
    return (levels - 127) / 128


def prepare_signed(pictures: Tensor) -> Tensor:
    """Return pictures as the network was trained on them, from pictures in [-1, 1]."""
    return prepare(127.5 * (pictures + 1))
