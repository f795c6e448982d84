"""A generator with its task: what it gives, and how it is kept."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from src.errors import UserError
from src.model.generator import Generator, into_gamut, network_settings
from src.model.saving import load_generator, save_generator
from src.model.tensors import to_tensor, to_uint8
from src.storage.atomic import read_json, write_json

NETWORKS = {
    "encdec": {"ngf": 4, "n_downs": 2, "n_blocks": 1, "upsample": "resize", "norm": "batch"},
    "unet": {"ngf": 4, "n_downs": 3, "upsample": "resize", "norm": "batch", "dropout": 0.0},
}


def generator(
    model: str = "encdec", task: str = "colorize", output: str = "chroma", loud: float = 1.0
) -> Generator:
    """A tiny generator with some running statistics; `loud` scales its last layer."""
    torch.manual_seed(0)
    config = {"task": task, "output": output, "model": model, "network": NETWORKS[model]}
    config |= {"size": 32, "crop": "center", "canny": {}}
    made = Generator(config)
    with torch.no_grad():
        *_, last = (m for m in made.modules() if isinstance(m, torch.nn.Conv2d))
        last.weight.mul_(loud)
        made(inputs(task))
    return made.eval()


def inputs(task: str = "colorize", count: int = 3) -> torch.Tensor:
    shape = (count, 24, 24) if task != "labels" else (count, 24, 24, 3)
    return to_tensor(np.random.default_rng(1).integers(256, size=shape, dtype=np.uint8))


@pytest.mark.parametrize("model", NETWORKS)
@pytest.mark.parametrize("loud", [1.0, 1e5])
def test_chroma_keeps_the_gray_of_the_input(model: str, loud: float):
    x = inputs()
    with torch.no_grad():
        y = generator(model, loud=loud)(x)
    assert y.std(dim=1).max() > (0.5 if loud > 1 else 1e-5)
    torch.testing.assert_close(y.mean(dim=1, keepdim=True), x, rtol=0, atol=1e-5)


@pytest.mark.parametrize("loud", [1.0, 1e3, 1e5])
def test_a_finished_colour_picture_keeps_the_gray_within_a_level(loud: float):
    x = inputs()
    made = generator(loud=loud)
    finished = to_uint8(made.render(x)).astype(np.float64)
    gray = ((x[:, 0] + 1) * 127.5).numpy()
    assert np.abs(finished.mean(axis=3) - gray).max() <= 1
    # clamping alone would not have kept it
    if loud == 1e5:
        clamped = to_uint8(made(x).detach()).astype(np.float64)
        assert np.abs(clamped.mean(axis=3) - gray).max() > 5


@pytest.mark.parametrize("task", ["colorize", "sketch", "labels"])
def test_a_free_output_is_the_networks_own(task: str):
    x = inputs(task)
    made = generator(task=task, output="rgb", loud=1e4)
    with torch.no_grad():
        torch.testing.assert_close(made(x), made.network(x), rtol=0, atol=0)
        torch.testing.assert_close(made.render(x), made.network(x), rtol=0, atol=0)
    assert made.render(x).shape == (3, 3, 24, 24)


def test_only_gray_can_be_kept():
    assert generator().predicts_chroma
    assert not generator(output="rgb").predicts_chroma
    assert not generator(task="sketch").predicts_chroma  # edges are no gray


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
    # less of the same colour: one share for all channels (a chroma as small as a
    # rounding step has no share to speak of, so bounds are in levels, not in ratios)
    left = result - gray
    share = (left * chroma).sum(dim=1, keepdim=True) / (chroma**2).sum(
        dim=1, keepdim=True
    ).clamp_min(1e-12)
    torch.testing.assert_close(left, share * chroma, rtol=0, atol=1e-5)
    torch.testing.assert_close(share.clamp(0, 1) * chroma, share * chroma, rtol=0, atol=1e-5)


def test_colours_are_taken_back_no_further_than_needed():
    gray, picture = torch.zeros(1, 1, 1, 1), planes([(2.0, -1.0, -1.0)])
    torch.testing.assert_close(into_gamut(gray, picture), planes([(1.0, -0.5, -0.5)]))


def test_every_level_survives_the_way_to_the_network_and_back():
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    gray = to_tensor(levels)
    assert (gray.min(), gray.max()) == (-1, 1)
    np.testing.assert_array_equal(to_uint8(gray.expand(1, 3, 16, 16))[..., 1], levels)
    photo = np.stack([levels, levels[:, ::-1], levels[:, :, ::-1]], axis=-1)
    assert to_tensor(photo).shape == (1, 3, 16, 16)
    np.testing.assert_array_equal(to_uint8(to_tensor(photo)), photo)


@pytest.mark.parametrize(("value", "level"), [(-1.5, 0), (1.01, 255), (0.0, 128), (0.9961, 255)])
def test_levels_are_rounded_and_never_wrap(value: float, level: int):
    assert to_uint8(torch.full((1, 3, 1, 1), value)).ravel().tolist() == [level] * 3


@pytest.mark.parametrize("model", NETWORKS)
@pytest.mark.parametrize("task", ["colorize", "labels"])
def test_a_saved_generator_gives_the_same_pictures(
    tmp_path: Path, monkeypatch, model: str, task: str
):
    made = generator(model, task, output="rgb")
    save_generator(made, tmp_path / "model")
    monkeypatch.chdir(tmp_path)  # where there is no params.yaml
    kept = load_generator(Path("model"))
    assert kept.config == made.config
    assert not kept.training
    torch.testing.assert_close(kept.render(inputs(task)), made.render(inputs(task)), rtol=0, atol=0)


def test_equal_generators_give_equal_files(tmp_path: Path):
    for folder in ("one", "two"):
        save_generator(generator(), tmp_path / folder)
    for name in ("generator.safetensors", "config.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_generators_of_several_steps_share_a_folder(tmp_path: Path):
    first, second = generator(), generator(loud=2.0)
    save_generator(first, tmp_path, "step_1")
    save_generator(second, tmp_path, "step_2")
    x = inputs()
    torch.testing.assert_close(load_generator(tmp_path, "step_1").render(x), first.render(x))
    torch.testing.assert_close(load_generator(tmp_path, "step_2").render(x), second.render(x))


def without_weights(folder: Path) -> None:
    (folder / "generator.safetensors").unlink()


def without_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def cut_off(folder: Path) -> None:
    file = folder / "generator.safetensors"
    file.write_bytes(file.read_bytes()[:-100])


def emptied(folder: Path) -> None:
    (folder / "generator.safetensors").write_bytes(b"")


def wider(folder: Path) -> None:
    config = read_json(folder / "config.json")
    config["network"]["ngf"] = 8
    write_json(folder / "config.json", config)


def other_model(folder: Path) -> None:
    config = read_json(folder / "config.json")
    write_json(folder / "config.json", {**config, "model": "unet", "network": NETWORKS["unet"]})


def unknown_model(folder: Path) -> None:
    config = read_json(folder / "config.json")
    write_json(folder / "config.json", {**config, "model": "resnet"})


def unknown_setting(folder: Path) -> None:
    config = read_json(folder / "config.json")
    config["network"]["heads"] = 8
    write_json(folder / "config.json", config)


def not_settings(folder: Path) -> None:
    write_json(folder / "config.json", ["a", "list"])


def other_weights(folder: Path) -> None:
    save_file({"weight": torch.zeros(3)}, folder / "generator.safetensors")


@pytest.mark.parametrize(
    "fault",
    [
        without_weights,
        without_config,
        cut_off,
        emptied,
        wider,
        other_model,
        unknown_model,
        unknown_setting,
        not_settings,
        other_weights,
    ],
    ids=lambda fault: fault.__name__,
)
def test_a_folder_without_a_sound_model_is_refused_in_one_line(tmp_path: Path, fault):
    save_generator(generator(), tmp_path)
    fault(tmp_path)
    with pytest.raises(UserError) as raised:
        load_generator(tmp_path)
    assert "\n" not in str(raised.value)
    assert str(tmp_path) in str(raised.value)


@pytest.mark.parametrize(("size", "n_downs"), [(128, 7), (256, 8), (96, 5), (32, 5), (48, 4)])
def test_a_unet_of_no_depth_goes_as_deep_as_it_can(size: int, n_downs: int):
    given = {**NETWORKS["unet"], "n_downs": 0}
    assert network_settings("unet", given, size) == {**given, "n_downs": n_downs}
    assert given["n_downs"] == 0


@pytest.mark.parametrize("model", NETWORKS)
def test_settings_that_fit_are_kept(model: str):
    assert network_settings(model, NETWORKS[model], 48) == NETWORKS[model]


@pytest.mark.parametrize("model", NETWORKS)
def test_a_size_that_cannot_be_halved_so_often_is_refused(model: str):
    with pytest.raises(
        UserError, match=rf"models\.{model}\.n_downs = 5: pair\.crop_size = 48 .* 32"
    ):
        network_settings(model, {**NETWORKS[model], "n_downs": 5}, 48)
