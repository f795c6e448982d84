"""Two thumbnails of one picture match, whatever was done to it; two pictures do not."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from src.demo.inventory import alter
from src.imaging import decoding
from src.params import read_params
from src.vision import alignment, bands
from src.vision.alignment import THUMBNAIL_PX, match, thumbnail
from tests.conftest import ROOT

CLEAN = read_params(ROOT / "params.yaml").clean


def _thumb(pixels: np.ndarray) -> np.ndarray:
    return thumbnail(np.ascontiguousarray(pixels))


def _framed(pixels: np.ndarray, share: float, color: tuple) -> np.ndarray:
    edge = round(share * pixels.shape[1])
    return cv2.copyMakeBorder(pixels, *[edge] * 4, cv2.BORDER_CONSTANT, value=color)


def test_a_picture_matches_itself_plainly(faces: list[np.ndarray]):
    own = _thumb(faces[0])
    assert replace(match(own, own), similarity=1.0) == alignment.Match(1.0)
    assert match(own, own).similarity == pytest.approx(1, abs=1e-4)


def test_a_match_is_the_same_both_ways(faces: list[np.ndarray]):
    one, other = _thumb(faces[0]), _thumb(faces[0][10:, 7:])
    assert match(one, other) == match(other, one)


@pytest.mark.parametrize(("height", "width"), [(0.9, 0.9), (0.95, 0.95), (0.85, 1), (1, 0.9)])
def test_a_cut_is_told_with_how_much_it_shows(faces: list[np.ndarray], height: float, width: float):
    rows, columns = (
        round(length * share) for length, share in zip((256, 192), (height, width), strict=True)
    )
    for face in faces[:8]:
        found = match(_thumb(face), _thumb(face[-rows:, :columns]))
        assert found.similarity >= CLEAN.similarity
        assert found.shown == pytest.approx(min(height, width), abs=0.03)
        assert not found.mirrored
        assert not found.without


def test_a_mirror_image_is_told(faces: list[np.ndarray]):
    found = match(_thumb(faces[0]), _thumb(faces[0][:, ::-1]))
    assert found.mirrored
    assert found.similarity == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("degrees", [-2, 2])
def test_a_turned_picture_is_told(faces: list[np.ndarray], degrees: int):
    for face in faces[:8]:
        height, width = face.shape[:2]
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
        found = match(_thumb(face), _thumb(cv2.warpAffine(face, turn, (width, height))))
        assert found.similarity >= CLEAN.similarity
        assert found.turned == pytest.approx(2, abs=1.1)


@pytest.mark.parametrize("color", [(255, 255, 255), (0, 0, 0)])
def test_a_frame_is_left_out(faces: list[np.ndarray], color: tuple):
    for face in faces[:8]:
        found = match(_thumb(face), _thumb(_framed(face, 0.12, color)))
        assert found.similarity >= CLEAN.similarity
        assert found.without == "frame"


def test_a_caption_is_left_out(faces: list[np.ndarray]):
    rng = np.random.default_rng(0)
    told = set()
    for face in faces[:8]:
        found = match(_thumb(face), _thumb(decoding.decode(alter(face, "captioned", rng))))
        assert found.similarity >= CLEAN.similarity
        told.add(found.without)
    assert "caption" in told


def test_two_pictures_in_the_same_frame_do_not_match(faces: list[np.ndarray]):
    thumbs = [_thumb(_framed(face, 0.06, (255, 255, 255))) for face in faces[:12]]
    pairs = [(i, j) for j in range(12) for i in range(j)]
    assert max(match(thumbs[i], thumbs[j]).similarity for i, j in pairs) < CLEAN.similarity


def test_bands_are_counted_and_a_plain_background_is_none(faces: list[np.ndarray]):
    sheet = np.random.default_rng(0).integers(0, 256, (THUMBNAIL_PX, THUMBNAIL_PX), np.uint8)
    sheet[:10], sheet[-6:], sheet[:, :5] = 255, 0, 128
    assert bands.borders(sheet) == (10, 6, 5, 0)
    assert [form.shape for form in bands.border_variants(sheet)] == [
        (THUMBNAIL_PX, THUMBNAIL_PX)
    ] * 2
    with_bands = [face for face in faces if any(bands.borders(_thumb(face)))]
    assert len(with_bands) <= 4


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_flat_picture_matches_nothing(faces: list[np.ndarray], level: int):
    flat = np.full((THUMBNAIL_PX, THUMBNAIL_PX), level, np.uint8)
    assert alignment.is_blank(flat)
    assert not alignment.is_blank(_thumb(faces[0]))
    for other in (np.full((THUMBNAIL_PX, THUMBNAIL_PX), 128, np.uint8), _thumb(faces[0])):
        assert alignment.similarity(flat, other) == alignment.similarity(other, flat) == -1


def test_nearly_flat_pictures_with_different_marks_do_not_match():
    def marked(rows: slice, columns: slice) -> np.ndarray:
        sheet = np.full((80, 60, 3), 240, np.uint8)
        sheet[rows, columns] = 0
        return _thumb(sheet)

    every = slice(None)
    sheets = [
        marked(slice(0, 4), every),
        marked(slice(-4, None), every),
        marked(every, slice(0, 3)),
        marked(slice(0, 8), slice(0, 8)),
        marked(slice(36, 44), slice(26, 34)),
    ]
    for j, sheet in enumerate(sheets):
        for other in sheets[:j]:
            assert alignment.similarity(sheet, other) < CLEAN.similarity


def test_alignment_that_will_not_come_near_what_is_asked_ends_early(faces: list[np.ndarray]):
    """And what does come near is aligned as if nothing had been asked."""
    earlier = 0
    for face, other in zip(faces[:8], faces[8:16], strict=True):
        both = cv2.addWeighted(face, 0.5, other, 0.5, 0)[12:]
        own, cut, mixed = (alignment.detail(_thumb(f)) for f in (face, face[12:, :-9], both))
        copy = own, cut, alignment.POSES[0], 0
        assert alignment.aligned(*copy, CLEAN.similarity)[0] == alignment.aligned(*copy)[0] > 0.9
        likely = own, mixed, alignment.POSES[0], 0
        left, reached = (alignment.aligned(*likely, asked)[0] for asked in (CLEAN.similarity, -1.0))
        assert max(left, reached) < CLEAN.similarity
        earlier += left != reached
    assert earlier
