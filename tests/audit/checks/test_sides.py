"""Training and validation."""

import re

import pandas as pd
import pytest
import yaml

from src.audit.evidence import Evidence
from src.split.assignment import assign_sides
from tests.audit.evidence import CHECKS_BY_NAME, position, with_ledger, with_names
from tests.audit.faults import copy_across
from tests.builders import ledger_table
from tests.conftest import DEFAULTS


def test_a_copy_is_named_with_its_original_and_both_pictures(clean):
    broken = copy_across("mirrored")(clean)
    (offender,) = CHECKS_BY_NAME["leaked_pictures"].run(broken).offenders
    assert "row 16" in offender.detail
    assert offender.pictures == (position(clean, 14), position(clean, 16))


@pytest.mark.parametrize("name", ["shared_items", "leaked_pictures"])
def test_the_remedy_parts_no_item_and_no_copies_that_the_source_has_parted(name):
    rows = [
        {"item_id": f"nm{row // 4}", "given_side": ("train", "val")[row % 2]} for row in range(40)
    ]
    copies = pd.DataFrame({"row_a": [0, 8], "row_b": [7, 15]})
    words = re.findall(r"split\.(\w+): (\w+)", CHECKS_BY_NAME[name].remedy)
    update = {key: yaml.safe_load(word) for key, word in words}
    chosen = DEFAULTS.split.model_copy(update=update)
    split = assign_sides(ledger_table(rows, "clean"), copies, chosen, 0)
    assert (split.groupby("item_id")["side"].nunique() == 1).all()
    assert all(split["side"][a] == split["side"][b] for a, b in copies.to_numpy())


def named(evidence: Evidence, names: dict[int, str | None]) -> tuple[float, set[int]]:
    """Return how many names the check finds if some rows have these, and the rows."""
    column = evidence.ledger["name"].copy()
    for row, name in names.items():
        column[row] = name
    finding = CHECKS_BY_NAME["shared_names"].run(with_names(evidence, name=column))
    return finding.value, {offender.row for offender in finding.offenders}


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("Zoë Young", "ZOE YOUNG"),
        ("Zoë Young", "Zoe\u0308\u00a0 Young"),
        ("Peter O’Toole", "Peter O'Toole"),
        ("Jean-Luc Picard", "Jean Luc Picard."),
        ("Ａｄａ Abbott", "ada abbott"),
        ("Jörg Strauß", "Jorg Strauss"),
        ("章子怡", "章子怡"),
    ],
)
def test_a_name_is_known_in_other_spellings(clean, name, same):
    assert named(clean, {4: name, 12: same}) == (1, {4, 12})


@pytest.mark.parametrize(
    ("name", "other"),
    [("Ada Young", "Eda Young"), ("राम", "रम"), ("がき", "かき"), ("Ada 1", "Ada 2")],
)
def test_other_names_are_not_taken_for_the_same(clean, name, other):
    assert named(clean, {4: name, 12: other}) == (0, set())


@pytest.mark.parametrize("name", ["", "  ", "–", "12", "#7", None])
def test_what_has_no_letter_is_no_name(clean, name):
    assert named(clean, {4: name, 12: name}) == (0, set())


def test_a_name_within_a_side_is_on_one_side(clean):
    assert named(clean, {4: "Ada", 9: "Ada", 11: "Eva", 12: "Eva"}) == (0, set())


def test_all_rows_of_a_shared_name_are_named(clean):
    assert named(clean, {4: "Ada", 9: "Ada", 11: "Ada", 14: "Eva", 16: "Eva"}) == (
        2,
        {4, 9, 11, 14, 16},
    )


@pytest.mark.parametrize(("count", "value"), [(10, 1), (11, 0)])
def test_a_name_of_many_items_is_no_name(clean, count, value):
    assert named(clean, dict.fromkeys(range(count), "Portrait"))[0] == value


def test_one_item_on_both_sides_is_the_matter_of_another_check(clean):
    ids = clean.ledger["item_id"].copy()
    ids[12] = ids[4]
    assert named(with_names(clean, item_id=ids), {4: "Ada", 12: "Ada"}) == (0, set())


def test_names_of_files_say_nothing(clean):
    assert named(with_ledger(clean, page_url=None), {4: "photo", 12: "photo"}) == (0, set())


def test_a_shared_name_shows_both_pictures_and_ids(clean):
    names = clean.ledger["name"].copy()
    names[4] = names[12] = "Ada"
    first, second = CHECKS_BY_NAME["shared_names"].run(with_names(clean, name=names)).offenders
    assert (first.row, first.pictures) == (12, (position(clean, 12),))
    assert "row 4 in val, nm0004" in first.detail
    assert (second.row, second.pictures) == (4, (position(clean, 4),))
    assert "row 12 in train, nm0012" in second.detail
