"""Scores of finished pictures against photographs. All pictures are (N, S, S, 3) uint8."""

import numpy as np
import pandas as pd

from src.evaluate import distances
from src.model import image_metrics
from src.vision.colorfulness import colorfulness
from src.vision.grayscale import REDUCED_PX, reduce, tone_residuals

DIGITS = {
    "fid": 3,
    "fd_random": 5,
    "l1": 4,
    "ssim": 4,
    "lpips": 4,
    "psnr": 3,
    "colorfulness": 2,
    "gray_share": 4,
}
KERNEL = {"fid": "kid_x1000", "fd_random": "kd_random_x1000"}


def per_picture(outputs: np.ndarray, targets: np.ndarray, grayscale: float) -> pd.DataFrame:
    """One row per picture: l1 (on the scale of [-1, 1]), psnr (dB), ssim, colorfulness, gray."""
    return pd.DataFrame(image_metrics.scores(outputs, targets) | looks(outputs, grayscale))


def looks(pictures: np.ndarray, grayscale: float) -> dict[str, np.ndarray]:
    """How colourful each picture is, and whether it is gray."""
    smalls = [reduce(np.ascontiguousarray(picture)) for picture in pictures]
    smalls = np.array(smalls, np.uint8).reshape(-1, REDUCED_PX, REDUCED_PX, 3)
    return {
        "colorfulness": colorfulness(pictures),
        "gray": (tone_residuals(smalls) < grayscale).astype(int),
    }


def summary(table: pd.DataFrame) -> dict[str, float]:
    """The means of `per_picture`, rounded, with the number of pictures."""
    means = table.mean().rename({"gray": "gray_share"})
    return {name: round(float(means[name]), DIGITS[name]) for name in means.index} | {
        "n": len(table)
    }


def set_distances(
    name: str, a: np.ndarray, b: np.ndarray, together: bool = True
) -> dict[str, float]:
    """Fréchet distance under the features' own name (fid, fd_random), KID times 1000, and the
    standard error of each.

    a, b: the features of two sets, (N, D). together: those of a place show the same, and are left
    out together.
    """
    fd, fd_error = distances.with_error(distances.frechet, a, b, together)
    kid, kid_error = distances.kernel_with_error(a, b, together)
    kernel = KERNEL[name]
    return {
        name: round(fd, DIGITS[name]),
        f"{name}_se": round(fd_error, DIGITS[name]),
        kernel: round(1000 * kid, 2),
        f"{kernel}_se": round(1000 * kid_error, 2),
    }
