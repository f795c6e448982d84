"""What a task's network sees of a photograph: its gray, its edges, or a label map."""

import cv2
import numpy as np

from src.params import Canny

MAX_BLUR_PX = 31


def to_gray(photo: np.ndarray) -> np.ndarray:
    """Return the mean of the three channels, rounded: (…, 3) uint8 → (…) uint8."""
    # thirds of an integer are never near a half, so that rounding is exact
    mean = cv2.transform(photo.reshape(1, -1, 3), np.full((1, 3), 1 / 3))
    return mean.reshape(photo.shape[:-1])


def to_canny(photo: np.ndarray, canny: Canny) -> np.ndarray:
    """Return white edges on black by Canny's algorithm (1986).

    Args:
        photo: (height, width, 3) uint8.
        canny: With `thresholds: relative`, low and high are percentiles of the picture's own
            gradients.

    Returns:
        (height, width) uint8, 0 or 255.
    """
    gray = to_gray(photo)
    if canny.blur > 1:
        gray = cv2.GaussianBlur(gray, (canny.blur, canny.blur), 0)
    low, high = canny.low, canny.high
    if canny.thresholds == "relative":
        # the sum of both is what Canny's own thresholds are compared with
        gradients = np.abs(_gradient(gray, 1, 0, canny)) + np.abs(_gradient(gray, 0, 1, canny))
        low, high = np.percentile(gradients, [low, high])
    return cv2.Canny(gray, low, high, apertureSize=canny.aperture)


def _gradient(gray: np.ndarray, across: int, down: int, canny: Canny) -> np.ndarray:
    return cv2.Sobel(
        gray, cv2.CV_32F, across, down, ksize=canny.aperture, borderType=cv2.BORDER_REPLICATE
    )


def jitter_canny(canny: Canny, share: float, rng: np.random.Generator) -> Canny:
    """Return settings with thresholds changed by up to `share`, 0…1, and blur by 0 or 2 pixels."""
    limit = 100.0 if canny.thresholds == "relative" else np.inf
    jittered = (value * (1 + share * rng.uniform(-1, 1)) for value in (canny.low, canny.high))
    low, high = sorted(min(limit, value) for value in jittered)
    blur = int(np.clip(canny.blur + rng.choice([-2, 0, 2]), 1, MAX_BLUR_PX))
    return canny.model_copy(update={"low": low, "high": high, "blur": blur})


def derive_input(task: str, picture: np.ndarray, canny: Canny | None) -> np.ndarray:
    """Return what a task's network sees of a picture.

    Args:
        task: colorize, sketch or labels; the picture of a labels task is the label map itself.
        picture: (height, width, 3) uint8.
        canny: Settings of the sketch task; other tasks need none.

    Returns:
        (height, width) uint8, or (height, width, 3) for labels.
    """
    if task == "colorize":
        return to_gray(picture)
    if canny is not None and task == "sketch":
        return to_canny(picture, canny)
    return picture
