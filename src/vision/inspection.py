"""What does one of two pictures have that the other lacks: bands, corners, marks, more of the scene?

One is laid upon the other at 256 pixels. What it shows beyond the other's edge was added to it if it
has one colour and ends in a step at that edge. If the scene continues without a step, the other
picture was cut.
"""

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np

from src.vision import forms, witness
from src.vision.close_look import BLOCKS, MIN_TILT_DEGREES, SIDE_PX, CloseLook, Laid, details, lay
from src.vision.matching import Match
from src.vision.views import POSES

# Correlation from which a closer look adds nothing: nearly all recompressed pictures reach it,
# and 1 in 30 of those with a watermark.
PLAIN_CORR = 0.998
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
MAX_WHOLE_SURPLUS = 0.03  # up to which two pictures show the same part of the scene
COVERED_PX = 12  # lines at a side in which a strip that covers the picture is looked for
MIN_COVERED_SHARE, COVERED_LEVELS = 0.5, 20  # of the blocks there that differ, or pixels by levels
# Of a line's pixels in which such a strip ends: of 72 strips 71 have more, of 36 plain walls behind a
# text 35 have less.
MIN_END_SHARE = 1 / 3
# Of a line's pixels that differ there, and no more a few lines further, or of the lines' largest
# difference: of 216 strips each loses as much of one or the other, and 59 shadows over a plain wall
# lose at most .31 and .44.
LEAST_LEVELS, FALL_PX, MIN_FALL_SHARE, MIN_FALL = 10, 6, 1 / 3, 0.5
MAX_FINE_MARKED_CORR, MIN_MARKED_BLOCKS = 0.7, 2  # of fine details where one picture has a mark
# Of the contrast and of the fine contrast elsewhere; beyond them marks cannot be recognised.
MAX_TONE_CHANGE, MAX_SHARPNESS_CHANGE = 1.1, 1.25
WHITE, MIN_CLIPPED_SHARE, MIN_LOST_LEVELS, MIN_BRIGHTENING = 253, 0.01, 16, 1.05
MARK_PX = (0.7, 3)  # between which marks are busy
MIN_MARK_RATIO = 2.0  # of what is busy: quality 10 has up to 1.8, watermarks from 2.7


class Inspection(NamedTuple):
    """The differences that close looks show between two pictures that match.

    Attributes:
        added: What was added to each: "", "caption", "frame", or "corners" of a tilted picture.
        surplus: How much more each shows than the other, as a share of the other's side.
        marked: Which picture, 0 or 1, has a mark that the other lacks, if either.
        clipped: Which picture, 0 or 1, has lost in white what the other shows there, if either.
        rotation: Degrees, either way.
    """

    added: tuple[str, str] = ("", "")
    surplus: tuple[float, float] = (0.0, 0.0)
    marked: int | None = None
    clipped: int | None = None
    rotation: float = 0.0


def inspect(first: CloseLook, second: CloseLook, match: Match) -> Inspection:
    """Return what each of two pictures, which match at 64 pixels, has that the other lacks."""
    if _is_plain(match):
        return Inspection(clipped=_clipped(forms.orient(first.gray, match.form), second.gray))
    laid = lay(first, second, match)
    place = _placement(laid, match)  # of the moved picture in the fixed one
    fixed, moved = (second, first) if match.is_first_moved else (first, second)
    around = _surroundings(fixed.gray, place), _surroundings(moved.gray, np.linalg.inv(place))
    if match.is_first_moved:
        around = around[::-1]
    surplus, rotation = (_surplus(around[0]), _surplus(around[1])), float(abs(laid.pose[4]))
    levels = _inside(around[0]), second.gray.astype(np.float32)
    clipped = _clipped(*levels)
    if rotation >= MIN_TILT_DEGREES:
        return Inspection(_corners(*around), surplus, None, clipped, rotation)
    added = _added(around[0]), _added(around[1])
    if any(added) or max(surplus) > MAX_WHOLE_SURPLUS:
        return Inspection(added, surplus, None, clipped, rotation)
    added, marked = _marks(*levels)
    return Inspection(added, surplus, marked, clipped, rotation)


def _is_plain(match: Match) -> bool:
    """Say whether two pictures are so alike that only their tone may differ."""
    is_moved = match.is_cut() or match.strip or any(match.banded) or match.rotation
    return not (is_moved or match.differing[0]) and match.similarity >= PLAIN_CORR


def _placement(laid: Laid, match: Match) -> np.ndarray:
    """Return the map of the moved picture into the fixed one, (3, 3), in shares of their sides."""
    fixed, moved = _without_bands(laid.fixed_bands), _without_bands(laid.moved_bands)
    angle = np.deg2rad(laid.pose[4])
    cosine, sine = np.cos(angle), np.sin(angle)
    height, width = laid.pose[2:4]
    turn = np.array(
        [
            [height * cosine, height * sine / laid.aspect],
            [-width * sine * laid.aspect, width * cosine],
        ]
    )
    pose = _affine(turn, laid.pose[:2] - turn @ [0.5, 0.5])
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


