"""What a picture may show of another one: views, and the strips of captions."""

from typing import NamedTuple

import numpy as np

from src.vision import forms

THUMBNAIL_PX = 64
UPRIGHT_FORMS = (forms.PLAIN, forms.MIRRORED)


class View(NamedTuple):
    """What a picture may show of another one.

    Attributes:
        top: The share of the height that is cut off there; so are the next three.
        bottom: See `top`.
        left: See `top`.
        right: See `top`.
        degrees: By which the other one is turned before that, see `correlation`.
    """

    top: float = 0
    bottom: float = 0
    left: float = 0
    right: float = 0
    degrees: float = 0


def _cuts(share: float, positions: int) -> list[tuple[float, float]]:
    """Return the ways to cut a share off a length, some at each end."""
    steps = range(positions)
    return [(share * n / steps[-1], share * (steps[-1] - n) / steps[-1]) for n in steps]


# Two hashes stay near while a view is off by about a sixtieth of both sides, or by 3 degrees.
_BOTH_SIDES = ((0.05, 3), (0.1, 4), (0.15, 5), (0.2, 7))  # a share, and its positions
_ONE_SIDE = ((0.05, 2), (0.1, 3), (0.15, 4), (0.2, 6), (0.25, 6))
_TILTED = (0, 0.05, 0.08)  # cut off at each side of a picture turned by
_DEGREES = 4.5
UNCUT = View()
VIEWS: tuple[View, ...] = (
    UNCUT,
    *(
        View(*rows, *columns)
        for share, positions in _BOTH_SIDES
        for rows in _cuts(share, positions)
        for columns in _cuts(share, positions)
    ),
    *(View(*cut) for one_side in _ONE_SIDE for cut in _cuts(*one_side)),
    *(View(0, 0, *cut) for one_side in _ONE_SIDE for cut in _cuts(*one_side)),
    *(
        View(share, share, share, share, degrees)
        for share in _TILTED
        for degrees in (-_DEGREES, _DEGREES)
    ),
)
# The pose of each view in the picture that it is a view of.
POSES = np.array(
    [
        [
            (1 + view.top - view.bottom) / 2,
            (1 + view.left - view.right) / 2,
            1 - view.top - view.bottom,
            1 - view.left - view.right,
            view.degrees,
        ]
        for view in VIEWS
    ]
)
# What may be left out of both pictures: nothing, or a strip as high as a caption's.
STRIPS: tuple[View, ...] = (UNCUT, View(bottom=0.15), View(top=0.15))
