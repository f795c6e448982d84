"""Where every kept picture comes from, as CSV."""

import csv
import io

import pytest

from src.analysis.credits import COLUMNS, write_credits
from tests.builders import ledger_table


def written(rows: list[dict]) -> list[dict[str, str]]:
    file = io.StringIO()
    write_credits(ledger_table(rows), file)
    return list(csv.DictReader(io.StringIO(file.getvalue())))


def test_a_kept_picture_has_its_page_url_and_date():
    [line] = written([{"date": "2026-11-22", "licence": "CC0", "sha256": "ab"}])
    assert list(line) == list(COLUMNS)
    assert line == {
        "row": "0",
        "item_id": "nm0000000",
        "name": "Person 0",
        "page_url": "http://demo.test/list?page=1",
        "image_url": "http://demo.test/0.jpg",
        "date": "2026-11-22",
        "licence": "CC0",
        "side": "train",
        "file": "images/0.png",
        "sha256": "ab",
    }


def test_removed_pictures_are_left_out_and_missing_values_are_empty():
    lines = written([{"verdict": "grayscale"}, {"page_url": None}, {"verdict": "missing"}])
    assert [(line["row"], line["page_url"], line["date"]) for line in lines] == [("1", "", "")]


@pytest.mark.parametrize("name", ["=1+1", "+49", "-2", "@SUM(A1)", "  =1", "\t=1", "\r=1"])
def test_a_spreadsheet_computes_no_cell(name):
    [line] = written([{"name": name}])
    assert line["name"].startswith("'")
    assert line["name"].endswith(name.strip())
    assert line["name"].isprintable()


@pytest.mark.parametrize("name", ['Ann, "the" Ü', "two\nlines", "a=b", "\x1b[31mred"])
def test_other_names_stay_in_one_printable_cell(name):
    [line] = written([{"name": name}])
    assert line["name"] == "".join(c if c.isprintable() else "?" for c in name)
