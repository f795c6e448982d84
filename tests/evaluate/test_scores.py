"""Scores of finished pictures: distances of sets, and scores of pairs."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.dataset.inputs import to_gray
from src.drawing.sheets import three_channels
from src.evaluate import scores
from src.imaging.resizing import resize
from tests.color_means import extractor

FEW = settings(max_examples=10, deadline=None)


def distances_of(a: np.ndarray, b: np.ndarray) -> dict[str, float]:
    features = extractor()
    return scores.set_scores(features.network, features(a), features(b))


def test_scores_of_a_set_bear_the_names_of_their_network(photos):
    scored = distances_of(photos[:4], photos[4:8])
    near = ("precision", "recall", "density", "coverage")
    names = {"fd_means", "kd_means_x1000", *(f"{name}_means" for name in near)}
    assert set(scored) == names | {f"{name}_se" for name in names}


def test_more_change_is_more_distance(photos):
    darker = [(photos * share).astype(np.uint8) for share in (1, 0.9, 0.6, 0.2)]
    scored = [distances_of(d, photos)["fd_means"] for d in darker]
    assert scored == sorted(scored)
    assert scored[1] > scored[0] + 1e-3


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_other_than_eight_bit_pictures_are_refused(photos, dtype):
    wrong = photos[:4].astype(dtype)
    for pair in ((wrong, photos[:4]), (photos[:4], wrong)):
        with pytest.raises(TypeError, match="must be uint8"):
            distances_of(*pair)
    with pytest.raises(TypeError, match="must be uint8"):
        scores.per_picture(wrong, photos[:4], 4.0)


def test_identical_pictures_score_best(photos):
    table = scores.per_picture(photos[:4], photos[:4], 4.0)
    assert list(table["l1"]) == [0] * 4
    assert table["ssim"].to_numpy() == pytest.approx(1, abs=1e-5)
    assert (table["psnr"] > 60).all()


def test_scores_of_identical_pictures_can_be_written(photos):
    gray = np.stack([three_channels(to_gray(photo)) for photo in photos[:4]])
    summary = scores.summary(scores.per_picture(gray, gray, 4.0))
    assert json.loads(json.dumps(summary, allow_nan=False))["l1"] == 0


def test_l1_is_on_the_scale_of_minus_one_to_one(photos):
    target = photos[:3] // 2
    table = scores.per_picture(target + 51, target, 4.0)
    assert table["l1"].to_numpy() == pytest.approx(0.4, abs=1e-6)
    assert table["psnr"].to_numpy() == pytest.approx(20 * np.log10(5), abs=1e-3)


@FEW
@given(st.integers(0, 2**31), st.integers(1, 5))
def test_each_row_scores_its_own_pair(seed, count):
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 256, (2, count, 16, 16, 3), np.uint8)
    batch = scores.per_picture(a, b, 4.0)
    for n in range(count):
        alone = scores.per_picture(a[n : n + 1], b[n : n + 1], 4.0).iloc[0]
        error = np.abs(a[n].astype(float) - b[n]).mean() / 127.5
        assert batch["l1"][n] == pytest.approx(error, rel=1e-5)
        assert alone.to_numpy() == pytest.approx(batch.iloc[n].to_numpy(), rel=1e-4)


def test_gray_share_counts_gray_outputs(faces):
    color = np.stack([resize(face, 64, 64) for face in faces[:5]])
    outputs = color.copy()
    for n in (0, 3):
        outputs[n] = three_channels(to_gray(color[n]))
    table = scores.per_picture(outputs, color, 4.0)
    assert list(table["gray"]) == [1, 0, 0, 1, 0]
    assert list(table["colorfulness"] == 0) == [True, False, False, True, False]
    assert scores.summary(table)["gray_share"] == 0.4


def test_the_summary_is_the_mean_with_the_number_of_pictures(photos):
    table = scores.per_picture(photos[:4], photos[4:8], 4.0)
    scored = scores.summary(table)
    assert set(scored) == {"l1", "psnr", "ssim", "colorfulness", "gray_share", "n"}
    assert scored["n"] == 4
    assert scored["l1"] == round(table["l1"].mean(), 4)
    json.dumps(scored, allow_nan=False)
