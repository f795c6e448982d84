"""Each check of the audit fires on its own fault, and on nothing else."""

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image

from src import images, ledger
from src.arrays import Pairs
from src.audit.checks import CHECKS, Evidence
from src.demo.catalogue import alter
from src.pair import square, to_canny, to_gray
from src.params import Params
from tests.conftest import real

PER_PAGE = 5
SIZE = 64


def pairs_of(photos: list[np.ndarray], rows: list[int], table: pd.DataFrame, p: Params) -> Pairs:
    """The arrays of one side, as the stage pair makes them."""
    return Pairs(
        photo=np.stack(photos),
        gray=np.stack([to_gray(photo) for photo in photos]),
        canny=np.stack([to_canny(photo, p.pair.canny) for photo in photos]),
        labels=None,
        index=table.iloc[rows][["row", "item_id", "name"]].reset_index(drop=True),
    )


def evidence_of(photos: list[np.ndarray], p: Params) -> Evidence:
    """A list of people with a picture each, every fifth of them in validation."""
    rows = list(range(len(photos)))
    side = ["val" if row % 5 == 4 else "train" for row in rows]
    values = {
        "row": rows,
        "page": [row // PER_PAGE + 1 for row in rows],
        "position": [row % PER_PAGE + 1 for row in rows],
        "item_id": [f"nm{row:04d}" for row in rows],
        "name": [f"Person {row}" for row in rows],
        "stated_total": len(rows),
        "verdict": "keep",
        "group": rows,
        "side": side,
    }
    columns = ledger.schema("split")
    empty = {name: None for name in columns.names if name not in values}
    arrow = pa.Table.from_pandas(pd.DataFrame(values | empty), schema=columns, preserve_index=False)
    nullable = {pa.int64(): pd.Int64Dtype(), pa.float64(): pd.Float64Dtype()}
    table = arrow.to_pandas(types_mapper=nullable.get)
    of_side = {name: [row for row in rows if side[row] == name] for name in ("train", "val")}
    train, val = (
        pairs_of([photos[row] for row in chosen], chosen, table, p) for chosen in of_side.values()
    )
    return Evidence(ledger=table, train=train, val=val, limits=p.audit.limits)


@pytest.fixture(scope="module")
def squares(faces) -> list[np.ndarray]:
    return [square(face, SIZE, "center") for face in faces[:30]]


@pytest.fixture
def clean(changed, squares) -> Evidence:
    """24 + 6 drawn portraits on six pages of five: training holds rows 0-3, 5-8, 10-13, …"""
    return evidence_of(squares, changed())


def fired(e: Evidence) -> dict[str, set[int]]:
    """The checks that fail, and the rows that each names."""
    found = {check.name: check.run(e) for check in CHECKS}
    return {name: {o.row for o in f.offenders} for name, f in found.items() if f.failed}


def with_ledger(e: Evidence, **columns: Callable) -> Evidence:
    return replace(e, ledger=e.ledger.assign(**columns))


def with_side(e: Evidence, side: str, **arrays: object) -> Evidence:
    return replace(e, **{side: replace(e.sides[side], **arrays)})


def at(e: Evidence, row: int) -> tuple[str, int]:
    """Where a row is in the arrays."""
    side = e.ledger["side"][row]
    return side, list(e.sides[side].index["row"]).index(row)


def with_photo(e: Evidence, row: int, photo: np.ndarray) -> Evidence:
    """One picture replaced, and its gray with it."""
    side, place = at(e, row)
    arrays = {name: getattr(e.sides[side], name).copy() for name in ("photo", "gray")}
    arrays["photo"][place], arrays["gray"][place] = photo, to_gray(photo)
    return with_side(e, side, **arrays)


def with_input(e: Evidence, name: str, row: int, change: Callable) -> Evidence:
    side, place = at(e, row)
    pairs = e.sides[side]
    array = getattr(pairs, name).copy()
    array[place] = change(pairs.photo[place])
    return with_side(e, side, **{name: array})


def photo(e: Evidence, row: int) -> np.ndarray:
    side, place = at(e, row)
    return e.sides[side].photo[place]


def altered(picture: np.ndarray, kind: str) -> np.ndarray:
    """A changed copy, made at the size that files have."""
    file = alter(images.resize(picture, 256, 256), kind, np.random.default_rng(1))
    return square(images.decode(file), SIZE, "center")


def page_again(e: Evidence) -> Evidence:
    """The last page shows the first page's people, of whom only training kept any."""
    ids = e.ledger["item_id"].copy()
    ids[25:30] = ids[0:5]
    loose = e.limits.model_copy(update={"repeated_people_share": 1.0})
    return replace(with_ledger(e, item_id=ids), limits=loose)


def two_pages_again(e: Evidence) -> Evidence:
    """Pages 3 and 4 mix people of pages 1 and 2: no page equals another, none is new."""
    ids = e.ledger["item_id"].copy()
    ids[10:20] = [ids[row] for row in (9, 0, 8, 1, 7, 2, 6, 3, 5, 4)]
    loose = e.limits.model_copy(update={"repeated_people_share": 1.0})
    return replace(with_ledger(e, item_id=ids), limits=loose)


def list_broken_off(e: Evidence) -> Evidence:
    return with_ledger(e, stated_total=50)


def people_again(e: Evidence) -> Evidence:
    """On each page but the first somebody from the page before it."""
    ids = e.ledger["item_id"].copy()
    ids[5::5] = list(ids[3:28:5])
    return with_ledger(e, item_id=ids)


def person_on_both_sides(e: Evidence) -> Evidence:
    """Another picture of row 0's person, in validation."""
    ids = e.ledger["item_id"].copy()
    ids[9] = ids[0]
    index = e.val.index.assign(item_id=[ids[row] for row in e.val.index["row"]])
    return with_side(with_ledger(e, item_id=ids), "val", index=index)


def copy_across(kind: str) -> Callable[[Evidence], Evidence]:
    def change(e: Evidence) -> Evidence:
        return with_photo(e, 14, altered(photo(e, 16), kind))

    return change


def without_colour(kind: str, row: int) -> Callable[[Evidence], Evidence]:
    def change(e: Evidence) -> Evidence:
        return with_photo(e, row, altered(photo(e, row), kind))

    return change


def gray_shuffled(side: str) -> Callable[[Evidence], Evidence]:
    return lambda e: with_side(e, side, gray=np.roll(e.sides[side].gray, 1, axis=0))


def gray_is_luma(e: Evidence) -> Evidence:
    return with_input(e, "gray", 7, lambda p: cv2.cvtColor(p, cv2.COLOR_RGB2GRAY))


def gray_moved(e: Evidence) -> Evidence:
    return with_input(e, "gray", 4, lambda p: np.roll(to_gray(p), 2, axis=1))


def gray_inverted(e: Evidence) -> Evidence:
    return with_input(e, "gray", 7, lambda p: 255 - to_gray(p))


def no_edges(row: int) -> Callable[[Evidence], Evidence]:
    return lambda e: with_input(e, "canny", row, lambda p: 0)


def cut(side: str, count: int) -> Callable[[Evidence], Evidence]:
    def change(e: Evidence) -> Evidence:
        pairs = e.sides[side]
        arrays = {name: getattr(pairs, name)[:count] for name in ("photo", "gray", "canny")}
        return with_side(e, side, **arrays, index=pairs.index[:count])

    return change


VAL_ROWS = {4, 9, 14, 19, 24, 29}
TRAIN_ROWS = set(range(30)) - VAL_ROWS
# The check, the fault, and the rows that are named.
FAULTS = {
    "the first page again": ("repeated_pages", page_again, {25}),
    "pages of people seen before": ("repeated_pages", two_pages_again, {10, 15}),
    "shorter than stated": ("missing_from_list", list_broken_off, {29}),
    "people again": ("repeated_people", people_again, {5, 10, 15, 20, 25}),
    "on both sides": ("shared_people", person_on_both_sides, {9}),
    "recompressed across": ("leaked_pictures", copy_across("recompressed"), {14}),
    "mirrored across": ("leaked_pictures", copy_across("mirrored"), {14}),
    "cropped across": ("leaked_pictures", copy_across("cropped"), {14}),
    "captioned across": ("leaked_pictures", copy_across("captioned"), {14}),
    "one channel in training": ("grayscale_targets", without_colour("gray", 3), {3}),
    "gray with noise in training": ("grayscale_targets", without_colour("gray_rgb", 3), {3}),
    "sepia in validation": ("grayscale_targets", without_colour("sepia", 9), {9}),
    "training's gray shuffled": ("gray_is_mean", gray_shuffled("train"), TRAIN_ROWS),
    "validation's gray shuffled": ("gray_is_mean", gray_shuffled("val"), VAL_ROWS),
    "luma": ("gray_is_mean", gray_is_luma, {7}),
    "gray moved aside": ("gray_is_mean", gray_moved, {4}),
    "gray inverted": ("gray_is_mean", gray_inverted, {7}),
    "no edges in training": ("blank_edges", no_edges(2), {2}),
    "no edges in validation": ("blank_edges", no_edges(24), {24}),
    "too few to train on": ("train_size", cut("train", 15), set()),
    "too few to validate on": ("val_size", cut("val", 3), set()),
}


def test_no_check_fires_on_clean_pairs(clean: Evidence):
    assert fired(clean) == {}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_by_its_check_alone(clean: Evidence, fault: str):
    name, change, rows = FAULTS[fault]
    assert fired(change(clean)) == {name: rows}


def test_every_check_has_a_fault_that_it_finds():
    assert {check.name for check in CHECKS} == {name for name, _, _ in FAULTS.values()}
    assert len({check.name for check in CHECKS}) == len(CHECKS)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_every_check_says_what_it_measures_and_what_to_do(check):
    assert len(check.measures) > 5
    assert len(check.remedy) > 20
    assert "\n" not in check.measures + check.remedy


@pytest.mark.parametrize(
    ("limit", "allowed", "fault"),
    [
        ("repeated_pages", 1, "the first page again"),
        ("missing_share", 0.4, "shorter than stated"),
        ("repeated_people_share", 0.2, "people again"),
        ("shared_people", 1, "on both sides"),
        ("leaked_pictures", 1, "mirrored across"),
        ("leak_similarity", 1.0, "captioned across"),
        ("grayscale_share", 0.1, "sepia in validation"),
        ("tone_residual", 0.0, "sepia in validation"),
        ("gray_error", 255, "luma"),
        ("blank_edges_share", 0.1, "no edges in training"),
        ("edge_density", 0.0, "no edges in training"),
        ("min_train", 15, "too few to train on"),
        ("min_val", 3, "too few to validate on"),
    ],
)
def test_a_limit_raised_lets_its_fault_pass(
    clean: Evidence, limit: str, allowed: float, fault: str
):
    name, change, _ = FAULTS[fault]
    check = next(check for check in CHECKS if check.name == name)
    broken = change(clean)
    limits = broken.limits.model_copy(update={limit: allowed})
    assert check.run(broken).failed
    assert not check.run(replace(broken, limits=limits)).failed


def test_a_copy_is_named_with_its_original_and_both_pictures(clean: Evidence):
    broken = copy_across("mirrored")(clean)
    check = next(check for check in CHECKS if check.name == "leaked_pictures")
    (offender,) = check.run(broken).offenders
    assert "row 16" in offender.detail
    assert offender.pictures == (at(clean, 14), at(clean, 16))


def test_a_list_without_a_stated_total_is_not_short(clean: Evidence):
    unknown = with_ledger(clean, stated_total=pd.array([None] * 30, dtype="Int64"))
    assert fired(unknown) == {}


def test_no_check_fires_on_real_portraits(changed):
    colour = [file for file in real("portraits")[::6] if Image.open(file).mode == "RGB"]
    photos = [square(images.read(file), SIZE, "center") for file in colour]
    assert len(photos) > 50
    assert fired(evidence_of(photos, changed())) == {}


def test_no_check_fires_on_real_facades(changed):
    files = real("facades/train")[::8]
    photos = [square(images.read(file, "photo_left"), SIZE, "center") for file in files]
    assert fired(evidence_of(photos, changed())) == {}
