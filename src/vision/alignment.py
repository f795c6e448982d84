"""Do two thumbnails show the same? Their normalised correlation, aligned over place, scale and turn.

Compared is detail, between single pixels, which misalign, and broad light. Either may be a cut of
the other, mirrored or turned by a few degrees, and bands around it (frames, strips of a caption)
are left out where that matches better. No hash is used, so that the audit may rely on it.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np

from src.imaging import resizing
from src.vision.bands import border_variants, borders
from src.vision.compiled import compiled

THUMBNAIL_PX = 64  # of a thumbnail
# What one shows of the other: shares that are cut off at its top, bottom, left and right.
_EVEN = (
    ((0, 0.05), (0.05, 0)),
    ((0, 0.1), (0.033, 0.067), (0.067, 0.033), (0.1, 0)),
    ((0.05, 0.1), (0.1, 0.05)),
    ((0.1, 0.1),),
)
_ONE_WAY = (
    *((0, share) for share in (0.05, 0.1, 0.15, 0.25)),
    *((share, 0) for share in (0.05, 0.1, 0.15, 0.25)),
    (0.125, 0.125),
)
WHOLE = (0, 0, 0, 0)
VIEWS = (
    WHOLE,
    *((*rows, *columns) for cuts in _EVEN for rows in cuts for columns in cuts),
    *((*cut, 0, 0) for cut in _ONE_WAY),
    *((0, 0, *cut) for cut in _ONE_WAY),
)
# Where each lies: its middle (down, across), height and width as shares, and degrees.
POSES = np.array(
    [
        [(1 + top - bottom) / 2, (1 + left - right) / 2, 1 - top - bottom, 1 - left - right, 0]
        for top, bottom, left, right in VIEWS
    ]
)
# What may be left out of both: nothing, or a strip as high as a caption's.
STRIPS = (WHOLE, (0, 0.15, 0, 0), (0.15, 0, 0, 0))
BLANK = 0.5  # levels of detail below which a picture is like nothing
LOCAL = 6  # pixels over which contrast is evened out
NOISE = 4  # levels of detail that may be noise, and are not evened out
MIN_START_CORR = 0.25  # correlation in a view from which no alignment leads to a copy
STOP_AT_CORR = 0.995  # correlation that needs no better alignment
# Alignment ends where so many rounds that gain as the last would leave it so far below the
# similarity asked for: of 17,759 copies (drawn, portraits, facades) none was lost by that.
ROUNDS, GIVE_UP_MARGIN = 6, 0.16
STARTS = 3  # views from which the alignment of any two starts
CROPPED_SHARE = 0.985  # share shown below which a picture is said to be a cut of the other
TIE_MARGIN = 0.02  # of similarity


@dataclass(frozen=True)
class Match:
    """How well one picture matches another, -1…1, and what was done to it for that.

    without: what was left out: "", "caption" or "frame".
    shown: how much of the other's height or width the smaller one shows, whichever is less.
    turned: degrees, either way.
    """

    similarity: float
    mirrored: bool = False
    without: str = ""
    shown: float = 1.0
    turned: float = 0.0


def thumbnail(pixels: np.ndarray) -> np.ndarray:
    """A picture's (64, 64) uint8 gray thumbnail; `pixels` is (height, width, 3) uint8 RGB."""
    return cv2.cvtColor(resizing.thumbnail(pixels, THUMBNAIL_PX), cv2.COLOR_RGB2GRAY)


def is_blank(thumb: np.ndarray) -> bool:
    """Whether there is nothing in a thumbnail to tell it from others."""
    return cv2.norm(thumb, cv2.blur(thumb, (15, 15)), cv2.NORM_L1) < BLANK * thumb.size


