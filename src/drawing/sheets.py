"""Sheets of pictures for people to look at."""

import numpy as np


def grid(rows: list[list[np.ndarray]], gap: int = 4) -> np.ndarray:
    """Lay pictures of one size, (H, W, 3) uint8, out in rows of equal length, parted by white."""
    height, width = rows[0][0].shape[:2]
    down, across = height + gap, width + gap
    shape = (gap + len(rows) * down, gap + len(rows[0]) * across, 3)
    sheet = np.full(shape, 255, np.uint8)
    for r, row in enumerate(rows):
        for c, picture in enumerate(row):
            top, left = gap + r * down, gap + c * across
            sheet[top : top + height, left : left + width] = picture
    return sheet


def three_channels(picture: np.ndarray) -> np.ndarray:
    """Return a picture in colour: (H, W) or (H, W, 3) uint8 → (H, W, 3)."""
    return picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)


def sample_sheet(inputs: np.ndarray, outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Lay samples out as input | output | target, two samples a row; inputs may be gray."""
    samples = [
        [three_channels(picture), output, target]
        for picture, output, target in zip(inputs, outputs, targets, strict=True)
    ]
    if len(samples) % 2:
        samples.append([np.full_like(targets[0], 255)] * 3)
    return grid([left + right for left, right in zip(samples[::2], samples[1::2], strict=True)])
