"""python -m src bugs."""

import json
import shutil

import pytest
from click.testing import CliRunner

from src.bugs import lab
from src.bugs.catalogue import catalogue, find_bug
from src.cli.bugs import bugs
from src.errors import UserError
from tests.conftest import ROOT


def output_of(*arguments: str) -> str:
    return CliRunner().invoke(bugs, arguments, catch_exceptions=False).output


@pytest.mark.parametrize("name", catalogue())
def test_a_bug_is_shown_with_its_story_and_a_command(name):
    bug, output = find_bug(name), output_of("show", name)
    assert bug.story in output
    command = f"python -m src bugs run {name}" if bug.mutations else "dvc exp run"
    assert command in output
    settings = [] if bug.mutations else bug.settings
    assert all(f"-S {key}=" in output for key in settings)


def test_every_bug_is_listed_with_its_story():
    lines = output_of("list").splitlines()
    assert lines == [f"{name}: {bug.story}" for name, bug in catalogue().items()]


def test_the_table_is_that_of_the_recorded_run(tmp_path, monkeypatch):
    (tmp_path / "metrics").mkdir()
    shutil.copy(ROOT / "metrics/bugs.json", tmp_path / "metrics")
    monkeypatch.chdir(tmp_path)
    recorded = json.loads((ROOT / "metrics/bugs.json").read_text(encoding="utf-8"))
    assert output_of("table") == lab.table(recorded["bugs"])


def test_a_missing_table_names_what_makes_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"^metrics/bugs\.json is missing: .*`make bugs`"):
        output_of("table")


def test_a_cut_table_names_what_makes_it(tmp_path, monkeypatch):
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics/bugs.json").write_text('{"bugs"')
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"^metrics/bugs\.json cannot be read .*`make bugs`"):
        output_of("table")
