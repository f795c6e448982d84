"""Which part of a picture becomes a pair: the largest of its proportions, or one around a face."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from src.params import Pair, Size


class Face(NamedTuple):
    """The box around a face, in shares of the picture's width and height, 0…1."""

    left: float
    top: float
    right: float
    bottom: float


def count_by_faces(faces_by_picture: Iterable[Sequence[Face]]) -> dict[str, int]:
    """Return how many pictures have one face, several and none."""
    numbers = [len(faces) for faces in faces_by_picture]
    one, none = numbers.count(1), numbers.count(0)
    return {"one": one, "several": len(numbers) - one - none, "none": none}


class Part(NamedTuple):
    """A rectangle inside a picture, in pixels."""

    left: int
    top: int
    width: int
    height: int

    def of(self, pixels: np.ndarray) -> np.ndarray:
        """Return a copy of the rectangle's pixels: (H, W, …) → (height, width, …)."""
        rows = slice(self.top, self.top + self.height)
        return np.ascontiguousarray(pixels[rows, self.left : self.left + self.width])


def part_for(picture: Size, shape: Size, pair: Pair, face: Face | None) -> Part:
    """Return the part of a picture that becomes a pair, around a face if one was found."""
    if face is None:
        return largest_part(picture, shape, pair.crop)
    return face_part(picture, shape, face, pair.face_margin, pair.crop_size)


def largest_part(picture: Size, shape: Size, crop: str) -> Part:
    """Return the largest part that has the proportions of `shape`, in the middle across.

    Args:
        picture: Height and width of the picture.
        shape: A size of the part's proportions.
        crop: Where the part lies in a picture that is too high: in its center, else at its top.
    """
    height, width = _largest(picture, shape)
    top = (picture.height - height) // 2 if crop == "center" else 0
    return Part((picture.width - width) // 2, top, width, height)


def face_part(picture: Size, shape: Size, face: Face, margin: float, least: Size) -> Part:
    """Return the part around a face, moved and reduced until it lies inside the picture.

    Args:
        picture: Height and width of the picture.
        shape: A size of the part's proportions.
        face: In the part's middle, if there is room.
        margin: On each side of the face, in shares of its own width and height.
        least: The part is no smaller if the picture allows it, so that nothing is enlarged.
    """
    reach = 1 + 2 * margin
    face_height = (face.bottom - face.top) * picture.height * reach
    face_width = (face.right - face.left) * picture.width * reach
    scale = max(face_height / shape.height, face_width / shape.width, least.height / shape.height)
    largest = _largest(picture, shape)
    height, width = (
        max(1, min(most, _rounded(side * scale))) for most, side in zip(largest, shape, strict=True)
    )
    left = _start((face.left + face.right) / 2 * picture.width, width, picture.width)
    top = _start((face.top + face.bottom) / 2 * picture.height, height, picture.height)
    return Part(left, top, width, height)


def _start(middle: float, length: int, whole: int) -> int:
    """Return where a stretch around `middle` starts that lies inside the whole."""
    return min(max(0, _rounded(middle - length / 2)), whole - length)


def _rounded(number: float) -> int:
    """Return the nearest whole number, of halves the upper one, as `_largest` rounds."""
    return math.floor(number + 0.5)


def _largest(picture: Size, shape: Size) -> Size:
    """Return the largest size inside a picture that has the proportions of `shape`, rounded."""
    if picture.width * shape.height >= picture.height * shape.width:
        width = (picture.height * shape.width + shape.height // 2) // shape.height
        return Size(picture.height, max(1, width))
    height = (picture.width * shape.height + shape.width // 2) // shape.width
    return Size(max(1, height), picture.width)
