"""Gray in every disguise is below the default threshold, colour above it."""

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from src import images, params, tone
from src.demo.catalogue import alter
from tests.conftest import ROOT, real

GRAYSCALE = params.read(ROOT / "params.yaml").clean.tone_residual


def _gray(pixels: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels).convert("L"))


def _one_channel(pixels: np.ndarray) -> np.ndarray:
    return images.decode(images.jpeg(_gray(pixels)))


def _three_equal_channels(pixels: np.ndarray) -> np.ndarray:
    return images.three_channels(_gray(pixels))


def _chroma_noise(pixels: np.ndarray) -> np.ndarray:
    return images.decode(alter(pixels, "gray_rgb", np.random.default_rng(0)))


def _weak_cast(pixels: np.ndarray) -> np.ndarray:
    cast = _three_equal_channels(pixels) * np.array([1.0, 0.97, 0.91])
    return images.decode(images.jpeg(cast.round().astype(np.uint8), 85))


def _sepia(pixels: np.ndarray) -> np.ndarray:
    return images.decode(alter(pixels, "sepia", np.random.default_rng(0)))


def _duotone(pixels: np.ndarray) -> np.ndarray:
    share = _gray(pixels)[..., None] / 255
    return ((1 - share) * (24, 20, 90) + share * (250, 236, 170)).astype(np.uint8)


def _coloured_frame(pixels: np.ndarray) -> np.ndarray:
    height, width = pixels.shape[:2]
    framed = np.full(pixels.shape, (200, 40, 40), np.uint8)
    y, x = height // 10, width // 10
    framed[y : height - y, x : width - x] = _three_equal_channels(pixels)[
        y : height - y, x : width - x
    ]
    return framed


DISGUISES = (
    _one_channel,
    _three_equal_channels,
    _chroma_noise,
    _weak_cast,
    _sepia,
    _duotone,
    _coloured_frame,
)


@pytest.mark.parametrize("disguise", DISGUISES, ids=lambda f: f.__name__.strip("_"))
def test_a_drawn_portrait_in_gray_is_below_the_threshold(
    faces: list[np.ndarray], disguise: Callable
):
    residuals = [tone.residual(disguise(face)) for face in faces]
    assert max(residuals) < GRAYSCALE


@pytest.mark.parametrize("disguise", DISGUISES, ids=lambda f: f.__name__.strip("_"))
def test_a_real_portrait_in_gray_is_below_the_threshold(disguise: Callable):
    files = real("portraits")[::20]
    residuals = {path.name: tone.residual(disguise(images.read(path))) for path in files}
    assert {name: r for name, r in residuals.items() if r >= GRAYSCALE} == {}


def test_a_drawn_portrait_in_colour_is_above_the_threshold(faces: list[np.ndarray]):
    assert min(tone.residual(face) for face in faces) > GRAYSCALE


def test_a_recompressed_portrait_in_colour_is_above_the_threshold(faces: list[np.ndarray]):
    copies = [images.decode(images.jpeg(face, 60)) for face in faces]
    assert min(tone.residual(copy) for copy in copies) > GRAYSCALE


def test_real_portraits_are_told_apart_by_colour():
    wrong = {}
    files = real("portraits")
    gray = [path for path in files if Image.open(path).mode == "L"]
    colour = [path for path in files if path not in gray][::5]
    assert len(gray) > 10
    for path in gray + colour:
        residual = tone.residual(images.read(path))
        if (residual < GRAYSCALE) != (path in gray):
            wrong[path.name] = round(residual, 2)
    assert wrong == {}


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_flat_picture_leaves_nothing_unexplained(level: int):
    flat = np.full((40, 30, 3), level, np.uint8)
    assert tone.residual(flat) == pytest.approx(0, abs=1e-6)
    assert tone.colorfulness(flat) == 0


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (200, 3)])
def test_any_size_has_a_residual(size: tuple[int, int]):
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    assert np.isfinite(tone.residual(pixels))


def test_a_gray_picture_has_no_colorfulness(faces: list[np.ndarray]):
    assert tone.colorfulness(_three_equal_channels(faces[0])) == 0
    assert tone.colorfulness(faces[0]) > 5


def test_colorfulness_grows_with_saturation(faces: list[np.ndarray]):
    gray = _three_equal_channels(faces[0]).astype(float)
    halfway = (0.5 * gray + 0.5 * faces[0]).astype(np.uint8)
    assert 0 < tone.colorfulness(halfway) < tone.colorfulness(faces[0])


def test_colorfulness_is_the_published_one():
    # two halves, red and blue: rg is ±255/0, yb is 127.5/-255 by Hasler and Süsstrunk's definition
    pixels = np.zeros((2, 2, 3), np.uint8)
    pixels[0, :, 0] = pixels[1, :, 2] = 255
    spread, mean = np.hypot(127.5, 191.25), np.hypot(127.5, 63.75)
    assert tone.colorfulness(pixels) == pytest.approx(spread + 0.3 * mean)
