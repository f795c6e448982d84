"""A close look: copies agree in every part of the middle; pictures of one template do not."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from src.imaging import decoding
from src.vision.close_look import SIDE_PX, CloseAgreement, close_agreement
from src.vision.matching import Match
from tests.copies import COPIES, HARD_COPIES
from tests.lookalikes import LOOKALIKES
from tests.vision.looks import close_look_at, match_of


def _compare(a: np.ndarray, b: np.ndarray) -> CloseAgreement:
    return close_agreement(close_look_at(a), close_look_at(b), match_of(a, b))


@pytest.mark.parametrize(
    "kind",
    [
        "recompressed, quality 60",
        "resized to 70 %",
        "mirrored",
        "logo in a corner",
        "cut by 15 % at a corner",
        "turned by 5 degrees",
        "turned by 90 degrees",
        "transversed",
        "polaroid",
    ],
)
def test_a_copy_agrees_in_every_part_of_the_middle(faces: list[np.ndarray], kind: str):
    copying = {**COPIES, **HARD_COPIES}[kind]
    for n, face in enumerate(faces[:4]):
        copy = decoding.decode(copying(face, np.random.default_rng(n)))
        assert _compare(face, copy).lowest >= 0.5
        assert _compare(copy, face).lowest >= 0.5


def test_a_turned_picture_is_laid_on_the_other_in_its_own_aspect(faces: list[np.ndarray]):
    wide = np.ascontiguousarray(faces[0][60:200])
    copy = decoding.decode(HARD_COPIES["turned by 5 degrees"](wide, np.random.default_rng(0)))
    match = match_of(wide, copy)
    looks = [close_look_at(pixels) for pixels in (wide, copy)]
    squares = [replace(look, aspect=1.0) for look in looks]
    assert match.rotation > 2
    assert close_agreement(*looks, match).lowest > close_agreement(*squares, match).lowest


def test_a_sign_across_the_middle_lowers_one_block_or_two(faces: list[np.ndarray]):
    face = faces[0]
    marked = face.copy()
    marked[118:134, 118:134] = 255 - marked[118:134, 118:134]
    agreement = _compare(face, marked)
    assert agreement.lowest < agreement.second_lowest


@pytest.mark.parametrize("name", ["playing cards", "bottles of one shape"])
def test_pictures_of_one_template_disagree_somewhere(name: str):
    pictures = LOOKALIKES[name](5)
    values = [_compare(pictures[0], other).lowest for other in pictures[1:]]
    assert np.median(values) < 0.5


def test_plain_pictures_agree():
    plain = np.full((80, 80, 3), 120, np.uint8)
    assert _compare(plain, plain) == (1.0, 1.0, 1.0, 0.0, 0)


def test_colours_of_a_cut_copy_hardly_differ():
    tile = np.random.default_rng(0).integers(0, 256, (10, 10, 3), np.uint8)
    picture = cv2.resize(tile, (200, 200), interpolation=cv2.INTER_CUBIC)
    match = Match(0.95, pose=(0.475, 0.475, 0.95, 0.95, 0.0))
    whole, cut = close_look_at(picture), close_look_at(np.ascontiguousarray(picture[:190, :190]))
    assert close_agreement(whole, cut, match).color_difference < 4
    other = close_look_at(np.ascontiguousarray(picture[::-1]))
    assert close_agreement(whole, other, Match(0.95)).color_difference > 20


def test_a_thing_upon_a_plain_part_of_one_picture_is_seen():
    plain = np.full((SIDE_PX, SIDE_PX, 3), 120, np.uint8)
    plain[:64] = np.random.default_rng(0).integers(0, 256, (64, SIDE_PX, 3), np.uint8)
    marked = plain.copy()
    cv2.putText(marked, "A", (110, 170), cv2.FONT_HERSHEY_SIMPLEX, 2, (20, 20, 20), 4)
    agreement = _compare(plain, marked)
    assert agreement.lowest > 0.9
    assert agreement.lowest_of_either < 0.2
