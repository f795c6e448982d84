"""Each fault is found by its own check, and by no other; real pictures have none."""

import ast
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from src.audit.checks import CHECKS
from src.imaging import decoding
from src.imaging.picture_files import read_photo
from src.vision import picture_faults
from tests.audit.evidence import (
    CHECKS_BY_NAME,
    SIZE,
    evidence_of,
    fired,
    output_evidence_of,
    with_labels,
    with_ledger,
    with_limits,
    with_side,
    without_rows,
)
from tests.audit.faults import FAULTS, OUTPUT_FAULTS
from tests.builders import square_crop
from tests.conftest import ROOT, real

ALL_FAULTS = FAULTS | OUTPUT_FAULTS
FAULT_OF_CHECK = {fault.check: name for name, fault in reversed(FAULTS.items())}
WARNINGS_BEFORE = {
    "cut_faces",
    "upscaled_pictures",
    "garbled_names",
    "shared_names",
    "unconfirmed_copies",
    "captioned_survivors",
    "blank_pictures",
    *(f"{word}_pictures" for word in picture_faults.FAULTS),
}


@pytest.fixture
def broken(clean, good) -> Callable:
    """The evidence of a fault, by its name."""
    return lambda name: ALL_FAULTS[name].change(clean if name in FAULTS else good)


def test_no_check_fires_on_clean_pairs(clean):
    assert fired(clean) == {}
    assert fired(with_labels(clean)) == {}


@pytest.mark.parametrize("fault", ALL_FAULTS)
def test_a_fault_is_found_by_its_check_alone(broken, fault):
    assert fired(broken(fault)) == {ALL_FAULTS[fault].check: ALL_FAULTS[fault].rows}


def test_every_check_has_a_fault_that_it_finds():
    assert {check.name for check in CHECKS} == {fault.check for fault in ALL_FAULTS.values()}
    assert len(CHECKS_BY_NAME) == len(CHECKS)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_every_check_says_what_it_measures_and_what_to_do(check):
    assert len(check.description) > 5
    assert len(check.remedy) > 20
    assert "\n" not in check.description + check.remedy
    assert check.severity == "stop" or check.when == "after" or check.name in WARNINGS_BEFORE


def test_every_limit_and_threshold_belongs_to_one_check():
    limits = [key for check in CHECKS for key in check.limits]
    assert len(set(limits)) == len(limits)
    read = {
        node.slice.value
        for file in (ROOT / "src/audit").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Attribute)
        and node.value.attr == "limits"
    }
    assert read <= set(limits)
    assert {key for check in CHECKS for key in check.thresholds} <= read


@pytest.mark.parametrize("fault", [*FAULT_OF_CHECK.values(), *OUTPUT_FAULTS])
def test_a_value_at_the_limit_passes_and_just_beyond_it_fails(broken, fault):
    evidence, check = broken(fault), CHECKS_BY_NAME[ALL_FAULTS[fault].check]
    value = check.run(evidence).value
    beyond = float(np.nextafter(value, np.inf if check.at_least else -np.inf))
    assert check.run(evidence).failed
    assert not check.run(with_limits(evidence, **{check.limit_key: value})).failed
    assert check.run(with_limits(evidence, **{check.limit_key: beyond})).failed


