"""The rows that an identifier names."""

import os

import pandas as pd
import pytest

from src.errors import UserError
from src.storage.row_selection import find_row, find_rows
from tests.builders import ledger_table


@pytest.fixture
def table() -> pd.DataFrame:
    """Sixteen rows: nm0 to nm15, the last two without a file or name."""
    rows = [{"item_id": f"nm{row}"} for row in range(14)]
    return ledger_table(
        [*rows, *({"item_id": f"nm{n}", "file": None, "name": None} for n in (14, 15))]
    )


@pytest.mark.parametrize(
    ("identifier", "expected"),
    [
        ("3", [3]),
        ("15", [15]),
        ("000003", [3]),
        ("000003.png", [3]),
        ("data/predictions/000003.png", [3]),
        ("nm3", [3]),
        ("portrait_3.jpeg", [3]),
        ("images/portrait_3.jpeg", [3]),
        ("data/raw/images/portrait_3.jpeg", [3]),
        ("portrait_3", [3]),
        ("nm_twice", [4, 6, 14]),
    ],
)
def test_a_row_is_found_by(table, identifier, expected):
    table.loc[3, "file"] = "images/portrait_3.jpeg"
    table.loc[[4, 6, 14], "item_id"] = "nm_twice"
    rows = find_rows(table, identifier)
    assert rows == expected
    assert all(type(row) is int for row in rows)


def test_a_file_shared_by_rows_names_them_all(table):
    table.loc[[10, 11], "file"] = "images/same.png"
    assert find_rows(table, "same.png") == [10, 11]


def test_a_number_that_is_also_an_item_names_both(table):
    table.loc[5, "item_id"] = "3"
    assert find_rows(table, "3") == [3, 5]


@pytest.mark.parametrize("item", ["7.png", "train/7", "000007.png"])
def test_an_item_whose_name_holds_a_number_names_no_row_of_that_number(table, item):
    table["file"] = [f"images/picture_{row}.png" for row in range(16)]
    table.loc[5, "item_id"] = item
    assert find_rows(table, item) == [find_row(table, item)] == [5]
    assert find_row(table, "data/predictions/000007.png") == 7


@pytest.mark.parametrize(
    "identifier",
    ["16", "-1", "nm", "nm99", "1.5", "²", "9" * 30, "", ".", "/", "images/", "nan"],
    ids=lambda identifier: identifier or "nothing",
)
def test_an_unknown_id_is_refused_with_what_is_known(table, identifier):
    # rows without a file, item or name must not answer to an empty id
    with pytest.raises(UserError, match=r"is no row \(0 to 15\), item id or file of the ledger"):
        find_rows(table, identifier)


def test_one_picture_is_named_by_its_row_or_by_what_only_rows_of_its_file_have(table):
    table.loc[[4, 6], "file"] = "images/same.png"
    table.loc[[4, 6], "item_id"] = "nm_twice"
    named = [find_row(table, word) for word in ("3", "nm3", "same.png", "nm_twice", "15")]
    assert named == [3, 3, 4, 4, 15]
    table.loc[5, "item_id"] = "3"
    with pytest.raises(UserError, match=r"'3' names 2 pictures, of the rows 3, 5: name one by its"):
        find_row(table, "3")


def test_what_names_several_pictures_names_no_single_one(table):
    table.loc[[4, 6], "item_id"] = "nm_twice"
    with pytest.raises(UserError, match=r"'nm_twice' names 2 pictures, of the rows 4, 6: name one"):
        find_row(table, "nm_twice")


@pytest.mark.parametrize("identifier", ["16", "nm99", ""])
def test_no_single_picture_has_an_unknown_id(table, identifier):
    with pytest.raises(UserError, match=r"is no row \(0 to 15\), item id or file of the ledger"):
        find_row(table, identifier)


def test_a_row_is_found_by_a_name_that_is_no_utf8(table):
    name = os.fsdecode(b"caf\xe9.jpg")
    with pytest.raises(UserError, match="is no row"):
        find_rows(table, name)
    table.loc[3, "item_id"] = r"caf\xe9.jpg"
    assert find_rows(table, name) == [3]
