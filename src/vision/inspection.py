"""What does one of two pictures have that the other lacks: bands, corners, marks, more of the scene?

One is laid upon the other at 256 pixels. What it shows beyond the other's edge was added to it if it
has one colour and ends in a step at that edge. If the scene continues without a step, the other
picture was cut.
"""

from typing import NamedTuple

import numpy as np

from src.vision import forms, overlays, surroundings
from src.vision.close_look import MIN_TILT_DEGREES, CloseLook, register
from src.vision.correlation import ROTATION
from src.vision.matching import Match

# Correlation from which a closer look adds nothing: nearly all recompressed pictures reach it,
# and 1 in 30 of those with a watermark.
PLAIN_CORR = 0.998
MAX_WHOLE_SURPLUS = 0.03  # up to which two pictures show the same part of the scene


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
        return Inspection(
            clipped=overlays.find_clipped(forms.orient(first.gray, match.form), second.gray)
        )
    registration = register(first, second, match)
    place = surroundings.placement(registration, match)  # of the moved picture in the fixed one
    if match.is_first_moved:  # of the second picture in the first one from here on
        place = np.linalg.inv(place)
    beyond_second = surroundings.put_around(first.gray, place)
    beyond_first = surroundings.put_around(second.gray, np.linalg.inv(place))
    surplus = (
        surroundings.measure_surplus(beyond_second),
        surroundings.measure_surplus(beyond_first),
    )
    rotation = float(abs(registration.pose[ROTATION]))
    levels = surroundings.cut_inside(beyond_second), second.gray.astype(np.float32)
    clipped = overlays.find_clipped(*levels)
    if rotation >= MIN_TILT_DEGREES:
        corners = surroundings.find_corners(beyond_second, beyond_first)
        return Inspection(corners, surplus, None, clipped, rotation)
    added = surroundings.find_added(beyond_second), surroundings.find_added(beyond_first)
    if any(added) or max(surplus) > MAX_WHOLE_SURPLUS:
        return Inspection(added, surplus, None, clipped, rotation)
    added, marked = overlays.find_marks(*levels)
    return Inspection(added, surplus, marked, clipped, rotation)


def _is_plain(match: Match) -> bool:
    """Say whether two pictures are so alike that only their tone may differ."""
    is_moved = match.is_cut() or match.strip or any(match.banded) or match.rotation
    return not (is_moved or match.differing[0]) and match.similarity >= PLAIN_CORR
