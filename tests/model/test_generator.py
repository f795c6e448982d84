"""A generator with its task: what it gives."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from src.errors import UserError
from src.model import device
from src.model.depth import network_settings
from src.model.generator import into_gamut, rendering_dtype
from src.model.networks import UNet
from src.model.tensors import to_uint8
from src.params import Size
from tests.model.generators import NETWORKS, generator, inputs


@pytest.mark.parametrize("model", NETWORKS)
@pytest.mark.parametrize("gain", [1.0, 1e5])
def test_chroma_keeps_the_gray_of_the_input(model: str, gain: float):
    x = inputs()
    with torch.no_grad():
        y = generator(model, gain=gain)(x)
    assert y.std(dim=1).max() > (0.5 if gain > 1 else 1e-5)
    torch.testing.assert_close(y.mean(dim=1, keepdim=True), x, rtol=0, atol=1e-5)


@pytest.mark.parametrize("gain", [1.0, 1e3, 1e5])
def test_a_finished_colour_picture_keeps_the_gray_within_a_level(gain: float):
    x = inputs()
    network = generator(gain=gain)
    finished = to_uint8(network.render(x)).astype(np.float64)
    gray = ((x[:, 0] + 1) * 127.5).numpy()
    assert np.abs(finished.mean(axis=3) - gray).max() <= 1
    # clamping alone loses it
    if gain == 1e5:
        clamped = to_uint8(network(x).detach()).astype(np.float64)
        assert np.abs(clamped.mean(axis=3) - gray).max() > 5


@pytest.mark.parametrize("task", ["colorize", "sketch", "labels"])
def test_a_free_output_is_the_networks_own(task: str):
    x = inputs(task)
    network = generator(task=task, output="rgb", gain=1e4)
    with torch.no_grad():
        torch.testing.assert_close(network(x), network.network(x), rtol=0, atol=0)
        torch.testing.assert_close(network.render(x), network.network(x), rtol=0, atol=0)
    assert network.render(x).shape == (3, 3, 64, 64)


def test_pictures_in_bf16_are_those_in_float32_within_two_levels():
    for name in NETWORKS:
        network, x = generator(name), inputs()
        difference = network.render(x, torch.bfloat16) - network.render(x)
        assert 0 < difference.abs().max() * 127.5 < 2


@pytest.mark.parametrize(
    ("config", "is_fast", "expected"),
    [
        ({"precision": "auto"}, True, torch.bfloat16),
        ({"precision": "bf16"}, True, torch.bfloat16),
        ({"precision": "fp32"}, True, torch.float32),
        ({}, True, torch.float32),
        ({"precision": "auto"}, False, torch.float32),
        ({"precision": "bf16"}, False, torch.float32),
    ],
)
def test_pictures_are_rendered_in_bf16_where_training_may_and_the_processor_is_faster(
    monkeypatch, config, is_fast, expected
):
    monkeypatch.setattr(device, "_cpu_is_fast_in_bf16", lambda: is_fast)
    assert rendering_dtype(config, torch.device("cpu")) is expected


def test_only_a_gray_input_can_stay():
    assert generator().predicts_chroma
    assert not generator(output="rgb").predicts_chroma
    assert not generator(task="sketch").predicts_chroma  # edges are not gray levels


level = st.floats(-1, 1, width=32)


pixels = st.lists(st.tuples(level, level, level), min_size=1, max_size=8)


def planes(values: list[tuple]) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float32).T[None, :, :, None]


@given(pixels)
@settings(max_examples=80, deadline=None)
def test_colours_in_gamut_are_left_alone(values: list[tuple]):
    picture = planes(values)
    result = into_gamut(picture.mean(dim=1, keepdim=True), picture)
    torch.testing.assert_close(result, picture, rtol=0, atol=2e-6)


@given(pixels, st.lists(level, min_size=8, max_size=8))
@settings(max_examples=80, deadline=None)
def test_colours_out_of_gamut_keep_their_mean_and_hue(values: list[tuple], grays: list[float]):
    gray = torch.tensor(grays[: len(values)])[None, None, :, None]
    chroma = planes(values) * 2
    chroma -= chroma.mean(dim=1, keepdim=True)
    result = into_gamut(gray, gray + chroma)
    assert result.abs().max() <= 1
    torch.testing.assert_close(result.mean(dim=1, keepdim=True), gray, rtol=0, atol=2e-6)
    # less of the same colour: one share for all channels (the share of a chroma as small as a
    # rounding step means nothing, so the bounds are absolute)
    rest = result - gray
    share = (rest * chroma).sum(dim=1, keepdim=True) / (chroma**2).sum(
        dim=1, keepdim=True
    ).clamp_min(1e-12)
    torch.testing.assert_close(rest, share * chroma, rtol=0, atol=1e-5)
    torch.testing.assert_close(share.clamp(0, 1) * chroma, share * chroma, rtol=0, atol=1e-5)


def test_colours_are_desaturated_no_further_than_needed():
    gray, picture = torch.zeros(1, 1, 1, 1), planes([(2.0, -1.0, -1.0)])
    torch.testing.assert_close(into_gamut(gray, picture), planes([(1.0, -0.5, -0.5)]))


@pytest.mark.parametrize(("size", "n_downs"), [(128, 7), (256, 8), (96, 5), (32, 5), (48, 4)])
def test_a_unet_of_depth_0_is_as_deep_as_it_can_be(size: int, n_downs: int):
    automatic = {**NETWORKS["unet"], "n_downs": 0}
    assert network_settings("unet", automatic, Size.of(size)) == {**automatic, "n_downs": n_downs}
    assert automatic["n_downs"] == 0


@pytest.mark.parametrize(
    ("size", "n_downs"), [((48, 96), 4), ((96, 48), 4), ((128, 256), 7), ((64, 80), 4)]
)
def test_a_unet_of_depth_0_halves_both_sides_as_often_as_both_can_be(
    size: tuple[int, int], n_downs: int
):
    automatic = {**NETWORKS["unet"], "n_downs": 0}
    settings = network_settings("unet", automatic, Size(*size))
    assert settings["n_downs"] == n_downs
    network = UNet(1, 3, **settings).eval()
    assert network(torch.zeros(1, 1, *size)).shape == (1, 3, *size)


def test_either_side_can_be_what_a_network_cannot_halve():
    settings = {**NETWORKS["unet"], "n_downs": 5}
    for size, text in (((48, 96), r"\[48, 96\]"), ((96, 48), r"\[96, 48\]")):
        with pytest.raises(UserError, match=rf"{text} is not a multiple of 32, .* at most 4"):
            network_settings("unet", settings, Size(*size))


def test_a_bottleneck_of_one_pixel_by_two_can_be_normalised():
    settings = {**NETWORKS["encdec"], "n_downs": 5}
    assert network_settings("encdec", settings, Size(32, 64)) == settings
    with pytest.raises(UserError, match="one pixel"):
        network_settings("encdec", settings, Size(32, 32))


@pytest.mark.parametrize("model", NETWORKS)
def test_settings_that_fit_do_not_change(model: str):
    assert network_settings(model, NETWORKS[model], Size(64, 96)) == NETWORKS[model]


@pytest.mark.parametrize("size", [(48, 64), (32, 32), (64, 80)])
def test_a_network_of_fixed_depth_names_the_sizes_that_fit(size: tuple[int, int]):
    expected = "model = 'pretrained': pair.crop_size = .*expected multiples of 32, one side of 64"
    with pytest.raises(UserError, match=expected):
        network_settings("pretrained", NETWORKS["pretrained"], Size(*size))


@pytest.mark.parametrize("model", ["encdec", "unet"])
def test_a_size_that_cannot_be_halved_n_downs_times_is_refused(model: str):
    with pytest.raises(
        UserError, match=rf"models\.{model}\.n_downs = 5: pair\.crop_size = 48 .* 32"
    ):
        network_settings(model, {**NETWORKS[model], "n_downs": 5}, Size(48, 48))
