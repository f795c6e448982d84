"""Sides: a group stays on one side, and no picture moves without a reason."""

import re
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from src.errors import UserError
from src.evaluate import evaluation
from src.params import Split
from src.split import assignment
from src.split.assignment import counts
from src.storage.ledger import read_ledger, write_ledger
from tests.builders import ledger_table
from tests.conftest import DEFAULTS

DEFAULT = DEFAULTS.split


def _settings(**changes: object) -> Split:
    return DEFAULT.model_copy(update=changes)


def _table(rows: list[dict]) -> pd.DataFrame:
    """Return a cleaned ledger; by default each row is kept, and alone in its item and cluster.

    Here any word may name a cluster; in the ledger it is its survivor's row.
    """
    rows = [
        {"item_id": f"nm{n}", "cluster": f"alone {n}", "verdict": "keep", **row}
        for n, row in enumerate(rows)
    ]
    survivors: dict[str, int] = {}
    for n, row in enumerate(rows):
        if row["verdict"] == "keep":
            survivors.setdefault(row["cluster"], n)
    for row in rows:
        row["cluster"] = survivors[row["cluster"]] if row["verdict"] == "keep" else None
    return ledger_table(rows, "clean")


def assign_sides(table: pd.DataFrame, chosen: Split, seed: int) -> pd.DataFrame:
    """Assign sides with the copies that the clusters tell: each row with the first of its cluster."""
    clustered = table[table["cluster"].notna()]
    copies = pd.DataFrame({"row_a": clustered["cluster"], "row_b": clustered["row"]})
    return assignment.assign_sides(table, copies, chosen, seed)


def _by_url(table: pd.DataFrame) -> dict[str, str]:
    return {
        url: side
        for url, side in zip(table["image_url"], table["side"], strict=True)
        if not pd.isna(side)
    }


def _items(count: int) -> list[dict]:
    return [{"item_id": f"nm{n}"} for n in range(count)]


ITEMS = st.integers(0, 9).map(lambda n: f"nm{n}")
LISTED = st.fixed_dictionaries(
    {
        "item_id": ITEMS,
        "cluster": st.sampled_from("abcdefghijkl"),
        "verdict": st.sampled_from(["keep", "keep", "keep", "grayscale", "near_duplicate"]),
    }
)
LEDGERS = st.lists(LISTED, max_size=24)
FRACTIONS = st.floats(0.05, 0.95)
SEEDS = st.integers(0, 2**31 - 1)


@settings(max_examples=60, deadline=None)
@given(rows=LEDGERS, fraction=FRACTIONS, method=st.sampled_from(["hash", "exact"]), seed=SEEDS)
def test_no_group_cluster_or_item_is_on_two_sides(
    rows: list[dict], fraction: float, method: str, seed: int
):
    table = assign_sides(_table(rows), _settings(val_fraction=fraction, method=method), seed)
    good = table[table["verdict"] == "keep"]
    assert good["side"].isin(["train", "val"]).all()
    for column in ("group", "cluster", "item_id"):
        assert (good.groupby(column)["side"].nunique() == 1).all()
    for column in ("cluster", "item_id"):
        assert (good.groupby(column)["group"].nunique() == 1).all()


@settings(max_examples=30, deadline=None)
@given(rows=LEDGERS, group_by=st.sampled_from(["person", "image"]), seed=SEEDS)
def test_a_removed_row_has_neither_group_nor_side(rows: list[dict], group_by: str, seed: int):
    table = assign_sides(_table(rows), _settings(group_by=group_by), seed)
    removed = table["verdict"] != "keep"
    for column in ("group", "side"):
        assert (table[column].isna() == removed).all()


