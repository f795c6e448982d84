"""The eight forms of a square: a picture turned by quarters, mirrored or not.

A form is a number of three bits. Bit 4 exchanges rows and columns, then bit 2 reverses the rows and
bit 1 the columns. Form 0 is the picture itself, form 1 its mirror image.
"""

import numpy as np

FORMS = range(8)
PLAIN, MIRRORED = 0, 1
INVERSES = (0, 1, 2, 3, 4, 6, 5, 7)  # which form undoes each
NAMES = (  # of each form and of its inverse
    "",
    "mirrored",
    "mirrored and upside down",
    "upside down",
    "mirrored and turned by a quarter",
    "turned by a quarter",
    "turned by a quarter",
    "mirrored and turned by a quarter",
)


def orient(picture: np.ndarray, form: int) -> np.ndarray:
    """Return a picture in one of FORMS, contiguous: (height, width, …) of any dtype."""
    if form & 4:
        picture = picture.swapaxes(0, 1)
    if form & 2:
        picture = picture[::-1]
    if form & 1:
        picture = picture[:, ::-1]
    return np.ascontiguousarray(picture)
