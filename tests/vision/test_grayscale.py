"""Gray in every disguise is below the default threshold, colour and colours of one hue above it."""

import numpy as np
import pytest
from PIL import Image

from src.audit import findings
from src.imaging.picture_files import read_photo
from src.imaging.resizing import thumbnail
from src.vision import grayscale, views
from tests import one_hue
from tests.builders import square_crop
from tests.conftest import DEFAULTS, real
from tests.disguises import COLOUR, GRAY, PARTLY

THRESHOLD = DEFAULTS.clean.tone_residual


# Strong inks that fill a drawn background.
DARK_INKS = {"deep cyanotype", "duotone, purple and yellow"}
# What lightness explains though its tint is as weak as that of a print: how many of 30.
MISSED = {
    "sea and sky": 6,
    "stage in one light": 9,  # like one channel
    "brick walls": 3,
    "sand dunes": 5,
    "denim": 7,  # like a cyanotype
}


@pytest.fixture(scope="module")
def photographed() -> list[np.ndarray]:
    """Real portraits in colour."""
    photos = map(read_photo, real("portraits")[::8])
    return [pixels for pixels in photos if grayscale.tone_residual(pixels) >= THRESHOLD]


@pytest.fixture(params=["drawn", "photographed"])
def pictures(request: pytest.FixtureRequest) -> list[np.ndarray]:
    return request.getfixturevalue("faces" if request.param == "drawn" else "photographed")


def _residuals(pictures: list[np.ndarray], kind: str) -> np.ndarray:
    change = {**GRAY, **PARTLY, **COLOUR}[kind]
    rngs = [np.random.default_rng([7, number]) for number in range(len(pictures))]
    reduced = [grayscale.downscale(change(p, rng)) for p, rng in zip(pictures, rngs, strict=True)]
    return grayscale.tone_residuals(np.stack(reduced))


@pytest.mark.parametrize("kind", GRAY)
def test_gray_in_disguise_is_below_the_threshold(pictures: list[np.ndarray], kind: str):
    share = (_residuals(pictures, kind) < THRESHOLD).mean()
    # the lights of drawn faces are large and flat, and clipped all at once
    assert share >= (0.85 if "clipped" in kind else 0.95 if kind in DARK_INKS else 1)


@pytest.mark.parametrize("kind", COLOUR)
def test_colour_is_above_the_threshold(pictures: list[np.ndarray], kind: str):
    assert _residuals(pictures, kind).min() >= THRESHOLD


def test_weak_colour_lies_on_both_sides_of_the_threshold(pictures: list[np.ndarray]):
    weak, some = (_residuals(pictures, kind) for kind in PARTLY)
    assert (some < THRESHOLD).mean() < 0.04 < (weak < THRESHOLD).mean() < 0.1
    assert (weak < some).mean() > 0.95  # a stronger tint has a smaller factor


@pytest.mark.parametrize("kind", one_hue.ONE_HUE)
def test_colour_of_one_hue_is_above_the_threshold(kind: str):
    drawn = np.stack([_as_clean_does(picture) for picture in one_hue.draw(kind, 30)])
    flagged = (grayscale.tone_residuals(drawn) < THRESHOLD).sum()
    assert flagged <= MISSED.get(kind, 1)


def test_the_audit_has_a_margin_to_clean(faces: list[np.ndarray]):
    limit = findings.resolve_limits({})["tone_residual"]
    pairs = []
    for number, face in enumerate(faces):
        for change in (*PARTLY.values(), *COLOUR.values()):
            picture = change(face, np.random.default_rng(number))
            crop = square_crop(picture, 128, "center")
            whole = grayscale.tone_residuals(_as_clean_does(picture)[None])[0]
            pairs.append((whole, grayscale.tone_residual(crop)))
    clean, audit = np.array(pairs).T
    assert (audit[clean >= THRESHOLD] < THRESHOLD).any()
    assert (audit[clean >= THRESHOLD] >= limit).all()


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_one_channel_alone_has_no_residual(faces: list[np.ndarray], channel: int):
    alone = faces[0] * (np.arange(3) == channel).astype(np.uint8)
    assert grayscale.tone_residual(alone) == 0


def test_a_strong_tint_without_contrast_is_colour():
    blue = np.full((60, 60, 3), (40, 90, 200), np.uint8)
    assert grayscale.tone_residual(blue) > 2 * THRESHOLD


def _as_clean_does(picture: np.ndarray) -> np.ndarray:
    return grayscale.downscale(thumbnail(picture, views.THUMBNAIL_PX))


def test_many_pictures_have_the_residuals_that_each_has(faces: list[np.ndarray]):
    many = grayscale.tone_residuals(np.stack([grayscale.downscale(face) for face in faces]))
    assert many.tolist() == pytest.approx(
        [grayscale.tone_residual(face) for face in faces], abs=1e-6
    )


def test_no_pictures_have_no_residuals():
    side = grayscale.REDUCED_PX
    assert grayscale.tone_residuals(np.empty((0, side, side, 3), np.uint8)).shape == (0,)


def test_real_portraits_are_gray_where_their_files_are():
    wrong = {}
    files = real("portraits")
    gray = {path for path in files if Image.open(path).mode == "L"}
    assert len(gray) == 29
    for path in files:
        residual = grayscale.tone_residual(read_photo(path))
        if (residual < THRESHOLD) != (path in gray):
            wrong[path.name] = round(residual, 2)
    assert wrong == {}


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_flat_picture_has_no_residual(level: int):
    flat = np.full((40, 30, 3), level, np.uint8)
    assert grayscale.tone_residual(flat) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (200, 3)])
def test_any_size_has_a_residual(size: tuple[int, int]):
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    assert np.isfinite(grayscale.tone_residual(pixels))
