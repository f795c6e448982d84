"""Gray in every disguise is below the default threshold, colour above it."""

import numpy as np
import pytest
from PIL import Image

from src.imaging.picture_files import read_photo
from src.params import read_params
from src.vision import grayscale
from src.vision.colorfulness import colorfulness
from tests.conftest import ROOT, real
from tests.disguises import COLOUR, GRAY, PARTLY

GRAYSCALE = read_params(ROOT / "params.yaml").clean.tone_residual


@pytest.fixture(scope="module")
def photographed() -> list[np.ndarray]:
    """Real portraits in colour."""
    read = map(read_photo, real("portraits")[::8])
    return [pixels for pixels in read if grayscale.tone_residual(pixels) >= GRAYSCALE]


@pytest.fixture(params=["drawn", "photographed"])
def pictures(request: pytest.FixtureRequest) -> list[np.ndarray]:
    return request.getfixturevalue("faces" if request.param == "drawn" else "photographed")


def _residuals(pictures: list[np.ndarray], kind: str) -> np.ndarray:
    change = {**GRAY, **PARTLY, **COLOUR}[kind]
    rngs = [np.random.default_rng([7, number]) for number in range(len(pictures))]
    smalls = [grayscale.reduce(change(p, rng)) for p, rng in zip(pictures, rngs, strict=True)]
    return grayscale.tone_residuals(np.stack(smalls))


@pytest.mark.parametrize("kind", GRAY)
def test_gray_in_disguise_is_below_the_threshold(pictures: list[np.ndarray], kind: str):
    found = (_residuals(pictures, kind) < GRAYSCALE).mean()
    # the lights of drawn faces are large and flat, and clipped at once
    assert found >= (0.9 if kind == "clipped sepia" else 1)


@pytest.mark.parametrize("kind", COLOUR)
def test_colour_is_above_the_threshold(pictures: list[np.ndarray], kind: str):
    assert _residuals(pictures, kind).min() >= GRAYSCALE


def test_weak_colour_is_a_matter_of_the_threshold(pictures: list[np.ndarray]):
    weak, some = (_residuals(pictures, kind) for kind in PARTLY)
    assert (some < GRAYSCALE).mean() < 0.1 < 0.3 < (weak < GRAYSCALE).mean()
    assert (weak < some).all()


def test_many_pictures_have_the_residuals_that_each_has(faces: list[np.ndarray]):
    many = grayscale.tone_residuals(np.stack([grayscale.reduce(face) for face in faces]))
    assert many.tolist() == pytest.approx(
        [grayscale.tone_residual(face) for face in faces], abs=1e-6
    )


def test_no_pictures_have_no_residuals():
    assert grayscale.tone_residuals(
        np.empty((0, grayscale.REDUCED_PX, grayscale.REDUCED_PX, 3), np.uint8)
    ).shape == (0,)


def test_real_portraits_are_told_apart_by_colour():
    wrong = {}
    files = real("portraits")
    gray = {path for path in files if Image.open(path).mode == "L"}
    assert len(gray) == 29
    for path in files:
        residual = grayscale.tone_residual(read_photo(path))
        if (residual < GRAYSCALE) != (path in gray):
            wrong[path.name] = round(residual, 2)
    assert wrong == {}


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_flat_picture_leaves_nothing_unexplained(level: int):
    flat = np.full((40, 30, 3), level, np.uint8)
    assert grayscale.tone_residual(flat) == pytest.approx(0, abs=1e-6)
    assert colorfulness(flat) == 0


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (200, 3)])
def test_any_size_has_a_residual(size: tuple[int, int]):
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    assert np.isfinite(grayscale.tone_residual(pixels))


def test_a_gray_picture_has_no_colorfulness(faces: list[np.ndarray]):
    assert colorfulness(GRAY["three equal channels"](faces[0], None)) == 0
    assert colorfulness(faces[0]) > 5


def test_colorfulness_grows_with_saturation(faces: list[np.ndarray]):
    gray = GRAY["three equal channels"](faces[0], None).astype(float)
    halfway = (0.5 * gray + 0.5 * faces[0]).astype(np.uint8)
    assert 0 < colorfulness(halfway) < colorfulness(faces[0])


def test_colorfulness_is_the_published_one():
    # two halves, red and blue: rg is ±255/0, yb is 127.5/-255 by Hasler and Süsstrunk's definition
    pixels = np.zeros((2, 2, 3), np.uint8)
    pixels[0, :, 0] = pixels[1, :, 2] = 255
    spread, mean = np.hypot(127.5, 191.25), np.hypot(127.5, 63.75)
    assert colorfulness(pixels) == pytest.approx(spread + 0.3 * mean)