def _surroundings(gray: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Return a picture in the place of another, and around it.

    Args:
        gray: (256, 256) uint8.
        place: Of the other one in it, see `_placement`.

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


def _inside(around: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(around[MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX])


def _sides(lines: np.ndarray) -> Iterator[np.ndarray]:
    """Yield a square turned so that its top, bottom, left and right side is the first one."""
    yield from (lines, lines[::-1], lines.T, lines.T[::-1])


def _depths(around: np.ndarray) -> list[float]:
    """Return how far a picture reaches beyond each side of the other, in pixels."""
    across = slice(MARGIN_PX, -MARGIN_PX)
    return [float(np.mean(~np.isnan(s[:MARGIN_PX, across]))) * MARGIN_PX for s in _sides(around)]


def _surplus(around: np.ndarray) -> float:
    top, bottom, left, right = _depths(around)
    return max(top + bottom, left + right) / SIDE_PX


def _corners(first: np.ndarray, second: np.ndarray) -> tuple[str, str]:
    """Say which of two pictures, turned by degrees, has corners of one colour that the other lacks.

    Args:
        first: The surroundings of the second picture in the first, see `_surroundings`.
        second: Those of the first picture in the second.
    """
    first_flat, second_flat = (
        _flat_share(around[_ring(around)]) >= MIN_CORNERS_FLAT_SHARE for around in (first, second)
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


def _flat_share(levels: np.ndarray) -> float:
    """Return the share of the pixels near the commonest level, without NaN; 0 if there are none."""
    return float(_flat_shares(levels.reshape(1, -1)).mean())


def _flat_shares(lines: np.ndarray) -> np.ndarray:
    """Return the `_flat_share` of each line that has pixels; a single 0 if none has."""
    visible = ~np.isnan(lines)
    numbers, _ = np.nonzero(visible)
    places = 256 * numbers + lines[visible].astype(np.int64)
    counts = np.bincount(places, minlength=256 * len(lines)).reshape(-1, 256)
    sums = np.cumsum(np.pad(counts, ((0, 0), (SAME_COLOR_LEVELS + 1, SAME_COLOR_LEVELS))), axis=1)
    near = sums[:, 2 * SAME_COLOR_LEVELS + 1 :] - sums[:, : -2 * SAME_COLOR_LEVELS - 1]
    totals = visible.sum(axis=1)
    shares = near.max(axis=1)[totals > 0] / totals[totals > 0]
    return np.asarray(shares) if shares.size else np.zeros(1)


def _added(around: np.ndarray) -> str:
    """Return what was added around a picture: "", "caption" or "frame"."""
    depths = _depths(around)
    is_added = [_is_added(*side) for side in zip(_sides(around), depths, strict=True)]
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
        flat_share = float(np.max(_flat_shares(adjacent[-ADJACENT_PX - 1 :])))
        quantile = TEXTURE_QUANTILE
    else:
        flat_share, quantile = _flat_share(adjacent[-ADJACENT_PX:]), 0.5
    far, near = OUTSIDE_PX
    texture = np.quantile([_median(row) for row in steps[seam - far : seam - near]], quantile)
    least = max(MIN_STEP_LEVELS, MIN_STEP_RATIO * (float(texture) + TEXTURE_NOISE_LEVELS))
    return flat_share >= MIN_ADJACENT_SHARE and step >= least


def _has_island(lines: np.ndarray) -> bool:
    """Say whether something lies within lines, with one colour all around it, as a text does."""
    if len(lines) < MIN_TEXT_PX:
        return False
    around = np.ones(lines.shape, bool)
    around[RIM_PX:-RIM_PX, RIM_PX:-RIM_PX] = False
    is_alone = _flat_share(lines[around]) >= MIN_AROUND_TEXT_SHARE
    return is_alone and _flat_share(lines) <= 1 - MIN_TEXT_SHARE


def _median(values: np.ndarray) -> float:
    """Return the median without NaN; 0 if there is nothing else."""
    values = values[~np.isnan(values)]
    return float(np.median(values)) if values.size else 0.0


def _marks(first: np.ndarray, second: np.ndarray) -> tuple[tuple[str, str], int | None]:
    """Return what lies upon each of two pictures, see `Inspection`: a strip at a side, or a mark.

    Args:
        first: (256, 256) float32 levels in the place of the second; NaN outside.
        second: The same of the other picture.
    """
    pair = np.where(np.isnan(first), second, first), second
    pose = POSES[0]  # the identity: one picture lies exactly upon the other
    blocks = witness.block_correlations(details(pair[0]), details(pair[1]), pose, BLOCKS)
    differing = blocks < MAX_FINE_MARKED_CORR
    if differing.sum() < MIN_MARKED_BLOCKS:
        return ("", ""), None
    added = _covered(*pair, differing)
    return added, None if any(added) else _marked(*pair, differing)


def _covered(first: np.ndarray, second: np.ndarray, differing: np.ndarray) -> tuple[str, str]:
    """Say on which picture a strip of one colour lies that the other lacks."""
    levels_differ = np.abs(first - second) > COVERED_LEVELS
    if not _is_alike(first, second, ~_pixels(differing)):
        levels_differ[:] = False  # all of them may
    squares = zip(*map(_sides, (differing, levels_differ, first, second)), strict=True)
    for number, (blocks, pixels, *levels) in enumerate(squares):
        flat = [_flat_share(level[:COVERED_PX]) for level in levels]
        differs = max(blocks[0].mean(), pixels[:COVERED_PX].mean()) >= MIN_COVERED_SHARE
        flatter = int(flat[1] > flat[0])
        # a plain wall is flat too, but goes on, and a shadow upon it fades
        if (
            differs
            and max(flat) >= MIN_FLAT_SHARE
            and _ends(levels[flatter], levels[1 - flatter])
            and _falls(np.abs(levels[0] - levels[1]))
        ):
            name = "caption" if number < 2 else "frame"
            return ("", name) if flatter else (name, "")
    return "", ""


def _ends(strip: np.ndarray, other: np.ndarray) -> bool:
    """Say whether lines end in a step that another picture does not have there.

    Args:
        strip: (256, 256) float32, whose first lines are flat.
        other: The same of the other picture.
    """
    half = slice(SIDE_PX // 2)
    steps, others = (np.abs(levels[2:] - levels[:-2])[half] for levels in (strip, other))
    others = cv2.dilate(others, np.ones((3, 1)))  # a step may be a line off
    return float(np.max(np.mean(steps - others >= MIN_STEP_LEVELS, axis=1))) >= MIN_END_SHARE


def _falls(differences: np.ndarray) -> bool:
    """Say whether two pictures, (256, 256) levels apart, are alike from one of the first lines on."""
    lines = differences[: SIDE_PX // 2]
    shares, medians = np.mean(lines > LEAST_LEVELS, axis=1), np.median(lines, axis=1)
    fall, median_fall = (np.max(of[:-FALL_PX] - of[FALL_PX:]) for of in (shares, medians))
    return bool(fall >= MIN_FALL_SHARE or median_fall >= MIN_FALL * max(1, np.max(medians)))


def _clipped(first: np.ndarray, second: np.ndarray) -> int | None:
    """Return which of two pictures is brighter, and white where the other shows details."""
    pair = first, second
    for number, (levels, others) in enumerate((pair, pair[::-1])):
        white = (levels >= WHITE) & ~np.isnan(others)
        if np.mean(white) < MIN_CLIPPED_SHARE or np.mean(white) == 1:
            continue
        low, high = np.percentile(others[white], (10, 90))
        is_brighter = np.nanmean(levels[~white]) >= MIN_BRIGHTENING * np.nanmean(others[~white])
        if is_brighter and high - low >= MIN_LOST_LEVELS:
            return number
    return None


def _marked(first: np.ndarray, second: np.ndarray, differing: np.ndarray) -> int | None:
    """Return which of two pictures has a mark: it is busier where their fine details differ.

    It is None if neither is much busier, or their tone or sharpness differs elsewhere too.
    """
    mask = _pixels(differing)
    fine = [_fine(levels) for levels in (first, second)]
    sharpness = (np.std(values[~mask]) for values in fine)
    if not (_is_alike(first, second, ~mask) and _ratio(*sharpness) <= MAX_SHARPNESS_CHANGE):
        return None
    busyness = [float(np.square(values[mask]).sum()) for values in fine]
    return int(busyness[1] > busyness[0]) if _ratio(*busyness) >= MIN_MARK_RATIO else None


def _pixels(blocks: np.ndarray) -> np.ndarray:
    """Return which pixels lie in some blocks, (256, 256) bool."""
    return np.kron(blocks, np.ones([SIDE_PX // BLOCKS] * 2)) > 0


def _is_alike(first: np.ndarray, second: np.ndarray, where: np.ndarray) -> bool:
    """Say whether two pictures are about as bright and as rich in contrast in some pixels."""
    a, b = first[where], second[where]
    ratios = (_ratio(measure(a), measure(b)) for measure in (np.mean, np.std))
    return a.size > 0 and max(ratios) <= MAX_TONE_CHANGE


def _ratio(a: float, b: float) -> float:
    """Return the larger of two numbers over the smaller."""
    return max(a, b) / max(min(a, b), 1e-3)


def _fine(levels: np.ndarray) -> np.ndarray:
    small, large = (cv2.GaussianBlur(levels, (0, 0), pixels) for pixels in MARK_PX)
    return np.asarray(small - large)
