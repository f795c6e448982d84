"""The recorded run of the bug lab; tests/pipeline runs the lab itself."""

import json

from src.bugs import lab
from src.bugs.catalogue import catalogue
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
