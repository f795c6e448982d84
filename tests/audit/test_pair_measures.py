"""What one pass measures of the pairs, which several checks share."""

from dataclasses import replace

import numpy as np
import pytest

from src.audit import candidates, pair_measures, source_files
from src.audit.pair_measures import PairMeasures
from src.dataset.arrays import Pairs
from src.vision import alignment, grayscale
from tests.builders import CANNY, pairs_of


@pytest.fixture(scope="module")
def pairs(faces) -> Pairs:
    """Eleven pairs: one photograph is blank, one incomplete, one input of each kind is wrong."""
    photos = np.stack([face[:192, :192] for face in faces[:11]])
    photos[2], photos[5, 150:] = 200, pair_measures.FILLER_LEVEL
    drawn = pairs_of(photos)
    drawn.gray[7, :3, :3] ^= 64
    drawn.canny[9] = 0
    return drawn


@pytest.fixture(scope="module")
def measures(pairs) -> PairMeasures:
    return pair_measures.measure({"train": pairs}, CANNY)["train"]


def test_each_fault_is_measured_on_its_own_pair(measures: PairMeasures):
    assert np.flatnonzero(measures.are_blank).tolist() == [2]
    assert np.flatnonzero(measures.filler_rows).tolist() == [5]
    assert measures.filler_rows[5] == 42
    assert np.flatnonzero(measures.gray_errors > 1).tolist() == [7]
    assert np.flatnonzero(measures.edge_errors).tolist() == [9]
    assert np.flatnonzero(measures.edge_densities == 0).tolist() == [2, 9]


def test_a_picture_is_measured_as_if_it_were_alone(pairs: Pairs, measures: PairMeasures):
    photos = pairs.photo
    residuals = [grayscale.tone_residual(photo) for photo in photos]
    np.testing.assert_array_equal(measures.tone_residuals, residuals)
    np.testing.assert_array_equal(measures.thumbnails, source_files.thumbnails(photos))
    for expected, actual in zip(
        candidates.variants(map(alignment.thumbnail, photos)), measures.variants, strict=True
    ):
        np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("block", [1, 4])
def test_blocks_do_not_change_what_is_measured(
    monkeypatch: pytest.MonkeyPatch, pairs: Pairs, measures: PairMeasures, block: int
):
    monkeypatch.setattr("src.audit.pair_measures.BLOCK", block)
    sides = {"train": pairs, "val": _first(pairs, 3)}
    in_blocks = pair_measures.measure(sides, CANNY)
    assert len(in_blocks["val"].thumbnails) == 3
    variants, *columns = measures
    for expected, actual in zip(
        (*variants, *columns),
        (*in_blocks["train"].variants, *in_blocks["train"][1:]),
        strict=True,
    ):
        np.testing.assert_array_equal(actual, expected)


def test_a_side_without_pairs_has_no_measures(pairs: Pairs):
    empty = pair_measures.measure({"val": _first(pairs, 0)}, CANNY)["val"]
    assert empty.variants.thumbnails.shape == (0, 64, 64)
    assert {len(column) for column in empty[1:]} == {len(empty.are_blank)} == {0}


def _first(pairs: Pairs, count: int) -> Pairs:
    arrays = {name: getattr(pairs, name)[:count] for name in ("photo", "gray", "canny", "index")}
    return replace(pairs, **arrays)
