"""Features and their cache; EfficientNet-Lite0; Inception with weights that nobody has trained."""

import hashlib
import pickle
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from skimage import data
from torch import nn
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torchmetrics.image.fid import FrechetInceptionDistance, NoTrainInceptionV3

from src.errors import UserError
from src.evaluate import distances
from src.evaluate.feature_networks import NETWORKS, EffnetFeatures, InceptionFeatures
from src.evaluate.features import Extractor, build_extractors
from src.imaging.resizing import resize
from src.model import image_metrics
from src.weights import pretrained
from src.weights.effnet import SIDE_PX, load_effnet, prepare
from tests.color_means import ColorMeans, extractor
from tests.conftest import DEFAULTS

ESPRESSO, CAT = 967, 285  # classes of ImageNet; the cat's is "Egyptian cat"


def test_features_do_not_depend_on_the_batch(photos):
    features = [extractor(size)(photos) for size in (7, 64)]
    np.testing.assert_allclose(*features, rtol=1e-5, atol=1e-6)


def test_features_are_cached_by_content_and_weights(photos, tmp_path):
    means = extractor(8, tmp_path)
    first = means(photos, cache=True)
    assert len(list(tmp_path.iterdir())) == 1
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ColorMeans, "features", lambda *_: pytest.fail("computed again"))
        assert np.array_equal(means(photos, cache=True), first)
    replace(means, weights="other")(photos, cache=True)
    assert len(list(tmp_path.iterdir())) == 2
    changed = photos.copy()
    changed[3, 5, 5] ^= 255
    assert not np.array_equal(means(changed, cache=True), first)
    assert len(list(tmp_path.iterdir())) == 3
    means(changed[::-1])
    assert len(list(tmp_path.iterdir())) == 3
    for file in tmp_path.iterdir():
        file.write_bytes(file.read_bytes()[:50])
    assert np.array_equal(means(photos, cache=True), first)


@pytest.fixture(scope="module")
def effnet() -> Extractor:
    """The network with its real weights, as the stages build it without a download."""
    [built] = build_extractors(Path("nowhere"), 32)
    return built


@pytest.mark.parametrize(("picture", "label"), [(data.coffee, ESPRESSO), (data.chelsea, CAT)])
def test_efficientnet_knows_a_cup_of_espresso_and_a_cat(effnet, picture, label):
    """Its weights, their order and its input are right. With inputs in [0, 1] it is unsure."""
    features = torch.from_numpy(effnet(picture()[None])).float()
    probabilities = effnet.network.network._fc(features).softmax(dim=1)[0]
    assert int(probabilities.argmax()) == label
    assert probabilities[label] > 0.75


def blurred(pictures: np.ndarray, strength: int) -> np.ndarray:
    return np.stack([cv2.GaussianBlur(picture, (0, 0), strength) for picture in pictures])


def noisy(pictures: np.ndarray, strength: int) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 10 * strength, pictures.shape)
    return (pictures + noise).clip(0, 255).astype(np.uint8)


def faded(pictures: np.ndarray, strength: int) -> np.ndarray:
    gray = pictures.mean(axis=3, keepdims=True)
    return (gray + (1 - strength / 2) * (pictures - gray)).astype(np.uint8)


def repeated(pictures: np.ndarray, strength: int) -> np.ndarray:
    return pictures[np.arange(len(pictures)) // 4**strength]


def swapped(pictures: np.ndarray, strength: int) -> np.ndarray:
    result, changed = pictures.copy(), len(pictures) * strength // 2
    result[:changed, 8:24, 8:24] = pictures[::-1][:changed, 8:24, 8:24]
    return result


@pytest.mark.parametrize("distort", [blurred, noisy, faded, repeated, swapped])
def test_the_distance_grows_with_what_is_wrong_with_the_pictures(effnet, photos, distort):
    real = effnet(photos[:16])
    weak, strong = (
        distances.frechet(effnet(distort(photos[:16], strength)), real) for strength in (1, 2)
    )
    assert distances.frechet(real, real) < 0.1 < 2 < weak < 0.9 * strong


def test_features_of_efficientnet_do_not_depend_on_the_rest_of_the_batch(effnet, photos):
    assert effnet.network.frechet == "fd_effnet"
    together = effnet(photos[:3])
    assert together.shape == (3, 1280)
    alone = np.concatenate([effnet(photos[n : n + 1]) for n in range(3)])
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-5)


