"""Scores of finished pictures against photographs. All pictures are (N, H, W, 3) uint8."""

import numpy as np
import pandas as pd

from src.evaluate import distances
from src.evaluate.feature_networks import FeatureNetwork
from src.model import image_metrics
from src.vision.colorfulness import colorfulness
from src.vision.grayscale import REDUCED_PX, downscale, tone_residuals

DIGITS = {
    "l1": 4,
    "ssim": 4,
    "lpips": 4,
    "psnr": 3,
    "colorfulness": 2,
    "gray_share": 4,
}
FRECHET_DIGITS, KERNEL_DIGITS = 3, 2


def per_picture(outputs: np.ndarray, targets: np.ndarray, min_residual: float) -> pd.DataFrame:
    """Return a row of scores per picture.

    Args:
        outputs: The pictures.
        targets: Their photographs, in the same order.
        min_residual: The tone residual (Lab units) below which a picture counts as gray.

    Returns:
        The columns l1 (on the scale of [-1, 1]), psnr (dB), ssim, colorfulness and gray (0 or 1).
    """
    return pd.DataFrame(image_metrics.scores(outputs, targets) | looks(outputs, min_residual))


def looks(pictures: np.ndarray, min_residual: float) -> dict[str, np.ndarray]:
    """Return how colourful each picture is, and whether it is gray.

    Args:
        pictures: (N, H, W, 3) uint8.
        min_residual: The tone residual (Lab units) below which a picture counts as gray.
    """
    thumbnails = [downscale(np.ascontiguousarray(picture)) for picture in pictures]
    stacked = np.array(thumbnails, np.uint8).reshape(-1, REDUCED_PX, REDUCED_PX, 3)
    return {
        "colorfulness": colorfulness(pictures),
        "gray": (tone_residuals(stacked) < min_residual).astype(int),
    }


def summary(table: pd.DataFrame) -> dict[str, float]:
    """Return the rounded means of `per_picture`, and the number of pictures as n."""
    means = table.mean().rename({"gray": "gray_share"})
    rounded = {str(name): round(float(mean), DIGITS[str(name)]) for name, mean in means.items()}
    return rounded | {"n": len(table)}


def set_distances(
    network: type[FeatureNetwork] | FeatureNetwork,
    a: np.ndarray,
    b: np.ndarray,
    paired: bool = True,
) -> dict[str, float]:
    """Return the Fréchet distance, 1000 times the kernel distance, and each one's standard error.

    Args:
        network: Names the distances in its features.
        a: The features of one set, (N, D).
        b: The features of the other, (M, D).
        paired: Pictures at the same position show the same, and are left out together.
    """
    fd = distances.with_error(distances.frechet, a, b, paired)
    kd = distances.kernel_with_error(a, b, paired)
    return _rounded(network.frechet, fd, FRECHET_DIGITS) | _rounded(
        network.kernel, (1000 * kd[0], 1000 * kd[1]), KERNEL_DIGITS
    )


def _rounded(name: str, estimate: tuple[float, float], digits: int) -> dict[str, float]:
    """Return a score and its standard error under their names."""
    value, error = estimate
    return {name: round(value, digits), f"{name}_se": round(error, digits)}
