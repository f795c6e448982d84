"""Scores of finished pictures: distances of sets, and paired scores."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from src.dataset.inputs import to_gray
from src.drawing.sheets import three_channels
from src.evaluate import scores
from src.evaluate.features import Extractor, RandomFeatures, build
from src.imaging.resizing import resize
from src.model import image_metrics

FEW = settings(max_examples=10, deadline=None)


@pytest.fixture(scope="module")
def photos(faces) -> np.ndarray:
    """Forty portraits, (40, 32, 32, 3) uint8."""
    return np.stack([resize(face, 32, 32) for face in faces])


@pytest.fixture(scope="module")
def network() -> RandomFeatures:
    return RandomFeatures(0)


@pytest.fixture(scope="module")
def extractor() -> Extractor:
    return build(None, 0, 32)


def distances_of(extractor: Extractor, a: np.ndarray, b: np.ndarray) -> dict[str, float]:
    return scores.set_distances(extractor.name, extractor(a), extractor(b))


def test_random_features_go_by_their_own_name(extractor, photos):
    found = distances_of(extractor, photos[:4], photos[4:8])
    names = {"fd_random", "kd_random_x1000"}
    assert set(found) == names | {f"{name}_se" for name in names}


def test_the_names_fid_and_kid_are_for_inception_alone(photos):
    class Inception(RandomFeatures):
        name = "fid"

    found = distances_of(Extractor(Inception(0), "", 8), photos[:4], photos[4:8])
    assert set(found) == {"fid", "fid_se", "kid_x1000", "kid_x1000_se"}


def test_more_change_is_more_distance(extractor, photos):
    darker = [(photos * share).astype(np.uint8) for share in (1, 0.9, 0.6, 0.2)]
    found = [distances_of(extractor, d, photos)["fd_random"] for d in darker]
    assert found == sorted(found)
    assert found[1] > found[0] + 1e-3


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_other_than_eight_bit_pictures_are_refused(extractor, photos, dtype):
    wrong = photos[:4].astype(dtype)
    for pair in ((wrong, photos[:4]), (photos[:4], wrong)):
        with pytest.raises(TypeError, match="must be uint8"):
            distances_of(extractor, *pair)
    with pytest.raises(TypeError, match="must be uint8"):
        scores.per_picture(wrong, photos[:4], 4.0)


def test_features_do_not_depend_on_the_batch(photos):
    found = [build(None, 0, size)(photos) for size in (7, 64)]
    np.testing.assert_allclose(*found, rtol=1e-5, atol=1e-6)


def test_features_are_kept_by_content_and_network(photos, tmp_path):
    kept = build(None, 0, 8, tmp_path)
    first = kept(photos, keep=True)
    assert len(list(tmp_path.iterdir())) == 1
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(RandomFeatures, "forward", lambda *_: pytest.fail("looked again"))
        assert np.array_equal(kept(photos, keep=True), first)
    assert not np.array_equal(build(None, 1, 8, tmp_path)(photos, keep=True), first)
    changed = photos.copy()
    changed[3, 5, 5] ^= 255
    assert not np.array_equal(kept(changed, keep=True), first)
    assert len(list(tmp_path.iterdir())) == 3
    kept(changed[::-1])  # not asked to be kept
    assert len(list(tmp_path.iterdir())) == 3
    for file in tmp_path.iterdir():
        file.write_bytes(file.read_bytes()[:50])
    assert np.array_equal(kept(photos, keep=True), first)


def test_random_features_are_a_fixed_function_of_the_seed(photos):
    x = image_metrics.to_planes(photos[:5])
    torch.manual_seed(1)
    first = RandomFeatures(3)(x)
    torch.manual_seed(2)
    assert torch.equal(RandomFeatures(3)(x), first)
    assert not torch.equal(RandomFeatures(4)(x), first)
    assert first.shape == (5, RandomFeatures.num_features)


def test_random_features_do_not_depend_on_the_rest_of_the_batch(network, photos):
    x = image_metrics.to_planes(photos[:5])
    alone = torch.cat([network(one[None]) for one in x])
    assert torch.allclose(network(x), alone, rtol=1e-5, atol=1e-6)


def test_identical_pictures_score_best(photos):
    table = scores.per_picture(photos[:4], photos[:4], 4.0)
    assert list(table["l1"]) == [0] * 4
    assert table["ssim"].to_numpy() == pytest.approx(1, abs=1e-5)
    assert (table["psnr"] > 60).all()


def test_scores_of_identical_pictures_can_be_written(photos):
    gray = np.stack([three_channels(to_gray(photo)) for photo in photos[:4]])
    json.dumps(scores.summary(scores.per_picture(gray, gray, 4.0)), allow_nan=False)


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
    together = scores.per_picture(a, b, 4.0)
    for n in range(count):
        alone = scores.per_picture(a[n : n + 1], b[n : n + 1], 4.0).iloc[0]
        error = np.abs(a[n].astype(float) - b[n]).mean() / 127.5
        assert together["l1"][n] == pytest.approx(error, rel=1e-5)
        assert alone.to_numpy() == pytest.approx(together.iloc[n].to_numpy(), rel=1e-4)


def test_gray_share_counts_gray_outputs(faces):
    colour = np.stack([resize(face, 64, 64) for face in faces[:5]])
    outputs = colour.copy()
    for n in (0, 3):
        outputs[n] = three_channels(to_gray(colour[n]))
    table = scores.per_picture(outputs, colour, 4.0)
    assert list(table["gray"]) == [1, 0, 0, 1, 0]
    assert list(table["colorfulness"] == 0) == [True, False, False, True, False]
    assert scores.summary(table)["gray_share"] == 0.4


def test_the_summary_is_the_mean_with_the_number_of_pictures(photos):
    table = scores.per_picture(photos[:4], photos[4:8], 4.0)
    found = scores.summary(table)
    assert set(found) == {"l1", "psnr", "ssim", "colorfulness", "gray_share", "n"}
    assert found["n"] == 4
    assert found["l1"] == round(table["l1"].mean(), 4)
    json.dumps(found, allow_nan=False)
