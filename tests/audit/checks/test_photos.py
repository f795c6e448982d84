"""The target photographs."""

import numpy as np
import pytest

from src.storage.encoding import encode_png
from tests.audit.evidence import CHECKS_BY_NAME, fired, photo_of, with_file, with_photo
from tests.audit.faults import ignore_orientation


@pytest.mark.parametrize(("rows", "fails"), [(5, False), (6, True)])
def test_a_gray_edge_below_a_twelfth_is_part_of_the_picture(clean, rows, fails):
    pixels = photo_of(clean, 4).copy()
    pixels[-rows:] = 128 + np.array([3, 0, -3])  # as compression leaves it
    broken = with_file(clean, 4, encode_png(pixels))
    assert ("truncated_photos" in fired(broken)) == fails


@pytest.mark.parametrize("level", [124, 132])
def test_another_gray_is_no_decoders(clean, level):
    pixels = photo_of(clean, 4).copy()
    pixels[-20:] = level
    assert "truncated_photos" not in fired(with_file(clean, 4, encode_png(pixels)))


def test_a_turned_photograph_read_upright_is_no_fault(clean):
    data = (ignore_orientation(clean).raw / "images/9").read_bytes()
    assert fired(with_file(clean, 9, data)) == {}


def test_a_pale_photograph_of_row_0_is_found_in_its_neighbours_place(clean):
    for row in (0, 1):
        pale = 255 - (255 - photo_of(clean, row)) // 16
        clean = with_file(clean, row, encode_png(pale))
    broken = with_photo(clean, 1, photo_of(clean, 0).copy())
    (offender,) = CHECKS_BY_NAME["altered_photos"].run(broken).offenders
    assert (offender.row, offender.detail) == (1, "it shows the file of row 0 (train)")
