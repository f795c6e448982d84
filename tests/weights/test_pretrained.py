"""The weights behind FID: found, verified, or recorded as not to be had."""

import hashlib
import pickle
import socket
from pathlib import Path

import numpy as np
import pytest
import torch
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torchmetrics.image.fid import FrechetInceptionDistance, NoTrainInceptionV3

from src.errors import UserError
from src.evaluate import distances, features
from src.model import image_metrics
from src.params import read_params
from src.storage.atomic import read_json
from src.weights import pretrained
from tests.conftest import ROOT
from tests.servers import Answer, served

RIGHT = b"PK\x03\x04" + bytes(range(256)) * 8
SIZE, SHA256 = len(RIGHT), hashlib.sha256(RIGHT).hexdigest()
WRONG = {
    "truncated": (RIGHT[:1000], f"1000 bytes.*expected {SIZE}"),
    "longer": (RIGHT + b"\n", f"{SIZE + 1} bytes.*expected {SIZE}"),
    "empty": (b"", f"0 bytes.*expected {SIZE}"),
    "page": (b"<!DOCTYPE html><title>Sign in</title>", rf"<!DOCTYPE html>.*expected {SIZE}"),
    "other": (RIGHT[::-1], f"SHA-256 .*expected {SHA256}"),
}


@pytest.fixture
def server():
    with served() as server:
        yield server


@pytest.fixture(autouse=True)
def hub(monkeypatch, tmp_path) -> Path:
    """Where torch hub's cache would hold the file; an empty folder."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder / pretrained.FILE


@pytest.fixture
def offline():
    """A URL that nobody answers."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/weights.pth"


@pytest.fixture
def obtain(changed, tmp_path):
    """Run the stage with the small file as the right one: obtain(features="auto", …)."""

    def run(**settings):
        changes = {f"evaluate.{key}": str(value) for key, value in settings.items()}
        return pretrained.obtain(changed(changes).evaluate, tmp_path / "weights", SIZE, SHA256)

    return run


@pytest.fixture
def placed(tmp_path):
    """What the stage wrote: the names of its files and the recorded features."""

    def look():
        folder = tmp_path / "weights"
        names = sorted(path.name for path in folder.iterdir())
        return names, read_json(folder / "record.json")["features"]

    return look


def test_random_features_need_nothing(obtain, placed, offline, tmp_path):
    obtain(features="random", inception_url=offline, inception_weights="no/such/file")
    assert placed() == (["record.json"], "random")
    assert pretrained.extractor_file(tmp_path / "weights") is None


@pytest.mark.parametrize("wanted", ["auto", "inception"])
def test_a_named_file_is_verified_and_copied(obtain, placed, tmp_path, offline, wanted):
    named = tmp_path / "mine.pth"
    named.write_bytes(RIGHT)
    said = obtain(features=wanted, inception_weights=named, inception_url=offline)
    assert "verified" in said and str(named) in said
    assert placed() == (["record.json", pretrained.FILE], "inception")
    assert pretrained.extractor_file(tmp_path / "weights").read_bytes() == RIGHT
    assert named.exists()


@pytest.mark.parametrize("wanted", ["auto", "inception"])
@pytest.mark.parametrize("kind", sorted(WRONG))
def test_a_wrong_named_file_is_one_line_with_file_and_expectation(obtain, tmp_path, wanted, kind):
    data, message = WRONG[kind]
    named = tmp_path / "mine.pth"
    named.write_bytes(data)
    with pytest.raises(UserError, match=message) as caught:
        obtain(features=wanted, inception_weights=named)
    assert str(caught.value).startswith("evaluate.inception_weights: ")
    assert str(named) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "weights" / pretrained.FILE).exists()


@pytest.mark.parametrize("name", ["missing.pth", "."])
def test_a_named_file_that_is_none_is_one_line_with_its_name(obtain, tmp_path, name):
    named = tmp_path / name
    with pytest.raises(UserError, match=r"evaluate\.inception_weights: ") as caught:
        obtain(inception_weights=named)
    assert str(named) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_network_random_features_are_recorded_and_said(obtain, placed, offline, tmp_path):
    said = obtain(features="auto", inception_url=offline)
    assert said.startswith("NO FID")
    assert "fd_random" in said
    assert "dvc repro -f weights && dvc repro" in said
    assert placed() == (["record.json"], "random")
    assert pretrained.extractor_file(tmp_path / "weights") is None


def test_what_is_recorded_does_not_depend_on_the_weather(obtain, offline, server, tmp_path):
    records = set()
    for url in (offline, server["/missing.pth"]):
        obtain(features="auto", inception_url=url)
        records.add((tmp_path / "weights" / "record.json").read_bytes())
    assert len(records) == 1


def test_inception_without_network_is_an_error_with_a_way_out(obtain, offline, tmp_path):
    with pytest.raises(UserError, match=r"evaluate\.features = 'inception'") as caught:
        obtain(features="inception", inception_url=offline)
    assert "set evaluate.inception_weights" in str(caught.value)
    assert not (tmp_path / "weights" / "record.json").exists()


def test_a_download_is_verified_and_written(obtain, placed, server, tmp_path):
    server["/weights.pth"] = Answer(RIGHT)
    said = obtain(features="auto", inception_url=server["/weights.pth"])
    assert server["/weights.pth"] in said
    assert placed() == (["record.json", pretrained.FILE], "inception")
    assert (tmp_path / "weights" / pretrained.FILE).read_bytes() == RIGHT


