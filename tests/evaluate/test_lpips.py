"""LPIPS with random weights of the right shapes: the real ones are not available everywhere."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import hub
from torchmetrics.functional.image.lpips import _LPIPS
from torchvision.models import alexnet

from src.errors import UserError
from src.evaluate import evaluation
from src.evaluate.evaluation import Evaluator
from src.evaluate.lpips import Lpips, load_lpips
from src.imaging.resizing import resize
from src.params import Size, read_params
from src.weights import pretrained
from tests.builders import pairs_of
from tests.colour_means import extractor
from tests.conftest import ROOT

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    """AlexNet's weights where the stage puts them."""
    path = tmp_path_factory.mktemp("weights") / pretrained.LPIPS_FILE
    path.parent.mkdir(parents=True)
    torch.manual_seed(0)
    torch.save(alexnet(weights=None).state_dict(), path)
    return path


@pytest.fixture(scope="module")
def photos(faces) -> np.ndarray:
    return np.stack([resize(face, 64, 64) for face in faces[:8]])


def test_equal_pictures_have_no_distance_and_more_noise_is_more_distance(file, photos):
    lpips = Lpips(file, CPU)
    assert lpips(photos, photos).tolist() == [0] * 8
    noise = np.random.default_rng(0).normal(0, 1, photos.shape)
    means = [
        lpips((photos + level * noise).clip(0, 255).astype(np.uint8), photos).mean()
        for level in (3, 10, 40)
    ]
    assert 0 < means[0] < means[1] < means[2]


def test_it_is_what_the_network_itself_computes(file, photos):
    """For pictures in [-1, 1], and the same in a second call."""
    network = _LPIPS(pnet_rand=True, net="alex")
    state = torch.load(file, weights_only=True)
    for part in ("slice1", "slice2", "slice3", "slice4", "slice5"):
        layers = getattr(network.net, part)
        weights = {k: state[f"features.{k}"] for k in layers.state_dict()}
        layers.load_state_dict(weights)
    a, b = (
        torch.from_numpy(p).permute(0, 3, 1, 2) / 127.5 - 1 for p in (photos, photos[::-1].copy())
    )
    expected = network(a, b).reshape(-1).numpy()
    lpips = Lpips(file, CPU)
    for _ in range(2):
        np.testing.assert_allclose(lpips(photos, photos[::-1]), expected, rtol=1e-4)


def test_torchs_own_cache_stays_where_it_is(file):
    before = hub.get_dir()
    Lpips(file, CPU)
    assert hub.get_dir() == before


@pytest.mark.parametrize("kind", ["other", "cut off", "page"])
def test_a_file_that_does_not_fit_is_one_line(file, tmp_path, kind):
    wrong = tmp_path / pretrained.LPIPS_FILE
    wrong.parent.mkdir(parents=True)
    if kind == "other":
        torch.save({"features.0.weight": torch.zeros(3)}, wrong)
    else:
        wrong.write_bytes(file.read_bytes()[:1000] if kind == "cut off" else b"<!DOCTYPE html>")
    with pytest.raises(UserError, match="does not fit AlexNet") as refused:
        Lpips(wrong, CPU)
    assert "\n" not in str(refused.value)


def test_without_weights_there_is_none(tmp_path):
    assert pretrained.lpips_file(tmp_path) is None
    assert load_lpips(None, Size(64, 64), CPU) is None


def test_pictures_too_small_for_the_network_have_none_and_a_message_says_so(file, capsys):
    assert load_lpips(file, Size(16, 16), CPU) is None
    assert "no LPIPS of 16 pixels (pair.crop_size), expected at least 32" in capsys.readouterr().err
    small = np.zeros((2, 32, 32, 3), np.uint8)
    assert load_lpips(file, Size(32, 32), CPU)(small, small).tolist() == [0, 0]


def test_the_shorter_side_decides_whether_there_is_lpips(file, capsys):
    assert load_lpips(file, Size(64, 16), CPU) is None
    assert "no LPIPS of [64, 16] pixels (pair.crop_size)" in capsys.readouterr().err
    wide = np.zeros((2, 32, 96, 3), np.uint8)
    assert load_lpips(file, Size(32, 96), CPU)(wide, wide).tolist() == [0, 0]


def test_an_evaluation_with_lpips_scores_it_and_names_its_weights(file, photos):
    params = read_params(ROOT / "params.yaml")
    lpips = Lpips(file, CPU)
    evaluator = Evaluator((extractor(),), params.evaluate, params.clean.tone_residual, lpips=lpips)
    pairs = pairs_of(photos)
    outputs = evaluator.measure(lambda part: photos[::-1][part], pairs)
    expected = lpips(photos[::-1], photos)
    np.testing.assert_allclose(outputs.table["lpips"], expected, rtol=1e-5)
    scores = evaluator.scores(outputs, evaluator.photo_features(pairs))
    assert scores["lpips"] == pytest.approx(expected.mean(), abs=1e-4)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert evaluation.meta(evaluator, Path(), pairs, pairs)["lpips_weights"] == f"sha256 {digest}"


@pytest.fixture
def settings(changed, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    offline = {"evaluate.lpips_url": "http://127.0.0.1:9/alexnet.pth"}
    return lambda changes=None: changed(offline | (changes or {})).evaluate


def test_a_named_file_is_verified_and_used(file, settings, tmp_path, photos):
    digest = hashlib.sha256(file.read_bytes()).hexdigest()[:8]
    named = settings({"evaluate.lpips_weights": str(file)})
    assert "verified" in pretrained.obtain_lpips(named, tmp_path / "w", digest)
    lpips = load_lpips(pretrained.lpips_file(tmp_path / "w"), Size(64, 64), CPU)
    assert lpips(photos, photos[::-1]).min() > 0


def test_a_wrong_named_file_is_refused(file, settings, tmp_path):
    named = settings({"evaluate.lpips_weights": str(file)})
    with pytest.raises(UserError, match=r"^evaluate.lpips_weights: .* expected 7be5be79"):
        pretrained.obtain_lpips(named, tmp_path / "w")
    assert pretrained.lpips_file(tmp_path / "w") is None


def test_a_message_says_that_the_weights_are_not_available(settings, tmp_path):
    message = pretrained.obtain_lpips(settings(), tmp_path / "w")
    assert message.startswith("NO LPIPS: its weights are not available")
    assert pretrained.lpips_file(tmp_path / "w") is None
    assert pretrained.obtain_lpips(settings({"evaluate.lpips": False}), tmp_path / "w") == (
        "no LPIPS, by evaluate.lpips"
    )
