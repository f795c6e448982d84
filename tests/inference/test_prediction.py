"""A trained model on pictures of any size."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.dataset.inputs import to_canny, to_gray
from src.imaging.resizing import resize
from src.inference.prediction import predict_all, task_input
from src.model.tensors import to_tensor, to_uint8
from tests.builders import CANNY
from tests.inference.pictures import noise, predict, smooth
from tests.model.generators import VARIANTS, variant


@pytest.mark.parametrize("network", sorted(VARIANTS))
@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 1), (17, 31), (16, 16), (200, 300)])
def test_a_picture_of_any_size_keeps_its_size(network, height, width):
    result = predict(variant(network), noise(height, width))
    assert result.shape == (height, width, 3)
    assert result.dtype == np.uint8


@pytest.mark.parametrize("task", ["colorize", "sketch", "labels"])
def test_each_task_takes_a_colour_picture(task):
    assert predict(variant(task=task, output="rgb"), noise(33, 20)).shape == (33, 20, 3)


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**31))
def test_chroma_keeps_the_gray_of_the_picture(height, width, seed):
    picture = noise(height, width, seed)
    difference = predict(variant(), picture).mean(axis=2) - picture.mean(axis=2)
    assert np.abs(difference).max() <= 1


def test_chroma_adds_colour_to_gray():
    gray = np.repeat(noise(20, 20)[:, :, :1], 3, axis=2)
    assert np.ptp(predict(variant(), gray), axis=2).max() > 0


def test_a_picture_of_the_networks_multiple_is_not_padded():
    generator, picture = variant(), noise(32, 48)
    rendered = to_uint8(generator.render(to_tensor(to_gray(picture)[None])))[0]
    assert np.array_equal(predict(generator, picture), rendered)


@pytest.mark.parametrize("network", VARIANTS)
def test_a_picture_of_the_training_size_is_predicted_as_evaluation_does(network):
    generator, picture = variant(network), noise(32, 32)
    rendered = to_uint8(generator.render(to_tensor(to_gray(picture)[None])))[0]
    assert np.array_equal(predict(generator, picture), rendered)


@pytest.mark.parametrize("network", ["encdec", "unet", "pretrained"])
def test_the_same_picture_gives_the_same_result(network):
    generator, picture = variant(network), noise(19, 23)
    assert np.array_equal(predict(generator, picture), predict(generator, picture))


def test_the_input_is_derived_as_in_training(faces):
    face = faces[0]
    for task, expected in (
        ("colorize", to_gray(face)),
        ("sketch", to_canny(face, CANNY)),
        ("labels", face),
    ):
        config = {"task": task, "canny": CANNY.model_dump()}
        assert np.array_equal(task_input(config, face), expected)


def test_a_model_that_does_not_name_its_kind_of_thresholds_has_absolute_ones(faces):
    older = CANNY.model_dump(exclude={"thresholds"})
    edges = task_input({"task": "sketch", "canny": older}, faces[0])
    assert np.array_equal(edges, to_canny(faces[0], CANNY))


@pytest.mark.parametrize(("height", "width"), [(200, 300), (333, 64), (97, 1200)])
def test_a_large_picture_keeps_its_detail_and_takes_colour_at_network_size(height, width):
    picture = smooth(height, width)
    result = predict(variant(), picture)
    assert result.shape == picture.shape
    assert np.abs(result.mean(axis=2) - picture.mean(axis=2)).max() <= 1
    share = 32 / min(height, width)
    small = resize(picture, round(width * share), round(height * share))
    small_result = predict(variant(), small, 0).astype(float)
    reduced_result = resize(result, small.shape[1], small.shape[0]).astype(float)
    tint, expected = (p - p.mean(axis=2, keepdims=True) for p in (reduced_result, small_result))
    # resizing twice blurs an untrained network's speckles, but moves nothing
    correlations = [
        np.corrcoef(tint.ravel(), np.roll(expected, k, axis=1).ravel())[0, 1] for k in range(2)
    ]
    assert correlations[0] > 0.95
    assert correlations[1] < correlations[0] - 0.02


def test_strips_have_no_seams(monkeypatch):
    picture = smooth(120, 90)
    at_once = predict(variant(), picture)
    monkeypatch.setattr("src.inference.prediction.STRIP_PIXELS", 7 * 90)
    assert np.abs(at_once.astype(int) - predict(variant(), picture)).max() <= 1


def test_the_side_that_the_network_sees_can_be_chosen():
    picture = smooth(64, 64)
    full, reduced = (predict(variant(), picture, side) for side in (0, 32))
    assert np.array_equal(predict(variant(), picture), reduced)
    assert np.array_equal(predict(variant(), picture, 100), full)
    assert not np.array_equal(full, reduced)


@pytest.mark.parametrize(
    ("picture", "seen"),
    [((96, 192), (48, 96)), ((96, 96), (96, 96)), ((200, 100), (192, 96)), ((40, 90), (40, 90))],
)
def test_a_wide_models_pictures_are_as_large_as_in_its_training(monkeypatch, picture, seen):
    """Its training made the part that it cut from each picture 48 pixels high and 96 wide."""
    generator, shapes = variant(), []
    generator.config["size"] = [48, 96]
    monkeypatch.setattr(
        "src.inference.prediction.task_input",
        lambda config, pixels: shapes.append(pixels.shape[:2]) or to_gray(pixels),
    )
    assert predict(generator, noise(*picture)).shape == (*picture, 3)
    assert shapes == [seen]


def test_other_outputs_are_computed_at_the_pictures_size_or_enlarged():
    generator, picture = variant(task="sketch", output="rgb"), smooth(64, 96)
    assert np.array_equal(predict(generator, picture), predict(generator, picture, 0))
    assert predict(generator, picture, 32).shape == (64, 96, 3)


def test_a_picture_among_others_has_the_same_result():
    pictures = [smooth(40, 40), smooth(32, 48), smooth(40, 40)[::-1].copy(), smooth(64, 96)]
    results = predict_all(variant(), pictures)
    for result, picture in zip(results, pictures, strict=True):
        assert np.abs(result.astype(int) - predict(variant(), picture)).max() <= 1


def test_a_long_strip_is_reduced_further(monkeypatch):
    shapes = []

    def watched(config: dict, picture: np.ndarray) -> np.ndarray:
        shapes.append(picture.shape)
        return task_input(config, picture)

    monkeypatch.setattr("src.inference.prediction.task_input", watched)
    assert predict(variant(), smooth(40, 3000)).shape == (40, 3000, 3)
    [(height, width, _)] = shapes
    assert height * width <= 16 * 32 * 32 * 1.05
    assert width / height == pytest.approx(75, rel=0.1)
