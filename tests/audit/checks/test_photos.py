"""The target photographs."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from src.audit.evidence import Evidence
from src.dataset.arrays import Pairs
from src.dataset.picture_parts import Face, part_for
from src.imaging.picture_files import read_photo
from src.imaging.resizing import resize
from src.pair.pairing import largest_crop
from src.params import Size
from src.storage.encoding import encode_png
from tests.audit.evidence import CHECKS_BY_NAME, fired, photo_of, with_file, with_photo
from tests.audit.faults import ignore_orientation
from tests.builders import pairs_of, square_crop


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


WIDE = Size(32, 64)


def with_pairs(evidence: Evidence, prepare: Callable[[np.ndarray], np.ndarray]) -> Evidence:
    """Return the evidence with WIDE pairs that are made from its files in another way."""

    def side(pairs: Pairs) -> Pairs:
        photos = [read_photo(evidence.raw / f"images/{row}") for row in pairs.index["row"]]
        return replace(pairs_of([*map(prepare, photos)]), index=pairs.index)

    pair = evidence.pair.model_copy(update={"crop_size": WIDE})
    return replace(evidence, train=side(evidence.train), val=side(evidence.val), pair=pair)


def test_pairs_that_are_not_square_show_what_their_files_show(clean):
    wide = with_pairs(clean, lambda photo: largest_crop(photo, WIDE, "center"))
    assert fired(wide) == {}


FACE = (0.3, 0.35, 0.6, 0.6)


def with_faces(evidence: Evidence, moved_px: int = 0) -> Evidence:
    """Return the evidence with pairs that are cut around a face; row 9 has none."""
    size = evidence.pair.crop_size

    def cut(row: int) -> np.ndarray:
        photo = read_photo(evidence.raw / f"images/{row}")
        part = part_for(Size(*photo.shape[:2]), size, pair, Face(*FACE) if row != 9 else None)
        return resize(part._replace(top=part.top + moved_px).of(photo), *size[::-1])

    def side(pairs: Pairs) -> Pairs:
        rows = pairs.index["row"]
        index = pairs.index.assign(faces=[[FACE] if row != 9 else [] for row in rows])
        return replace(pairs_of([*map(cut, rows)]), index=index)

    pair = evidence.pair.model_copy(update={"crop": "face"})
    return replace(evidence, train=side(evidence.train), val=side(evidence.val), pair=pair)


def test_pairs_around_faces_show_what_their_files_show(clean):
    assert fired(with_faces(clean)) == {}


def test_pairs_beside_their_faces_are_found(clean):
    found = fired(with_faces(clean, moved_px=24))
    assert len(found["altered_photos"]) > 20


def test_faces_beyond_the_crop_are_not_cut_by_it(clean):
    for name, pairs in clean.sides.items():
        faces = [[(0.3, 0.3, 0.5, 0.5), (0.3, 0.0, 0.5, 0.12)]] * len(pairs)
        clean = replace(clean, **{name: replace(pairs, index=pairs.index.assign(faces=faces))})
    check = CHECKS_BY_NAME["cut_faces"]
    assert check.measure(clean) == (0, [])
    assert check.run(clean).thresholds == {"visible_face": 0.9}


def test_without_faces_no_crop_cuts_any(clean):
    assert CHECKS_BY_NAME["cut_faces"].measure(clean) == (0, [])


@pytest.mark.parametrize("kind", ["whole", "square"])
def test_pairs_of_other_proportions_are_found(clean, kind: str):
    """The whole picture, or a square of it, is squeezed to the size of the pairs."""

    def squeeze(photo: np.ndarray) -> np.ndarray:
        part = photo if kind == "whole" else square_crop(photo, 100)
        return resize(part, WIDE.width, WIDE.height)

    assert len(fired(with_pairs(clean, squeeze))["altered_photos"]) == clean.count


def test_a_file_narrower_than_a_wide_pair_is_enlarged(clean):
    pair = clean.pair.model_copy(update={"crop_size": Size(16, 208)})
    wide = replace(clean, pair=pair)  # the files are 192 pixels wide
    _, offenders = CHECKS_BY_NAME["upscaled_pictures"].measure(wide)
    assert len(offenders) == clean.count
    assert "192 pixels wide, enlarged to 208" in offenders[0].detail
