"""A stranger's config.json is read, or refused in one line; never more."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from hypothesis import example, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from src.cli.app import app
from src.cli.export import export
from src.cli.predict import predict
from src.errors import UserError
from src.model.model_config import MAX_BYTES, REMEDY, read_config
from src.model.saving import load_generator, save_generator
from src.storage.atomic import read_json, write_json
from tests.builders import CANNY
from tests.conftest import ROOT
from tests.model.generators import NETWORKS, generator

SOUND = {
    "task": "sketch",
    "output": "rgb",
    "model": "encdec",
    "network": NETWORKS["encdec"],
    "size": 32,
    "crop": "center",
    "canny": CANNY.model_dump(),
}


def with_value(key: str, value: object) -> dict:
    """Return a sound config with one field, or field of a section, of another value."""
    section, _, inner = key.partition(".")
    return {**SOUND, section: {**SOUND[section], inner: value} if inner else value}


def refused(folder: Path, config: object) -> str:
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError) as error:
        read_config(folder / "config.json")
    message = str(error.value)
    assert message.startswith(f"{folder / 'config.json'} is no config of a model: ")
    assert message.endswith(f"; {REMEDY}")
    assert "\n" not in message
    assert len(message) < 1000
    return message


def test_a_sound_config_is_read_as_it_is(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(SOUND))
    assert read_config(tmp_path / "config.json") == SOUND


def test_edges_of_older_models_have_absolute_thresholds(tmp_path):
    canny = {key: value for key, value in SOUND["canny"].items() if key != "thresholds"}
    (tmp_path / "config.json").write_text(json.dumps({**SOUND, "canny": canny}))
    assert read_config(tmp_path / "config.json")["canny"] == canny


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("task", "paint", "task = 'paint': input should be 'colorize'"),
        ("output", None, "output = None"),
        ("model", "resnet", "model = 'resnet'"),
        ("network", [], "network = []"),
        ("network.ngf", 0, "network.ngf = 0"),
        ("network.ngf", 10**9, "network.ngf = 1000000000: "),
        ("network.ngf", "4", "network.ngf = '4'"),
        ("network.n_downs", 1_000_000, "network.n_downs = 1000000"),
        ("network.n_downs", 6, "size = 32: expected multiples of 64, by the network's depth"),
        ("network.n_downs", -1, "network.n_downs = -1"),
        ("network.n_blocks", 10**6, "network.n_blocks = 1000000"),
        ("network.upsample", "x", "network.upsample = 'x'"),
        ("network.norm", {}, "network.norm = {}"),
        ("network.heads", 8, "network.heads = 8"),
        ("size", "x" * 10_000, "size = 'xxx"),
        ("size", -5, "size = -5: expected a number of pixels"),
        ("size", 4112, "size = 4112: expected at most 4096 pixels"),
        ("crop", 1, "crop = 1"),
        ("canny", 5, "canny = 5"),
        ("canny", {}, "canny = {}: expected the settings"),
        ("canny.low", "60", "canny.low = '60'"),
        ("canny.low", 1e308 * 10, "canny.low = inf"),
        ("canny.aperture", 9, "canny.aperture = 9"),
        ("canny.blur", 2, "blur is 2, expected an odd number"),
        ("extra", 1, "extra = 1"),
    ],
)
def test_each_field_is_typed_and_bounded(tmp_path, key, value, expected):
    config = {**SOUND, "extra": 1} if key == "extra" else with_value(key, value)
    assert expected in refused(tmp_path, config)


def test_an_unet_keeps_its_depth(tmp_path):
    unet = {**SOUND, "model": "unet", "network": {**NETWORKS["unet"], "n_downs": 0}}
    assert "network.n_downs = 0: expected at least 1" in refused(tmp_path, unet)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[" * 100_000, "than 100000 bytes|nested too deep"),
        ('{"a":' * 15_000, "nested too deep"),
        ("", "Expecting value"),
        ("\xff", "utf-8"),
        (" " * (MAX_BYTES + 1), "more than 100000 bytes"),
        ('{"size": ' + "9" * 5000 + "}", "digits"),
        ("5", "= 5: "),
        ("null", "= None: "),
    ],
)
def test_a_file_that_is_no_json_of_fields_is_refused(tmp_path, text, expected):
    (tmp_path / "config.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match=expected) as error:
        read_config(tmp_path / "config.json")
    assert str(error.value).endswith(REMEDY)
    assert "\n" not in str(error.value)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
KEYS = [*SOUND, *(f"{s}.{key}" for s in ("network", "canny") for key in SOUND[s])]


@pytest.fixture(scope="module")
def sound_model(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    save_generator(generator(task="sketch", output="rgb"), folder)
    return folder


@settings(max_examples=150, deadline=None)
@given(key=st.sampled_from(KEYS), value=VALUES)
@example(key="network.ngf", value=1024)
@example(key="network.n_downs", value=5)
def test_any_value_of_a_field_is_accepted_with_its_weights_or_refused(sound_model, key, value):
    (sound_model / "config.json").write_text(json.dumps(with_value(key, value)))
    try:
        loaded = load_generator(sound_model)
    except UserError as error:
        assert "\n" not in str(error)
        assert str(sound_model) in str(error)
    else:
        assert loaded.render(torch.zeros(1, 1, 32, 32)).shape == (1, 3, 32, 32)


def test_weights_that_do_not_fit_are_refused_before_memory_is_taken(tmp_path):
    """1,024 channels at five levels would be 90 GB."""
    save_generator(generator(), tmp_path)
    config = read_json(tmp_path / "config.json")
    write_json(
        tmp_path / "config.json",
        {**config, "network": {**config["network"], "ngf": 1024, "n_downs": 8}, "size": 256},
    )
    program = """
import resource, sys
from pathlib import Path
from src.model.saving import load_generator
resource.setrlimit(resource.RLIMIT_AS, (12 << 30, 12 << 30))
load_generator(Path(sys.argv[1]))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, capture_output=True, text=True
    )
    assert "UserError" in done.stderr
    assert "config.json and the weights differ in" in done.stderr


@pytest.mark.parametrize("change", ["half", "double", "nan", "more", "fewer", "shape"])
def test_other_weights_are_refused_by_name(tmp_path, change):
    save_generator(generator(), tmp_path)
    path = tmp_path / "generator.safetensors"
    state = load_file(path)
    key = "network.layers.0.weight"
    if change == "more":
        state["other"] = state[key].clone()
    elif change == "fewer":
        del state[key]
    else:
        state[key] = {
            "half": state[key].half(),
            "double": state[key].double(),
            "nan": state[key] * float("nan"),
            "shape": state[key].flatten(),
        }[change]
    save_file(state, path)
    with pytest.raises(UserError) as error:
        load_generator(tmp_path)
    assert ("other" if change == "more" else key) in str(error.value)
    assert REMEDY in str(error.value)


@pytest.mark.parametrize(
    "command", [(predict, ["in.png", "out"]), (export, ["onnx", "a.onnx"]), (app, ["--port", "0"])]
)
def test_every_command_refuses_a_strangers_config_alike(tmp_path, command):
    save_generator(generator(), tmp_path)
    config = read_json(tmp_path / "config.json")
    write_json(tmp_path / "config.json", {**config, "size": "x"})
    name, words = command
    done = CliRunner().invoke(name, [*words, "--model", str(tmp_path)])
    assert isinstance(done.exception, UserError)
    assert "size = 'x'" in str(done.exception)