@pytest.mark.parametrize(
    ("threshold", "value", "fault"),
    [
        ("photo_difference", 255, "orientation ignored"),
        ("label_difference", 255, "a label map mirrored"),
        ("tone_residual", 0.0, "sepia in validation"),
        ("visible_face", 0.6, "faces above the crop"),
        ("edge_density", 0.0, "no edges in training"),
        ("edge_density_most", 1.0, "all edges in training"),
        ("leak_similarity", 1.0, "captioned across"),
        ("namesake_ids", 1, "one person under two ids"),
        ("sharpness", 0.1, "a blurred picture"),
        ("highlights", 80, "a dark picture"),
        ("shadows", 230, "a bright picture"),
        ("entropy", 1.5, "a picture of one colour"),
        ("aspect_ratio", 0.3, "a narrow strip"),
    ],
)
def test_a_threshold_decides_which_pictures_are_at_fault(broken, threshold, value, fault):
    evidence, check = broken(fault), CHECKS_BY_NAME[FAULTS[fault].check]
    assert check.run(evidence).failed
    assert check.run(with_limits(evidence, **{threshold: value})).offenders == []


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("red and blue", "red and blue are swapped (train)"),
        ("half of the range", "[0, 1] taken for [-1, 1]"),
        ("orientation ignored", "EXIF orientation ignored? (val)"),
        ("rows of pictures shifted", "it shows something else (train)"),
        ("gray moved aside", "it is moved by 2 pixels across and 0 down (val)"),
        ("edges moved down", "it is moved by 0 pixels across and 1 down (train)"),
        ("luma", "it is in its place, but made in another way"),
        ("gray inverted", "it shows something else"),
        ("an error page", "images/6 is no picture: cannot identify"),
        ("a file gone", "images/3 is no picture: No such file"),
        ("other bytes", "images/8 is not what was downloaded"),
        ("one picture for three", "images/5 stands for 3 items"),
        ("a dark picture", "highlights 81 (val)"),
        ("faces above the crop", "the crop cuts through 1 of 1 faces (train)"),
        ("thumbnails", "48 pixels wide, enlarged to 64"),
        ("two names swapped", "its picture is beside nm0010 on the page"),
        ("a row twice in the ledger", "is 2 times in the ledger"),
        ("a row gone from the ledger", "is missing from the ledger"),
        ("a row doubled", "is 2 times in train, should be 1 times"),
        ("names of the next", "is nm0007, the ledger says nm0006 (train)"),
        ("copies by ruling across", "is row 16 in training (by clean.force)"),
        ("one cluster", "is in the cluster of row 0"),
        ("another picture removed", "was removed as a copy of row 3, which shows something else"),
        ("a caption kept", "has a strip that its copy, row 7, lacks (train)"),
        ("birds in the sky", "shows nothing to compare it by (train)"),
        ("one person under two ids", "has the name of row 9 in val, nm0009 (train)"),
        ("an incomplete download", "of 64 rows are gray (val)"),
        ("a training picture scored", "is in training"),
        ("an unknown picture scored", "is not in validation"),
        ("an output lost", "has no output"),
        ("too good a score", ", recorded is 0."),
        ("negatives", "of the other targets are more similar"),
        ("faded outputs", "colour "),
        ("flat outputs", "contrast "),
    ],
)
def test_the_first_row_at_fault_says_what_is_wrong(broken, fault, words):
    offenders = CHECKS_BY_NAME[ALL_FAULTS[fault].check].run(broken(fault)).offenders
    assert words in offenders[0].detail


def test_what_a_person_ruled_to_be_no_copy_is_no_leak(clean):
    leaking = FAULTS["recompressed across"].change(clean)
    excluded = leaking.ledger["excluded"].mask(leaking.ledger["row"] == 14, "3 16")
    assert fired(with_ledger(leaking, excluded=excluded)) == {}


@pytest.mark.parametrize("rows", [[0], [0, 4]], ids=["no validation", "one each"])
def test_of_the_fewest_pairs_only_the_size_is_at_fault(clean, rows):
    evidence = without_rows(clean, [row for row in range(30) if row not in rows])
    assert set(fired(evidence)) == {"train_size", "val_size"}


def test_of_no_pairs_and_no_rows_only_the_size_is_at_fault(clean):
    evidence = without_rows(clean, list(range(30)))
    assert set(fired(replace(evidence, ledger=evidence.ledger[:0]))) == {"train_size", "val_size"}


def test_no_check_fires_on_real_portraits(tmp_path: Path):
    color = [file for file in real("portraits")[::6] if Image.open(file).mode == "RGB"]
    assert len(color) > 50
    assert fired(evidence_of([file.read_bytes() for file in color], tmp_path / "raw")) == {}


def test_no_check_fires_on_real_facades(tmp_path: Path):
    files = [file.read_bytes() for file in real("facades/train")[::8]]
    evidence = evidence_of(files, tmp_path / "raw", "photo_left")
    for side, pairs in evidence.sides.items():
        decoded = [decoding.decode(files[row]) for row in pairs.index["row"]]
        labels = [decoding.split_pair(pixels, "photo_left")[1] for pixels in decoded]
        squares = np.stack([square_crop(label, SIZE, "center") for label in labels])
        evidence = with_side(evidence, side, labels=squares)
    assert fired(evidence) == {}
    assert CHECKS_BY_NAME["labels_fit_photos"].run(evidence).value > 0.7


@pytest.mark.parametrize(
    ("folder", "layout"), [("portraits", "single"), ("facades/val", "photo_left")]
)
def test_no_check_fires_on_real_pictures_saved_again(folder, layout):
    files = real(folder)[:: 20 if layout == "single" else 5]
    photos = [square_crop(read_photo(file, layout), SIZE, "center") for file in files]
    assert fired(output_evidence_of(photos)) == {}
