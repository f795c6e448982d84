"""What a task's network sees: gray by averaging, edges, label maps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays as drawn_arrays

from src.dataset import inputs
from src.params import Canny
from tests.builders import CANNY

RELATIVE = Canny(low=70, high=90, aperture=3, blur=3, thresholds="relative")
HIGH = RELATIVE.model_copy(update={"low": 90.0, "high": 95.0})
PICTURES = drawn_arrays(np.uint8, st.tuples(st.integers(1, 6), st.integers(1, 6), st.just(3)))


@given(PICTURES)
@settings(max_examples=60, deadline=None)
def test_gray_is_the_rounded_mean(photo: np.ndarray):
    # a third of an integer is never halfway between two: rounding has no ties
    expected = np.round(photo.astype(np.float64).mean(axis=2)).astype(np.uint8)
    np.testing.assert_array_equal(inputs.to_gray(photo), expected)


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_gray_weighs_the_channels_alike(channel: int):
    pixel = np.zeros((1, 1, 3), np.uint8)
    pixel[..., channel] = 255
    assert inputs.to_gray(pixel).item() == 85  # luma would give 76, 150 or 29


def test_gray_of_a_batch_is_the_gray_of_each(faces):
    batch = np.stack(faces[:3])
    np.testing.assert_array_equal(inputs.to_gray(batch)[1], inputs.to_gray(faces[1]))


@pytest.mark.parametrize("blur", [1, 3, 7])
@pytest.mark.parametrize("aperture", [3, 5, 7])
def test_edges_stand_where_the_photo_changes(blur: int, aperture: int):
    photo = np.full((60, 80, 3), 20, np.uint8)
    photo[20:40, 30:70] = (230, 220, 240)
    canny = CANNY.model_copy(update={"aperture": aperture, "blur": blur})
    edges = inputs.to_canny(photo, canny)
    assert edges.shape == (60, 80)
    assert set(np.unique(edges)) == {0, 255}
    rows, columns = np.nonzero(edges)
    assert np.abs([rows.min() - 20, rows.max() - 40]).max() <= 2
    assert np.abs([columns.min() - 30, columns.max() - 70]).max() <= 2
    assert not edges[24:36, 34:66].any()
    assert edges[30].any()
    assert edges[:, 50].any()


def test_edges_of_a_face_are_few_and_binary(faces):
    edges = np.stack([inputs.to_canny(face, CANNY) for face in faces[:5]])
    assert set(np.unique(edges)) == {0, 255}
    assert 0.005 < (edges > 0).mean() < 0.4


def test_a_lower_threshold_finds_more_edges(faces):
    low = CANNY.model_copy(update={"low": 20.0, "high": 50.0})
    assert inputs.to_canny(faces[0], low).sum() > inputs.to_canny(faces[0], CANNY).sum()


def test_relative_thresholds_do_not_depend_on_contrast(faces):
    full = faces[0] // 2 * 2  # even levels, so that halving them rounds nothing
    edges = {
        canny.thresholds: [inputs.to_canny(p, canny) > 0 for p in (full, full // 2)]
        for canny in (RELATIVE, CANNY)
    }
    assert 0.01 < edges["relative"][0].mean() < 0.3
    assert (edges["relative"][0] != edges["relative"][1]).mean() < 0.03
    assert edges["absolute"][1].sum() < 0.8 * edges["absolute"][0].sum()


@pytest.mark.parametrize("aperture", [3, 5, 7])
def test_percentiles_are_those_of_cannys_own_gradients(faces, aperture: int):
    largest = RELATIVE.model_copy(update={"low": 100.0, "high": 100.0, "aperture": aperture})
    # nothing exceeds the largest gradient, but something does the percentile below
    assert (inputs.to_canny(faces[0], largest) > 0).mean() < 1e-4  # 7: rounded by OpenCV
    below = largest.model_copy(update={"low": 99.9, "high": 99.9})
    assert inputs.to_canny(faces[0], below).any()


def test_a_flat_picture_has_no_edges_by_relative_thresholds():
    assert not inputs.to_canny(np.full((20, 20, 3), 90, np.uint8), RELATIVE).any()


@given(st.integers(0, 2**31), st.sampled_from([CANNY, RELATIVE, HIGH]), st.floats(0, 1))
def test_jittered_settings_are_valid_and_near(seed: int, canny: Canny, share: float):
    jittered = inputs.jitter_canny(canny, share, np.random.default_rng(seed))
    assert Canny.model_validate(jittered.model_dump()) == jittered
    assert jittered.low <= canny.low * (1 + share) + 1e-9
    assert jittered.high >= canny.high * (1 - share) - 1e-9
    assert abs(jittered.blur - canny.blur) in (0, 2)
    assert jittered.aperture == canny.aperture


def test_each_task_has_its_input(faces):
    np.testing.assert_array_equal(
        inputs.derive_input("colorize", faces[0], CANNY), inputs.to_gray(faces[0])
    )
    np.testing.assert_array_equal(
        inputs.derive_input("sketch", faces[0], CANNY), inputs.to_canny(faces[0], CANNY)
    )
    assert inputs.derive_input("labels", faces[0], CANNY) is faces[0]
