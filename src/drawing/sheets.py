"""Sheets of pictures for people to look at."""

import numpy as np


def grid(rows: list[list[np.ndarray]], gap: int = 4) -> np.ndarray:
    """Lay pictures out in rows of equal length, white between and around them.

    Args:
        rows: Pictures, (S, S, 3) uint8, all of one size.
        gap: Pixels between two pictures.

    Returns:
        (height, width, 3) uint8.
    """
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
    """Return a picture in colour: (S, S) or (S, S, 3) uint8 → (S, S, 3)."""
    return picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)


def sample_sheet(inputs: np.ndarray, outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Lay samples out as input | output | target, two samples a row.

    Args:
        inputs: (N, S, S) or (N, S, S, 3) uint8.
        outputs: (N, S, S, 3) uint8.
        targets: (N, S, S, 3) uint8.

    Returns:
        (height, width, 3) uint8.
    """
    samples = [
        [three_channels(picture), output, target]
        for picture, output, target in zip(inputs, outputs, targets, strict=True)
    ]
    if len(samples) % 2:
        samples.append([np.full_like(targets[0], 255)] * 3)
    return grid([left + right for left, right in zip(samples[::2], samples[1::2], strict=True)])
