"""Blurred, dark, bright, empty and long pictures are told from others, at any size."""

from collections.abc import Callable
from typing import get_args

import cv2
import numpy as np
import pytest

from src.imaging.picture_files import read_photo
from src.imaging.resizing import resize
from src.params import PictureFault
from src.vision import picture_faults
from src.vision.alignment import thumbnail
from src.vision.picture_faults import FAULTS, Measures
from tests.conftest import real


def _measure(pixels: np.ndarray) -> Measures:
    return picture_faults.measure(thumbnail(pixels))


def _faults(pixels: np.ndarray) -> set[str]:
    measures = _measure(pixels)._asdict()
    measures["aspect_ratio"] = picture_faults.aspect_ratio(*pixels.shape[1::-1])
    return {word for word, f in FAULTS.items() if f.found(measures[f.measure], f.limit)}


def _blurred(pixels: np.ndarray, share: float) -> np.ndarray:
    """Blur with a standard deviation that is a share of the shorter side."""
    return cv2.GaussianBlur(pixels, (0, 0), share * min(pixels.shape[:2]))


def _framed(pixels: np.ndarray) -> np.ndarray:
    framed = np.full_like(pixels, 250)
    y, x = pixels.shape[0] // 8, pixels.shape[1] // 8
    framed[y:-y, x:-x] = pixels[y:-y, x:-x]
    return framed


POOR: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "blurred": lambda p: _blurred(p, 0.05),
    "dark": lambda p: (p * 0.25).astype(np.uint8),
    "bright": lambda p: (p * 0.1 + 229).astype(np.uint8),
    "low_information": lambda p: np.full_like(p, (90, 130, 170)),
    "odd_aspect": lambda p: p[96:160],
}


def test_drawn_portraits_have_no_fault(faces):
    assert [_faults(face) for face in faces] == [set()] * len(faces)


@pytest.mark.parametrize(
    ("folder", "layout"), [("portraits", "single"), ("facades/train", "photo_left")]
)
def test_real_pictures_have_no_fault(folder: str, layout: str):
    photos = [read_photo(file, layout) for file in real(folder)[::8]]
    assert [_faults(photo) for photo in photos] == [set()] * len(photos)


@pytest.mark.parametrize("word", FAULTS)
def test_a_poor_picture_has_its_fault_alone(faces, word: str):
    for face in faces[:12]:
        assert _faults(POOR[word](face)) == {word}


@pytest.mark.parametrize("word", ["blurred", "dark"])
def test_a_white_frame_does_not_hide_a_fault(faces, word: str):
    assert sum(word in _faults(_framed(POOR[word](face))) for face in faces[:12]) >= 11


def test_sharpness_does_not_depend_on_contrast_or_size(faces):
    for face in faces[:6]:
        sharpness = _measure(face).sharpness
        assert _measure((face * 0.5 + 60).astype(np.uint8)).sharpness == pytest.approx(
            sharpness, abs=0.05
        )
        assert _measure(resize(face, 576, 768)).sharpness == pytest.approx(sharpness, abs=0.15)


def test_the_stronger_the_blur_the_lower_the_sharpness(faces):
    for face in faces[:6]:
        values = [_measure(_blurred(face, share)).sharpness for share in (0.001, 0.01, 0.02, 0.04)]
        assert values == sorted(values, reverse=True)


def test_a_sharp_face_before_a_blurred_background_is_not_blurred(faces):
    for face in faces[:12]:
        shape = face.shape[:2]
        middle = cv2.ellipse(np.zeros(shape), (96, 110), (52, 70), 0, 0, 360, 1, -1)[..., None]
        mixed = (face * middle + _blurred(face, 0.04) * (1 - middle)).astype(np.uint8)
        assert "blurred" not in _faults(mixed)


@pytest.mark.parametrize("level", [0, 7, 255])
def test_a_flat_picture_is_low_in_information_and_not_blurred(level: int):
    measures = _measure(np.full((90, 80, 3), level, np.uint8))
    assert measures == Measures(sharpness=1.0, highlights=level, shadows=level, entropy=0.0)


def test_noise_does_not_make_a_flat_picture_informative():
    noise = np.random.default_rng(0).normal(128, 6, (400, 300, 3))
    assert _faults(noise.astype(np.uint8)) == {"low_information"}


@pytest.mark.parametrize("sigma", [1, 3])
def test_noise_does_not_hide_a_blur(faces, sigma: int):
    noise = np.random.default_rng(2).normal(0, sigma, faces[0].shape)
    noisy = [(_blurred(face, 0.05) + noise).clip(0, 255).astype(np.uint8) for face in faces[:12]]
    assert sum("blurred" in _faults(pixels) for pixels in noisy) >= 11


def test_the_measures_are_those_of_the_definition():
    pixels = np.random.default_rng(1).integers(20, 200, (64, 64), dtype=np.uint8)
    lost = total = 0.0
    for lines in (pixels.astype(float), pixels.T.astype(float)):
        blurred = np.stack([lines[:, :-2], lines[:, 1:-1], lines[:, 2:]]).mean(axis=0)
        differences = np.abs(np.diff(lines))[:, 1:-1]
        lost += (differences * np.maximum(0, differences - np.abs(np.diff(blurred)))).sum()
        total += (differences**2).sum()
    shares = np.bincount(pixels.ravel()) / pixels.size
    shares = shares[shares > 0]
    measures = picture_faults.measure(pixels)
    assert measures.sharpness == pytest.approx(lost / total, abs=0.001)
    assert measures.entropy == pytest.approx(-(shares * np.log2(shares)).sum(), abs=0.001)
    assert measures.highlights == np.percentile(pixels, 99, method="inverted_cdf")
    assert measures.shadows == np.percentile(pixels, 5, method="inverted_cdf")


@pytest.mark.parametrize(("width", "height", "ratio"), [(200, 100, 0.5), (1, 3, 0.333), (7, 7, 1)])
def test_the_aspect_ratio_is_the_shorter_side_over_the_longer(width, height, ratio):
    assert picture_faults.aspect_ratio(width, height) == ratio


def test_every_fault_can_be_removed():
    assert set(get_args(PictureFault)) == set(FAULTS)
