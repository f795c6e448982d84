"""Every proven pair is recorded, whatever becomes of its pictures."""

import numpy as np
import pandas as pd

from src.clean import copies
from src.storage.ledger import COPIES
from tests.clean.conftest import CleanedDemo


def _pairs(demo: CleanedDemo) -> set[tuple[int, int]]:
    return set(demo.pairs)


def test_the_copies_of_the_demo_are_paired_with_their_originals(demo: CleanedDemo):
    pairs = _pairs(demo)
    for entry in demo.of_kind("recompressed", "resized", "cropped", "mirrored", "brightened"):
        others = {other.number for other in demo.same_picture(entry)} - {entry.number}
        assert any((min(entry.number, n), max(entry.number, n)) in pairs for n in others)


def test_a_removed_gray_picture_keeps_its_links(demo: CleanedDemo):
    for entry in demo.of_kind("gray", "gray_rgb", "sepia"):
        assert demo.row(entry)["verdict"] == "grayscale"
    of_sources = [
        (entry, other)
        for entry in demo.of_kind("gray", "gray_rgb", "sepia")
        for other in demo.same_picture(entry)
        if other.number != entry.number
    ]
    pairs = _pairs(demo)
    for entry, other in of_sources:
        pair = min(entry.number, other.number), max(entry.number, other.number)
        assert pair in pairs


def test_no_pair_joins_pictures_of_two_people(demo: CleanedDemo):
    placeholders = {entry.number for entry in demo.of_kind("placeholder")}
    same = {
        entry.number: {other.number for other in demo.same_picture(entry)}
        for entry in demo.entries
        if entry.number not in placeholders
    }
    assert [(a, b) for a, b in demo.pairs if a in same and b not in same[a]] == []


def test_each_removed_copy_has_its_pair_in_the_table(demo: CleanedDemo):
    table = copies.to_table(demo.pairs)
    assert list(table) == COPIES.names
    assert (table["row_a"] < table["row_b"]).all()
    assert list(zip(table["row_a"], table["row_b"], strict=True)) == sorted(demo.pairs)
    near = demo.table[demo.table["verdict"] == "near_duplicate"]
    for row, original in zip(near["row"], near["duplicate_of"], strict=True):
        assert pd.notna(original)
        pair = demo.pairs[min(row, original), max(row, original)]
        assert demo.table.loc[row, "similarity"] == pair.similarity
        assert demo.table.loc[row, "transform"] == pair.transform


def test_no_pairs_make_an_empty_table():
    assert copies.to_table({}).shape == (0, len(COPIES.names))
    assert copies.between({}, 3, 1) == copies.EXACT
    assert np.isclose(copies.EXACT.similarity, 1)