@settings(max_examples=40, deadline=None)
@given(rows=LEDGERS)
def test_a_group_is_no_larger_than_it_must_be(rows: list[dict]):
    table = assign_sides(_table(rows), DEFAULT, 0)
    good = table[table["verdict"] == "keep"]
    for group, members in good.groupby("group"):
        assert group == members["row"].min()
        # from its first row all others are reached over shared items and clusters
        reached = members[members["row"] == group]
        while True:
            near = members["item_id"].isin(reached["item_id"]) | members["cluster"].isin(
                reached["cluster"]
            )
            if near.sum() == len(reached):
                break
            reached = members[near]
        assert len(reached) == len(members)


@pytest.mark.parametrize("group_by", ["person", "image"])
@settings(max_examples=30, deadline=None)
@given(
    rows=st.lists(LISTED, min_size=1, max_size=16),
    added=st.lists(st.tuples(st.integers(0, 16), ITEMS | st.just("nm99")), max_size=6),
    fraction=FRACTIONS,
    seed=SEEDS,
)
def test_pictures_that_are_added_move_no_old_ones(
    group_by: str, rows: list[dict], added: list[tuple[int, str]], fraction: float, seed: int
):
    rows = [{**row, "image_url": f"old {n}"} for n, row in enumerate(rows)]
    # listed anywhere; each shows one item and is no copy, so that no two groups become one
    more = list(rows)
    for n, (position, item) in enumerate(added):
        more.insert(position, {"item_id": item, "image_url": f"new {n}", "cluster": f"new {n}"})
    chosen = _settings(val_fraction=fraction, group_by=group_by, method="hash")
    before = _by_url(assign_sides(_table(rows), chosen, seed))
    after = _by_url(assign_sides(_table(more), chosen, seed))
    assert {url: after[url] for url in before} == before


def test_pictures_that_are_removed_move_no_others():
    rows = [{"item_id": f"nm{n // 2}"} for n in range(60)]
    before = _by_url(assign_sides(_table(rows), DEFAULT, 0))
    # of every second item one of the two pictures turns out to be gray
    fewer = [
        {**row, "verdict": "grayscale" if n % 4 == 0 else "keep"} for n, row in enumerate(rows)
    ]
    after = _by_url(assign_sides(_table(fewer), DEFAULT, 0))
    assert len(after) == 45
    assert {url: before[url] for url in after} == after


@settings(max_examples=60, deadline=None)
@given(rows=LEDGERS, fraction=FRACTIONS, seed=SEEDS)
def test_the_exact_method_meets_the_fraction_within_half_a_groups_size(
    rows: list[dict], fraction: float, seed: int
):
    table = assign_sides(_table(rows), _settings(val_fraction=fraction, method="exact"), seed)
    good = table[table["verdict"] == "keep"]
    assume(len(good))
    target = fraction * len(good)
    val = (good["side"] == "val").sum()
    sizes = good["group"].value_counts()
    assert abs(val - target) <= sizes.max() / 2 or val == sizes.min()


@pytest.mark.parametrize("seed", range(8))
def test_the_exact_method_passes_over_a_group_much_larger_than_the_fraction(seed: int):
    rows = [*_items(20), *[{"item_id": "giant"}] * 40]
    table = assign_sides(_table(rows), _settings(val_fraction=0.1, method="exact"), seed)
    assert counts(table)["val"] == 6


def test_the_exact_method_is_exact_where_each_picture_is_alone():
    table = assign_sides(_table(_items(200)), _settings(val_fraction=0.1, method="exact"), 0)
    assert counts(table) == {
        "train": 180,
        "val": 20,
        "groups": 200,
        "largest_group": 1,
        "val_fraction": 0.1,
    }


def test_the_hash_method_meets_the_fraction_on_average():
    shares = [
        counts(assign_sides(_table(_items(400)), _settings(val_fraction=0.2), seed))["val_fraction"]
        for seed in range(10)
    ]
    assert sum(shares) / 10 == pytest.approx(0.2, abs=0.02)


def _shared_items(table: pd.DataFrame) -> set[str]:
    train, val = (set(table.loc[table["side"] == side, "item_id"]) for side in ("train", "val"))
    return train & val


