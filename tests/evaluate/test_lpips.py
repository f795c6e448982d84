"""LPIPS with random weights of the right shapes: the real ones are not available everywhere."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import hub
from torchmetrics.functional.image.lpips import _LPIPS
from torchvision.models import alexnet, squeezenet1_1

from src.errors import UserError
from src.evaluate import evaluation
from src.evaluate.evaluator import Evaluator
from src.evaluate.lpips import NETWORKS, Lpips, load_lpips
from src.imaging.resizing import resize
from src.params import Size
from src.weights import pretrained
from tests.builders import pairs_of
from tests.color_means import extractor
from tests.conftest import DEFAULTS

CPU = torch.device("cpu")


BUILDERS = {"squeeze": squeezenet1_1, "alex": alexnet}


@pytest.fixture(scope="module", params=BUILDERS)
def weights(request, tmp_path_factory) -> tuple[str, Path]:
    """A network's weights where the stage puts them."""
    return written(request.param, tmp_path_factory)


@pytest.fixture(scope="module")
def squeeze(tmp_path_factory) -> tuple[str, Path]:
    return written("squeeze", tmp_path_factory)


def written(network: str, tmp_path_factory) -> tuple[str, Path]:
    path = tmp_path_factory.mktemp("weights") / pretrained.LPIPS_FILES[network]
    path.parent.mkdir(parents=True)
    torch.manual_seed(0)
    torch.save(BUILDERS[network](weights=None).state_dict(), path)
    return network, path


@pytest.fixture(scope="module")
def photos(faces) -> np.ndarray:
    return np.stack([resize(face, 64, 64) for face in faces[:8]])


def test_equal_pictures_have_no_distance_and_more_noise_is_more_distance(weights, photos):
    lpips = Lpips(*weights, CPU)
    assert lpips(photos, photos).tolist() == [0] * 8
    noise = np.random.default_rng(0).normal(0, 1, photos.shape)
    means = [
        lpips((photos + level * noise).clip(0, 255).astype(np.uint8), photos).mean()
        for level in (3, 10, 40)
    ]
    assert 0 < means[0] < means[1] < means[2]


def test_it_is_what_the_network_itself_computes(weights, photos):
    """For pictures in [-1, 1], and the same in a second call."""
    name, file = weights
    network = _LPIPS(pnet_rand=True, net=name)
    state = torch.load(file, weights_only=True)
    parts = network.net.slices if name == "squeeze" else [*network.net.children()]
    for layers in parts:
        layers.load_state_dict({k: state[f"features.{k}"] for k in layers.state_dict()})
    a, b = (
        torch.from_numpy(p).permute(0, 3, 1, 2) / 127.5 - 1 for p in (photos, photos[::-1].copy())
    )
    expected = network(a, b).reshape(-1).numpy()
    lpips = Lpips(name, file, CPU)
    for _ in range(2):
        np.testing.assert_allclose(lpips(photos, photos[::-1]), expected, rtol=1e-4)


def test_torchs_own_cache_stays_where_it_is(squeeze):
    before = hub.get_dir()
    Lpips(*squeeze, CPU)
    assert hub.get_dir() == before


@pytest.mark.parametrize("kind", ["other", "cut off", "page"])
def test_a_file_that_does_not_fit_is_one_line(weights, tmp_path, kind):
    network, file = weights
    wrong = tmp_path / pretrained.LPIPS_FILES[network]
    wrong.parent.mkdir(parents=True)
    if kind == "other":
        torch.save({"features.0.weight": torch.zeros(3)}, wrong)
    else:
        wrong.write_bytes(file.read_bytes()[:1000] if kind == "cut off" else b"<!DOCTYPE html>")
    with pytest.raises(UserError, match=f"does not fit {NETWORKS[network]}") as refused:
        Lpips(network, wrong, CPU)
    assert "\n" not in str(refused.value)


def test_without_weights_there_is_none(tmp_path):
    assert pretrained.lpips_file(tmp_path) is None
    assert load_lpips(None, Size(64, 64), CPU) is None


