"""Scores of finished pictures against photographs. All pictures are (N, S, S, 3) uint8."""

import warnings

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torchmetrics.functional.image import (
    peak_signal_noise_ratio,
    structural_similarity_index_measure,
)
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from src import tone

KID_SUBSETS, KID_SUBSET_SIZE = 100, 50
PSNR_CAP = 100.0  # dB; equal pictures would have infinitely many, which no metrics file holds
DIGITS = {
    "fid": 3,
    "fd_random": 5,
    "l1": 4,
    "ssim": 4,
    "psnr": 3,
    "colorfulness": 2,
    "gray_share": 4,
}


def per_picture(outputs: np.ndarray, targets: np.ndarray, grayscale: float) -> pd.DataFrame:
    """One row per picture: l1 (on the scale of [-1, 1]), psnr (dB), ssim, colorfulness, gray."""
    a, b = unit(outputs), unit(targets)
    return pd.DataFrame(
        {
            "l1": l1(outputs, targets),
            "psnr": [
                min(PSNR_CAP, float(peak_signal_noise_ratio(x, y, data_range=1.0)))
                for x, y in zip(a, b, strict=True)
            ],
            "ssim": structural_similarity_index_measure(
                a, b, data_range=1.0, reduction="none"
            ).numpy(),
            "colorfulness": [tone.colorfulness(p) for p in outputs],
            "gray": [int(tone.residual(p) < grayscale) for p in outputs],
        }
    )


def l1(outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Each picture's mean absolute difference on the scale of [-1, 1], (N,) float."""
    return 2 * (unit(outputs) - unit(targets)).abs().mean(dim=(1, 2, 3)).numpy()


def summary(table: pd.DataFrame) -> dict[str, float]:
    """The means of `per_picture`, rounded, with the number of pictures."""
    means = table.mean().rename({"gray": "gray_share"})
    return {name: round(float(means[name]), DIGITS[name]) for name in means.index} | {
        "n": len(table)
    }


def distances(
    features: nn.Module, outputs: np.ndarray, targets: np.ndarray, batch_size: int
) -> dict[str, float]:
    """Fréchet distance under the features' own name (fid, fd_random), and KID times 1000."""
    # KID keeps all features; small as they are, that is no reason to warn in every run
    warnings.filterwarnings("ignore", message="Metric `Kernel Inception Distance` will save")
    fd = FrechetInceptionDistance(feature=features, normalize=False)
    size = min(KID_SUBSET_SIZE, len(outputs), len(targets))
    kid = KernelInceptionDistance(
        feature=features, normalize=False, subsets=KID_SUBSETS, subset_size=size
    )
    for pictures, real in ((targets, True), (outputs, False)):
        for start in range(0, len(pictures), batch_size):
            batch = planes(pictures[start : start + batch_size])
            fd.update(batch, real=real)
            kid.update(batch, real=real)
    torch.manual_seed(0)  # KID draws its subsets
    mean, _ = kid.compute()
    kernel = "kid_x1000" if features.name == "fid" else "kd_random_x1000"
    return {
        features.name: round(float(fd.compute()), DIGITS[features.name]),
        kernel: round(1000 * float(mean), 2),
    }


def planes(pictures: np.ndarray) -> Tensor:
    """(N, S, S, 3) uint8 → (N, 3, S, S) uint8, as the feature networks want them."""
    if pictures.dtype != np.uint8:
        raise TypeError(f"pictures must be uint8, not {pictures.dtype}: floats score wrongly")
    return torch.from_numpy(np.array(pictures)).permute(0, 3, 1, 2)


def unit(pictures: np.ndarray) -> Tensor:
    """(N, S, S, 3) uint8 → (N, 3, S, S) float in [0, 1]."""
    return planes(pictures).float() / 255
