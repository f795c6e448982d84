"""Rows from stage to stage."""

from tests.audit.evidence import fired, with_ledger, with_names, with_side, without_rows


def test_items_without_a_name_are_no_fault(clean):
    names = clean.ledger["name"].copy()
    names[[0, 4]] = None
    assert fired(with_names(clean, name=names)) == {}


def test_a_name_that_only_the_ledger_lacks_is_found(clean):
    names = clean.ledger["name"].copy()
    names[[0, 4]] = None
    assert fired(with_ledger(clean, name=names)) == {"misnamed_pairs": {0, 4}}


def test_a_row_that_was_never_listed_is_found(clean):
    index = clean.val.index.copy()
    index.loc[5, "row"] = 30
    expected = {"lost_rows": {29, 30}, "misnamed_pairs": {30}}
    assert fired(with_side(clean, "val", index=index)) == expected


def test_a_row_on_the_wrong_side_is_found(clean):
    sides = clean.ledger["side"].copy()
    sides[0] = "val"
    assert fired(with_ledger(clean, side=sides)) == {"lost_rows": {0}}


def test_removed_rows_need_no_file_and_no_side(clean):
    evidence = without_rows(clean, [3, 9])
    files = evidence.ledger["file"].mask(evidence.ledger["row"].isin([3, 9]), None)
    assert fired(with_ledger(evidence, file=files)) == {}
