"""A close look at two pictures that match: do they agree in every part of the middle?

At 64 pixels, cards with different pips and labels with different words look alike. At 256 they do
not. A copy agrees there too, unless something was written across its middle.
"""

from dataclasses import dataclass
from functools import cached_property
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
FINE_PX, BROAD_PX = 1.5, 6  # the scales between which details are
CONTRAST_PX = 12  # over which their contrast is evened out
COLOR_PX = 2  # of 64, over which colours are averaged
STEPS = (0.008, 0.004, 0.002, 0.001)  # of a pose that 64 pixels suggest
TARGET_CORR = 0.9
MIN_TILT_DEGREES = 1.0  # below which a picture's aspect does not matter


@dataclass(frozen=True, eq=False)
class CloseLook:
    """A picture at the size of a close comparison.

    Attributes:
        gray: (256, 256) uint8.
        bands: Lines of 256 at the top, bottom, left and right.
        aspect: Height over width of the picture.
        chroma: (64, 64, 2) uint8, a and b of Lab.
    """

    gray: np.ndarray
    bands: tuple[int, int, int, int]
    aspect: float
    chroma: np.ndarray

    def details(self, without_bands: bool) -> np.ndarray:
        """Return the fine details of the picture, (256, 256) float32."""
        return self._inner_details if without_bands else self._details

    def colors(self, without_bands: bool) -> np.ndarray:
        """Return the broad colours of the picture, (64, 64, 2) uint8."""
        chroma = self.chroma
        if without_bands:
            top, bottom, left, right = (lines // SCALE for lines in self.bands)
            inner = chroma[top : THUMBNAIL_PX - bottom, left : THUMBNAIL_PX - right]
            chroma = cv2.resize(inner, (THUMBNAIL_PX, THUMBNAIL_PX))
        return np.asarray(cv2.GaussianBlur(chroma, (0, 0), COLOR_PX))

    @cached_property
    def _details(self) -> np.ndarray:
        return details(self.gray)

    @cached_property
    def _inner_details(self) -> np.ndarray:
        top, bottom, left, right = self.bands
        inner = np.ascontiguousarray(self.gray[top : SIDE_PX - bottom, left : SIDE_PX - right])
        return details(cv2.resize(inner, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_LINEAR))


def details(levels: np.ndarray) -> np.ndarray:
    """Return fine details, their contrast evened out: (256, 256) of any dtype → float32."""
    values = levels.astype(np.float32)
    values = cv2.GaussianBlur(values, (0, 0), FINE_PX) - cv2.GaussianBlur(values, (0, 0), BROAD_PX)
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
    small = cv2.resize(pixels, (THUMBNAIL_PX, THUMBNAIL_PX), interpolation=cv2.INTER_AREA)
    chroma = cv2.cvtColor(small, cv2.COLOR_RGB2LAB)[..., 1:]
    return CloseLook(gray, (top, bottom, left, right), aspect, chroma)


class Registration(NamedTuple):
    """One picture, closely laid upon the other.

    Attributes:
        fixed: Fine details of the picture below, without its bands if the match left them out.
        moved: Those of the picture above, in the form of the other.
        pose: Of the picture above, see `correlation`.
        aspect: Height over width that tilts depend on.
        fixed_bands: The lines that `fixed` leaves out, see `CloseLook`.
        moved_bands: The same of `moved`, before it took its form.
    """

    fixed: np.ndarray
    moved: np.ndarray
    pose: np.ndarray
    aspect: float
    fixed_bands: tuple[int, int, int, int]
    moved_bands: tuple[int, int, int, int]


def register(first: CloseLook, second: CloseLook, match: Match) -> Registration:
    """Lay one picture upon the other as they match at 64 pixels, and improve its pose."""
    looks, banded, form = (first, second), match.banded, forms.INVERSES[match.form]
    if match.is_first_moved:
        looks, banded, form = looks[::-1], banded[::-1], match.form
    fixed, moved = (
        look.details(without_bands) for look, without_bands in zip(looks, banded, strict=True)
    )
    moved = forms.orient(moved, form)
    aspect = looks[0].aspect if match.rotation >= MIN_TILT_DEGREES else 1.0
    low, high = (SCALE * row for row in compared_rows(match.strip))
    start = np.array(match.pose)
    _, pose = coordinate_ascent(fixed, moved, start, low, high, TARGET_CORR, STEPS, aspect)
    bands = [
        look.bands if without_bands else (0, 0, 0, 0)
        for look, without_bands in zip(looks, banded, strict=True)
    ]
    return Registration(fixed, moved, pose, aspect, bands[0], bands[1])


class CloseAgreement(NamedTuple):
    """How well two pictures agree in their parts.

    Attributes:
        lowest: Of the blocks of the middle with details in both, -1…1; 1 if there are none.
        second_lowest: The same of the second lowest.
        lowest_of_either: As `lowest`, of the blocks with details in one of them at least.
        color_difference: As in `Match`, of broad colours at 64 pixels: a cut shifts them less than
            those at 16.
        blocks: How many of the 100 blocks of the middle have details in both.
    """

    lowest: float
    second_lowest: float
    lowest_of_either: float
    color_difference: float
    blocks: int


def close_agreement(first: CloseLook, second: CloseLook, match: Match) -> CloseAgreement:
    """Compare two pictures that match at 64 pixels, block by block."""
    registration = register(first, second, match)
    low, high = (SCALE * row for row in compared_rows(match.strip))
    compared = witness.compare_blocks(
        registration.fixed, registration.moved, registration.pose, BLOCKS, registration.aspect
    )
    rows = slice(
        max(low // (SIDE_PX // BLOCKS), EDGE_BLOCKS),
        min(-(-high // (SIDE_PX // BLOCKS)), BLOCKS - EDGE_BLOCKS),
    )
    middles = (blocks[rows, EDGE_BLOCKS:-EDGE_BLOCKS] for blocks in compared)
    either, both = (np.sort(middle[~np.isnan(middle)]) for middle in middles)
    lowest, second_lowest = np.append(both, (1.0, 1.0))[:2].tolist()
    difference = _color_difference(first, second, match)
    return CloseAgreement(
        lowest, second_lowest, float(min(either, default=1.0)), difference, len(both)
    )


def _color_difference(first: CloseLook, second: CloseLook, match: Match) -> float:
    a, b = (look.colors(bands) for look, bands in zip((first, second), match.banded, strict=True))
    if match.is_first_moved:
        fixed, moved = b, forms.orient(a, match.form)
    else:
        fixed, moved = a, forms.orient(b, forms.INVERSES[match.form])
    return witness.color_difference(fixed, moved, np.array(match.pose))
