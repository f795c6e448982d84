"""A thumbnail's details, and the pose in which two pictures' details correlate best.

Details are middle frequencies: finer ones misalign, and broader ones are light. No hash is used, so
that the audit may rely on it.
"""

import cv2
import numpy as np

from src.imaging import resizing
from src.vision.correlation import coordinate_ascent, correlation
from src.vision.views import STRIPS, THUMBNAIL_PX

# Levels of detail below which a picture is blank, and compared with none. Smooth skies have 0.6, the
# plainest copies of portraits and facades 6.6.
BLANK_DETAIL, BLANK_PX = 1.0, 15
CONTRAST_PX = 6  # pixels over which contrast is evened out
NOISE_LEVELS = 4  # of detail that may be noise, and are not amplified
MIN_START_CORR = 0.45  # correlation in a view below which no alignment leads to a copy


def thumbnail(pixels: np.ndarray) -> np.ndarray:
    """Return a picture's gray thumbnail: (height, width, 3) uint8 RGB → (64, 64) uint8."""
    return cv2.cvtColor(resizing.thumbnail(pixels, THUMBNAIL_PX), cv2.COLOR_RGB2GRAY)


def is_blank(thumbnail: np.ndarray) -> bool:
    """Say whether nothing in a thumbnail, (height, width) uint8, distinguishes it from others."""
    edge = BLANK_PX // 2  # where the blur mirrors the picture, so that a slope has detail
    inner = np.s_[edge:-edge, edge:-edge]
    blurred = cv2.blur(thumbnail, (BLANK_PX, BLANK_PX))[inner]
    sharp = thumbnail[inner]
    return cv2.norm(sharp, blurred, cv2.NORM_L1) < BLANK_DETAIL * sharp.size


def detail(thumbnail: np.ndarray, strip: int = 0) -> np.ndarray:
    """Return what distinguishes pictures: middle frequencies with an even contrast.

    Args:
        thumbnail: (64, 64) uint8.
        strip: Which of STRIPS is left out.

    Returns:
        (64, 64) float32, zero in the strip; a blank picture has zeros only.
    """
    low, high = compared_rows(strip)
    values = np.zeros(thumbnail.shape, np.float32)
    if not is_blank(thumbnail[low:high]):
        rows = thumbnail[low:high].astype(np.float32)
        rows = cv2.GaussianBlur(rows, (0, 0), 1) - cv2.GaussianBlur(rows, (0, 0), 8)
        contrast = np.sqrt(cv2.GaussianBlur(rows * rows, (0, 0), CONTRAST_PX))
        values[low:high] = rows / (contrast + NOISE_LEVELS)
    return values


def align(
    fixed: np.ndarray, moved: np.ndarray, pose: np.ndarray, strip: int, target: float = -1.0
) -> tuple[float, np.ndarray]:
    """Improve the pose of one picture in another, unless it starts hopelessly.

    Args:
        fixed: Details of a picture, (64, 64) float32.
        moved: Details of another, (64, 64) float32.
        pose: The pose of `moved` in `fixed` to begin with, one of POSES.
        strip: Which of STRIPS is left out.
        target: The correlation to reach; an alignment that will not come near it ends early.

    Returns:
        The correlation, -1…1, and the pose that has it.
    """
    low, high = compared_rows(strip)
    value = correlation(fixed, moved, pose, low, high, 2)
    if value >= MIN_START_CORR:
        value, pose = coordinate_ascent(fixed, moved, pose, low, high, target)
    return float(value), pose


def compared_rows(strip: int) -> tuple[int, int]:
    """Return the first row outside a strip, and the row after the last one."""
    top, bottom = STRIPS[strip][:2]
    return round(top * THUMBNAIL_PX), round((1 - bottom) * THUMBNAIL_PX)
