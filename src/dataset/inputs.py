"""What a task's network gets, made from a photograph: its gray, its edges, or a label map."""

import cv2
import numpy as np

from src.params import Canny


def to_gray(photo: np.ndarray) -> np.ndarray:
    """The mean of the three channels, rounded: (…, 3) uint8 → (…) uint8."""
    return ((photo.astype(np.uint16).sum(axis=-1) + 1) // 3).astype(np.uint8)


def to_canny(photo: np.ndarray, canny: Canny) -> np.ndarray:
    """White edges on black by Canny's algorithm (1986): (H, W, 3) → (H, W) uint8, 0 or 255.

    With `thresholds: relative`, low and high are percentiles of the picture's own gradients.
    """
    gray = to_gray(photo)
    if canny.blur > 1:
        gray = cv2.GaussianBlur(gray, (canny.blur, canny.blur), 0)
    low, high = canny.low, canny.high
    if canny.thresholds == "relative":
        edge = {"ksize": canny.aperture, "borderType": cv2.BORDER_REPLICATE}
        across, down = (cv2.Sobel(gray, cv2.CV_32F, dx, 1 - dx, **edge) for dx in (1, 0))
        # the sum of both is how Canny's own thresholds are counted
        low, high = np.percentile(np.abs(across) + np.abs(down), [low, high])
    return cv2.Canny(gray, low, high, apertureSize=canny.aperture)


def jitter_canny(canny: Canny, share: float, rng: np.random.Generator) -> Canny:
    """Other thresholds, by at most `share` more or less, and a blur of a size more, less, or not."""
    most = 100.0 if canny.thresholds == "relative" else np.inf
    moved = (t * (1 + share * rng.uniform(-1, 1)) for t in (canny.low, canny.high))
    low, high = sorted(min(most, t) for t in moved)
    blur = int(np.clip(canny.blur + rng.choice([-2, 0, 2]), 1, 31))
    return canny.model_copy(update={"low": low, "high": high, "blur": blur})


def derive_input(task: str, picture: np.ndarray, canny: Canny) -> np.ndarray:
    """A picture, (H, W, 3) uint8, as the task takes it: (H, W) or (H, W, 3) uint8."""
    if task == "colorize":
        return to_gray(picture)
    if task == "sketch":
        return to_canny(picture, canny)
    return picture
