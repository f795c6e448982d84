"""No cell of a table is a formula."""

import pytest

from src.storage.csv_cells import inert_cell, text_of_cell


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-2", "@SUM(A1)", "\t=1", "\r=1", '=cmd|" /C calc"!A0']
)
def test_a_formula_becomes_a_text(text: str):
    assert inert_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "nm1", "Ann = Bob", "Jean-Luc", "'quoted", "a@b.org"])
def test_other_texts_stay(text: str):
    assert inert_cell(text) == text


@pytest.mark.parametrize("text", ["=1+1", "'quoted", "nm1"])
def test_a_copied_cell_has_its_text_again(text: str):
    assert text_of_cell(inert_cell(text)) == text
