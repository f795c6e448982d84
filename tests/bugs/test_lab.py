"""The recorded run of the bug lab; tests/pipeline runs the lab itself."""

import json
from pathlib import Path

import pytest

from src.bugs import lab
from src.bugs.catalogue import catalogue
from src.errors import UserError
from src.storage.locks import alone_in
from tests.conftest import ROOT

RECORDED = json.loads((ROOT / "metrics/bugs.json").read_text(encoding="utf-8"))
BEGIN = "<!-- bug table: python -m src bugs table -->\n"
END = "<!-- end of bug table -->"


def test_the_recorded_run_is_of_this_catalogue_and_missed_nothing():
    assert list(RECORDED["bugs"]) == list(catalogue())
    assert RECORDED["settings"] == lab.DEMO_SETTINGS
    for name, entry in RECORDED["bugs"].items():
        assert entry["story"] == catalogue()[name].story
        assert entry["missed"] == [], name
        assert entry["caught_by"]


def test_the_documentation_shows_the_table_of_the_recorded_run():
    table = lab.table(RECORDED["bugs"])
    assert (ROOT / "metrics/bugs.md").read_text(encoding="utf-8") == table
    page = (ROOT / "docs/bugs.md").read_text(encoding="utf-8")
    assert page.partition(BEGIN)[2].partition(END)[0].strip() == table.strip()


def test_a_second_lab_is_told_in_one_line_and_touches_nothing(tmp_path: Path):
    clone = tmp_path / ".cache/bugs/clone/half"
    clone.mkdir(parents=True)
    with (
        alone_in(tmp_path / ".cache/bugs", "running bugs"),
        pytest.raises(UserError, match=r"^another process is running bugs and uses .*bugs: wait"),
    ):
        lab.run(list(catalogue())[:1], tmp_path)
    assert clone.exists()


def test_a_lab_begins_without_the_recorded_run_whose_data_a_fresh_clone_lacks(
    tmp_path: Path, monkeypatch
):
    for name in ("dvc.lock", "dvc.yaml"):
        (tmp_path / name).write_text("stages: {}\n", encoding="utf-8")
    lock_is_there = []

    def call(words: list[str], folder: Path) -> tuple[int, str]:
        if "run" in words:
            lock_is_there.append((tmp_path / "dvc.lock").exists())
            raise UserError("enough")
        return 0, ""

    monkeypatch.setattr(lab, "_call", call)
    begun = object.__new__(lab.Lab)
    begun.clone, begun.settings = tmp_path, {}
    with pytest.raises(UserError, match="enough"):
        begun._run_experiment("the_story", {}, None)
    assert lock_is_there == [False]
