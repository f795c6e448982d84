"""Sides: nothing that hangs together is torn apart, and nobody moves without a reason."""

from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from src.params import Split, read_params
from src.split.assignment import assign_sides, counts
from src.storage import ledger
from src.storage.ledger import read_ledger, write_ledger
from tests.conftest import ROOT

DEFAULT = read_params(ROOT / "params.yaml").split


def _settings(**changes: object) -> Split:
    return DEFAULT.model_copy(update=changes)


def _table(rows: list[dict]) -> pd.DataFrame:
    """A cleaned ledger's columns that a split reads; by default each row is alone and kept.

    `cluster` names a cluster by any word; the ledger has its survivor's row instead.
    """
    full = [
        {
            "item_id": f"nm{n}",
            "image_url": f"http://demo.test/{n}.jpg",
            "cluster": f"alone {n}",
            "verdict": "keep",
            "given_side": None,
            **row,
        }
        for n, row in enumerate(rows)
    ]
    survivor: dict[str, int] = {}
    for n, row in enumerate(full):
        if row["verdict"] == "keep":
            survivor.setdefault(row["cluster"], n)
    table = pd.DataFrame(full, columns=["item_id", "image_url", "cluster", "verdict", "given_side"])
    table["cluster"] = pd.array(
        [survivor[r["cluster"]] if r["verdict"] == "keep" else None for r in full], "Int64"
    )
    table.insert(0, "row", range(len(full)))
    return table


def _by_url(table: pd.DataFrame) -> dict[str, str]:
    return {
        url: side
        for url, side in zip(table["image_url"], table["side"], strict=True)
        if not pd.isna(side)
    }


def _people(count: int) -> list[dict]:
    return [{"item_id": f"nm{n}"} for n in range(count)]


PEOPLE = st.integers(0, 9).map(lambda n: f"nm{n}")
LISTED = st.fixed_dictionaries(
    {
        "item_id": PEOPLE,
        "cluster": st.sampled_from("abcdefghijkl"),
        "verdict": st.sampled_from(["keep", "keep", "keep", "grayscale", "near_duplicate"]),
    }
)
LEDGERS = st.lists(LISTED, max_size=24)
FRACTIONS = st.floats(0.05, 0.95)
SEEDS = st.integers(0, 2**31 - 1)


@settings(max_examples=60, deadline=None)
@given(rows=LEDGERS, fraction=FRACTIONS, method=st.sampled_from(["hash", "exact"]), seed=SEEDS)
def test_no_group_cluster_or_person_is_on_two_sides(
    rows: list[dict], fraction: float, method: str, seed: int
):
    table = assign_sides(_table(rows), _settings(val_fraction=fraction, method=method), seed)
    kept = table[table["verdict"] == "keep"]
    assert kept["side"].isin(["train", "val"]).all()
    for column in ("group", "cluster", "item_id"):
        assert (kept.groupby(column)["side"].nunique() == 1).all()
    for column in ("cluster", "item_id"):
        assert (kept.groupby(column)["group"].nunique() == 1).all()


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
    kept = table[table["verdict"] == "keep"]
    for group, members in kept.groupby("group"):
        assert group == members["row"].min()
        # from its first row all others are reached over shared people and clusters
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
    added=st.lists(st.tuples(st.integers(0, 16), PEOPLE | st.just("nm99")), max_size=6),
    fraction=FRACTIONS,
    seed=SEEDS,
)
def test_pictures_that_are_added_move_no_old_ones(
    group_by: str, rows: list[dict], added: list[tuple[int, str]], fraction: float, seed: int
):
    rows = [{**row, "image_url": f"old {n}"} for n, row in enumerate(rows)]
    # a site lists new pictures anywhere; each is of one person and like no other, so that
    # no two groups become one
    more = list(rows)
    for n, (at, person) in enumerate(added):
        more.insert(at, {"item_id": person, "image_url": f"new {n}", "cluster": f"new {n}"})
    chosen = _settings(val_fraction=fraction, group_by=group_by, method="hash")
    before = _by_url(assign_sides(_table(rows), chosen, seed))
    after = _by_url(assign_sides(_table(more), chosen, seed))
    assert {url: after[url] for url in before} == before


def test_pictures_that_are_removed_move_no_others():
    rows = [{"item_id": f"nm{n // 2}"} for n in range(60)]
    before = _by_url(assign_sides(_table(rows), DEFAULT, 0))
    # one of each person's two pictures turns out to be gray
    fewer = [
        {**row, "verdict": "grayscale" if n % 4 == 0 else "keep"} for n, row in enumerate(rows)
    ]
    after = _by_url(assign_sides(_table(fewer), DEFAULT, 0))
    assert len(after) == 45
    assert {url: before[url] for url in after} == after


@settings(max_examples=60, deadline=None)
@given(rows=LEDGERS, fraction=FRACTIONS, seed=SEEDS)
def test_fitted_meets_the_fraction_within_one_groups_size(
    rows: list[dict], fraction: float, seed: int
):
    table = assign_sides(_table(rows), _settings(val_fraction=fraction, method="exact"), seed)
    kept = table[table["verdict"] == "keep"]
    assume(len(kept))
    wanted = fraction * len(kept)
    held = (kept["side"] == "val").sum()
    assert wanted <= held < wanted + kept["group"].value_counts().max()


