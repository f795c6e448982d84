"""Each check before training fires on its own fault, and on nothing else."""

import ast
import hashlib
import io
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image

from src.audit import findings
from src.audit.checks import CHECKS
from src.audit.evidence import Evidence
from src.audit.registry import Check
from src.dataset.arrays import Pairs
from src.dataset.inputs import to_canny, to_gray
from src.demo import site
from src.demo.inventory import Entry, alter
from src.errors import UserError
from src.imaging import decoding
from src.imaging.picture_files import read_photo
from src.imaging.resizing import resize
from src.pair.pairing import square_crop
from src.params import Pair, Params, read_params
from src.storage import ledger
from src.storage.encoding import encode_png
from src.storage.ledger import write_ledger
from tests.audit import test_output_checks as test_outputs
from tests.conftest import ROOT, real

PER_PAGE = 5
SIZE = 64
BEFORE = {check.name: check for check in CHECKS if check.when == "before"}
HTML = b"<!DOCTYPE html><title>503</title>"


def small_params() -> Params:
    p = read_params(ROOT / "params.yaml")
    return p.model_copy(update={"pair": p.pair.model_copy(update={"size": SIZE})})


def pairs_of(photos: list[np.ndarray], rows: list[int], table: pd.DataFrame, pair: Pair) -> Pairs:
    """The arrays of one side, as the stage pair makes them."""
    return Pairs(
        photo=np.stack(photos),
        gray=np.stack([to_gray(photo) for photo in photos]),
        canny=np.stack([to_canny(photo, pair.canny) for photo in photos]),
        labels=None,
        index=table.iloc[rows][["row", "item_id", "name"]].reset_index(drop=True),
    )


def address(picture: int) -> str:
    return f"{site.ORIGIN}/images/M/MV5B{picture:06d}@._V1_UX512_.jpg"


def write_pages(table: pd.DataFrame, raw: Path) -> None:
    """The list pages that say what the ledger says, in both layouts by turns."""
    for page, rows in table.groupby("page"):
        entries = [
            Entry(int(url.split("MV5B")[1][:6]), item, str(name), "portrait", 0)
            for url, item, name in zip(
                rows["image_url"], rows["item_id"], rows["name"], strict=True
            )
        ]
        layout = site.lister if page % 2 else site.next_data
        file = raw / f"pages/{page:04d}.html"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(layout(entries, len(table), page, True), encoding="utf-8")


