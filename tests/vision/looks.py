"""Two pictures as they are looked at closely."""

import numpy as np

from src.imaging import resizing
from src.vision import alignment, matching
from src.vision.close_look import SIDE_PX, CloseLook, close_look
from src.vision.matching import Match, PictureFeatures


def close_look_at(pixels: np.ndarray) -> CloseLook:
    """Return the close look of a picture, (height, width, 3) uint8."""
    height, width = pixels.shape[:2]
    small = resizing.thumbnail(pixels, SIDE_PX)
    return close_look(small, alignment.thumbnail(pixels), height / width)


def match_of(a: np.ndarray, b: np.ndarray) -> Match:
    """Return how the thumbnails of two pictures match; gray ones, without colours."""
    return matching.match(*(PictureFeatures(alignment.thumbnail(pixels)) for pixels in (a, b)))
