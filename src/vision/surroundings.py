"""What each of two pictures shows around the other: more of the scene, or what was added to it."""

from collections.abc import Iterator

import cv2
import numpy as np

from src.vision import forms
from src.vision.close_look import SIDE_PX, Registration
from src.vision.correlation import POSITION, ROTATION, SIZE
from src.vision.matching import Match

MARGIN_PX = SIDE_PX // 2  # around a picture, in which the other one's surplus is examined
SEAM_PX = 3  # by which a seam may be off
CORNER_GAP_PX = 2  # around a turned picture that are ignored
ADJACENT_PX, EDGE_PX = 2, 6  # lines beside a seam; pixels at its ends that are ignored
RIM_PX = 2  # around a text
OUTSIDE_PX = (12, 6)  # from an edge, between which the texture outside is measured
# Of an inner edge beside which a frame's colour may change: 178 frames are told by it, and at 40
# another of 40 cut facades passes for framed.
CLEAR_STEP_LEVELS = 56
TEXTURE_QUANTILE = 0.25  # of its lines: some are where one colour of a frame meets another
MIN_DEPTH_PX = 3  # of a surplus, below which no seam can be seen
SAME_COLOR_LEVELS = 4  # from the commonest level, within which pixels count as of one colour
# Of 1,100 sides of cut and framed pictures (drawn, portraits, facades).
MIN_FLAT_SHARE, MIN_STEP_LEVELS, MIN_STEP_RATIO, TEXTURE_NOISE_LEVELS = 0.5, 5, 2.0, 2
MIN_ADJACENT_SHARE = 0.5  # of the pixels along the seam that have the colour
# Of a strip's lines, their rim in one colour, and the rest.
MIN_TEXT_PX, MIN_AROUND_TEXT_SHARE, MIN_TEXT_SHARE = 10, 0.97, 0.05
MIN_ADDED_SHARE = 1 / 3  # of a surplus; elsewhere the picture may have the added colour too
MIN_CORNERS_FLAT_SHARE = 0.9  # of what a picture turned by an editor shows beyond the original


def placement(registration: Registration, match: Match) -> np.ndarray:
    """Return the map of the moved picture into the fixed one, (3, 3), in shares of their sides."""
    fixed, moved = (
        _without_bands(registration.fixed_bands),
        _without_bands(registration.moved_bands),
    )
    angle = np.deg2rad(registration.pose[ROTATION])
    cosine, sine = np.cos(angle), np.sin(angle)
    height, width = registration.pose[SIZE]
    turn = np.array(
        [
            [height * cosine, height * sine / registration.aspect],
            [-width * sine * registration.aspect, width * cosine],
        ]
    )
    pose = _affine(turn, registration.pose[POSITION] - turn @ [0.5, 0.5])
    form = match.form if match.is_first_moved else forms.INVERSES[match.form]
    undo = np.eye(3)
    if form & 2:
        undo = _affine(np.diag([-1, 1]), [1, 0]) @ undo
    if form & 1:
        undo = _affine(np.diag([1, -1]), [0, 1]) @ undo
    if form & 4:
        undo = _affine(np.eye(2)[::-1], [0, 0]) @ undo
    return np.asarray(fixed @ pose @ np.linalg.inv(moved @ undo))


def _without_bands(bands: tuple[int, int, int, int]) -> np.ndarray:
    """Return the map of a picture without its bands into the whole one."""
    top, bottom, left, right = (lines / SIDE_PX for lines in bands)
    return _affine(np.diag([1 - top - bottom, 1 - left - right]), [top, left])


def _affine(matrix: np.ndarray, offset: np.ndarray | list[float]) -> np.ndarray:
    return np.block([[matrix, np.reshape(offset, (2, 1))], [np.zeros((1, 2)), np.ones((1, 1))]])


