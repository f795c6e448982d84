"""The files on disk."""

import hashlib

import pytest

from src.imaging.picture_files import read_photo
from src.imaging.resizing import resize
from src.storage.encoding import encode_png
from tests.audit.evidence import (
    SIZE,
    fired,
    with_file,
    with_ledger,
    with_names,
    with_raw_file,
    without_rows,
)
from tests.audit.faults import refuse_files, use_placeholder


def test_two_items_with_one_picture_have_no_placeholder(clean):
    evidence = without_rows(clean, [6, 7])
    for row in (5, 6, 7):
        data = (evidence.raw / "images/5").read_bytes()
        evidence = with_raw_file(evidence, row, data)
    ids = evidence.ledger["item_id"].copy()
    ids[7] = ids[6]
    assert "placeholders" not in fired(with_names(evidence, item_id=ids))
    assert "placeholders" in fired(evidence)


def test_files_that_are_gone_are_no_placeholders(clean):
    for row in (5, 6, 7):
        (clean.raw / clean.ledger["file"][row]).unlink()
    assert "placeholders" not in fired(clean)


def test_pictures_that_a_person_wants_forgotten_are_no_fault(clean):
    refused = refuse_files(clean)
    status = refused.ledger["status"].replace("placeholder", "forgotten")
    assert "unfetched_pictures" in fired(refused)
    assert fired(with_ledger(refused, status=status)) == {}


def test_copies_in_a_folder_are_no_placeholders(clean):
    assert fired(with_ledger(use_placeholder(clean), page_url=None)) == {}


def test_a_thumbnail_as_wide_as_the_pair_is_wide_enough(clean):
    for row in (1, 2, 4, 5):
        small = resize(read_photo(clean.raw / f"images/{row}"), SIZE, 86)
        clean = with_file(clean, row, encode_png(small))
    assert fired(clean) == {}


@pytest.mark.parametrize("fault", ["none", "gone", "changed"])
def test_a_label_map_that_is_gone_or_changed_is_a_broken_file(clean, fault):
    names: list[str | None] = [None] * len(clean.ledger)
    digests = names.copy()
    for row in (3, 4):
        data = (clean.raw / f"images/{row}").read_bytes()
        names[row], digests[row] = f"images/label{row}", hashlib.sha256(data).hexdigest()
        if fault == "changed":
            data += b"\0"
        if fault != "gone":
            (clean.raw / f"images/label{row}").write_bytes(data)
    evidence = with_ledger(clean, label_file=names, label_sha256=digests)
    assert fired(evidence) == ({} if fault == "none" else {"broken_files": {3, 4}})
