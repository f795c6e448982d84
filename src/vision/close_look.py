"""A close look at two pictures that match: does what they show agree in every part of the middle?

At 64 pixels, cards with other pips and labels with other words look alike. At 256 they do not. A copy
agrees there too, unless something was written across its middle.
"""

from typing import NamedTuple

import cv2
import numpy as np

from src.vision import forms, witness
from src.vision.alignment import NOISE_LEVELS, compared_rows
from src.vision.bands import borders
from src.vision.correlation import coordinate_ascent
from src.vision.matching import Match
from src.vision.views import THUMBNAIL_PX

SIDE_PX, BLOCKS = 256, 16
SCALE = SIDE_PX // THUMBNAIL_PX
EDGE_BLOCKS = 3  # at each side, where marks and bands are
FINE_PX, BROAD_PX, CONTRAST_PX = (
    1.5,
    6,
    12,
)  # between which details are; over which they are evened out
STEPS = (0.008, 0.004, 0.002, 0.001)  # of a pose that 64 pixels suggest
TARGET = 0.9
MIN_TILT_DEGREES = 1.0  # below which a picture's aspect does not matter


class CloseLook(NamedTuple):
    """What a picture is closely compared by.

    Attributes:
        gray: (256, 256) uint8.
        bands: Lines of 256 at the top, bottom, left and right.
        aspect: Height over width of the picture.
    """

    gray: np.ndarray
    bands: tuple[int, int, int, int]
    aspect: float

    def details(self, without_bands: bool) -> np.ndarray:
        """Return the fine details of the picture, (256, 256) float32."""
        gray = self.gray
        if without_bands:
            top, bottom, left, right = self.bands
            inner = np.ascontiguousarray(gray[top : SIDE_PX - bottom, left : SIDE_PX - right])
            gray = cv2.resize(inner, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_LINEAR)
        values = gray.astype(np.float32)
        values = cv2.GaussianBlur(values, (0, 0), FINE_PX) - cv2.GaussianBlur(
            values, (0, 0), BROAD_PX
        )
        contrast = np.sqrt(cv2.GaussianBlur(values * values, (0, 0), CONTRAST_PX))
        return np.asarray(values / (contrast + NOISE_LEVELS))


def close_look(pixels: np.ndarray, thumbnail: np.ndarray, aspect: float) -> CloseLook:
    """Return a picture's close look.

    Args:
        pixels: (256, 256, 3) uint8 RGB.
        thumbnail: (64, 64) uint8 gray, of the same picture.
        aspect: Height over width of the picture.
    """
    top, bottom, left, right = (SCALE * lines for lines in borders(thumbnail))
    gray = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    return CloseLook(gray, (top, bottom, left, right), aspect)


class CloseAgreement(NamedTuple):
    """How well the least similar blocks of the middle agree, -1…1; 1 where there are no details."""

    lowest: float
    second_lowest: float


def close_agreement(first: CloseLook, second: CloseLook, match: Match) -> CloseAgreement:
    """Compare the details of two pictures block by block, where both have some.

    Args:
        first: Of one picture.
        second: Of the other.
        match: How they match at 64 pixels.
    """
    a, b = (look.details(bands) for look, bands in zip((first, second), match.banded, strict=True))
    if match.is_first_moved:
        fixed, moved, aspect = b, forms.orient(a, match.form), second.aspect
    else:
        fixed, moved, aspect = a, forms.orient(b, forms.INVERSES[match.form]), first.aspect
    if match.rotation < MIN_TILT_DEGREES:
        aspect = 1.0
    moved = np.ascontiguousarray(moved)
    low, high = (SCALE * row for row in compared_rows(match.strip))
    _, pose = coordinate_ascent(
        fixed, moved, np.array(match.pose), low, high, TARGET, STEPS, aspect
    )
    blocks = witness.block_correlations(fixed, moved, pose, BLOCKS, aspect, in_both=True)
    size = SIDE_PX // BLOCKS
    blocks[: low // size] = blocks[-(-high // size) :] = np.nan
    middle = blocks[EDGE_BLOCKS:-EDGE_BLOCKS, EDGE_BLOCKS:-EDGE_BLOCKS]
    ranked = np.sort(middle[~np.isnan(middle)])
    lowest, second_lowest = np.append(ranked, (1.0, 1.0))[:2].tolist()
    return CloseAgreement(lowest, second_lowest)
