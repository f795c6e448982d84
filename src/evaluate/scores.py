"""Scores of finished pictures against photographs. All pictures are (N, H, W, 3) uint8."""

import numpy as np
import pandas as pd

from src.evaluate import distances
from src.evaluate.feature_networks import FeatureNetwork
from src.evaluate.neighbourhoods import NAMES, neighbourhood_scores
from src.model import image_metrics
from src.vision.colorfulness import colorfulness
from src.vision.grayscale import REDUCED_PX, downscale, tone_residuals

DIGITS = {
    "l1": 4,
    "ssim": 4,
    "lpips_squeeze": 4,
    "lpips_alex": 4,
    "psnr": 3,
    "colorfulness": 2,
    "gray_share": 4,
}
FRECHET_DIGITS, KERNEL_DIGITS, SHARE_DIGITS = 3, 2, 3


def per_picture(outputs: np.ndarray, targets: np.ndarray, min_residual: float) -> pd.DataFrame:
    """Return a row of scores per picture; see `color_scores` for `min_residual`.

    Returns:
        The columns l1 (on the scale of [-1, 1]), psnr (dB), ssim, colorfulness and gray (0 or 1).
    """
    return pd.DataFrame(
        image_metrics.scores(outputs, targets) | color_scores(outputs, min_residual)
    )


def color_scores(pictures: np.ndarray, min_residual: float) -> dict[str, np.ndarray]:
    """Return how colourful each picture is, and whether it is gray: its tone residual is too low.

    The least tone residual of a picture in colour, `min_residual`, is in Lab units.
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


def set_scores(
    network: type[FeatureNetwork] | FeatureNetwork,
    a: np.ndarray,
    b: np.ndarray,
    paired: bool = True,
) -> dict[str, float]:
    """Return the scores of a set of pictures as a whole, each with its standard error.

    They are the Fréchet distance, 1000 times the kernel distance, precision, recall, density and
    coverage. The features of the set are (N, D), and (M, D) those of the photographs that it should
    look like. See `with_error` for `paired`.
    """
    fd, fd_error = distances.with_error(distances.frechet, a, b, paired)
    kd, kd_error = distances.kernel_with_error(a, b, paired)
    near, near_errors = distances.with_error(neighbourhood_scores, a, b, paired)
    estimates = {
        network.frechet: (float(fd), float(fd_error), FRECHET_DIGITS),
        network.kernel: (1000 * kd, 1000 * kd_error, KERNEL_DIGITS),
    }
    for name, value, error in zip(NAMES, near, near_errors, strict=True):
        estimates[f"{name}_{network.name}"] = float(value), float(error), SHARE_DIGITS
    return {
        key: round(number, digits)
        for name, (value, error, digits) in estimates.items()
        for key, number in ((name, value), (f"{name}_se", error))
    }
