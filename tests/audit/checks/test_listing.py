"""The list as scrape wrote it."""

import shutil

import pandas as pd

from tests.audit.evidence import fired, with_ledger
from tests.audit.faults import shift_names


def test_a_list_without_a_stated_total_is_not_short(clean):
    assert fired(with_ledger(clean, stated_total=pd.array([None] * 30, dtype="Int64"))) == {}


def test_a_list_longer_than_stated_is_not_short(clean):
    assert fired(with_ledger(clean, stated_total=10)) == {}


def test_pages_that_were_not_saved_are_no_evidence(clean):
    broken = shift_names([10, 11])(clean)
    shutil.rmtree(broken.raw / "pages")
    assert fired(broken) == {}
