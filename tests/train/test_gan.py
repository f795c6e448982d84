"""Generator and discriminator, as training builds them."""

from pathlib import Path

import pandas as pd
import pytest
import torch

from src.errors import UserError
from src.model.generator import Generator
from src.model.saving import load_generator
from src.train import steps
from src.train.gan import Networks
from src.train.loop import generator_config
from src.train.training_metrics import DISCRIMINATOR_COLUMNS
from src.weights.effnet import load_effnet
from tests.train.trainings import WEIGHTS, flat_weights, networks, random_batch


def test_without_an_adversarial_loss_there_is_no_discriminator(tiny, train, monkeypatch):
    monkeypatch.setattr("src.train.gan.Discriminator", None)  # a call would fail
    metrics = train(tiny({"train.gan_weight": 0.0}))
    assert metrics["parameters"]["discriminator"] == 0
    assert set(metrics["final"]) == {"g_l1"}
    history = pd.read_csv("history.csv")
    # blank columns: DVC draws no plot of which one is missing
    assert list(history.columns) == ["step", "g_l1", *DISCRIMINATOR_COLUMNS]
    assert history[list(DISCRIMINATOR_COLUMNS)].isna().all(axis=None)


@pytest.mark.parametrize(("norm", "batch_size"), [("instance", 4), ("batch", 1)])
def test_a_bottleneck_too_small_to_normalise_is_refused(tiny, train, norm: str, batch_size: int):
    deep = {"models.encdec.n_downs": 5, "models.encdec.norm": norm, "train.batch_size": batch_size}
    with pytest.raises(UserError, match=r"models\.encdec\.n_downs"):
        train(tiny(deep))


def test_pictures_too_small_for_the_discriminator_are_refused(tiny, train):
    with pytest.raises(UserError, match=r"train\.discriminator\.n_layers = 3"):
        train(tiny({"pair.crop_size": 16, "pair.load_size": 20, "train.discriminator.n_layers": 3}))


def test_the_shorter_side_decides_whether_pictures_suffice_for_the_discriminator(tiny, train):
    wide = {"pair.crop_size": [16, 64], "pair.load_size": 18}
    with pytest.raises(UserError, match=r"n_layers = 3: pair\.crop_size = \[16, 64\] leaves no"):
        train(tiny(wide | {"train.discriminator.n_layers": 3}))
    metrics = train(tiny(wide | {"train.steps": 2}))
    assert metrics["steps"] == 2


def test_pictures_too_small_for_projected_features_are_refused(tiny, train):
    message = r"train\.discriminator\.projected = true: pair\.crop_size = 32 .* at least 64"
    with pytest.raises(UserError, match=message):
        train(tiny({"train.discriminator.projected": True}))


def test_a_projected_discriminator_learns_while_its_features_stay(tiny, train, monkeypatch):
    sizes = {"pair.crop_size": 64, "pair.load_size": 64, "train.steps": 2}
    n_patch_weights = train(tiny(sizes))["parameters"]["discriminator"]
    weights = []

    def watched(nets: Networks, *arguments: object) -> dict:
        projected = nets.discriminator.projected
        weights.append([*map(flat_weights, (projected.heads, projected.projection))])
        return steps.generator_step(nets, *arguments)

    monkeypatch.setattr("src.train.loop.generator_step", watched)
    metrics = train(tiny({"train.discriminator.projected": True} | sizes))
    (heads, features), (later_heads, later_features) = weights
    assert not torch.equal(heads, later_heads)
    assert torch.equal(features, later_features)
    assert metrics["parameters"]["discriminator"] == n_patch_weights + len(heads)


def test_frozen_features_stay_frozen_after_a_step(tiny):
    sizes = {"pair.crop_size": 64, "pair.load_size": 64}
    p = tiny({"train.discriminator.projected": True} | sizes)
    nets, (x, real) = networks(p), random_batch(64)
    steps.generator_step(nets, x, real, nets.generator(x), p.train)
    projected = nets.discriminator.projected
    assert not any(weight.requires_grad for weight in projected.projection.parameters())
    assert all(weight.requires_grad for weight in projected.heads.parameters())


def test_the_moving_average_of_the_weights_is_the_model(tiny, train, monkeypatch):
    p, name = tiny({"train.ema_decay": 0.75}), "network.layers.0.weight"
    weights = []

    def watched(nets: Networks, *arguments: object) -> dict:
        if not weights:
            weights.append(nets.generator.state_dict()[name].clone())
        losses = steps.generator_step(nets, *arguments)
        weights.append(nets.generator.state_dict()[name].clone())
        return losses

    monkeypatch.setattr("src.train.loop.generator_step", watched)
    train(p)
    mean = weights[0]
    for step, value in enumerate(weights[1:]):
        decay = min(0.75, (1 + step) / (10 + step))
        mean = decay * mean + (1 - decay) * value
    model = load_generator(Path("model")).state_dict()[name]
    torch.testing.assert_close(model, mean)
    assert not torch.equal(model, weights[-1])
    last = Path("model/snapshots/step_000010.safetensors")
    assert last.read_bytes() == Path(WEIGHTS).read_bytes()


def test_the_moving_average_follows_buffers_too(tiny):
    nets = networks(tiny({"train.ema_decay": 0.75}))
    before = {name: value.clone() for name, value in nets.ema.state_dict().items()}
    nets.generator(random_batch()[0])  # moves the running statistics
    nets.update_ema(0.75, step=100)
    value, mean = nets.generator.state_dict(), nets.ema.state_dict()
    for name in before:
        if name.endswith("num_batches_tracked"):
            assert mean[name] == value[name] == 1
        else:
            torch.testing.assert_close(mean[name], 0.75 * before[name] + 0.25 * value[name])
    assert any(not torch.equal(mean[name], before[name]) for name in before if "running" in name)


def test_a_pretrained_encoder_begins_with_its_weights_and_learns(tiny, train):
    sizes = {"pair.crop_size": 64, "pair.load_size": 64}
    p = tiny({"model": "pretrained", "models.pretrained.ngf": 4, "train.steps": 2} | sizes)
    learned = load_effnet()._conv_stem.weight
    assert torch.equal(Generator(generator_config(p)).network.encoder[0][0].weight, learned)
    train(p)
    trained = load_generator(Path("model")).network.encoder[0][0].weight
    assert 0 < (trained - learned).abs().max() < 0.01
