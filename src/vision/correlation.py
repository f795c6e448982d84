"""The correlation of two pictures' details, one laid upon the other in a pose; compiled.

A pose is (5,) float64 and says where one picture lies in the other. Four values are shares of the
other's side: the position of its middle (down, across), its height and its width. The fifth
is its rotation in degrees.
"""

import numpy as np

from src.vision.compiled import compiled

STOP_AT_CORR = 0.995  # correlation that needs no better alignment
# Alignment ends if this many rounds that gain as much as the last one would leave it that far below
# the target: of 17,759 copies (drawn, portraits, facades) none was lost by that.
GIVE_UP_ROUNDS, GIVE_UP_MARGIN = 6, 0.16
STEPS = (0.02, 0.01, 0.005)  # of position and size; a hundred times that in degrees
ROUNDS_PER_STEP = 12
MIN_GAIN = 1e-4  # of a round, below which a smaller step follows
MIN_SIZE, MAX_SIZE, MAX_DEGREES = 0.7, 1.05, 7
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
        fixed: Details, (64, 64) float32.
        moved: Details that are laid upon `fixed`, (64, 64) float32.
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
            for axis in range(5):
                size = step * 100 if axis == 4 else step
                for change in (-size, size):
                    candidate = pose.copy()
                    candidate[axis] += change
                    if (
                        abs(candidate[4]) > MAX_DEGREES
                        or min(candidate[2], candidate[3]) < MIN_SIZE
                    ):
                        continue
                    if max(candidate[2], candidate[3]) > MAX_SIZE:
                        continue
                    candidate_value = correlation(fixed, moved, candidate, low, high, 2, aspect)
                    if candidate_value > value:
                        value, pose = candidate_value, candidate
            if value + GIVE_UP_ROUNDS * (value - before) < target - GIVE_UP_MARGIN:
                return value, pose
            if value - before < MIN_GAIN or value >= STOP_AT_CORR:
                break
    return correlation(fixed, moved, pose, low, high, 1, aspect), pose


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
        fixed: Details, (64, 64) float32; interpolated between pixels.
        moved: Details that are laid upon `fixed`, (64, 64) float32.
        pose: Of `moved` in `fixed`.
        low: The first row of `moved` that is compared.
        high: The row after the last one.
        stride: Every how many rows and columns are compared.
        aspect: See `coordinate_ascent`.

    Returns:
        -1…1; -1 too if too little of `moved` lies within `fixed`, or either is flat.
    """
    side = fixed.shape[0]
    angle = pose[4] * np.pi / 180
    cosine, sine = np.cos(angle), np.sin(angle)
    # where the first pixel lies, and how far from it the next row's and the next column's
    y_row, y_column = pose[2] * cosine, pose[2] * sine / aspect
    x_row, x_column = -pose[3] * sine * aspect, pose[3] * cosine
    offset = (1 - side) / 2
    y_first = pose[0] * side - 0.5 + (y_row + y_column) * offset
    x_first = pose[1] * side - 0.5 + (x_row + x_column) * offset
    # unsigned indices in flat pixels: numba would test whether a signed one counts from the end
    fixed_pixels, moved_pixels = fixed.ravel(), moved.ravel()
    next_column, next_row = np.uint32(1), np.uint32(side)
    n, sa, sb, saa, sbb, sab = 0, 0.0, 0.0, 0.0, 0.0, 0.0
    for row in range(low, high, stride):
        for column in range(0, side, stride):
            y = y_first + y_row * row + y_column * column
            x = x_first + x_row * row + x_column * column
            if y < 0 or x < 0 or y > side - 1 or x > side - 1:
                continue
            top, left = min(np.int32(y), side - 2), min(np.int32(x), side - 2)
            dy, dx = y - top, x - left
            i = np.uint32(top * side + left)
            upper = fixed_pixels[i] * (1 - dx) + fixed_pixels[i + next_column] * dx
            i_lower = i + next_row
            lower = fixed_pixels[i_lower] * (1 - dx) + fixed_pixels[i_lower + next_column] * dx
            a = upper * (1 - dy) + lower * dy
            b = moved_pixels[np.uint32(row * side + column)]
            n += 1
            sa += a
            sb += b
            saa += a * a
            sbb += b * b
            sab += a * b
    if n < MIN_OVERLAP * (high - low) * side / stride**2:
        return -1.0
    spread = (n * saa - sa * sa) * (n * sbb - sb * sb)
    return (n * sab - sa * sb) / np.sqrt(spread) if spread > MIN_SPREAD else -1.0


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
    angle = pose[4] * np.pi / 180
    cosine, sine = np.cos(angle), np.sin(angle)
    offset = (1 - side) / 2
    values = np.full((side, side), np.nan, np.float32)
    for row in range(side):
        for column in range(side):
            down, across = row + offset, column + offset
            y = pose[0] * side - 0.5 + pose[2] * (cosine * down + sine * across / aspect)
            x = pose[1] * side - 0.5 + pose[3] * (cosine * across - sine * down * aspect)
            if y < 0 or x < 0 or y > side - 1 or x > side - 1:
                continue
            top, left = min(int(y), side - 2), min(int(x), side - 2)
            dy, dx = y - top, x - left
            upper = fixed[top, left] * (1 - dx) + fixed[top, left + 1] * dx
            lower = fixed[top + 1, left] * (1 - dx) + fixed[top + 1, left + 1] * dx
            values[row, column] = upper * (1 - dy) + lower * dy
    return values
