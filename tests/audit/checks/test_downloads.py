"""The files on disk."""

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
from tests.audit.faults import use_placeholder


def test_two_items_with_one_picture_have_no_placeholder(clean):
    evidence = without_rows(clean, [6, 7])
    for row in (5, 6, 7):
        data = (evidence.raw / "images/5").read_bytes()
        evidence = with_raw_file(evidence, row, data)
    ids = evidence.ledger["item_id"].copy()
    ids[7] = ids[6]
    assert "placeholders" not in fired(with_names(evidence, item_id=ids))
    assert "placeholders" in fired(evidence)


def test_copies_in_a_folder_are_no_placeholders(clean):
    assert fired(with_ledger(use_placeholder(clean), page_url=None)) == {}


def test_a_thumbnail_as_wide_as_the_pair_is_wide_enough(clean):
    for row in (1, 2, 4, 5):
        small = resize(read_photo(clean.raw / f"images/{row}"), SIZE, 86)
        clean = with_file(clean, row, encode_png(small))
    assert fired(clean) == {}
