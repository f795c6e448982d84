"""Photographs to compare experiments on, and a browser to visit pages with."""

import numpy as np
import pytest

from src.imaging.resizing import resize
from tests.browser import browser, visit

__all__ = ["browser", "photos", "visit"]


@pytest.fixture(scope="package")
def photos(faces) -> np.ndarray:
    """Forty portraits, (40, 32, 32, 3) uint8."""
    return np.stack([resize(face, 32, 32) for face in faces])
