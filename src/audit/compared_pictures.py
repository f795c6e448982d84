"""One side's pictures, training's or validation's, as they are compared."""

from functools import lru_cache

import numpy as np

from src.audit.candidates import Variants
from src.dataset.arrays import Pictures
from src.imaging import resizing
from src.vision import alignment, close_look, grayscale, matching, views, witness
from src.vision.close_look import CloseLook
from src.vision.matching import PictureFeatures

CACHED = 4096  # details that are remembered, of 16 kB each
CACHED_LOOKS = 256  # close looks that are remembered, of at most .6 MB each


class ComparedPictures:
    """One side's pictures as they are compared; remembers the last ones.

    Args:
        pictures: (N, H, W, 3) uint8.
        variants: Their border variants.
        tone_residual: In Lab units; below it a picture is gray, and has no colours to compare.

    Attributes:
        variants: The border variants of the pictures.
    """

    def __init__(self, pictures: Pictures, variants: Variants, tone_residual: float):
        self.variants = variants
        self._pictures, self._tone_residual = pictures, tone_residual
        self.detail = lru_cache(CACHED)(self._detail)
        self.close_look = lru_cache(CACHED_LOOKS)(self._close_look)

    def __len__(self) -> int:
        return len(self._pictures)

    def features(self, picture: int) -> PictureFeatures:
        """Return what a picture is compared by."""
        pixels = self._pictures[picture]
        thumbnail = alignment.thumbnail(pixels)
        if grayscale.tone_residual(pixels) < self._tone_residual:
            return PictureFeatures(thumbnail)
        return PictureFeatures(
            thumbnail, witness.chroma(resizing.thumbnail(pixels, views.THUMBNAIL_PX))
        )

    def chroma(self, variant: int) -> np.ndarray | None:
        """Return the colours of a border variant; None if its picture is gray."""
        features = self.features(int(self.variants.pictures[variant]))
        return matching.feature_variants(features)[int(self.variants.numbers[variant])].chroma

    def _detail(self, variant: int, strip: int) -> np.ndarray:
        return alignment.detail(self.variants.thumbnails[variant], strip)

    def _close_look(self, picture: int) -> CloseLook:
        pixels = self._pictures[picture]
        large = resizing.thumbnail(pixels, close_look.SIDE_PX)
        aspect = pixels.shape[0] / pixels.shape[1]
        return close_look.close_look(large, alignment.thumbnail(pixels), aspect)