def detail(thumb: np.ndarray, strip: int = 0) -> np.ndarray:
    """What distinguishes pictures, (64, 64) float32; zeros in the strip that is left out.

    strip: which of STRIPS. A blank picture has zeros only.
    """
    low, high = _rows(strip)
    values = np.zeros(thumb.shape, np.float32)
    if not is_blank(thumb[low:high]):
        kept = thumb[low:high].astype(np.float32)
        kept = cv2.GaussianBlur(kept, (0, 0), 1) - cv2.GaussianBlur(kept, (0, 0), 8)
        spread = np.sqrt(cv2.GaussianBlur(kept * kept, (0, 0), LOCAL))
        values[low:high] = kept / (spread + NOISE)
    return values


def similarity(a: np.ndarray, b: np.ndarray) -> float:
    """The best correlation of two thumbnails, -1…1, over all that `match` tries."""
    return match(a, b).similarity


def match(a: np.ndarray, b: np.ndarray) -> Match:
    """How two thumbnails, (64, 64) uint8, match best.

    Of what matches as well as the best, the plainest is told.
    """
    one, other = ([_details(form) for form in border_variants(thumb)] for thumb in (a, b))
    around = "frame" if sum(borders(a)[2:] + borders(b)[2:]) else "caption"
    starts = [
        start
        for i, j in comparable_variants(len(one), len(other))
        for fixed, moved in ((one[i], other[j]), (other[j], one[i]))
        for mirrored in (False, True)
        for start in _starts(fixed, moved, mirrored, around if i + j else "")
    ]
    found, best = [], -1.0
    for start in sorted(starts, key=lambda start: -start.value):
        found.append(_reached(start, best - TIE_MARGIN))
        best = max(best, found[-1].similarity)
    told = min((m for m in found if m.similarity >= best - TIE_MARGIN), key=_effort)
    return replace(told, similarity=best)


def comparable_variants(one: int, other: int) -> list[tuple[int, int]]:
    """Which of two pictures' forms are compared; of two that have bands not the bands."""
    pairs = [(i, j) for i in range(one) for j in range(other)]
    return pairs if min(one, other) == 1 else pairs[1:]


def _effort(match: Match) -> tuple[int, float]:
    return match.mirrored + bool(match.without) + (match.shown < CROPPED_SHARE), -match.shown


def _details(form: np.ndarray) -> list[np.ndarray]:
    return [detail(form, strip) for strip in range(len(STRIPS))]


class _Start(NamedTuple):
    """Where the alignment of two pictures' details begins, and how well they correlate there."""

    value: float
    fixed: np.ndarray
    moved: np.ndarray
    place: np.ndarray
    strip: int
    mirrored: bool
    without: str


def _starts(
    fixed: list[np.ndarray], moved: list[np.ndarray], mirrored: bool, without: str
) -> list[_Start]:
    """The most promising views and strips, of `_details` of both."""
    found = []
    for strip, picture in enumerate(moved):
        ways = fixed[strip], oriented(picture, mirrored)
        left_out = without or ("caption" if strip else "")
        places = POSES[:1] if strip else POSES
        values = _correlations(*ways, places, *_rows(strip))
        for value, place in zip(values, places, strict=True):
            found.append(_Start(value, *ways, place, strip, mirrored, left_out))
    return sorted(found, key=lambda start: -start.value)[:STARTS]


def _reached(start: _Start, asked: float) -> Match:
    value, place = aligned(start.fixed, start.moved, start.place, start.strip, asked)
    height, width = float(place[2]), float(place[3])
    shown = min(height, width, 1 / height, 1 / width)
    return Match(value, start.mirrored, start.without, shown, float(abs(place[4])))


def oriented(picture: np.ndarray, mirrored: bool) -> np.ndarray:
    """The picture itself or its mirror image."""
    return np.ascontiguousarray(picture[:, ::-1]) if mirrored else picture


