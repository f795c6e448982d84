"""Generators in folders: saved, loaded and refused."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from src.errors import UserError
from src.model.saving import load_generator, save_generator
from src.storage.atomic import read_json, write_json
from tests.model.generators import NETWORKS, generator, inputs


@pytest.mark.parametrize("model", NETWORKS)
@pytest.mark.parametrize("task", ["colorize", "labels"])
def test_a_saved_generator_gives_the_same_pictures(
    tmp_path: Path, monkeypatch, model: str, task: str
):
    saved = generator(model, task, output="rgb")
    save_generator(saved, tmp_path / "model")
    monkeypatch.chdir(tmp_path)  # where there is no params.yaml
    loaded = load_generator(Path("model"))
    assert loaded.config == saved.config
    assert not loaded.training
    torch.testing.assert_close(
        loaded.render(inputs(task)), saved.render(inputs(task)), rtol=0, atol=0
    )


def test_equal_generators_give_equal_files(tmp_path: Path):
    for folder in ("first", "second"):
        save_generator(generator(), tmp_path / folder)
    for name in ("generator.safetensors", "config.json"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


def test_generators_of_several_steps_share_a_folder(tmp_path: Path):
    first, second = generator(), generator(gain=2.0)
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


@pytest.mark.parametrize("place", [os.mkfifo, partial(os.symlink, "/dev/null")])
@pytest.mark.parametrize("name", ["config.json", "generator.safetensors"])
def test_a_pipe_or_device_in_a_models_place_is_never_read(
    tmp_path: Path, name: str, place: Callable[[Path], None]
):
    save_generator(generator(), tmp_path)
    (tmp_path / name).unlink()
    place(tmp_path / name)
    with pytest.raises(UserError, match=f"{name} is no .*: it is a pipe or a device, expected a "):
        load_generator(tmp_path)


def test_weights_larger_than_the_config_says_are_refused_unread(tmp_path: Path, monkeypatch):
    save_generator(generator(), tmp_path)
    with (tmp_path / "generator.safetensors").open("r+b") as file:
        file.truncate(2**40)  # a sparse file
    monkeypatch.setattr("src.model.saving.safe_open", None)
    with pytest.raises(UserError, match=f"it has {2**40} bytes, allowed are "):
        load_generator(tmp_path)


@pytest.mark.parametrize(
    "config", ["", "{}", "[]", '{"task": "colorize", "model": "vgg"}', '{"model": 5}']
)
def test_a_file_that_is_no_config_is_refused_in_one_line(tmp_path: Path, config: str):
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(UserError) as raised:
        load_generator(tmp_path)
    assert "\n" not in str(raised.value)
    assert str(tmp_path) in str(raised.value)


@pytest.mark.parametrize("key", ["task", "output", "model", "size", "crop", "canny", "network"])
def test_a_config_that_lacks_a_key_is_refused_by_name(tmp_path: Path, key: str):
    save_generator(generator(), tmp_path)
    config = read_json(tmp_path / "config.json")
    del config[key]
    write_json(tmp_path / "config.json", config)
    with pytest.raises(UserError, match=f"it lacks {key}"):
        load_generator(tmp_path)


@pytest.mark.parametrize("data", [None, b"", b"not safetensors at all", bytes(100)])
def test_a_model_without_weights_is_refused_by_their_file(tmp_path: Path, data: bytes | None):
    save_generator(generator(), tmp_path)
    weights = tmp_path / "generator.safetensors"
    weights.unlink()
    if data is not None:
        weights.write_bytes(data)
    with pytest.raises(UserError) as raised:
        load_generator(tmp_path)
    assert str(raised.value).startswith(f"{weights} is no generator saved by this project: ")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("size", "expected"), [(32, (32, 32)), ([48, 96], (48, 96))])
def test_the_size_of_training_is_one_number_or_two(tmp_path: Path, size: object, expected: tuple):
    save_generator(generator(), tmp_path)
    write_json(tmp_path / "config.json", read_json(tmp_path / "config.json") | {"size": size})
    assert load_generator(tmp_path).size == expected


@pytest.mark.parametrize(
    "size", ["32", None, 0, -8, 32.5, True, [32], [32, 32, 3], [32, "x"], {}, 100_000, [16, 99_999]]
)
def test_another_size_is_refused_in_one_line(tmp_path: Path, size: object):
    save_generator(generator(), tmp_path)
    write_json(tmp_path / "config.json", read_json(tmp_path / "config.json") | {"size": size})
    with pytest.raises(UserError) as raised:
        load_generator(tmp_path)
    message = str(raised.value)
    assert f"{tmp_path / 'config.json'} is no config of a model: size = {size!r}: expect" in message
    assert "\n" not in message


def test_a_loaded_model_does_not_depend_on_its_file(tmp_path):
    save_generator(generator(), tmp_path)
    loaded = load_generator(tmp_path)
    os.truncate(tmp_path / "generator.safetensors", 0)
    assert torch.equal(loaded(inputs()), generator()(inputs()))
