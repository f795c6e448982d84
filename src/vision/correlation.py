"""The correlation of two pictures' details, one laid upon the other in a pose; compiled.

A pose is (5,) float64 and says where one picture lies in the other. Four values are shares of the
other's side: the position of its middle (down, across), its height and its width. The fifth
is its rotation in degrees.
"""

import numpy as np

from src.vision.compiled import compiled, inlined

STOP_AT_CORR = 0.995  # correlation that needs no better alignment
# Alignment gives up if this many more rounds, each with the gain of the last one, would leave it
# below the target by more than the margin. Of 17,759 copies (drawn, portraits, facades) none is lost.
GIVE_UP_ROUNDS, GIVE_UP_MARGIN = 6, 0.16
STEPS = (0.02, 0.01, 0.005)  # of position and size; a hundred times that in degrees
ROUNDS_PER_STEP = 12
MIN_GAIN = 1e-4  # of a round, below which a smaller step follows
MIN_SIZE, MAX_SIZE, MAX_DEGREES = 0.7, 1.05, 7
# Where a pose holds its parts: the center, the height and width, and the degrees.
POSITION, SIZE, ROTATION = slice(0, 2), slice(2, 4), 4
MIN_OVERLAP = 0.85  # share of the compared pixels below which the correlation does not count
MIN_SPREAD = 1e-6  # below which a picture is flat, and correlates with nothing


@compiled
def coordinate_ascent(
    fixed: np.ndarray,
    moved: np.ndarray,
    start: np.ndarray,
    low: int,
    high: int,
    target: float,
    steps: tuple[float, ...] = STEPS,
    aspect: float = 1.0,
) -> tuple[float, np.ndarray]:
    """Improve a pose by ever smaller steps of position, size and rotation, one at a time.

    Args:
        fixed: Details, (S, S) float32.
        moved: Details that are laid upon `fixed`, (S, S) float32.
        start: The pose of `moved` in `fixed` to begin with.
        low: The first row of `moved` that is compared.
        high: The row after the last one.
        target: The correlation below which the exact result does not matter.
        steps: Of position and size; a hundred times that in degrees.
        aspect: Height over width of the pictures before they became squares. Turns depend on it.

    Returns:
        The correlation, -1…1, and the pose that has it.
    """
    pose = start.copy()
    value = correlation(fixed, moved, pose, low, high, 2, aspect)
    for step in steps:
        for _ in range(ROUNDS_PER_STEP):
            before = value
            value, pose = _ascent_round(fixed, moved, pose, value, low, high, step, aspect)
            gain = value - before
            if value + GIVE_UP_ROUNDS * gain < target - GIVE_UP_MARGIN:
                return value, pose
            if gain < MIN_GAIN or value >= STOP_AT_CORR:
                break
    return correlation(fixed, moved, pose, low, high, 1, aspect), pose


@compiled
def _ascent_round(
    fixed: np.ndarray,
    moved: np.ndarray,
    pose: np.ndarray,
    value: float,
    low: int,
    high: int,
    step: float,
    aspect: float,
) -> tuple[float, np.ndarray]:
    """Change each value of a pose by a step, down and up; keep what raises the correlation.

    Args and returned values are those of `coordinate_ascent`; `value` is the pose's correlation.
    """
    for axis in range(5):
        size = step * 100 if axis == ROTATION else step
        for change in (-size, size):
            candidate = pose.copy()
            candidate[axis] += change
            if not _is_allowed(candidate):
                continue
            candidate_value = correlation(fixed, moved, candidate, low, high, 2, aspect)
            if candidate_value > value:
                value, pose = candidate_value, candidate
    return value, pose


@inlined
def _is_allowed(pose: np.ndarray) -> bool:
    smaller, larger = min(pose[2], pose[3]), max(pose[2], pose[3])
    return bool(abs(pose[ROTATION]) <= MAX_DEGREES and smaller >= MIN_SIZE and larger <= MAX_SIZE)


@compiled
def correlations(
    fixed: np.ndarray, moved: np.ndarray, poses: np.ndarray, low: int, high: int
) -> np.ndarray:
    """Return the correlation of every second row and column in each of N poses, (N,) float64."""
    values = np.empty(len(poses))
    for number in range(len(poses)):
        values[number] = correlation(fixed, moved, poses[number], low, high, 2)
    return values


