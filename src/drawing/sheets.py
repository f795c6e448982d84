"""Sheets of pictures for people to look at."""

import numpy as np


def grid(rows: list[list[np.ndarray]], gap: int = 4) -> np.ndarray:
    """Lay equally large (S, S, 3) uint8 pictures out in rows, white between them."""
    size = rows[0][0].shape[0]
    height = len(rows) * (size + gap) + gap
    width = len(rows[0]) * (size + gap) + gap
    sheet = np.full((height, width, 3), 255, np.uint8)
    for r, row in enumerate(rows):
        for c, picture in enumerate(row):
            top, left = gap + r * (size + gap), gap + c * (size + gap)
            sheet[top : top + size, left : left + size] = picture
    return sheet


def three_channels(picture: np.ndarray) -> np.ndarray:
    """(S, S) or (S, S, 3) uint8 → (S, S, 3), for looking at."""
    return picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)


def sample_sheet(inputs: np.ndarray, outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """A sheet of input | output | target, two samples a row; (N, S, S[, 3]) uint8 each."""
    white = np.full_like(targets[0], 255)
    shown = [
        [three_channels(x), y, target]
        for x, y, target in zip(inputs, outputs, targets, strict=True)
    ]
    shown += [[white] * 3] * (len(shown) % 2)
    return grid([left + right for left, right in zip(shown[::2], shown[1::2], strict=True)])