def evidence_of(files: list[bytes], raw: Path, layout: str = "single") -> Evidence:
    """A list of people with a picture each, every fifth of them in validation."""
    p = small_params()
    rows = list(range(len(files)))
    side = ["val" if row % 5 == 4 else "train" for row in rows]
    (raw / "images").mkdir(parents=True)
    for row, data in enumerate(files):
        (raw / f"images/{row}").write_bytes(data)
    values = {
        "row": rows,
        "page": [row // PER_PAGE + 1 for row in rows],
        "position": [row % PER_PAGE + 1 for row in rows],
        "item_id": [f"nm{row:04d}" for row in rows],
        "name": [f"Person {row}" for row in rows],
        "page_url": [f"{site.LIST}?page={row // PER_PAGE + 1}" for row in rows],
        "image_url": [address(row) for row in rows],
        "stated_total": len(rows),
        "layout": layout,
        "file": [f"images/{row}" for row in rows],
        "sha256": [hashlib.sha256(data).hexdigest() for data in files],
        "cluster": rows,
        "verdict": "keep",
        "group": rows,
        "side": side,
    }
    columns = ledger.schema("split")
    empty = {name: None for name in columns.names if name not in values}
    arrow = pa.Table.from_pandas(pd.DataFrame(values | empty), schema=columns, preserve_index=False)
    nullable = {pa.int64(): pd.Int64Dtype(), pa.float64(): pd.Float64Dtype()}
    table = arrow.to_pandas(types_mapper=nullable.get)
    write_pages(table, raw)
    photos = [
        square_crop(read_photo(raw / f"images/{row}", layout), SIZE, "center") for row in rows
    ]
    train, val = (
        pairs_of([photos[row] for row in chosen], chosen, table, p.pair)
        for chosen in ([row for row in rows if side[row] == name] for name in ("train", "val"))
    )
    return Evidence(
        table, train, val, raw, "sketch", p.pair, findings.resolve_limits(p.audit.limits)
    )


@pytest.fixture(scope="module")
def made(faces, tmp_path_factory) -> Evidence:
    files = [encode_png(face) for face in faces[:30]]
    return evidence_of(files, tmp_path_factory.mktemp("made") / "raw")


@pytest.fixture
def clean(made: Evidence, tmp_path: Path) -> Evidence:
    """24 + 6 drawn portraits on six pages of five: training holds rows 0-3, 5-8, 10-13, …"""
    shutil.copytree(made.raw, tmp_path / "raw")
    return replace(made, raw=tmp_path / "raw")


def fired(e: Evidence) -> dict[str, set[int]]:
    """The checks that fail, and the rows that each names."""
    found = findings.run(e, "before")
    return {name: {o.row for o in f.offenders} for name, f in found.items() if f.failed}


def with_ledger(e: Evidence, **columns: object) -> Evidence:
    return replace(e, ledger=e.ledger.assign(**columns))


def with_side(e: Evidence, side: str, **arrays: object) -> Evidence:
    return replace(e, **{side: replace(e.sides[side], **arrays)})


def with_limits(e: Evidence, **limits: float) -> Evidence:
    return replace(e, limits=e.limits | limits)


def renamed(e: Evidence, **columns: pd.Series) -> Evidence:
    """Ids or addresses changed in the ledger, and the arrays' index with them."""
    e = with_ledger(e, **columns)
    for side, pairs in e.sides.items():
        told = e.ledger.set_index("row").loc[pairs.index["row"], ["item_id", "name"]]
        e = with_side(e, side, index=pairs.index.assign(**told.reset_index(drop=True)))
    return e


def listed(e: Evidence, **columns: pd.Series) -> Evidence:
    """The same, and the saved pages with them."""
    e = renamed(e, **columns)
    write_pages(e.ledger, e.raw)
    return e


def at(e: Evidence, row: int) -> tuple[str, int]:
    """Where a row is in the arrays."""
    side = e.ledger["side"][row]
    return side, list(e.sides[side].index["row"]).index(row)


def photo(e: Evidence, row: int) -> np.ndarray:
    side, place = at(e, row)
    return e.sides[side].photo[place]


def with_photo(e: Evidence, row: int, photo: np.ndarray) -> Evidence:
    """One picture of the arrays replaced, and its inputs with it."""
    side, place = at(e, row)
    changed = {"photo": photo, "gray": to_gray(photo), "canny": to_canny(photo, e.pair.canny)}
    arrays = {name: getattr(e.sides[side], name).copy() for name in changed}
    for name, picture in changed.items():
        arrays[name][place] = picture
    return with_side(e, side, **arrays)


def stored(e: Evidence, row: int, data: bytes, told: bool = True) -> Evidence:
    """A row's file replaced, and what the ledger tells of it."""
    (e.raw / e.ledger["file"][row]).write_bytes(data)
    if not told:
        return e
    digests = e.ledger["sha256"].copy()
    digests[row] = hashlib.sha256(data).hexdigest()
    return with_ledger(e, sha256=digests)


def with_file(e: Evidence, row: int, data: bytes) -> Evidence:
    """A row's file replaced before everything that is made of it."""
    return with_photo(stored(e, row, data), row, square_crop(decoding.decode(data), SIZE, "center"))


def with_input(e: Evidence, name: str, row: int, change: Callable) -> Evidence:
    side, place = at(e, row)
    pairs = e.sides[side]
    array = getattr(pairs, name).copy()
    array[place] = change(pairs.photo[place])
    return with_side(e, side, **{name: array})


def taken_out(e: Evidence, rows: list[int]) -> Evidence:
    """Rows that an earlier stage removed, as the ledger says."""
    gone = e.ledger["row"].isin(rows)
    verdict = e.ledger["verdict"].mask(gone, "near_duplicate")
    e = with_ledger(e, side=e.ledger["side"].mask(gone, None), verdict=verdict)
    for side, pairs in e.sides.items():
        kept = (~pairs.index["row"].isin(rows)).to_numpy()
        arrays = {name: getattr(pairs, name)[kept] for name in ("photo", "gray", "canny")}
        e = with_side(e, side, **arrays, index=pairs.index[kept].reset_index(drop=True))
    return e


def altered(picture: np.ndarray, kind: str) -> bytes:
    """A changed copy, as a file of the size that files have."""
    return alter(resize(picture, 256, 256), kind, np.random.default_rng(1))


def page_again(e: Evidence) -> Evidence:
    """The last page shows the first page's people, with other pictures."""
    ids = e.ledger["item_id"].copy()
    ids[25:30] = ids[0:5]
    return listed(e, item_id=ids)


def two_pages_again(e: Evidence) -> Evidence:
    """Pages 3 and 4 mix people of pages 1 and 2: no page equals another, none is new."""
    ids = e.ledger["item_id"].copy()
    ids[10:20] = [ids[row] for row in (8, 0, 7, 1, 9, 2, 6, 3, 5, 4)]
    return listed(e, item_id=ids)


def people_again(e: Evidence) -> Evidence:
    """On each page but the first somebody from the page before it."""
    columns = {name: e.ledger[name].copy() for name in ("item_id", "image_url")}
    for column in columns.values():
        column[5::5] = list(column[3:28:5])
    return listed(e, **columns)


def person_on_both_sides(e: Evidence) -> Evidence:
    """Another picture of row 0's person, in validation."""
    ids = e.ledger["item_id"].copy()
    ids[9] = ids[0]
    return listed(e, item_id=ids)


def names_slipped(rows: list[int]) -> Callable[[Evidence], Evidence]:
    """Each picture has the next one's name, though the saved page says otherwise."""

    def change(e: Evidence) -> Evidence:
        ids = e.ledger["item_id"].copy()
        ids[rows] = list(ids[[*rows[1:], rows[0]]])
        return renamed(e, item_id=ids)

    return change


def names_garbled(e: Evidence) -> Evidence:
    """UTF-8 read as Windows-1252, and bytes that were none; three that are as they should be."""
    names = e.ledger["name"].copy()
    names[2:6] = ["Zoë O’Brien", "Zoë O’Brien".encode().decode("cp1252"), "Zo\ufffd", "Łucja 李"]
    return renamed(e, name=names)


def refused(e: Evidence) -> Evidence:
    """Four of thirty were not had."""
    e = taken_out(e, [3, 8, 13, 18])
    gone = e.ledger["row"].isin([3, 8, 13, 18])
    status = e.ledger["status"].mask(gone, "placeholder")
    return with_ledger(e, file=e.ledger["file"].mask(gone, None), status=status)


def unreadable(e: Evidence) -> Evidence:
    """Four of thirty were error pages under a picture's name."""
    e = taken_out(e, [3, 8, 13, 18])
    gone = e.ledger["row"].isin([3, 8, 13, 18])
    return with_ledger(e, verdict=e.ledger["verdict"].mask(gone, "unreadable"))


def on_no_side(e: Evidence) -> Evidence:
    verdict = e.ledger["verdict"].copy()
    e = taken_out(e, [12])
    return with_ledger(e, verdict=verdict)


def tail_lost(e: Evidence) -> Evidence:
    """Scrape wrote two rows more than arrived."""
    more = pd.concat([e.ledger, e.ledger.tail(2)], ignore_index=True)
    write_ledger(more.assign(row=range(len(more))), e.raw / "ledger.parquet", "raw")
    return e


def pale_and_shifted(e: Evidence) -> Evidence:
    """Two small motifs on white, each at the other's place: few levels tell them apart."""
    for row in (2, 3):
        pale = np.full((SIZE, SIZE, 3), 255, np.uint8)
        pale[18:46, 18:46] = resize(photo(e, row), 28, 28)
        e = with_photo(e, row, pale)
        e = with_file(e, row, encode_png(pale))
    one, other = photo(e, 2).copy(), photo(e, 3).copy()
    return with_photo(with_photo(e, 2, other), 3, one)


def file_gone(e: Evidence) -> Evidence:
    (e.raw / "images/3").unlink()
    return e


def half_a_file(row: int) -> Callable[[Evidence], Evidence]:
    return lambda e: stored(e, row, (e.raw / f"images/{row}").read_bytes()[:5000])


def file_changed(e: Evidence) -> Evidence:
    """The same pixels in other bytes than were downloaded."""
    data = encode_png(read_photo(e.raw / "images/8"))
    return stored(e, 8, data + b"more", told=False)


def placeholder(e: Evidence) -> Evidence:
    """Three people have one silhouette, which clean has removed already."""
    e = taken_out(e, [5, 6, 7])
    for row in (5, 6, 7):
        e = stored(e, row, encode_png(np.full((40, 30, 3), 204, np.uint8)))
    return e


def thumbnails(e: Evidence) -> Evidence:
    for row in (1, 2, 4, 5):
        tiny = resize(read_photo(e.raw / f"images/{row}"), 48, 64)
        e = with_file(e, row, encode_png(tiny))
    return e


def rows_shifted(e: Evidence) -> Evidence:
    """Training's pictures stand at the next row's place."""
    pairs = e.train
    names = ("photo", "gray", "canny")
    return with_side(e, "train", **{n: np.roll(getattr(pairs, n), 1, axis=0) for n in names})


def misread(row: int, change: Callable) -> Callable[[Evidence], Evidence]:
    return lambda e: with_photo(e, row, np.ascontiguousarray(change(photo(e, row))))


def orientation_ignored(e: Evidence) -> Evidence:
    """The file is stored turned, with the EXIF tag that says so."""
    lying, exif, buffer = np.rot90(read_photo(e.raw / "images/9")), Image.Exif(), io.BytesIO()
    exif[0x0112] = 6
    Image.fromarray(lying).save(buffer, "PNG", exif=exif)
    return with_photo(stored(e, 9, buffer.getvalue()), 9, square_crop(lying, SIZE, "center"))


def alpha_dropped(e: Evidence) -> Evidence:
    """Nothing of the background is to be seen in the file, and it is black in the array."""
    pixels = read_photo(e.raw / "images/7").copy()
    seen = np.zeros(pixels.shape[:2], np.uint8)
    seen[:, 40:150] = 255
    pixels[seen == 0] = 0
    data = encode_png(np.dstack([pixels, seen]))
    return with_photo(stored(e, 7, data), 7, square_crop(pixels, SIZE, "center"))


def copy_across(kind: str) -> Callable[[Evidence], Evidence]:
    return lambda e: with_file(e, 14, altered(photo(e, 16), kind))


def without_colour(kind: str, row: int) -> Callable[[Evidence], Evidence]:
    return lambda e: with_file(e, row, altered(photo(e, row), kind))


def broken_off(e: Evidence) -> Evidence:
    """A lenient decoder filled the lowest quarter."""
    pixels = read_photo(e.raw / "images/4").copy()
    pixels[176:] = 128
    return with_file(e, 4, encode_png(pixels))


def gray_shuffled(side: str) -> Callable[[Evidence], Evidence]:
    return lambda e: with_side(e, side, gray=np.roll(e.sides[side].gray, 1, axis=0))


def edges_shuffled(side: str) -> Callable[[Evidence], Evidence]:
    return lambda e: with_side(e, side, canny=np.roll(e.sides[side].canny, 1, axis=0))


def no_edges(row: int) -> Callable[[Evidence], Evidence]:
    """A photograph in which nothing has an edge."""

    def change(e: Evidence) -> Evidence:
        ramp = np.linspace(40, 220, 128)
        soft = np.stack(np.broadcast_arrays(ramp, ramp[:, None], 128.0), axis=2)
        return with_file(e, row, encode_png(soft.astype(np.uint8)))

    return change


def all_edges(row: int) -> Callable[[Evidence], Evidence]:
    """A photograph of stripes one pixel wide, in colours that change slowly."""

    def change(e: Evidence) -> Evidence:
        ramp = np.linspace(0, 50, SIZE)
        stripes = np.stack(np.broadcast_arrays(ramp, ramp[:, None], 0.0), axis=2)
        stripes[:, ::4] += 200
        return with_file(e, row, encode_png(stripes.astype(np.uint8)))

    return change


def labelled(e: Evidence) -> Evidence:
    """With label maps: the photographs in few colours."""
    for side, pairs in e.sides.items():
        e = with_side(e, side, labels=np.asarray(pairs.photo) // 64 * 64)
    return e


def labels_blank(e: Evidence) -> Evidence:
    """The same map for every photograph: the worst tenth is the first three."""
    e = labelled(e)
    for side, pairs in e.sides.items():
        e = with_side(e, side, labels=np.full_like(pairs.photo, 7))
    return e


def three_labels_moved_on(e: Evidence) -> Evidence:
    e = with_limits(labelled(e), labels_fit=0.99)
    labels = e.train.labels.copy()
    labels[[0, 1, 2]] = labels[[1, 2, 0]]
    return with_side(e, "train", labels=labels)


def one_cluster(e: Evidence) -> Evidence:
    return with_ledger(e, cluster=e.ledger["cluster"].mask(e.ledger["row"] < 7, 0))


def index_shifted(e: Evidence) -> Evidence:
    """Ids and names of two neighbours in training, each at the other's row."""
    index = e.train.index.copy()
    index.loc[[5, 6], ["item_id", "name"]] = index.loc[[6, 5], ["item_id", "name"]].to_numpy()
    return with_side(e, "train", index=index)


def lost(side: str, place: int) -> Callable[[Evidence], Evidence]:
    def change(e: Evidence) -> Evidence:
        pairs, kept = e.sides[side], np.arange(len(e.sides[side])) != place
        arrays = {name: getattr(pairs, name)[kept] for name in ("photo", "gray", "canny")}
        return with_side(e, side, **arrays, index=pairs.index[kept].reset_index(drop=True))

    return change


def doubled(e: Evidence) -> Evidence:
    order = [0, *range(len(e.train))]
    arrays = {name: getattr(e.train, name)[order] for name in ("photo", "gray", "canny")}
    return with_side(e, "train", **arrays, index=e.train.index.iloc[order].reset_index(drop=True))


def row_twice_in_the_ledger(e: Evidence) -> Evidence:
    """Listed under another person's id the second time, so that no person repeats."""
    again = e.ledger.iloc[[12]].assign(item_id="nm9999", stated_total=30)
    twice = pd.concat([e.ledger, again], ignore_index=True)
    write_pages(twice, e.raw)
    return replace(e, ledger=twice)


def row_gone_from_the_ledger(e: Evidence) -> Evidence:
    e = with_ledger(taken_out(e, [12]), stated_total=29)
    return replace(e, ledger=e.ledger[e.ledger["row"] != 12])


VAL_ROWS = {4, 9, 14, 19, 24, 29}
TRAIN_ROWS = set(range(30)) - VAL_ROWS
# The check, the fault, and the rows that are named.
FAULTS = {
    "the first page again": ("repeated_pages", page_again, {25}),
    "pages of people seen before": ("repeated_pages", two_pages_again, {10, 15}),
    "shorter than stated": ("missing_from_list", lambda e: with_ledger(e, stated_total=50), {29}),
    "people again": ("repeated_items", people_again, {5, 10, 15, 20, 25}),
    "two names swapped": ("misplaced_pictures", names_slipped([10, 11]), {10, 11}),
    "names slipped in JSON": ("misplaced_pictures", names_slipped([5, 6, 7, 8]), {5, 6, 7, 8}),
    "names in another encoding": ("garbled_names", names_garbled, {3, 4}),
    "half the pictures refused": ("unfetched_pictures", refused, {3, 8, 13, 18}),
    "error pages": ("unfetched_pictures", unreadable, {3, 8, 13, 18}),
    "a kept row on no side": ("lost_rows", on_no_side, {12}),
    "fewer rows than scraped": ("lost_rows", tail_lost, {29}),
    "pale pictures shifted": ("altered_photos", pale_and_shifted, {2, 3}),
    "a file gone": ("broken_files", file_gone, {3}),
    "an error page": ("broken_files", lambda e: stored(e, 6, HTML), {6}),
    "an empty file": ("broken_files", lambda e: stored(e, 6, b""), {6}),
    "half a file": ("broken_files", half_a_file(9), {9}),
    "other bytes": ("broken_files", file_changed, {8}),
    "one picture for three": ("placeholders", placeholder, {5, 6, 7}),
    "thumbnails": ("upscaled_pictures", thumbnails, {1, 2, 4, 5}),
    "a row lost in training": ("lost_rows", lost("train", 10), {12}),
    "a row lost in validation": ("lost_rows", lost("val", 1), {9}),
    "a row doubled": ("lost_rows", doubled, {0}),
    "a row twice in the ledger": ("lost_rows", row_twice_in_the_ledger, {12}),
    "a row gone from the ledger": ("lost_rows", row_gone_from_the_ledger, {12}),
    "names of the next": ("misnamed_pairs", index_shifted, {6, 7}),
    "red and blue": ("altered_photos", misread(2, lambda p: p[..., ::-1]), {2}),
    "mirrored in validation": ("altered_photos", misread(14, lambda p: p[:, ::-1]), {14}),
    "half of the range": ("altered_photos", misread(2, lambda p: 128 + p // 2), {2}),
    "orientation ignored": ("altered_photos", orientation_ignored, {9}),
    "alpha dropped": ("altered_photos", alpha_dropped, {7}),
    "rows of pictures shifted": ("altered_photos", rows_shifted, TRAIN_ROWS),
    "one channel in training": ("grayscale_targets", without_colour("gray", 3), {3}),
    "gray with noise in training": ("grayscale_targets", without_colour("gray_rgb", 3), {3}),
    "sepia in validation": ("grayscale_targets", without_colour("sepia", 9), {9}),
    "a download broken off": ("truncated_photos", broken_off, {4}),
    "training's gray shuffled": ("gray_is_mean", gray_shuffled("train"), TRAIN_ROWS),
    "validation's gray shuffled": ("gray_is_mean", gray_shuffled("val"), VAL_ROWS),
    "luma": (
        "gray_is_mean",
        lambda e: with_input(e, "gray", 7, lambda p: cv2.cvtColor(p, cv2.COLOR_RGB2GRAY)),
        {7},
    ),
    "gray moved aside": (
        "gray_is_mean",
        lambda e: with_input(e, "gray", 4, lambda p: np.roll(to_gray(p), 2, axis=1)),
        {4},
    ),
    "gray inverted": (
        "gray_is_mean",
        lambda e: with_input(e, "gray", 7, lambda p: 255 - to_gray(p)),
        {7},
    ),
    "training's edges shuffled": ("edges_are_canny", edges_shuffled("train"), TRAIN_ROWS),
    "validation's edges shuffled": ("edges_are_canny", edges_shuffled("val"), VAL_ROWS),
    "edges moved down": (
        "edges_are_canny",
        lambda e: with_input(
            e, "canny", 11, lambda p: np.roll(to_canny(p, e.pair.canny), 1, axis=0)
        ),
        {11},
    ),
    "edges without a blur": (
        "edges_are_canny",
        lambda e: with_input(
            e, "canny", 24, lambda p: to_canny(p, e.pair.canny.model_copy(update={"blur": 1}))
        ),
        {24},
    ),
    "no edges in training": ("blank_edges", no_edges(2), {2}),
    "no edges in validation": ("blank_edges", no_edges(24), {24}),
    "all edges in training": ("full_edges", all_edges(2), {2}),
    "all edges in validation": ("full_edges", all_edges(24), {24}),
    "one label map for all": ("labels_fit_photos", labels_blank, {0, 1, 2}),
    "label maps of the next": ("labels_fit_photos", three_labels_moved_on, {0, 1, 2}),
    "on both sides": ("shared_items", person_on_both_sides, {9}),
    "recompressed across": ("leaked_pictures", copy_across("recompressed"), {14}),
    "mirrored across": ("leaked_pictures", copy_across("mirrored"), {14}),
    "cropped across": ("leaked_pictures", copy_across("cropped"), {14}),
    "captioned across": ("leaked_pictures", copy_across("captioned"), {14}),
    "one cluster": ("giant_cluster", one_cluster, set(range(7))),
    "too few to train on": (
        "train_size",
        lambda e: taken_out(e, [row for row in sorted(TRAIN_ROWS) if row > 17]),
        set(),
    ),
    "too few to validate on": ("val_size", lambda e: taken_out(e, [4, 9, 14]), set()),
}
ONE_EACH = {name: fault for fault, (name, _, _) in reversed(FAULTS.items())}


def test_no_check_fires_on_clean_pairs(clean: Evidence):
    assert fired(clean) == {}
    assert fired(labelled(clean)) == {}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_by_its_check_alone(clean: Evidence, fault: str):
    name, change, rows = FAULTS[fault]
    assert fired(change(clean)) == {name: rows}


def test_every_check_has_a_fault_that_it_finds():
    faults = [*FAULTS.values(), *test_outputs.FAULTS.values()]
    assert {check.name for check in CHECKS} == {name for name, _, _ in faults}
    assert len({check.name for check in CHECKS}) == len(CHECKS)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_every_check_says_what_it_measures_and_what_to_do(check):
    assert len(check.description) > 5
    assert len(check.remedy) > 20
    assert "\n" not in check.description + check.remedy
    warned = ("upscaled_pictures", "garbled_names")
    assert check.severity == "stop" or check.when == "after" or check.name in warned


def test_every_limit_and_threshold_belongs_to_one_check():
    own = [key for check in CHECKS for key in check.limits]
    assert len(set(own)) == len(own)
    read = {
        node.slice.value
        for file in (ROOT / "src/audit/checks").glob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Attribute)
        and node.value.attr == "limits"
    }
    assert read <= set(own)
    assert {key for check in CHECKS for key in check.thresholds} <= read


@pytest.mark.parametrize("name", ONE_EACH)
def test_a_limit_at_the_measure_lets_it_pass_and_just_beyond_does_not(clean: Evidence, name: str):
    check = BEFORE[name]
    broken = FAULTS[ONE_EACH[name]][1](clean)
    value = check.run(broken).value
    beyond = np.nextafter(value, np.inf if check.at_least else -np.inf)
    assert check.run(broken).failed
    assert not check.run(with_limits(broken, **{check.limit: value})).failed
    assert check.run(with_limits(broken, **{check.limit: float(beyond)})).failed


@pytest.mark.parametrize(
    ("limit", "allowed", "fault"),
    [
        ("photo_difference", 255, "orientation ignored"),
        ("tone_residual", 0.0, "sepia in validation"),
        ("edge_density", 0.0, "no edges in training"),
        ("edge_density_most", 1.0, "all edges in training"),
        ("leak_similarity", 1.0, "captioned across"),
    ],
)
def test_a_threshold_of_a_single_picture_lets_its_fault_pass(
    clean: Evidence, limit: str, allowed: float, fault: str
):
    name, change, _ = FAULTS[fault]
    broken = change(clean)
    assert BEFORE[name].run(broken).failed
    assert BEFORE[name].run(with_limits(broken, **{limit: allowed})).offenders == []


def test_a_copy_is_named_with_its_original_and_both_pictures(clean: Evidence):
    broken = copy_across("mirrored")(clean)
    (offender,) = BEFORE["leaked_pictures"].run(broken).offenders
    assert "row 16" in offender.detail
    assert offender.pictures == (at(clean, 14), at(clean, 16))


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("red and blue", "red and blue are swapped (train)"),
        ("half of the range", "[0, 1] taken for [-1, 1]"),
        ("orientation ignored", "EXIF orientation ignored? (val)"),
        ("rows of pictures shifted", "it shows something else (train)"),
        ("gray moved aside", "it is moved by 2 pixels across and 0 down (val)"),
        ("edges moved down", "it is moved by 0 pixels across and 1 down (train)"),
        ("luma", "it is in its place but not made as said"),
        ("gray inverted", "it shows something else"),
        ("an error page", "images/6 is no picture: cannot identify"),
        ("a file gone", "images/3 is no picture: No such file"),
        ("other bytes", "images/8 is not what was downloaded"),
        ("one picture for three", "images/5 stands for 3 people"),
        ("thumbnails", "48 pixels wide, enlarged to 64"),
        ("two names swapped", "its picture stands beside nm0010 on the page"),
        ("a row twice in the ledger", "stands 2 times in the ledger"),
        ("a row gone from the ledger", "is missing from the ledger"),
        ("a row doubled", "is 2 times in train, should be 1 times"),
        ("names of the next", "is nm0007, the ledger says nm0006 (train)"),
        ("one cluster", "is in the cluster of row 0"),
        ("a download broken off", "of 64 rows are gray (val)"),
    ],
)
def test_the_first_row_at_fault_is_told_why(clean: Evidence, fault: str, words: str):
    name, change, _ = FAULTS[fault]
    assert words in BEFORE[name].run(change(clean)).offenders[0].detail


def test_a_list_without_a_stated_total_is_not_short(clean: Evidence):
    assert fired(with_ledger(clean, stated_total=pd.array([None] * 30, dtype="Int64"))) == {}


def test_a_list_longer_than_stated_is_not_short(clean: Evidence):
    assert fired(with_ledger(clean, stated_total=10)) == {}


def test_people_without_a_name_are_no_fault(clean: Evidence):
    names = clean.ledger["name"].copy()
    names[[0, 4]] = None
    assert fired(renamed(clean, name=names)) == {}


def test_a_name_that_only_the_ledger_lacks_is_found(clean: Evidence):
    names = clean.ledger["name"].copy()
    names[[0, 4]] = None
    assert fired(with_ledger(clean, name=names)) == {"misnamed_pairs": {0, 4}}


def test_a_row_that_was_never_listed_is_found(clean: Evidence):
    index = clean.val.index.copy()
    index.loc[5, "row"] = 30
    found = fired(with_side(clean, "val", index=index))
    assert found == {"lost_rows": {29, 30}, "misnamed_pairs": {30}}


def test_a_row_on_the_wrong_side_is_found(clean: Evidence):
    sides = clean.ledger["side"].copy()
    sides[0] = "val"
    assert fired(with_ledger(clean, side=sides)) == {"lost_rows": {0}}


def test_removed_rows_need_no_file_and_no_side(clean: Evidence):
    e = taken_out(clean, [3, 9])
    files = e.ledger["file"].mask(e.ledger["row"].isin([3, 9]), None)
    assert fired(with_ledger(e, file=files)) == {}


def test_two_people_with_one_picture_have_no_placeholder(clean: Evidence):
    e = taken_out(clean, [6, 7])
    for row in (5, 6, 7):
        e = stored(e, row, (e.raw / "images/5").read_bytes())
    ids = e.ledger["item_id"].copy()
    ids[7] = ids[6]
    assert "placeholders" not in fired(renamed(e, item_id=ids))
    assert "placeholders" in fired(e)


def test_copies_in_a_folder_are_no_placeholders(clean: Evidence):
    e = with_ledger(placeholder(clean), page_url=None)
    assert fired(e) == {}


@pytest.mark.parametrize(("rows", "found"), [(5, False), (6, True)])
def test_a_gray_edge_below_a_twelfth_is_part_of_the_picture(
    clean: Evidence, rows: int, found: bool
):
    pixels = photo(clean, 4).copy()
    pixels[-rows:] = 128 + np.array([3, 0, -3])  # as compression leaves it
    data = encode_png(pixels)
    assert ("truncated_photos" in fired(with_file(clean, 4, data))) == found


@pytest.mark.parametrize("level", [124, 132])
def test_another_gray_is_no_decoders(clean: Evidence, level: int):
    pixels = photo(clean, 4).copy()
    pixels[-20:] = level
    assert "truncated_photos" not in fired(with_file(clean, 4, encode_png(pixels)))


def test_a_thumbnail_as_wide_as_the_pair_is_wide_enough(clean: Evidence):
    for row in (1, 2, 4, 5):
        small = resize(read_photo(clean.raw / f"images/{row}"), SIZE, 86)
        clean = with_file(clean, row, encode_png(small))
    assert fired(clean) == {}


def test_a_turned_photograph_read_upright_is_no_fault(clean: Evidence):
    broken = orientation_ignored(clean)
    data = (broken.raw / "images/9").read_bytes()
    assert fired(with_file(broken, 9, data)) == {}


def test_pages_that_were_not_saved_say_nothing(clean: Evidence):
    broken = names_slipped([10, 11])(clean)
    shutil.rmtree(broken.raw / "pages")
    assert fired(broken) == {}


def test_fewer_pairs_than_a_share_needs_say_nothing_of_labels(clean: Evidence):
    few = labels_blank(taken_out(clean, list(range(15, 30))))
    assert len(few.train) + len(few.val) == 15
    assert BEFORE["labels_fit_photos"].run(few).value == 1


def test_label_maps_of_other_photographs_are_found(clean: Evidence):
    e = labelled(clean)
    for side, pairs in e.sides.items():
        e = with_side(e, side, labels=np.roll(pairs.labels, 1, axis=0))
    assert set(fired(e)) == {"labels_fit_photos"}


@pytest.mark.parametrize("rows", [[0], [0, 4]], ids=["no validation", "one each"])
def test_the_fewest_pairs_are_only_told_to_be_few(clean: Evidence, rows: list[int]):
    e = taken_out(clean, [row for row in range(30) if row not in rows])
    assert set(fired(e)) == {"train_size", "val_size"}


def test_no_pairs_and_no_rows_are_only_told_to_be_few(clean: Evidence):
    e = taken_out(clean, list(range(30)))
    assert set(fired(replace(e, ledger=e.ledger[:0]))) == {"train_size", "val_size"}


def test_no_check_fires_on_real_portraits(tmp_path: Path):
    colour = [file for file in real("portraits")[::6] if Image.open(file).mode == "RGB"]
    assert len(colour) > 50
    assert fired(evidence_of([file.read_bytes() for file in colour], tmp_path / "raw")) == {}


def test_no_check_fires_on_real_facades(tmp_path: Path):
    files = [file.read_bytes() for file in real("facades/train")[::8]]
    e = evidence_of(files, tmp_path / "raw", "photo_left")
    for side, pairs in e.sides.items():
        whole = [
            decoding.decode((e.raw / f"images/{row}").read_bytes()) for row in pairs.index["row"]
        ]
        maps = [
            square_crop(decoding.split_pair(both, "photo_left")[1], SIZE, "center")
            for both in whole
        ]
        e = with_side(e, side, labels=np.stack(maps))
    assert fired(e) == {}
    assert BEFORE["labels_fit_photos"].run(e).value > 0.7


def test_a_checks_own_limit_holds_until_the_parameters_have_another(clean: Evidence):
    own = Check(
        "pale", "m", "pale_share", 0.5, "r", "stop", "before", False, {}, lambda e: (0.7, [])
    )
    assert own.run(clean).failed
    assert not own.run(with_limits(clean, pale_share=0.8)).failed


def test_a_limit_of_no_check_is_refused_by_name(changed):
    overrides = changed({"audit.limits.pale_shar": 0.8}).audit.limits
    with pytest.raises(UserError, match=r"audit\.limits\.pale_shar is no check's"):
        findings.resolve_limits(overrides)


def test_an_override_takes_the_place_of_a_limit_or_threshold(changed):
    overrides = {"missing_share": 0.5, "leak_similarity": 0.8}
    limits = changed(
        {f"audit.limits.{key}": value for key, value in overrides.items()}
    ).audit.limits
    assert findings.resolve_limits(limits) == findings.resolve_limits({}) | overrides