def test_fitted_is_exact_where_everybody_is_alone():
    table = assign_sides(_table(_people(200)), _settings(val_fraction=0.1, method="exact"), 0)
    assert counts(table) == {"train": 180, "val": 20, "groups": 200, "val_fraction": 0.1}


def test_fixed_meets_the_fraction_on_average():
    shares = [
        counts(assign_sides(_table(_people(400)), _settings(val_fraction=0.2), seed))[
            "val_fraction"
        ]
        for seed in range(10)
    ]
    assert sum(shares) / 10 == pytest.approx(0.2, abs=0.02)


def test_the_naive_split_tears_copies_apart():
    # the first hundred people ten times over, as a list that ignores its page number gives them
    rows = [{"item_id": f"nm{n % 100}", "cluster": f"{n % 100}"} for n in range(1000)]
    naive = assign_sides(_table(rows), _settings(group_by="image"), 0)
    assert list(naive["group"]) == list(range(1000))
    people = {side: set(naive.loc[naive["side"] == side, "item_id"]) for side in ("train", "val")}
    assert len(people["train"] & people["val"]) > 50
    grouped = assign_sides(_table(rows), _settings(group_by="person"), 0)
    assert grouped["group"].nunique() == 100
    people = {
        side: set(grouped.loc[grouped["side"] == side, "item_id"]) for side in ("train", "val")
    }
    assert people["train"] & people["val"] == set()


def test_the_naive_split_draws_for_equal_rows_apart():
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


def test_a_given_side_of_a_removed_row_is_not_taken():
    rows = [{**row, "verdict": "grayscale"} for row in GIVEN[:5]] + GIVEN[5:]
    assert assign_sides(_table(rows), _settings(use_source_split=True), 0)["side"][:5].isna().all()


def test_given_sides_may_be_drawn_anew():
    redone = assign_sides(_table(GIVEN), _settings(use_source_split=False), 0)
    without = assign_sides(_table([{**row, "given_side": None} for row in GIVEN]), DEFAULT, 0)
    assert list(redone["side"]) == list(without["side"])
    assert list(redone["side"]) != [row["given_side"] for row in GIVEN]


@pytest.mark.parametrize("method", ["hash", "exact"])
@pytest.mark.parametrize("group_by", ["person", "image"])
def test_the_seed_decides(group_by: str, method: str):
    chosen = _settings(group_by=group_by, method=method, val_fraction=0.3)
    first, again, other = (
        list(assign_sides(_table(_people(200)), chosen, seed)["side"]) for seed in (7, 7, 8)
    )
    assert first == again
    assert first != other


@pytest.mark.parametrize(
    "change",
    [{"item_id": "nm1"}, {"cluster": "b"}],
    ids=["the same person", "the same picture"],
)
def test_one_link_joins_two_groups(change: dict):
    rows = [{"item_id": "nm0", "cluster": "a"}, {"item_id": "nm1", "cluster": "b"}]
    assert assign_sides(_table(rows), DEFAULT, 0)["group"].nunique() == 2
    joined = assign_sides(_table([*rows, {"item_id": "nm0", "cluster": "a", **change}]), DEFAULT, 0)
    assert list(joined["group"]) == [0, 0, 0]


def test_a_split_leaves_the_other_columns_and_its_input_alone():
    table = _table(_people(20))
    before = table.copy()
    after = assign_sides(table, DEFAULT, 0)
    assert table.equals(before)
    assert after.drop(columns=["group", "side"]).equals(before)


@pytest.mark.parametrize("rows", [[], [{"verdict": "grayscale"}]], ids=["no rows", "none kept"])
@pytest.mark.parametrize("method", ["hash", "exact"])
def test_nothing_to_split_is_no_error(rows: list[dict], method: str):
    table = assign_sides(_table(rows), _settings(method=method), 0)
    assert counts(table) == {"train": 0, "val": 0, "groups": 0, "val_fraction": 0}


def test_a_split_of_a_ledger_from_disk_can_be_written(tmp_path: Path):
    rows = [{"item_id": f"nm{n // 2}"} for n in range(6)] + [{"verdict": "missing"}]
    full = _table(rows).reindex(columns=ledger.schema("clean").names).assign(layout="single")
    write_ledger(full, tmp_path / "clean.parquet", "clean")
    table = assign_sides(read_ledger(tmp_path / "clean.parquet", "clean"), DEFAULT, 0)
    write_ledger(table, tmp_path / "split.parquet", "split")
    read = read_ledger(tmp_path / "split.parquet", "split")
    assert [None if pd.isna(g) else g for g in read["group"]] == [0, 0, 2, 2, 4, 4, None]
    assert [None if pd.isna(s) else s for s in read["side"]] == [*table["side"][:6], None]
    assert _by_url(read) == _by_url(assign_sides(_table(rows), DEFAULT, 0))


def test_a_removed_copy_ties_its_person_to_the_picture_it_is_a_copy_of():
    """P2 was listed with a copy of P1's picture, and with a picture of their own."""
    table = _table([{"item_id": "P1"}, {"item_id": "P2"}, {"item_id": "P2"}])
    table.loc[1, "verdict"], table.loc[1, "cluster"] = "near_duplicate", 0
    done = assign_sides(table, _settings(), 0)
    assert done["group"][0] == done["group"][2]
    assert done["side"][0] == done["side"][2]
    assert pd.isna(done["side"][1])
