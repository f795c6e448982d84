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
