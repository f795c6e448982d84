"""Details of thumbnails, and their alignment."""

import cv2
import numpy as np
import pytest

from src.vision import alignment, views
from src.vision.alignment import thumbnail
from tests.conftest import DEFAULTS

CLEAN = DEFAULTS.clean


def _thumb(pixels: np.ndarray) -> np.ndarray:
    return thumbnail(np.ascontiguousarray(pixels))


@pytest.mark.parametrize("slope", [0, 1, 3])
def test_a_slope_is_blank_and_a_portrait_is_not(faces: list[np.ndarray], slope: int):
    sky = np.broadcast_to(np.arange(64) * slope + 20, (64, 64)).astype(np.uint8)
    assert alignment.is_blank(sky)
    assert alignment.is_blank(np.ascontiguousarray(sky.T))
    assert not alignment.is_blank(_thumb(faces[0]))


def test_alignment_gives_up_only_where_it_will_not_reach_its_target(faces: list[np.ndarray]):
    """And what does reach it is aligned exactly as without a target."""
    given_up = 0
    for face, different in zip(faces[:8], faces[8:16], strict=True):
        mixed = cv2.addWeighted(face, 0.5, different, 0.5, 0)[12:]
        full, cut, blend = (alignment.detail(_thumb(f)) for f in (face, face[12:, :-9], mixed))
        copy = full, cut, views.POSES[0], 0
        assert alignment.align(*copy, CLEAN.similarity)[0] == alignment.align(*copy)[0] > 0.9
        lookalike = full, blend, views.POSES[0], 0
        early, exact = (
            alignment.align(*lookalike, target)[0] for target in (CLEAN.similarity, -1.0)
        )
        assert max(early, exact) < CLEAN.similarity
        given_up += early != exact
    assert given_up


def test_a_hopeless_start_is_not_aligned(faces: list[np.ndarray]):
    a, b = (alignment.detail(_thumb(face)) for face in faces[:2])
    pose = views.POSES[0]
    value, aligned_pose = alignment.align(a, b, pose, 0)
    assert value < alignment.MIN_START_CORR
    assert aligned_pose is pose


def test_detail_is_zero_in_the_strip_that_is_left_out(faces: list[np.ndarray]):
    thumb = _thumb(faces[0])
    outside = [alignment.detail(thumb, strip).any(axis=1) for strip in range(3)]
    assert [rows.sum() for rows in outside] == [64, 54, 54]
    assert not outside[1][-10:].any()
    assert not outside[2][:10].any()
