"""A second witness: do two pictures whose details correlate agree in the middle, and in colour?

One correlation over all of a picture takes pictures for copies that share a frame, a background or
a shape. What they show differs in the middle, or in its colour. A copy agrees in both: marks, bands
and cuts are at its edges, and a change of its colours is one of all of them.
"""

from typing import NamedTuple

import cv2
import numpy as np

from src.vision.correlation import warp
from src.vision.views import THUMBNAIL_PX

BLOCKS = 8  # into which a picture's height and width are divided; the middle is half of these
MIN_BLOCK_DETAIL = 0.15  # mean square of the details, below which a block says nothing
SMOOTHING = 0.02  # added to the mean squares, so that faint details count less
MIN_BLOCKS = 2  # of the middle that have details
# Of originals and their copies of 38 kinds, the second lowest correlation of a block of the middle
# is below .70 in few but those with a watermark, where it is in about one of ten.
MIN_AGREEMENT = 0.60
CHROMA_PX = 16
MAX_CHROMA_GAIN = 3.0  # of a copy's colours, up or down
PERCENTILE = 95
# A copy brightened by a quarter, with clipped colours, differs by up to 19; others by less than 15.
MAX_COLOR_DIFFERENCE = 20.0


def chroma(pixels: np.ndarray) -> np.ndarray:
    """Return what colours a picture has where.

    Args:
        pixels: (S, S, 3) uint8 RGB; S is a multiple of 16.

    Returns:
        (16, 16, 2) uint8: a and b of Lab, with 128 for gray. Integers, equal on every machine.
    """
    small = cv2.resize(pixels, (CHROMA_PX, CHROMA_PX), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(cv2.cvtColor(small, cv2.COLOR_RGB2LAB)[..., 1:])


def without_bands(chroma: np.ndarray, bands: tuple[int, int, int, int]) -> np.ndarray:
    """Return the colours of a picture without its bands.

    Args:
        chroma: (16, 16, 2) uint8.
        bands: Their lines of 64, see `bands.borders`.
    """
    top, bottom, left, right = bands
    large = cv2.resize(chroma, (THUMBNAIL_PX, THUMBNAIL_PX), interpolation=cv2.INTER_LINEAR)
    inner = large[top : THUMBNAIL_PX - bottom, left : THUMBNAIL_PX - right]
    return cv2.resize(inner, (CHROMA_PX, CHROMA_PX), interpolation=cv2.INTER_LINEAR)


def block_correlations(
    fixed: np.ndarray,
    moved: np.ndarray,
    pose: np.ndarray,
    blocks: int = BLOCKS,
    aspect: float = 1.0,
) -> np.ndarray:
    """Return how well two pictures' details agree in each block where either has some.

    Args and Returns:
        See `compare_blocks`.
    """
    return compare_blocks(fixed, moved, pose, blocks, aspect).either


class Blocks(NamedTuple):
    """How well two pictures agree in each block, (B, B) float64, -1…1; NaN where nothing is compared.

    Attributes:
        either: Where one of them has details.
        both: Where both have.
    """

    either: np.ndarray
    both: np.ndarray


def compare_blocks(
    fixed: np.ndarray,
    moved: np.ndarray,
    pose: np.ndarray,
    blocks: int = BLOCKS,
    aspect: float = 1.0,
) -> Blocks:
    """Compare two pictures' details in each block of which half lies in both.

    Args:
        fixed: Details, (S, S) float32.
        moved: Details that are laid upon `fixed`, (S, S) float32.
        pose: Of `moved` in `fixed`, see `correlation`.
        blocks: Into which each side is divided.
        aspect: Height over width of the pictures, see `correlation`.
    """
    below = warp(fixed, pose, aspect).astype(np.float64)
    visible = ~np.isnan(below)
    below = np.where(visible, below, 0)
    above = np.where(visible, moved, 0).astype(np.float64)
    products, squares_below, squares_above, counts = (
        _block_sums(values, blocks)
        for values in (below * above, below**2, above**2, visible.astype(np.float64))
    )
    area = (len(moved) / blocks) ** 2
    floor = SMOOTHING * area
    correlations = products / np.sqrt((squares_below + floor) * (squares_above + floor))
    correlations[counts < area / 2] = np.nan
    least = MIN_BLOCK_DETAIL * np.maximum(counts, 1)
    either, both = (
        np.where(extreme(squares_below, squares_above) > least, correlations, np.nan)
        for extreme in (np.maximum, np.minimum)
    )
    return Blocks(either, both)


def agreement(blocks: np.ndarray) -> float:
    """Return the second lowest of the middle's `block_correlations`: -1…1.

    It is -1 too if too few blocks have details.
    """
    edge = BLOCKS // 4
    ranked = np.sort(blocks[edge:-edge, edge:-edge], axis=None)
    ranked = ranked[~np.isnan(ranked)]
    return float(ranked[1]) if len(ranked) >= MIN_BLOCKS else -1.0


def edge_agreement(blocks: np.ndarray) -> float:
    """Return the median of the highest or lowest row of `block_correlations`, whichever is less.

    It is -1…1, and 1 if neither row has details.
    """
    rows = [row[~np.isnan(row)] for row in (blocks[0], blocks[-1])]
    return min((float(np.median(row)) for row in rows if len(row)), default=1.0)


def color_difference(fixed: np.ndarray, moved: np.ndarray, pose: np.ndarray) -> float:
    """Return how far two pictures' colours differ, apart from one cast and one gain for all.

    Args:
        fixed: (S, S, 2) uint8, a and b of Lab; of 16 pixels from `chroma`.
        moved: (S, S, 2) uint8, laid upon `fixed`.
        pose: Of `moved` in `fixed`, see `correlation`.

    Returns:
        The 95th percentile without the outermost eighth, in units of 8-bit Lab.
    """
    edge = len(fixed) // 8
    middle = np.s_[edge:-edge, edge:-edge]
    below = np.stack([warp(fixed[..., k].astype(np.float32), pose)[middle] for k in (0, 1)])
    visible = ~np.isnan(below[0])
    if not visible.any():
        return 0.0
    a = below[:, visible].T.astype(np.float64)
    b = moved[middle][visible].astype(np.float64)
    a, b = a - np.median(a, axis=0), b - np.median(b, axis=0)
    gain = float(np.sum(a * b)) / max(float(np.sum(a * a)), 1.0)
    gain = min(max(gain, 1 / MAX_CHROMA_GAIN), MAX_CHROMA_GAIN)
    differences = np.linalg.norm(gain * a - b, axis=1) / max(1.0, gain)
    return float(np.sort(differences)[len(differences) * PERCENTILE // 100])


def _block_sums(values: np.ndarray, blocks: int) -> np.ndarray:
    """Sum each block: (S, S) → (blocks, blocks) float64."""
    size = len(values) // blocks
    return np.asarray(values.reshape(blocks, size, blocks, size).sum(axis=(1, 3)))
