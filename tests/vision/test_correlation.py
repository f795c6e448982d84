"""Correlation of pictures laid upon each other, and the ascent to the best pose."""

from itertools import pairwise

import cv2
import numpy as np
import pytest

from src.vision.alignment import detail, thumbnail
from src.vision.correlation import coordinate_ascent, correlation, correlations
from src.vision.views import POSES, THUMBNAIL_PX

IDENTITY = POSES[0]


@pytest.fixture
def details(faces: list[np.ndarray]) -> list[np.ndarray]:
    return [detail(thumbnail(face)) for face in faces[:6]]


def test_in_the_identity_pose_it_is_pearsons(details: list[np.ndarray]):
    for a, b in pairwise(details):
        expected = np.corrcoef(a.ravel(), b.ravel())[0, 1]
        assert correlation(a, b, IDENTITY, 0, 64, 1) == pytest.approx(expected, abs=1e-6)
        expected = np.corrcoef(a[10:50:2, ::2].ravel(), b[10:50:2, ::2].ravel())[0, 1]
        assert correlation(a, b, IDENTITY, 10, 50, 2) == pytest.approx(expected, abs=1e-6)
    assert correlation(a, a, IDENTITY, 0, 64, 1) == pytest.approx(1)
    assert correlation(a, -a, IDENTITY, 0, 64, 1) == pytest.approx(-1)


def test_a_pose_says_where_one_picture_lies_in_the_other():
    rng = np.random.default_rng(0)
    fixed = cv2.GaussianBlur(rng.random((THUMBNAIL_PX, THUMBNAIL_PX), np.float32), (0, 0), 3)
    # rows and columns 4 … 60, enlarged
    pose = np.array([0.5, 0.5, 56 / 64, 56 / 64, 0])
    moved = cv2.resize(fixed[4:60, 4:60], fixed.shape, interpolation=cv2.INTER_LINEAR)
    assert correlation(fixed, moved, pose, 0, 64, 1) > 0.999
    assert correlation(fixed, moved, IDENTITY, 0, 64, 1) < 0.9


def test_flat_pictures_and_small_overlaps_do_not_correlate(details: list[np.ndarray]):
    flat = np.zeros_like(details[0])
    assert correlation(details[0], flat, IDENTITY, 0, 64, 1) == -1
    assert correlation(flat, details[0], IDENTITY, 0, 64, 1) == -1
    shifted = IDENTITY + np.array([0.2, 0, 0, 0, 0])
    assert correlation(details[0], details[0], shifted, 0, 64, 1) == -1


def test_many_poses_have_the_correlation_of_each(details: list[np.ndarray]):
    a, b = details[:2]
    expected = [correlation(a, b, pose, 0, 54, 2) for pose in POSES]
    assert correlations(a, b, POSES, 0, 54).tolist() == expected


def test_the_ascent_reaches_a_pose_that_was_shifted(details: list[np.ndarray]):
    start = IDENTITY + np.array([0.04, -0.03, 0, 0, 1.5])
    before = start.copy()
    value, pose = coordinate_ascent(details[0], details[0], start, 0, 64, -1.0)
    assert value > 0.98 > correlation(details[0], details[0], start, 0, 64, 1)
    assert np.abs(pose[:4] - IDENTITY[:4]).max() < 0.02
    assert np.array_equal(start, before)
