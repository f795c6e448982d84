"""What makes a picture a poor example by itself: blurred, dark, bright, empty, too long.

The faults are those of cleanvision 0.3.7, measured on the 64-pixel thumbnail that the fingerprint
needs anyway, inside any frame or caption strip. Sharpness is the re-blur measure of Crete et al.
(2007): a blurred picture changes little if it is blurred once more. Unlike the Laplacian's variance
it does not depend on contrast. Two things differ from theirs. The second blur takes 3 pixels and
not 9, because thumbnails are small. Each difference of neighbours counts by its size, so that edges
outweigh noise, and a sharp face its blurred background.
"""

from typing import NamedTuple

import numpy as np

from src.vision.bands import borders
from src.vision.compiled import compiled

PERCENTILES = (99, 5)  # of highlights and shadows, as in cleanvision


class Fault(NamedTuple):
    """How a fault is measured and judged.

    Attributes:
        measure: The ledger's column.
        limit: The measure from which a picture is no longer at fault, by default.
        above: Whether values above the limit are at fault, instead of those below.
    """

    measure: str
    limit: float
    above: bool = False

    def found(self, value: float, limit: float) -> bool:
        """Say whether a value of the measure is beyond a limit."""
        return value > limit if self.above else value < limit


FAULTS = {
    "odd_aspect": Fault("aspect_ratio", 0.35),
    "low_information": Fault("entropy", 2.0),
    "dark": Fault("highlights", 82),
    "bright": Fault("shadows", 225, above=True),
    "blurred": Fault("sharpness", 0.25),
}


class Measures(NamedTuple):
    """The measures of FAULTS, except for the aspect ratio.

    Attributes:
        sharpness: The share of the differences of neighbours that is lost if the picture is blurred
            once more, weighted by the differences, 0…1. A flat picture has 1.
        highlights: The level that 99 % of the pixels do not exceed, 0…255.
        shadows: The level that 5 % of the pixels do not exceed, 0…255.
        entropy: Of the histogram of levels, 0…8 bits.
    """

    sharpness: float
    highlights: int
    shadows: int
    entropy: float


def measure(thumbnail: np.ndarray) -> Measures:
    """Measure a picture's thumbnail, (64, 64) uint8 gray; equal on every machine."""
    # one line more than each band has: at its end, colours are mixed
    top, bottom, left, right = (band and band + 1 for band in borders(thumbnail))
    height, width = thumbnail.shape
    inner = np.ascontiguousarray(thumbnail[top : height - bottom, left : width - right])
    lost, total = _sum_differences(inner)
    counts = np.bincount(inner.ravel(), minlength=256)
    ranks = inner.size * np.array(PERCENTILES)
    highlights, shadows = np.searchsorted(100 * counts.cumsum(), ranks).tolist()
    shares = counts[counts > 0] / inner.size
    return Measures(
        sharpness=round(lost / total, 3) if total else 1.0,
        highlights=highlights,
        shadows=shadows,
        entropy=abs(round(float(-(shares * np.log2(shares)).sum()), 3)),
    )


def aspect_ratio(width: int, height: int) -> float:
    """Return the shorter side over the longer one, 0…1."""
    return round(min(width, height) / max(width, height), 3)


@compiled
def _sum_differences(pixels: np.ndarray) -> tuple[int, int]:
    """Sum the differences of neighbours in a picture's rows and columns.

    Args:
        pixels: (height, width) uint8 gray, contiguous.

    Returns:
        The differences that a mean of three neighbours removes, and all differences. Both are
        weighted by the differences, and multiplied by nine, so that they are integers.
    """
    rows = _differences_in(pixels)
    # contiguous: numba compiles a function once more for each order in memory
    columns = _differences_in(np.ascontiguousarray(pixels.T))
    return rows[0] + columns[0], rows[1] + columns[1]


@compiled
def _differences_in(lines: np.ndarray) -> tuple[int, int]:
    lost, total = np.int64(0), np.int64(0)
    for line in lines:
        for x in range(1, len(line) - 2):
            change = 3 * abs(np.int64(line[x + 1]) - np.int64(line[x]))
            # the means of two neighbours differ by what enters and what leaves
            rest = abs(np.int64(line[x + 2]) - np.int64(line[x - 1]))
            total += change * change
            if change > rest:
                lost += change * (change - rest)
    return int(lost), int(total)