def aligned(
    fixed: np.ndarray, moved: np.ndarray, place: np.ndarray, strip: int, asked: float = -1.0
) -> tuple[float, np.ndarray]:
    """The correlation of two pictures' details, aligned from `place` on, and where that is.

    strip: which of STRIPS is left out. What begins hopeless is not aligned; what will not come near
    the similarity asked for is left where it is.
    """
    value = _correlation(fixed, moved, place, *_rows(strip), 2)
    if value >= MIN_START_CORR:
        value, place = _coordinate_ascent(fixed, moved, place, *_rows(strip), asked)
    return float(value), place


def _rows(strip: int) -> tuple[int, int]:
    top, bottom = STRIPS[strip][:2]
    return round(top * THUMBNAIL_PX), round((1 - bottom) * THUMBNAIL_PX)


@compiled
def _coordinate_ascent(fixed, moved, start, low, high, asked):
    """Coordinate ascent of the correlation; ever smaller steps of place, size and turn."""
    place = start.copy()
    value = _correlation(fixed, moved, place, low, high, 2)
    for step in (0.02, 0.01, 0.005):
        for _ in range(12):
            before = value
            for at in range(5):
                size = step * 100 if at == 4 else step
                for way in (-size, size):
                    tried = place.copy()
                    tried[at] += way
                    if abs(tried[4]) > 5 or min(tried[2], tried[3]) < 0.7:
                        continue
                    if max(tried[2], tried[3]) > 1.05:
                        continue
                    reached = _correlation(fixed, moved, tried, low, high, 2)
                    if reached > value:
                        value, place = reached, tried
            if value + ROUNDS * (value - before) < asked - GIVE_UP_MARGIN:
                return value, place
            if value - before < 1e-4 or value >= STOP_AT_CORR:
                break
    return _correlation(fixed, moved, place, low, high, 1), place


@compiled
def _correlations(fixed, moved, places, low, high):
    values = np.empty(len(places))
    for at in range(len(places)):
        values[at] = _correlation(fixed, moved, places[at], low, high, 2)
    return values


@compiled
def _correlation(fixed, moved, place, low, high, stride):
    """Normalised correlation of some of `moved`'s rows with where they lie in `fixed`."""
    side = fixed.shape[0]
    angle = place[4] * np.pi / 180
    cosine, sine = np.cos(angle), np.sin(angle)
    # where the first pixel lies, and how far from it the next row's and the next column's
    y_row, y_column = place[2] * cosine, place[2] * sine
    x_row, x_column = -place[3] * sine, place[3] * cosine
    before = (1 - side) / 2
    y_first = place[0] * side - 0.5 + (y_row + y_column) * before
    x_first = place[1] * side - 0.5 + (x_row + x_column) * before
    # unsigned places in flat pixels: numba would look whether a signed one counts from the end
    fixed_pixels, moved_pixels = fixed.ravel(), moved.ravel()
    one, line = np.uint32(1), np.uint32(side)
    n, sa, sb, saa, sbb, sab = 0, 0.0, 0.0, 0.0, 0.0, 0.0
    for row in range(low, high, stride):
        for column in range(0, side, stride):
            y = y_first + y_row * row + y_column * column
            x = x_first + x_row * row + x_column * column
            if y < 0 or x < 0 or y > side - 1 or x > side - 1:
                continue
            top, left = min(np.int32(y), side - 2), min(np.int32(x), side - 2)
            dy, dx = y - top, x - left
            at = np.uint32(top * side + left)
            upper = fixed_pixels[at] * (1 - dx) + fixed_pixels[at + one] * dx
            lower = fixed_pixels[at + line] * (1 - dx) + fixed_pixels[at + line + one] * dx
            a = upper * (1 - dy) + lower * dy
            b = moved_pixels[np.uint32(row * side + column)]
            n += 1
            sa += a
            sb += b
            saa += a * a
            sbb += b * b
            sab += a * b
    if n < 0.85 * (high - low) * side / stride**2:
        return -1.0
    spread = (n * saa - sa * sa) * (n * sbb - sb * sb)
    # a flat picture correlates with nothing
    return (n * sab - sa * sb) / np.sqrt(spread) if spread > 1e-6 else -1.0