@pytest.mark.parametrize("kind", sorted(WRONG))
def test_a_wrong_download_leaves_no_file(obtain, placed, server, kind):
    server["/weights.pth"] = Answer(WRONG[kind][0])
    assert obtain(features="auto", inception_url=server["/weights.pth"]).startswith("NO FID")
    assert placed() == (["record.json"], "random")


@pytest.mark.parametrize("answer", [Answer(b"", 404), Answer(RIGHT[:99], length=SIZE)])
def test_a_failed_download_is_an_error_where_inception_is_wanted(obtain, server, answer):
    server["/weights.pth"] = answer
    with pytest.raises(UserError, match="could not be had"):
        obtain(features="inception", inception_url=server["/weights.pth"])


def test_torch_hubs_copy_is_used_unasked(obtain, placed, server, hub):
    hub.write_bytes(RIGHT)
    assert str(hub) in obtain(features="auto", inception_url=server["/weights.pth"])
    assert placed() == (["record.json", pretrained.FILE], "inception")
    assert server.asked == []


def test_a_broken_copy_of_torch_hub_does_not_stand_in_the_way(obtain, placed, server, hub):
    hub.write_bytes(RIGHT[:99])
    server["/weights.pth"] = Answer(RIGHT)
    obtain(features="auto", inception_url=server["/weights.pth"])
    assert placed() == (["record.json", pretrained.FILE], "inception")


def test_the_published_file_is_what_is_expected():
    assert pretrained.FILE.endswith(f"-{pretrained.SHA256[:8]}.pth")
    assert pretrained.SIZE == 95_628_359


# --- the real network, with weights that were never trained


class Untrained(FeatureExtractorInceptionV3):
    def load_state_dict(self, *arguments, **keywords):
        """Keep the random weights: the constructor insists on reading a file."""


@pytest.fixture(scope="session")
def untrained(tmp_path_factory) -> Path:
    """A file of the right shapes."""
    folder = tmp_path_factory.mktemp("inception")
    torch.save({}, folder / "nothing.pth")
    torch.manual_seed(0)
    network = Untrained("inception-v3-compat", ["2048"], str(folder / "nothing.pth"))
    torch.save(network.state_dict(), folder / "untrained.pth")
    return folder / "untrained.pth"


@pytest.fixture(scope="session")
def inception(untrained, tmp_path_factory) -> features.Extractor:
    """The network as the stages build it: obtained, verified, loaded."""
    folder = tmp_path_factory.mktemp("weights")
    data = untrained.read_bytes()
    settings = read_params(ROOT / "params.yaml").evaluate
    settings = settings.model_copy(update={"inception_weights": str(untrained)})
    pretrained.obtain(settings, folder, len(data), hashlib.sha256(data).hexdigest())
    return features.build(pretrained.extractor_file(folder), 0, 32)


def test_verified_weights_give_the_features_of_fid(inception, faces):
    pictures = np.stack([face[64:128, 64:128] for face in faces[:3]])
    found = inception.network(image_metrics.to_planes(pictures))
    assert inception.name == "fid"
    assert found.shape == (3, inception.network.num_features) == (3, 2048)
    assert found.isfinite().all()
    assert not torch.equal(found[0], found[1])


def test_folding_and_memory_order_change_no_feature(inception, untrained, faces):
    pictures = image_metrics.to_planes(np.stack([face[64:128, 64:128] for face in faces[:4]]))
    plain = NoTrainInceptionV3("inception-v3-compat", ["2048"], str(untrained))
    with torch.no_grad():
        expected = plain(pictures)
    found = inception.network(pictures)
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))


def test_fid_is_that_of_torchmetrics_with_the_same_weights(inception, untrained, faces):
    pictures = np.stack([face[64:128, 64:128] for face in faces[:10]])
    metric = FrechetInceptionDistance(
        NoTrainInceptionV3("inception-v3-compat", ["2048"], str(untrained))
    ).set_dtype(torch.float64)
    metric.update(image_metrics.to_planes(pictures[:5]), real=True)
    metric.update(image_metrics.to_planes(pictures[5:]), real=False)
    found = distances.frechet(inception(pictures[5:]), inception(pictures[:5]))
    assert found == pytest.approx(float(metric.compute()), rel=1e-4)


@pytest.mark.parametrize(
    "content",
    [
        {"a": torch.zeros(2)},
        {"Conv2d_1a_3x3.conv.weight": torch.zeros(3, 3)},
        [torch.zeros(2)],
        None,
    ],
    ids=["names", "shapes", "list", "nothing"],
)
def test_weights_of_another_network_are_refused_by_file(tmp_path, content):
    path = tmp_path / "other.pth"
    torch.save(content, path)
    with pytest.raises(UserError, match="does not fit the Inception network") as caught:
        features.InceptionFeatures(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"<!DOCTYPE html>", RIGHT], ids=["empty", "page", "bytes"])
def test_a_file_that_holds_no_weights_is_refused_by_file(tmp_path, data):
    path = tmp_path / "other.pth"
    path.write_bytes(data)
    with pytest.raises(UserError, match="does not fit the Inception network") as caught:
        features.InceptionFeatures(path)
    assert str(path) in str(caught.value)


class Runs:
    """Unpickled carelessly, this makes a folder."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __reduce__(self):
        return Path.mkdir, (self.folder,)


@pytest.mark.parametrize("archive", [True, False], ids=["torch", "pickle"])
def test_weights_that_would_run_code_are_refused_without_running_it(tmp_path, archive):
    path = tmp_path / "other.pth"
    content = {"a": Runs(tmp_path / "was-here")}
    if archive:
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps(content))
    with pytest.raises(UserError, match="does not fit the Inception network"):
        features.InceptionFeatures(path)
    assert not (tmp_path / "was-here").exists()