def test_folding_changes_no_feature_of_efficientnet(effnet, photos):
    resized = [resize(photo, SIDE_PX, SIDE_PX) for photo in photos[:2]]
    pictures = image_metrics.to_planes(np.stack(resized))
    with torch.no_grad():
        published = load_effnet().extract_features(prepare(pictures.float())).mean(dim=(2, 3))
    np.testing.assert_allclose(effnet.network(pictures), published, rtol=1e-4, atol=1e-5)
    convolutions = [m for m in effnet.network.modules() if isinstance(m, nn.Conv2d)]
    padded = [m for m in convolutions if isinstance(m.static_padding, nn.ZeroPad2d)]
    assert not [m for m in effnet.network.modules() if isinstance(m, nn.BatchNorm2d)]
    assert len(padded) == 5  # those of stride 2 need more below and at the right


def test_efficientnet_is_the_only_network_without_a_download(tmp_path):
    available = [network for network in NETWORKS if network.weights_file(tmp_path)]
    assert available == [EffnetFeatures] == list(NETWORKS[:1])


def test_no_two_networks_share_a_name():
    names = [n for network in NETWORKS for n in (network.name, network.frechet, network.kernel)]
    assert len(set(names)) == len(names)


class Untrained(FeatureExtractorInceptionV3):
    def load_state_dict(self, *arguments, **keywords):
        """Keep the random weights: the constructor always reads a file."""


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
def inception(untrained, tmp_path_factory) -> Extractor:
    """The network as the stages build it: verified and loaded."""
    folder = tmp_path_factory.mktemp("weights")
    content = untrained.read_bytes()
    settings = DEFAULTS.evaluate
    settings = settings.model_copy(update={"inception_weights": str(untrained)})
    pretrained.obtain_inception(settings, folder, len(content), hashlib.sha256(content).hexdigest())
    [_, built] = build_extractors(folder, 32)
    return built


def test_verified_weights_give_the_features_of_fid(inception, faces):
    pictures = np.stack([face[64:128, 64:128] for face in faces[:3]])
    features = inception.network(image_metrics.to_planes(pictures))
    assert inception.network.frechet == "fid"
    assert features.shape == (3, 2048)
    assert features.isfinite().all()
    assert not torch.equal(features[0], features[1])


def test_folding_and_memory_order_change_no_feature(inception, untrained, faces):
    pictures = image_metrics.to_planes(np.stack([face[64:128, 64:128] for face in faces[:4]]))
    plain = NoTrainInceptionV3("inception-v3-compat", ["2048"], str(untrained))
    with torch.no_grad():
        expected = plain(pictures)
    features = inception.network(pictures)
    assert torch.allclose(features, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))


class FirstFeatures(NoTrainInceptionV3):
    """The network's first 64 features: torchmetrics takes seconds for the distance in 2,048."""

    num_features = 64

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return super().forward(pictures)[:, : self.num_features]


def test_fid_is_that_of_torchmetrics_with_the_same_weights(inception, untrained, faces):
    pictures = np.stack([face[64:128, 64:128] for face in faces[:6]])
    network = FirstFeatures("inception-v3-compat", ["2048"], str(untrained))
    metric = FrechetInceptionDistance(network)
    metric.update(image_metrics.to_planes(pictures[:3]), real=True)
    metric.update(image_metrics.to_planes(pictures[3:]), real=False)
    first, second = (inception(part)[:, :64] for part in (pictures[:3], pictures[3:]))
    distance = distances.frechet(second, first)
    assert distance == pytest.approx(float(metric.compute()), rel=1e-4)


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
        InceptionFeatures(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"", b"<!DOCTYPE html>", bytes(range(256)) * 8], ids=["empty", "page", "bytes"]
)
def test_a_file_that_holds_no_weights_is_refused_by_file(tmp_path, content):
    path = tmp_path / "other.pth"
    path.write_bytes(content)
    with pytest.raises(UserError, match="does not fit the Inception network") as caught:
        InceptionFeatures(path)
    assert str(path) in str(caught.value)


class CreatesFolder:
    """Creates a folder when it is unpickled without care."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __reduce__(self):
        return Path.mkdir, (self.folder,)


@pytest.mark.parametrize("archive", [True, False], ids=["torch", "pickle"])
def test_weights_that_would_run_code_are_refused_without_running_it(tmp_path, archive):
    path = tmp_path / "other.pth"
    content = {"a": CreatesFolder(tmp_path / "created")}
    if archive:
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps(content))
    with pytest.raises(UserError, match="does not fit the Inception network"):
        InceptionFeatures(path)
    assert not (tmp_path / "created").exists()
