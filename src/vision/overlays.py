"""What lies upon one of two pictures and not upon the other: a strip, a mark, lost highlights."""

import cv2
import numpy as np

from src.vision import witness
from src.vision.close_look import BLOCKS, SIDE_PX, details
from src.vision.surroundings import MIN_FLAT_SHARE, MIN_STEP_LEVELS, flat_share, sides
from src.vision.views import POSES

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


def find_marks(first: np.ndarray, second: np.ndarray) -> tuple[tuple[str, str], int | None]:
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
    squares = zip(*map(sides, (differing, levels_differ, first, second)), strict=True)
    for number, (blocks, pixels, *levels) in enumerate(squares):
        flat = [flat_share(level[:COVERED_PX]) for level in levels]
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


def find_clipped(first: np.ndarray, second: np.ndarray) -> int | None:
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
