"""LPIPS (Zhang et al. 2018): how far two pictures are apart in the features of an AlexNet."""

import hashlib
import sys
from pathlib import Path
from pickle import UnpicklingError

import numpy as np
import torch
from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

from src.errors import UserError
from src.model.image_metrics import to_unit
from src.storage.environment import environment

SMALLEST = 32  # pixels of a side, of which AlexNet leaves one


class Lpips:
    """Pictures, (N, S, S, 3) uint8, and their targets to LPIPS, (N,): 0 for equal ones.

    weights: AlexNet's, under the name and in the folders that torch hub gives them; UserError
    where they do not fit.
    """

    def __init__(self, weights: Path, device: torch.device):
        # where torchvision looks before it downloads
        home = environment(TORCH_HOME=str(weights.parents[2]))
        try:
            torch.load(weights, weights_only=True)  # refuses code, which the next line would run
            with home:
                metric = LearnedPerceptualImagePatchSimilarity(
                    "alex", reduction="none", normalize=True
                )
        except (RuntimeError, OSError, KeyError, ValueError, EOFError, UnpicklingError) as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise UserError(f"{weights} does not fit AlexNet: {reason}") from None
        self._metric = metric.to(device)
        self.weights = f"sha256 {hashlib.sha256(weights.read_bytes()).hexdigest()}"

    def __call__(self, outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        a, b = (to_unit(pictures).to(self._metric.device) for pictures in (outputs, targets))
        with torch.no_grad():
            found = self._metric(a, b)
        self._metric.reset()  # it would keep the scores of all it has seen
        return found.reshape(-1).double().cpu().numpy()


def load(weights: Path | None, size: int, device: torch.device) -> Lpips | None:
    """LPIPS where there are weights for it, and pictures are large enough."""
    if weights and size < SMALLEST:
        print(
            f"no LPIPS of {size} pixels (pair.crop_size), expected at least {SMALLEST}",
            file=sys.stderr,
        )
    return Lpips(weights, device) if weights and size >= SMALLEST else None