def test_the_naive_split_puts_copies_on_both_sides():
    # a hundred items ten times over, as from a list that ignores its page number
    rows = [{"item_id": f"nm{n % 100}", "cluster": f"{n % 100}"} for n in range(1000)]
    naive = assign_sides(_table(rows), _settings(group_by="image"), 0)
    assert list(naive["group"]) == list(range(1000))
    assert len(_shared_items(naive)) > 50
    grouped = assign_sides(_table(rows), _settings(group_by="person"), 0)
    assert grouped["group"].nunique() == 100
    assert _shared_items(grouped) == set()


def test_the_naive_split_draws_for_each_of_equal_rows():
    rows = [{"item_id": "nm1", "image_url": "same"} for _ in range(60)]
    sides = Counter(
        assign_sides(_table(rows), _settings(group_by="image", val_fraction=0.5), 0)["side"]
    )
    assert min(sides["train"], sides["val"]) > 10


GIVEN = [
    {"given_side": "val" if n % 5 == 0 else "train", "item_id": f"train/{n}"} for n in range(100)
]


@pytest.mark.parametrize("method", ["hash", "exact"])
@pytest.mark.parametrize("group_by", ["person", "image"])
def test_a_given_side_is_kept(group_by: str, method: str):
    table = assign_sides(
        _table(GIVEN), _settings(use_source_split=True, group_by=group_by, method=method), 0
    )
    assert list(table["side"]) == [row["given_side"] for row in GIVEN]


@pytest.mark.parametrize("method", ["hash", "exact"])
def test_a_row_without_a_given_side_goes_where_its_item_and_its_copies_are(method):
    given = [{"item_id": f"nm{n}", "given_side": "val", "cluster": f"{n}"} for n in range(10)]
    others = [{"item_id": f"nm{n}"} for n in range(5)]
    copies = [{"item_id": f"copy of {n}", "cluster": f"{n}"} for n in range(5, 10)]
    chosen = _settings(val_fraction=0.001, method=method)
    assert set(assign_sides(_table([*given, *others, *copies]), chosen, 0)["side"]) == {"val"}


def test_the_exact_method_meets_the_fraction_among_rows_without_a_given_side():
    rows = [{**row, "given_side": "train"} for row in _items(300)] + [
        {"item_id": f"free {n}"} for n in range(50)
    ]
    table = assign_sides(_table(rows), _settings(val_fraction=0.2, method="exact"), 0)
    assert counts(table)["val"] == 10


def test_a_group_of_both_given_sides_keeps_them_and_draws_the_rest():
    rows = [{"item_id": "nm0", "given_side": side} for side in ("train", "val", None)]
    for fraction, drawn in ((0.001, "train"), (0.999, "val")):
        sides = assign_sides(_table(rows), _settings(val_fraction=fraction), 0)["side"]
        assert list(sides) == ["train", "val", drawn]


def test_a_removed_row_does_not_take_its_given_side():
    rows = [{**row, "verdict": "grayscale"} for row in GIVEN[:5]] + GIVEN[5:]
    assert assign_sides(_table(rows), _settings(use_source_split=True), 0)["side"][:5].isna().all()


def test_given_sides_may_be_ignored():
    redrawn = assign_sides(_table(GIVEN), _settings(use_source_split=False), 0)
    without = assign_sides(_table([{**row, "given_side": None} for row in GIVEN]), DEFAULT, 0)
    assert list(redrawn["side"]) == list(without["side"])
    assert list(redrawn["side"]) != [row["given_side"] for row in GIVEN]


@pytest.mark.parametrize("method", ["hash", "exact"])
@pytest.mark.parametrize("group_by", ["person", "image"])
def test_the_seed_decides(group_by: str, method: str):
    chosen = _settings(group_by=group_by, method=method, val_fraction=0.3)
    first, repeated, other = (
        list(assign_sides(_table(_items(200)), chosen, seed)["side"]) for seed in (7, 7, 8)
    )
    assert first == repeated
    assert first != other