@compiled
def correlation(
    fixed: np.ndarray,
    moved: np.ndarray,
    pose: np.ndarray,
    low: int,
    high: int,
    stride: int,
    aspect: float = 1.0,
) -> float:
    """Return the normalised correlation of a picture with what lies under it.

    Args:
        fixed: Details, (S, S) float32; interpolated between pixels.
        moved: Details that are laid upon `fixed`, (S, S) float32.
        pose: Of `moved` in `fixed`.
        low: The first row of `moved` that is compared.
        high: The row after the last one.
        stride: Every how many rows and columns are compared.
        aspect: See `coordinate_ascent`.

    Returns:
        -1…1; -1 too if too little of `moved` lies within `fixed`, or either is flat.
    """
    side = fixed.shape[0]
    angle = pose[ROTATION] * np.pi / 180
    cosine, sine = np.cos(angle), np.sin(angle)
    # where the first pixel lies in `fixed`, and how far the next row and the next column are from it
    y_row, y_column = pose[2] * cosine, pose[2] * sine / aspect
    x_row, x_column = -pose[3] * sine * aspect, pose[3] * cosine
    offset = (1 - side) / 2
    y_first = pose[0] * side - 0.5 + (y_row + y_column) * offset
    x_first = pose[1] * side - 0.5 + (x_row + x_column) * offset
    fixed_pixels, moved_pixels = fixed.ravel(), moved.ravel()
    count, sum_a, sum_b, sum_aa, sum_bb, sum_ab = 0, 0.0, 0.0, 0.0, 0.0, 0.0
    for row in range(low, high, stride):
        for column in range(0, side, stride):
            y = y_first + y_row * row + y_column * column
            x = x_first + x_row * row + x_column * column
            if y < 0 or x < 0 or y > side - 1 or x > side - 1:
                continue
            a = _interpolate(fixed_pixels, side, y, x)
            b = moved_pixels[np.uint32(row * side + column)]
            count += 1
            sum_a += a
            sum_b += b
            sum_aa += a * a
            sum_bb += b * b
            sum_ab += a * b
    if count < MIN_OVERLAP * (high - low) * side / stride**2:
        return -1.0
    spread = (count * sum_aa - sum_a * sum_a) * (count * sum_bb - sum_b * sum_b)
    return (count * sum_ab - sum_a * sum_b) / np.sqrt(spread) if spread > MIN_SPREAD else -1.0


@inlined
def _interpolate(pixels: np.ndarray, side: int, y: float, x: float) -> float:
    """Interpolate between the four pixels around a point.

    Args:
        pixels: Of a square, row by row, (side * side,) float32.
        side: In pixels.
        y: Row of the point, 0…side - 1.
        x: Column of the point, 0…side - 1.
    """
    top, left = min(int(y), side - 2), min(int(x), side - 2)
    dy, dx = y - top, x - left
    # unsigned indices of flat pixels: numba would test whether a signed one counts from the end
    i = np.uint32(top * side + left)
    i_lower = i + np.uint32(side)
    next_column = np.uint32(1)
    upper = pixels[i] * (1 - dx) + pixels[i + next_column] * dx
    lower = pixels[i_lower] * (1 - dx) + pixels[i_lower + next_column] * dx
    return float(upper * (1 - dy) + lower * dy)


@compiled
def warp(fixed: np.ndarray, pose: np.ndarray, aspect: float = 1.0) -> np.ndarray:
    """Return what lies under each pixel of a picture that is laid upon another in a pose.

    Args:
        fixed: (S, S) float32; interpolated between pixels.
        pose: Of the upper picture, as large as `fixed`.
        aspect: Height over width of the pictures before they became squares. Turns depend on it.

    Returns:
        (S, S) float32, NaN outside of `fixed`.
    """
    side = fixed.shape[0]
    angle = pose[ROTATION] * np.pi / 180
    cosine, sine = np.cos(angle), np.sin(angle)
    offset = (1 - side) / 2
    fixed_pixels = fixed.ravel()
    values = np.full((side, side), np.nan, np.float32)
    for row in range(side):
        for column in range(side):
            down, across = row + offset, column + offset
            y = pose[0] * side - 0.5 + pose[2] * (cosine * down + sine * across / aspect)
            x = pose[1] * side - 0.5 + pose[3] * (cosine * across - sine * down * aspect)
            if y >= 0 and x >= 0 and y <= side - 1 and x <= side - 1:
                values[row, column] = _interpolate(fixed_pixels, side, y, x)
    return values
