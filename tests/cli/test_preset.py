"""python -m src preset: a recipe as words for dvc exp run."""

import re
from functools import reduce
from operator import getitem
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from src.cli.preset import overrides, preset
from src.errors import UserError
from src.params import WITHOUT_EFFECT, read_yaml
from tests.conftest import DEFAULTS, ROOT

PARAMS = ROOT / "params.yaml"
PRESETS = sorted((ROOT / "presets").glob("*.yaml"))


@pytest.mark.parametrize("file", PRESETS, ids=lambda path: path.stem)
def test_a_preset_is_valid_and_printed_as_overrides(file: Path, changed, monkeypatch):
    words = overrides(file, PARAMS)
    values = {key: yaml.safe_load(value) for key, _, value in (w.partition("=") for w in words)}
    section = yaml.safe_load(file.read_text(encoding="utf-8"))
    for key, value in values.items():
        assert value == reduce(getitem, key.split("."), section)
    changed(values)  # which validates them
    monkeypatch.chdir(ROOT)
    shown = CliRunner().invoke(preset, [file.stem])
    assert shown.output == " ".join(f"-S {word}" for word in words) + "\n"


def test_the_official_recipe_is_that_of_the_paper(changed):
    words = overrides(ROOT / "presets/facades.yaml", PARAMS)
    assert {"source=pairs", "pairs.layout=combined", "pairs.direction=BtoA"} <= set(words)
    params = changed(
        {key: yaml.safe_load(value) for key, _, value in (word.partition("=") for word in words)}
    )
    network = (params.task, params.model, params.pair.crop_size, params.train.batch_size)
    assert network == ("labels", "unet", (256, 256), 1)
    assert params.train.steps == 200 * 400


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("train: {steps: -1}", "train.steps = -1"),
        ("train: {stepz: 1}", "train.stepz = 1 is not a known key"),
        ("- 1", "holds list"),
        ("a: [", "cannot be read as YAML"),
        ("seed: {a: 1}", "seed is no section"),
        ("gallery: {item: 'li.photo a'}", "needs quotes"),
    ],
)
def test_a_wrong_preset_is_refused_by_name(tmp_path: Path, text: str, reason: str):
    (tmp_path / "preset.yaml").write_text(text)
    with pytest.raises(UserError, match=re.escape(reason)) as refused:
        overrides(tmp_path / "preset.yaml", PARAMS)
    assert "preset.yaml" in str(refused.value)


def test_a_list_of_a_preset_is_one_word(tmp_path: Path):
    (tmp_path / "preset.yaml").write_text("train: {discriminator: {augment: [color, cutout]}}")
    words = overrides(tmp_path / "preset.yaml", PARAMS)
    assert words == ["train.discriminator.augment=[color,cutout]"]


def test_a_limit_that_params_yaml_does_not_set_has_the_plus_that_dvc_asks_for(tmp_path: Path):
    file = tmp_path / "preset.yaml"
    file.write_text("seed: 1\naudit: {limits: {missing_share: 0.5}}\nclean: {remove: {dark: 82}}")
    assert overrides(file, PARAMS) == [
        "seed=1",
        "+audit.limits.missing_share=0.5",
        "+clean.remove.dark=82",
    ]


@pytest.mark.parametrize("file", PRESETS, ids=lambda file: file.stem)
def test_a_preset_leaves_no_setting_of_another_one(file: Path):
    """An experiment leaves its settings in the workspace, where the next one begins."""
    recipe = read_yaml(file)
    settings = DEFAULTS.train.model_dump(exclude=WITHOUT_EFFECT["train"] | {"seed", "precision"})
    unset = settings.keys() - recipe["train"].keys()
    assert not unset
    assert recipe["train"]["discriminator"].keys() == settings["discriminator"].keys()
    network = getattr(DEFAULTS.models, recipe["model"]).model_dump()
    assert recipe["models"][recipe["model"]].keys() == network.keys()


def test_a_preset_outside_the_projects_folder_says_where_to_run_it(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="is missing: run this in the project's folder"):
        CliRunner().invoke(preset, ["facades"], catch_exceptions=False)