@pytest.mark.parametrize(
    "change",
    [{"item_id": "nm1"}, {"cluster": "b"}],
    ids=["the same item", "the same picture"],
)
def test_one_link_joins_two_groups(change: dict):
    rows = [{"item_id": "nm0", "cluster": "a"}, {"item_id": "nm1", "cluster": "b"}]
    assert assign_sides(_table(rows), DEFAULT, 0)["group"].nunique() == 2
    joined = assign_sides(_table([*rows, {"item_id": "nm0", "cluster": "a", **change}]), DEFAULT, 0)
    assert list(joined["group"]) == [0, 0, 0]


def test_a_split_leaves_the_other_columns_and_its_input_alone():
    table = _table(_items(20))
    before = table.copy()
    after = assign_sides(table, DEFAULT, 0)
    assert table.equals(before)
    assert after.drop(columns=["group", "side"]).equals(before)


@pytest.mark.parametrize("rows", [[], [{"verdict": "grayscale"}]], ids=["no rows", "none kept"])
@pytest.mark.parametrize("method", ["hash", "exact"])
def test_nothing_to_split_is_no_error(rows: list[dict], method: str):
    table = assign_sides(_table(rows), _settings(method=method), 0)
    nothing = {"train": 0, "val": 0, "groups": 0, "largest_group": 0, "val_fraction": 0}
    assert counts(table) == nothing


def test_a_group_that_holds_too_many_pictures_is_named(capsys: pytest.CaptureFixture[str]):
    rows = [{"item_id": f"nm{n}", "cluster": "one" if n < 7 else f"{n}"} for n in range(20)]
    table = assign_sides(_table(rows), DEFAULT, 0)
    assert counts(table)["largest_group"] == 7
    assignment.report_large_groups(table, _settings(largest_group=0.4))
    assert capsys.readouterr().err == ""
    assignment.report_large_groups(table, DEFAULT)
    [line] = capsys.readouterr().err.splitlines()
    assert "the group of row 0 holds 7 of 20 pictures" in line
    assert "nm0, nm1, nm2, nm3, nm4 and 2 more" in line


def test_a_large_group_of_one_item_is_named_by_its_row_and_item(capsys: pytest.CaptureFixture[str]):
    rows = [{"item_id": "nm0", "verdict": "grayscale"}, *[{"item_id": "nm0"}] * 9]
    assignment.report_large_groups(assign_sides(_table(rows), DEFAULT, 0), DEFAULT)
    [line] = capsys.readouterr().err.splitlines()
    assert "the group of row 1 holds 9 of 9 pictures" in line
    assert line.endswith("of them; all are of the item nm0")


def test_a_group_that_the_source_parts_is_named(capsys: pytest.CaptureFixture[str]):
    """B is listed with a copy of A's picture, which was removed, and with another picture."""
    rows = [{"item_id": "A", "given_side": "train"}, {"item_id": "B", "given_side": "val"}]
    table = _table([*rows, {"item_id": "B", "given_side": "val"}])
    table.loc[1, "verdict"], table.loc[1, "cluster"] = "near_duplicate", 0
    assignment.report_parted_groups(assign_sides(table, _settings(use_source_split=False), 0))
    assert capsys.readouterr().err == ""
    assignment.report_parted_groups(assign_sides(table, DEFAULT, 0))
    [line] = capsys.readouterr().err.splitlines()
    assert "parts 1 group of one person or of copies, first row 0 (train) from row 2 (val)" in line
    assert "split.use_source_split=false" in line


def test_the_split_of_a_ledger_from_disk_can_be_written(tmp_path: Path):
    rows = [{"item_id": f"nm{n // 2}"} for n in range(6)] + [{"verdict": "missing"}]
    write_ledger(_table(rows), tmp_path / "clean.parquet", "clean")
    table = assign_sides(read_ledger(tmp_path / "clean.parquet", "clean"), DEFAULT, 0)
    write_ledger(table, tmp_path / "split.parquet", "split")
    read = read_ledger(tmp_path / "split.parquet", "split")
    assert [None if pd.isna(g) else g for g in read["group"]] == [0, 0, 2, 2, 4, 4, None]
    assert [None if pd.isna(s) else s for s in read["side"]] == [*table["side"][:6], None]
    assert _by_url(read) == _by_url(assign_sides(_table(rows), DEFAULT, 0))


