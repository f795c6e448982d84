"""Pictures for tests of prediction."""

import numpy as np

from src.inference.prediction import predict_all
from src.model.generator import Generator


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Return random pixels, (height, width, 3) uint8."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def smooth(height: int, width: int) -> np.ndarray:
    """Return broad colours under fine detail, (height, width, 3) uint8."""
    y, x = np.mgrid[:height, :width] / max(height, width)
    color = np.stack([np.sin(5 * x), np.cos(4 * y), np.sin(3 * (x + y))], axis=-1) * 50
    detail = np.random.default_rng(0).normal(0, 20, (height, width, 1))
    return (128 + color + detail).clip(0, 255).astype(np.uint8)


def predict(generator: Generator, picture: np.ndarray, side: int | None = None) -> np.ndarray:
    """Run one picture through a generator: (H, W, 3) uint8 → (H, W, 3) uint8."""
    return predict_all(generator, [picture], side)[0]
