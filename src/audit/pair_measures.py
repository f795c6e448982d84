"""Measures every pair of the arrays in one pass, which the checks and the search for leaks share."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

import cv2
import numpy as np

from src.audit import candidates, source_files
from src.audit.candidates import Variants
from src.dataset.arrays import Pairs
from src.parallel.local import map_compiled
from src.params import Canny
from src.storage.slices import slices
from src.vision import alignment, grayscale

BLOCK = 64  # pairs that are measured at a time
FILLER_LEVEL = 128  # the gray that decoders leave where data ends
FILLER_TOLERANCE = 3  # levels


class PairMeasures(NamedTuple):
    """The measures of the N pairs of a side.

    Attributes:
        variants: The border variants of the photographs.
        thumbnails: Of the photographs, (N, 16, 16, 3) uint8 RGB, see `source_files`.
        tone_residuals: Of the photographs, (N,) float64, in Lab units.
        filler_rows: How many of each photograph's lowest rows have the gray of missing data, (N,).
        gray_errors: The largest difference of the gray input and the channels' mean, (N,), in levels.
        edge_errors: The share of pixels in which the sketch is not Canny's, (N,).
        edge_densities: The share of edge pixels in the sketch, (N,).
    """

    variants: Variants
    thumbnails: np.ndarray
    tone_residuals: np.ndarray
    filler_rows: np.ndarray
    gray_errors: np.ndarray
    edge_errors: np.ndarray
    edge_densities: np.ndarray

    @property
    def are_blank(self) -> np.ndarray:
        """Whether each photograph shows nothing to compare it by, (N,) bool."""
        are_blank = np.ones(len(self.thumbnails), np.bool_)
        are_blank[self.variants.pictures[self.variants.numbers == 0]] = False
        return are_blank


def measure(sides: Mapping[str, Pairs], canny: Canny) -> dict[str, PairMeasures]:
    """Return the measures of each side's pairs, whose sketches should be made by `canny`."""
    blocks = {side: slices(len(pairs), BLOCK) or [slice(0, 0)] for side, pairs in sides.items()}
    keys = [(side, block) for side in blocks for block in blocks[side]]
    parts = iter(map_compiled(partial(_measure, sides=sides, canny=canny), keys, "measuring pairs"))
    return {
        side: _joined([next(parts) for _ in side_blocks], [block.start for block in side_blocks])
        for side, side_blocks in blocks.items()
    }


def _joined(parts: Sequence[PairMeasures], starts: Sequence[int]) -> PairMeasures:
    variants, *columns = zip(*parts, strict=True)
    return PairMeasures(candidates.join_variants(variants, starts), *map(np.concatenate, columns))


def _measure(key: tuple[str, slice], sides: Mapping[str, Pairs], canny: Canny) -> PairMeasures:
    """Measure a block of a side's pairs; the key is the side's name and the block."""
    pairs, block = sides[key[0]], key[1]
    photos, grays, sketches = pairs.photo[block], pairs.gray[block], pairs.canny[block]
    means = channel_means(photos)
    reduced = [grayscale.downscale(photo) for photo in photos]
    edges = [canny_edges(mean, canny) for mean in means]
    pixels = (1, 2)
    return PairMeasures(
        candidates.variants(map(alignment.thumbnail, photos)),
        source_files.thumbnails(photos),
        grayscale.tone_residuals(np.reshape(reduced, (-1, *(grayscale.REDUCED_PX,) * 2, 3))),
        np.array([_filler_rows(photo) for photo in photos], np.int64),
        np.abs(grays - means).max(axis=pixels).astype(np.float64),
        (sketches != np.reshape(edges, sketches.shape)).mean(axis=pixels),
        (sketches > 0).mean(axis=pixels),
    )


def channel_means(photos: np.ndarray) -> np.ndarray:
    """Return the mean of the channels: (…, 3) uint8 → (…) float32."""
    red, green, blue = np.moveaxis(photos, -1, 0)
    return np.asarray((red.astype(np.float32) + green + blue) / np.float32(3))


def canny_edges(mean: np.ndarray, canny: Canny) -> np.ndarray:
    """Return the edges of a photograph, by the audit's own means.

    Args:
        mean: Of its channels, (H, W) float32.
        canny: The settings.

    Returns:
        (H, W) uint8, 0 or 255.
    """
    gray = np.rint(mean).astype(np.uint8)
    if canny.blur > 1:
        gray = cv2.GaussianBlur(gray, (canny.blur, canny.blur), 0).astype(np.uint8)
    low, high = _thresholds(gray, canny)
    return np.asarray(cv2.Canny(gray, low, high, apertureSize=canny.aperture))


def _thresholds(gray: np.ndarray, canny: Canny) -> tuple[float, float]:
    if canny.thresholds == "absolute":
        return canny.low, canny.high
    padded = cv2.copyMakeBorder(gray, 4, 4, 4, 4, cv2.BORDER_REPLICATE).astype(np.float32)
    kernels = cv2.getDerivKernels(1, 0, canny.aperture)
    across = cv2.sepFilter2D(padded, -1, *kernels)[4:-4, 4:-4]
    down = cv2.sepFilter2D(padded, -1, *kernels[::-1])[4:-4, 4:-4]
    low, high = np.quantile(np.abs(across) + np.abs(down), [canny.low / 100, canny.high / 100])
    return float(low), float(high)


def _filler_rows(photo: np.ndarray) -> int:
    """Return how many of the lowest rows hold nothing but a decoder's filler."""
    distance = np.abs(photo.astype(np.int16) - FILLER_LEVEL)
    filler = np.all(distance <= FILLER_TOLERANCE, axis=(1, 2))[::-1]
    return len(filler) if filler.all() else int(np.argmin(filler))
