"""Two witnesses: copies agree in the middle and in colour; look-alikes do not."""

import cv2
import numpy as np
import pytest

from src.demo.inventory import alter
from src.imaging import decoding
from src.vision import alignment, matching, views, witness
from src.vision.matching import Match, PictureFeatures
from tests.lookalikes import LOOKALIKES

SIMILARITY = 0.93


def _features(pixels: np.ndarray) -> PictureFeatures:
    pixels = np.ascontiguousarray(pixels)
    small = cv2.resize(pixels, (64, 64), interpolation=cv2.INTER_AREA)
    return PictureFeatures(alignment.thumbnail(pixels), witness.chroma(small))


def _match(a: np.ndarray, b: np.ndarray) -> Match:
    return matching.match(_features(a), _features(b))


@pytest.mark.parametrize("kind", ["recompressed", "resized", "brightened", "mirrored", "captioned"])
def test_a_copy_agrees_with_its_original(faces: list[np.ndarray], kind: str):
    for face in faces[:8]:
        copy = decoding.decode(alter(face, kind, np.random.default_rng(0)))
        match = _match(face, copy)
        assert match.is_copy(SIMILARITY)
        assert match.agreement >= witness.MIN_AGREEMENT
        assert match.color_difference <= witness.MAX_COLOR_DIFFERENCE


@pytest.mark.parametrize("kind", ["T-shirts of one cut", "coins with one rim"])
def test_look_alikes_that_correlate_are_refuted(kind: str):
    pictures = LOOKALIKES[kind](8)
    matches = [_match(a, b) for n, a in enumerate(pictures) for b in pictures[:n]]
    alike = [match for match in matches if match.similarity >= SIMILARITY]
    refuted = [match for match in alike if not match.is_copy(SIMILARITY)]
    assert len(alike) >= 3
    assert len(refuted) >= 0.7 * len(alike)


def test_one_cast_over_all_of_a_picture_is_no_other_colour(faces: list[np.ndarray]):
    cast = np.array([12, 0, -12])
    warmer = np.clip(faces[0].astype(int) + cast, 0, 255).astype(np.uint8)
    hues = cv2.cvtColor(faces[0], cv2.COLOR_RGB2HSV)
    hues[:128, :, 0] = (hues[:128, :, 0].astype(int) + 90) % 180
    other = cv2.cvtColor(hues, cv2.COLOR_HSV2RGB)
    assert _match(faces[0], warmer).color_difference <= witness.MAX_COLOR_DIFFERENCE
    assert _match(faces[0], other).color_difference > witness.MAX_COLOR_DIFFERENCE


def test_a_picture_without_detail_in_the_middle_agrees_with_nothing():
    details = np.zeros((64, 64), np.float32)
    details[:8] = 1
    blocks = witness.block_correlations(details, details, views.POSES[0])
    assert witness.agreement(blocks) == -1
    assert witness.edge_agreement(blocks) == pytest.approx(1, abs=0.05)


def test_colours_without_bands_are_those_of_the_picture_inside():
    chroma = np.full((16, 16, 2), 128, np.uint8)
    chroma[4:12, 4:12] = (180, 90)
    assert (witness.without_bands(chroma, (20, 20, 20, 20)) == (180, 90)).all()
