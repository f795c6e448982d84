"""Scores of pictures against their own targets. All pictures are (N, H, W, 3) uint8."""

import numpy as np
import torch
from torch import Tensor

from src.storage.slices import slices

PSNR_CAP_DB = 100.0  # equal pictures have infinitely many, which no metrics file holds
BATCH_SIZE = 4  # pictures; SSIM takes about a hundred times their memory, and more is slower
BETTER = {"l1": -1, "psnr": 1, "ssim": 1}  # the sign of what is better


def scores(outputs: np.ndarray, targets: np.ndarray) -> dict[str, np.ndarray]:
    """Return each picture's l1 (on the scale of [-1, 1]), psnr (dB) and ssim, (N,) float each.

    Raises:
        TypeError: The pictures are not uint8.
    """
    batches = [_scores(outputs[part], targets[part]) for part in slices(len(outputs), BATCH_SIZE)]
    return {name: np.concatenate([batch[name] for batch in batches]) for name in BETTER}


def _scores(outputs: np.ndarray, targets: np.ndarray) -> dict[str, np.ndarray]:
    # imported late: it takes as long as torch, and training starts without it
    from torchmetrics.functional.image import (
        peak_signal_noise_ratio,
        structural_similarity_index_measure,
    )

    a, b = to_unit(outputs), to_unit(targets)
    psnr = [
        min(PSNR_CAP_DB, float(peak_signal_noise_ratio(x, y, data_range=1.0)))
        for x, y in zip(a, b, strict=True)
    ]
    ssim = structural_similarity_index_measure(a, b, data_range=1.0, reduction="none")
    assert isinstance(ssim, Tensor)
    return {
        "l1": 2 * (a - b).abs().mean(dim=(1, 2, 3)).numpy(),
        "psnr": np.array(psnr),
        "ssim": ssim.reshape(-1).numpy(),
    }


def to_planes(pictures: np.ndarray) -> Tensor:
    """Convert (N, H, W, 3) uint8 to (N, 3, H, W) uint8.

    Raises:
        TypeError: The pictures are not uint8.
    """
    if pictures.dtype != np.uint8:
        raise TypeError(f"pictures must be uint8, not {pictures.dtype}: floats score wrongly")
    return torch.from_numpy(np.array(pictures)).permute(0, 3, 1, 2)


def to_unit(pictures: np.ndarray) -> Tensor:
    """Convert (N, H, W, 3) uint8 to (N, 3, H, W) float in [0, 1]; TypeError as `to_planes`."""
    return to_planes(pictures).float() / 255