def put_around(gray: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Return a picture in the place of another, and around it.

    Args:
        gray: (256, 256) uint8.
        place: Of the other one in it, see `placement`.

    Returns:
        (512, 512) float32, whose middle of 256 is the other one; NaN outside of the picture.
    """
    size = SIDE_PX + 2 * MARGIN_PX
    shares = _affine(np.eye(2) / SIDE_PX, [(0.5 - MARGIN_PX) / SIDE_PX] * 2)
    pixels = _affine(np.eye(2) * SIDE_PX, [-0.5, -0.5]) @ place @ shares
    by_xy = pixels[[1, 0]][:, [1, 0, 2]]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    around, visible = (
        cv2.warpAffine(levels, by_xy, (size, size), flags=flags)
        for levels in (gray.astype(np.float32), np.ones((SIDE_PX, SIDE_PX), np.float32))
    )
    around[visible < 1] = np.nan
    return around


def cut_inside(around: np.ndarray) -> np.ndarray:
    """Return what of a picture lies in the place of the other, (256, 256) float32; see `put_around`."""
    return np.ascontiguousarray(around[MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX])


def sides(lines: np.ndarray) -> Iterator[np.ndarray]:
    """Yield a square turned so that its top, bottom, left and right side is the first one."""
    yield from (lines, lines[::-1], lines.T, lines.T[::-1])


def _depths(around: np.ndarray) -> list[float]:
    """Return how far a picture reaches beyond each side of the other, in pixels."""
    across = slice(MARGIN_PX, -MARGIN_PX)
    return [float(np.mean(~np.isnan(s[:MARGIN_PX, across]))) * MARGIN_PX for s in sides(around)]


def measure_surplus(around: np.ndarray) -> float:
    """Return how far a picture reaches beyond the other, across or down, as a share of its side."""
    top, bottom, left, right = _depths(around)
    return max(top + bottom, left + right) / SIDE_PX


def find_corners(first: np.ndarray, second: np.ndarray) -> tuple[str, str]:
    """Say which of two pictures, turned by degrees, has corners of one colour that the other lacks.

    Args:
        first: The surroundings of the second picture in the first, see `put_around`.
        second: Those of the first picture in the second.
    """
    first_flat, second_flat = (
        flat_share(around[_ring(around)]) >= MIN_CORNERS_FLAT_SHARE for around in (first, second)
    )
    if first_flat == second_flat:
        return "", ""
    return ("corners", "") if first_flat else ("", "corners")


def _ring(around: np.ndarray) -> np.ndarray:
    """Return which pixels lie beyond the other picture, but not beside its edge."""
    ring = ~np.isnan(around)
    inner = slice(MARGIN_PX - CORNER_GAP_PX, -MARGIN_PX + CORNER_GAP_PX)
    ring[inner, inner] = False
    return np.asarray(ring)


def flat_share(levels: np.ndarray) -> float:
    """Return the share of the pixels near the commonest level, without NaN; 0 if there are none."""
    return float(_flat_shares(levels.reshape(1, -1)).mean())


def _flat_shares(lines: np.ndarray) -> np.ndarray:
    """Return the `flat_share` of each line that has pixels; a single 0 if none has."""
    visible = ~np.isnan(lines)
    numbers, _ = np.nonzero(visible)
    places = 256 * numbers + lines[visible].astype(np.int64)
    counts = np.bincount(places, minlength=256 * len(lines)).reshape(-1, 256)
    sums = np.cumsum(np.pad(counts, ((0, 0), (SAME_COLOR_LEVELS + 1, SAME_COLOR_LEVELS))), axis=1)
    near = sums[:, 2 * SAME_COLOR_LEVELS + 1 :] - sums[:, : -2 * SAME_COLOR_LEVELS - 1]
    totals = visible.sum(axis=1)
    shares = near.max(axis=1)[totals > 0] / totals[totals > 0]
    return np.asarray(shares) if shares.size else np.zeros(1)


def find_added(around: np.ndarray) -> str:
    """Return what was added around a picture: "", "caption" or "frame"."""
    depths = _depths(around)
    is_added = [_is_added(*side) for side in zip(sides(around), depths, strict=True)]
    total = float(np.dot(depths, is_added))
    if not total or total < MIN_ADDED_SHARE * sum(depths):
        return ""
    return "frame" if any(is_added[2:]) else "caption"


def _is_added(side: np.ndarray, depth: float) -> bool:
    """Say whether lines above another are of one colour each, and end at it or surround a text.

    Args:
        side: Lines, of which the one above MARGIN_PX is the last one outside.
        depth: How many lines the picture has there.
    """
    outside = side[: MARGIN_PX - SEAM_PX, MARGIN_PX:-MARGIN_PX]
    if depth < MIN_DEPTH_PX or np.mean(_flat_shares(outside)) < MIN_FLAT_SHARE:
        return False
    return _has_seam(side) or _has_island(outside[MARGIN_PX - int(depth) + 1 :])


def _has_seam(side: np.ndarray) -> bool:
    """Say whether what lies above a line is of one colour beside it, and ends in a step there.

    Beside a clear step the colour may change: a frame may have several.
    """
    steps = np.abs(side[2:] - side[:-2])[:, MARGIN_PX + EDGE_PX : -MARGIN_PX - EDGE_PX]
    seam = MARGIN_PX - 1  # the row of the step from the last line outside to the first one inside
    step = max(_median(row) for row in steps[seam - SEAM_PX : seam + SEAM_PX])
    adjacent = side[: MARGIN_PX - SEAM_PX, MARGIN_PX:-MARGIN_PX]
    if step >= CLEAR_STEP_LEVELS:
        share = float(np.max(_flat_shares(adjacent[-ADJACENT_PX - 1 :])))
        quantile = TEXTURE_QUANTILE
    else:
        share, quantile = flat_share(adjacent[-ADJACENT_PX:]), 0.5
    far, near = OUTSIDE_PX
    texture = np.quantile([_median(row) for row in steps[seam - far : seam - near]], quantile)
    least = max(MIN_STEP_LEVELS, MIN_STEP_RATIO * (float(texture) + TEXTURE_NOISE_LEVELS))
    return share >= MIN_ADJACENT_SHARE and step >= least


def _has_island(lines: np.ndarray) -> bool:
    """Say whether something lies within lines, with one colour all around it, as a text does."""
    if len(lines) < MIN_TEXT_PX:
        return False
    around = np.ones(lines.shape, bool)
    around[RIM_PX:-RIM_PX, RIM_PX:-RIM_PX] = False
    is_alone = flat_share(lines[around]) >= MIN_AROUND_TEXT_SHARE
    return is_alone and flat_share(lines) <= 1 - MIN_TEXT_SHARE


def _median(values: np.ndarray) -> float:
    """Return the median without NaN; 0 if there is nothing else."""
    values = values[~np.isnan(values)]
    return float(np.median(values)) if values.size else 0.0
