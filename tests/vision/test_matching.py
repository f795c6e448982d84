"""Two thumbnails of one picture match, whatever was done to it; two different pictures do not."""

from dataclasses import replace
from itertools import combinations

import cv2
import numpy as np
import pytest

from src.demo.inventory import alter
from src.imaging import decoding
from src.vision import forms, matching
from src.vision.alignment import thumbnail
from src.vision.matching import PictureFeatures
from src.vision.views import THUMBNAIL_PX
from tests.conftest import DEFAULTS

CLEAN = DEFAULTS.clean


def match(a: np.ndarray, b: np.ndarray) -> matching.Match:
    return matching.match(PictureFeatures(a), PictureFeatures(b))


def _thumb(pixels: np.ndarray) -> np.ndarray:
    return thumbnail(np.ascontiguousarray(pixels))


def _framed(pixels: np.ndarray, share: float, color: tuple) -> np.ndarray:
    edge = round(share * pixels.shape[1])
    return cv2.copyMakeBorder(pixels, *[edge] * 4, cv2.BORDER_CONSTANT, value=color)


def test_a_picture_matches_itself_plainly(faces: list[np.ndarray]):
    thumb = _thumb(faces[0])
    best = match(thumb, thumb)
    assert best.similarity == pytest.approx(1, abs=1e-4)
    assert (best.form, best.border, best.visible_share, best.rotation) == (forms.PLAIN, "", 1, 0)
    assert best.is_copy(CLEAN.similarity)
    assert best.edges_agree()


def test_a_match_is_the_same_both_ways(faces: list[np.ndarray]):
    full, cut = _thumb(faces[0]), _thumb(faces[0][10:, 7:])
    assert match(full, cut) == replace(match(cut, full), is_first_smaller=False)
    assert match(cut, full).is_first_smaller


@pytest.mark.parametrize(("height", "width"), [(0.9, 0.9), (0.95, 0.95), (0.85, 1), (1, 0.9)])
def test_a_cut_matches_and_says_how_much_is_visible(
    faces: list[np.ndarray], height: float, width: float
):
    rows, columns = (
        round(length * share) for length, share in zip((256, 192), (height, width), strict=True)
    )
    for face in faces[:8]:
        best = match(_thumb(face), _thumb(face[-rows:, :columns]))
        assert best.similarity >= CLEAN.similarity
        assert best.visible_share == pytest.approx(min(height, width), abs=0.03)
        assert best.form == forms.PLAIN
        assert not best.border


@pytest.mark.parametrize("form", forms.FORMS)
def test_a_picture_turned_by_quarters_or_mirrored_matches(faces: list[np.ndarray], form: int):
    best = match(_thumb(faces[0]), _thumb(forms.orient(faces[0], form)))
    assert best.form == form
    assert best.similarity == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("degrees", [-2, 2])
def test_a_rotated_picture_matches(faces: list[np.ndarray], degrees: int):
    for face in faces[:8]:
        height, width = face.shape[:2]
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
        best = match(_thumb(face), _thumb(cv2.warpAffine(face, turn, (width, height))))
        assert best.similarity >= CLEAN.similarity
        assert best.rotation == pytest.approx(2, abs=1.1)


@pytest.mark.parametrize("color", [(255, 255, 255), (0, 0, 0)])
def test_a_frame_is_left_out(faces: list[np.ndarray], color: tuple):
    for face in faces[:8]:
        best = match(_thumb(face), _thumb(_framed(face, 0.12, color)))
        assert best.similarity >= CLEAN.similarity
        assert best.border == "frame"


def test_a_caption_is_left_out(faces: list[np.ndarray]):
    rng = np.random.default_rng(0)
    borders = set()
    for face in faces[:8]:
        best = match(_thumb(face), _thumb(decoding.decode(alter(face, "captioned", rng))))
        assert best.similarity >= CLEAN.similarity
        borders.add(best.border)
    assert "caption" in borders


def test_two_pictures_in_the_same_frame_do_not_match(faces: list[np.ndarray]):
    thumbs = [_thumb(_framed(face, 0.06, (255, 255, 255))) for face in faces[:12]]
    pairs = [(i, j) for j in range(12) for i in range(j)]
    assert max(match(thumbs[i], thumbs[j]).similarity for i, j in pairs) < CLEAN.similarity


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_flat_picture_matches_nothing(faces: list[np.ndarray], level: int):
    flat = np.full((THUMBNAIL_PX, THUMBNAIL_PX), level, np.uint8)
    for thumb in (np.full((THUMBNAIL_PX, THUMBNAIL_PX), 128, np.uint8), _thumb(faces[0])):
        assert match(flat, thumb).similarity == match(thumb, flat).similarity == -1


def test_nearly_flat_pictures_with_different_marks_do_not_match():
    def marked(rows: slice, columns: slice) -> np.ndarray:
        sheet = np.full((80, 60, 3), 240, np.uint8)
        sheet[rows, columns] = 0
        return _thumb(sheet)

    all_of_it = slice(None)
    sheets = [
        marked(slice(0, 4), all_of_it),
        marked(slice(-4, None), all_of_it),
        marked(all_of_it, slice(0, 3)),
        marked(slice(0, 8), slice(0, 8)),
        marked(slice(36, 44), slice(26, 34)),
    ]
    for a, b in combinations(sheets, 2):
        assert not match(a, b).is_copy(CLEAN.similarity)


def test_variants_with_bands_are_not_compared_with_each_other_as_they_are():
    assert matching.comparable_variants(1, 1) == [(0, 0)]
    assert matching.comparable_variants(1, 2) == [(0, 0), (0, 1)]
    assert matching.comparable_variants(2, 2) == [(0, 1), (1, 0), (1, 1)]