def test_pictures_too_small_for_the_network_have_none_and_a_message_says_so(weights, capsys):
    assert load_lpips(weights, Size(16, 16), CPU) is None
    assert "no LPIPS of 16 pixels (pair.crop_size), expected at least 32" in capsys.readouterr().err
    small = np.zeros((2, 32, 32, 3), np.uint8)
    assert load_lpips(weights, Size(32, 32), CPU)(small, small).tolist() == [0, 0]


def test_the_shorter_side_decides_whether_there_is_lpips(weights, capsys):
    assert load_lpips(weights, Size(64, 16), CPU) is None
    assert "no LPIPS of [64, 16] pixels (pair.crop_size)" in capsys.readouterr().err
    wide = np.zeros((2, 32, 96, 3), np.uint8)
    assert load_lpips(weights, Size(32, 96), CPU)(wide, wide).tolist() == [0, 0]


def test_an_evaluation_with_lpips_scores_it_and_names_its_weights(squeeze, photos):
    params = DEFAULTS
    lpips = Lpips(*squeeze, CPU)
    evaluator = Evaluator((extractor(),), params.evaluate, params.clean.tone_residual, lpips=lpips)
    pairs = pairs_of(photos)
    outputs = evaluator.measure(lambda part: photos[::-1][part], pairs)
    expected = lpips(photos[::-1], photos)
    np.testing.assert_allclose(outputs.table["lpips_squeeze"], expected, rtol=1e-5)
    scores = evaluator.scores(outputs, evaluator.photo_features(pairs))
    assert scores["lpips_squeeze"] == pytest.approx(expected.mean(), abs=1e-4)
    digest = hashlib.sha256(squeeze[1].read_bytes()).hexdigest()
    meta = evaluation.meta(evaluator, Path(), pairs, pairs)
    assert meta["lpips"] == {"lpips_squeeze": f"sha256 {digest}"}


@pytest.fixture
def settings(changed, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    offline = {"evaluate.lpips_url": "http://127.0.0.1:9/"}
    return lambda changes=None: changed(offline | (changes or {})).evaluate


def test_a_named_file_is_verified_and_used(weights, settings, tmp_path, photos):
    network, file = weights
    digest = hashlib.sha256(file.read_bytes()).hexdigest()[:8]
    named = settings({"evaluate.lpips": network, "evaluate.lpips_weights": str(file)})
    assert "verified" in pretrained.obtain_lpips(named, tmp_path / "w", digest)
    lpips = load_lpips(pretrained.lpips_file(tmp_path / "w"), Size(64, 64), CPU)
    assert lpips.name == f"lpips_{network}"
    assert lpips(photos, photos[::-1]).min() > 0


@pytest.mark.parametrize(("network", "digits"), [("squeeze", "b8a52dc0"), ("alex", "7be5be79")])
def test_a_wrong_named_file_is_refused(squeeze, settings, tmp_path, network, digits):
    named = settings({"evaluate.lpips": network, "evaluate.lpips_weights": str(squeeze[1])})
    with pytest.raises(UserError, match=rf"^evaluate.lpips_weights: .* expected {digits}"):
        pretrained.obtain_lpips(named, tmp_path / "w")
    assert pretrained.lpips_file(tmp_path / "w") is None


def test_a_download_says_first_how_large_it_is_and_how_to_do_without(settings, tmp_path, capsys):
    for network, size in (("squeeze", "5 MB"), ("alex", "244 MB")):
        message = pretrained.obtain_lpips(settings({"evaluate.lpips": network}), tmp_path / "w")
        assert message.startswith("NO LPIPS: its weights are not available")
        [line] = capsys.readouterr().err.splitlines()
        url = f"http://127.0.0.1:9/{Path(pretrained.LPIPS_FILES[network]).name}"
        assert line.startswith(f"downloading {size} of weights for lpips from {url}; ")
        assert "`evaluate.lpips: none`" in line
    assert pretrained.lpips_file(tmp_path / "w") is None


def test_without_lpips_nothing_is_asked_for(settings, tmp_path, capsys):
    message = pretrained.obtain_lpips(settings({"evaluate.lpips": "none"}), tmp_path / "w")
    assert message == "no LPIPS, by evaluate.lpips"
    assert capsys.readouterr().err == ""