def test_a_removed_copy_joins_its_item_to_the_picture_it_is_a_copy_of():
    """P2 is listed with a copy of P1's picture, and with another picture."""
    table = _table([{"item_id": "P1"}, {"item_id": "P2"}, {"item_id": "P2"}])
    table.loc[1, "verdict"], table.loc[1, "cluster"] = "near_duplicate", 0
    table = assign_sides(table, DEFAULT, 0)
    assert table["group"][0] == table["group"][2]
    assert table["side"][0] == table["side"][2]
    assert pd.isna(table["side"][1])


NO_COPIES = pd.DataFrame({"row_a": [], "row_b": []})


def refusal(table: pd.DataFrame, chosen: Split, seed: int = 0) -> str:
    """Return the message with which a split with an empty side is refused."""
    sides = assignment.assign_sides(table, NO_COPIES, chosen, seed)
    with pytest.raises(UserError) as refused:
        assignment.require_both_sides(sides, NO_COPIES, chosen, seed)
    return str(refused.value)


@pytest.mark.parametrize(
    ("rows", "changes", "side"),
    [
        (_items(9), {"val_fraction": 0.001}, "val"),
        (_items(9), {"val_fraction": 0.999}, "train"),
        (_items(9), {"val_fraction": 0.95, "method": "exact"}, "train"),
        ([{"item_id": "a"}] * 9 + [{"item_id": "b"}] * 3, {"val_fraction": 0.95}, "train"),
        ([{**row, "given_side": "train"} for row in _items(30)], {}, "val"),
        ([{**row, "given_side": "val"} for row in _items(9)], {"val_fraction": 0.001}, "train"),
    ],
)
def test_an_empty_side_is_an_error_whose_remedy_works(rows, changes, side):
    table, chosen = _table(rows), _settings(**changes)
    message = refusal(table, chosen)
    assert message.startswith(f"the {side} side is empty: {len(rows)} kept pictures in ")
    words = re.findall(r"-S split\.(\w+)=(\S+?)[ `]", message)
    assert words
    update = {key: yaml.safe_load(value) for key, value in words}
    chosen = chosen.model_copy(update=update)
    sides = assignment.assign_sides(table, NO_COPIES, chosen, 0)
    assignment.require_both_sides(sides, NO_COPIES, chosen, 0)


def test_one_group_alone_cannot_be_split_and_the_message_says_so():
    message = refusal(_table([{"item_id": "a"}] * 5), DEFAULT)
    assert "5 kept pictures in 1 group were" in message
    remedy = "No setting that was tried puts 3 pictures on each side: list more items, or give them ids of their own"
    assert remedy in message


@pytest.mark.parametrize("few", ["train", "val"])
def test_a_side_of_two_pictures_is_an_error_with_counts_and_a_remedy_that_works(few):
    other = {"train": "val", "val": "train"}[few]
    rows = [{**row, "given_side": few if n < 2 else other} for n, row in enumerate(_items(30))]
    message = refusal(_table(rows), DEFAULT)
    counts = {few: 2, other: 28}
    found = f"found {counts['train']} train and {counts['val']} val"
    assert message.startswith(f"expected at least 3 pictures a side, {found}: 30 kept pictures")
    changes = dict(re.findall(r"-S split\.(\w+)=(\S+?)[ `]", message))
    assert changes


def test_as_many_pictures_are_asked_for_as_the_evaluation_needs():
    assert assignment.MIN_PICTURES == evaluation.MIN_PICTURES


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_handful_of_pictures_ends_before_training(count):
    message = refusal(_table(_items(count)), DEFAULT)
    assert message.endswith("that was tried puts 3 pictures on each side: list more items")
