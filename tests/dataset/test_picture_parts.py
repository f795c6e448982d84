"""The part of a picture that becomes a pair: around a face, or the largest."""

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from src.dataset.picture_parts import Face, Part, face_part, largest_part, part_for
from src.params import Size
from tests.conftest import DEFAULTS

SQUARE = Size(64, 64)
TINY = Size(1, 1)


@st.composite
def faces(draw: st.DrawFn) -> Face:
    xs, ys = (sorted(draw(st.tuples(st.floats(0, 1), st.floats(0, 1)))) for _ in range(2))
    assume(xs[0] < xs[1] and ys[0] < ys[1])
    return Face(xs[0], ys[0], xs[1], ys[1])


@settings(max_examples=300, deadline=None)
@given(
    picture=st.builds(Size, st.integers(1, 400), st.integers(1, 400)),
    shape=st.builds(Size, st.integers(1, 64), st.integers(1, 64)),
    face=faces(),
    margin=st.floats(0, 4),
)
@example(Size(300, 200), SQUARE, Face(0.9, 0.0, 1.0, 0.1), 0.5)
def test_a_part_lies_inside_the_picture_and_shows_the_face(
    picture: Size, shape: Size, face: Face, margin: float
):
    part = face_part(picture, shape, face, margin, TINY)
    largest = largest_part(picture, shape, "top")
    assert part.left >= 0 and part.left + part.width <= picture.width
    assert part.top >= 0 and part.top + part.height <= picture.height
    assert 1 <= part.width <= largest.width and 1 <= part.height <= largest.height
    if min(part.width, part.height) > 1:
        error = abs(part.height * shape.width - part.width * shape.height)
        assert error <= max(shape)  # of the right proportions, to a pixel
    if part[2:] != largest[2:]:  # there is room for the whole face, to a rounded pixel
        assert part.left <= face.left * picture.width + 1
        assert part.top <= face.top * picture.height + 1
        assert part.left + part.width >= face.right * picture.width - 1
        assert part.top + part.height >= face.bottom * picture.height - 1


def test_the_margin_lies_on_each_side_of_the_face():
    face = Face(0.4, 0.5, 0.5, 0.6)  # 40 pixels of 400
    assert face_part(Size(400, 400), SQUARE, face, 0.0, TINY) == Part(160, 200, 40, 40)
    assert face_part(Size(400, 400), SQUARE, face, 0.5, TINY) == Part(140, 180, 80, 80)


def test_a_part_has_the_proportions_of_the_pairs_around_a_narrow_face():
    face = Face(0.45, 0.25, 0.55, 0.5)  # 40 x 100 pixels
    assert face_part(Size(400, 400), SQUARE, face, 0.5, TINY) == Part(100, 50, 200, 200)
    assert face_part(Size(400, 400), Size(32, 16), face, 0.5, TINY) == Part(150, 50, 100, 200)


@pytest.mark.parametrize(
    ("face", "expected"),
    [
        (Face(0.0, 0.0, 0.1, 0.1), Part(0, 0, 80, 80)),
        (Face(0.9, 0.9, 1.0, 1.0), Part(320, 320, 80, 80)),
        (Face(0.0, 0.0, 1.0, 1.0), Part(0, 0, 400, 400)),
    ],
)
def test_a_face_at_the_edge_moves_the_part_inside(face: Face, expected: Part):
    assert face_part(Size(400, 400), SQUARE, face, 0.5, TINY) == expected


def test_a_face_that_needs_more_than_the_picture_gets_the_largest_part():
    picture, face = Size(300, 200), Face(0.1, 0.05, 0.9, 0.5)
    part = face_part(picture, SQUARE, face, 0.5, TINY)
    assert part == Part(0, 0, 200, 200)
    assert part[2:] == largest_part(picture, SQUARE, "center")[2:]


def test_a_small_face_is_not_enlarged_where_the_picture_has_pixels():
    face = Face(0.5, 0.5, 0.52, 0.52)  # 8 pixels of 400
    assert face_part(Size(400, 400), Size(142, 142), face, 0.5, Size(128, 128))[2:] == (128, 128)
    assert face_part(Size(100, 90), SQUARE, face, 0.5, Size(128, 128))[2:] == (90, 90)


def test_a_picture_without_a_face_is_cut_at_its_top():
    pair = DEFAULTS.pair
    around = pair.model_copy(update={"crop": "face"})
    assert part_for(Size(300, 200), SQUARE, around, None) == Part(0, 0, 200, 200)
    assert part_for(Size(300, 200), SQUARE, pair, None) == Part(0, 50, 200, 200)
    assert part_for(Size(300, 200), SQUARE, around, Face(0.4, 0.8, 0.6, 0.9)).top > 100


def test_the_pixels_of_a_part_are_a_copy():
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    copy = Part(1, 2, 3, 2).of(pixels)
    np.testing.assert_array_equal(copy, pixels[2:4, 1:4])
    assert copy.flags.c_contiguous
