"""What was added to one of two copies is told from what was cut off the other."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from src.imaging import decoding
from src.vision import inspection
from src.vision.inspection import Inspection
from tests.copies import COPIES, HARD_COPIES
from tests.vision.looks import close_look_at, match_of

_FONT = ImageFont.load_default(size=22)
KINDS = {**COPIES, **HARD_COPIES}


def _inspect(a: np.ndarray, b: np.ndarray) -> Inspection:
    return inspection.inspect(close_look_at(a), close_look_at(b), match_of(a, b))


def _copy(picture: np.ndarray, kind: str) -> np.ndarray:
    return decoding.decode(KINDS[kind](picture, np.random.default_rng(0)))


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("strip below", "caption"),
        ("strip above", "caption"),
        ("caption strip", "caption"),
        ("phone screenshot", "caption"),
        ("polaroid", "frame"),
        ("uneven frame", "frame"),
        ("turned by 5 degrees", "corners"),
    ],
)
def test_what_was_added_is_found_on_the_copy(faces: list[np.ndarray], kind: str, name: str):
    for face in faces[:3]:
        copy = _copy(face, kind)
        assert _inspect(face, copy).added == ("", name)
        assert _inspect(copy, face).added == (name, "")


@pytest.mark.parametrize(
    "borders", [((8, 250), (16, 15)), ((3, 15), (20, 250)), ((12, 240), (12, 90))]
)
def test_a_frame_may_have_several_colours(faces: list[np.ndarray], borders):
    for face in faces[:4]:
        framed = face
        for pixels, level in borders:
            edges = ((pixels, pixels), (pixels, pixels), (0, 0))
            framed = np.pad(framed, edges, constant_values=level)
        assert _inspect(face, framed).added == ("", "frame")
        assert _inspect(framed, face).added == ("frame", "")


@pytest.mark.parametrize(
    "kind", ["cropped by 10 %", "cut by 20 % at a corner", "mirrored and cropped by 10 %"]
)
def test_what_was_cut_off_was_not_added(faces: list[np.ndarray], kind: str):
    for face in faces[:4]:
        seen = _inspect(face, _copy(face, kind))
        assert seen.added == ("", "")
        assert seen.surplus[0] > 0.05 > seen.surplus[1]


def test_a_strip_is_found_on_a_picture_that_is_also_turned(faces: list[np.ndarray]):
    copy = np.ascontiguousarray(_copy(faces[0], "polaroid")[::-1, ::-1])
    assert _inspect(faces[0], copy).added == ("", "frame")
    assert _inspect(copy, faces[0]).added == ("frame", "")


def test_a_strip_as_bright_as_the_sky_is_told_by_its_text(faces: list[np.ndarray]):
    sky = faces[0].copy()
    sky[:80] = (245, 245, 240)
    seen = _inspect(sky, _copy(sky, "strip above"))
    assert seen.added == ("", "caption")
    plain = np.concatenate([sky[:36], sky])
    assert _inspect(sky, plain).added == ("", "")


def test_a_strip_over_stripes_is_found_by_its_levels(faces: list[np.ndarray]):
    striped = faces[0].copy()
    striped[200:][np.arange(56) // 8 % 2 == 0] = (240, 240, 235)
    striped[200:][np.arange(56) // 8 % 2 == 1] = (40, 60, 150)
    assert _inspect(striped, _copy(striped, "caption strip")).added == ("", "caption")


def test_a_shadow_upon_a_plain_wall_is_no_strip(faces: list[np.ndarray]):
    height, width = faces[0].shape[:2]
    y, x = np.mgrid[:height, :width] / np.array([height, width])[:, None, None]
    wall = ((y - 0.62) / 0.5) ** 2 + ((x - 0.5) / 0.33) ** 2 > 1
    noise = np.random.default_rng(0).integers(-2, 3, faces[0].shape)
    light = 1 - 0.7 * ((y - 0.5) ** 2 + (x - 0.5) ** 2) / 0.5
    for face in faces[:7]:
        levels = np.where(wall[..., None], 200, face) + noise
        picture = levels.clip(0, 255).astype(np.uint8)
        shadowed = (picture * light[..., None]).astype(np.uint8)
        assert _inspect(picture, shadowed).added == ("", "")
        assert _inspect(shadowed, picture).added == ("", "")


@pytest.mark.parametrize("kind", ["watermark", "logo in a corner"])
def test_a_mark_is_found_on_the_busier_picture(faces: list[np.ndarray], kind: str):
    for face in faces[:4]:
        copy = _copy(face, kind)
        assert _inspect(face, copy).marked == 1
        assert _inspect(copy, face).marked == 0


def test_a_text_on_a_plain_wall_is_a_mark_of_the_picture_that_has_it(faces: list[np.ndarray]):
    for face in faces[:4]:
        share = (np.arange(len(face)) / 40 - 1).clip(0, 1)[:, None, None]  # plain above, no edge
        wall = (share * face + (1 - share) * (120, 130, 140)).astype(np.uint8)
        image = Image.fromarray(wall)
        ImageDraw.Draw(image).text((4, 2), "WHEN YOUR BOSS", (255, 255, 255), _FONT)
        text = np.asarray(image)
        assert _inspect(wall, text) == Inspection(marked=1)
        assert _inspect(text, wall) == Inspection(marked=0)


@pytest.mark.parametrize("kind", ["recompressed, quality 30", "brighter by a quarter", "blurred"])
def test_a_copy_of_other_tone_or_sharpness_has_no_mark(faces: list[np.ndarray], kind: str):
    for face in faces[:4]:
        seen = _inspect(face, _copy(face, kind))
        assert seen.marked is None
        assert seen.added == ("", "")


def test_the_brightened_picture_has_lost_its_lights(faces: list[np.ndarray]):
    face = (faces[0] // 2 + 120).astype(np.uint8)
    brighter, darker = (_copy(face, f"{word} by a quarter") for word in ("brighter", "darker"))
    assert _inspect(face, brighter).clipped == 1
    assert _inspect(brighter, face).clipped == 0
    assert _inspect(face, darker).clipped is None
    white = np.maximum(face, 255 * (face > 200)).astype(np.uint8)
    assert _inspect(white, _copy(white, "darker by a quarter")).clipped is None


def test_a_white_ground_with_something_upon_it_has_lost_nothing(faces: list[np.ndarray]):
    white = faces[0].copy()
    white[:100] = 255
    marked = white.copy()
    marked[20:60, 40:150] = 60
    assert _inspect(white, marked).clipped is None


def test_pictures_that_differ_everywhere_have_no_mark(recwarn):
    noise = np.random.default_rng(0).integers(0, 256, (2, 256, 256, 3), np.uint8)
    looks = [close_look_at(picture) for picture in noise]
    match = replace(match_of(noise[0], noise[0]), similarity=0.9)
    assert inspection.inspect(*looks, match).marked is None
    assert not recwarn.list
