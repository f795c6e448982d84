"""LPIPS (Zhang et al. 2018): the distance of two pictures in a network's features."""

import sys
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from src.model.image_metrics import to_unit
from src.params import Size
from src.storage.checksums import file_sha256
from src.storage.environment import environment
from src.weights.loading import require_weights

MIN_PX = 32  # of a side, which the networks reduce to one pixel
Network = Literal["squeeze", "alex"]
NETWORKS: dict[Network, str] = {"squeeze": "SqueezeNet", "alex": "AlexNet"}


class Lpips:
    """The LPIPS of pictures, by a network whose weights are in a file.

    Attributes:
        name: The score's, lpips_squeeze or lpips_alex: values of different networks do not compare.
        weights: Names the file by its SHA-256.
    """

    def __init__(self, network: Network, weights: Path, device: torch.device):
        """Load the network.

        Args:
            network: SqueezeNet 1.1 or AlexNet.
            weights: Its file, named and placed as torch hub would: …/hub/checkpoints/….pth.
            device: Where the network runs.

        Raises:
            UserError: The file does not hold the network's weights.
        """
        # imported late: it takes as long as torch
        from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

        # torchvision looks there before it downloads
        torch_home = environment(TORCH_HOME=str(weights.parents[2]))
        with require_weights(weights, NETWORKS[network]), torch_home:
            metric = LearnedPerceptualImagePatchSimilarity(
                network, reduction="none", normalize=True
            )
        self._metric, self.name = metric.to(device), f"lpips_{network}"
        self.weights = f"sha256 {file_sha256(weights)}"

    def __call__(self, outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return each picture's distance from its target, (N,) float64; 0 for equal ones."""
        a, b = (to_unit(pictures).to(self._metric.device) for pictures in (outputs, targets))
        with torch.no_grad():
            scores: torch.Tensor = self._metric(a, b)
        self._metric.reset()  # it would store the scores of all pictures
        return scores.reshape(-1).double().cpu().numpy()


def load_lpips(
    weights: tuple[Network, Path] | None, size: Size, device: torch.device
) -> Lpips | None:
    """Return LPIPS, or None without weights and for pictures that are too small.

    Raises:
        UserError: The file does not hold the network's weights.
    """
    if weights and min(size) < MIN_PX:
        print(
            f"no LPIPS of {size} pixels (pair.crop_size), expected at least {MIN_PX}",
            file=sys.stderr,
        )
    return Lpips(*weights, device) if weights and min(size) >= MIN_PX else None
