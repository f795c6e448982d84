"""The list as scrape wrote it."""

import shutil

import pandas as pd
import pytest

from tests.audit.evidence import fired, with_ledger
from tests.audit.faults import repeat_page, shift_names


def test_a_list_without_a_stated_total_is_not_short(clean):
    assert fired(with_ledger(clean, stated_total=pd.array([None] * 30, dtype="Int64"))) == {}


def test_a_list_longer_than_stated_is_not_short(clean):
    assert fired(with_ledger(clean, stated_total=10)) == {}


def test_pages_that_were_not_saved_are_no_evidence(clean):
    broken = shift_names([10, 11])(clean)
    shutil.rmtree(broken.raw / "pages")
    assert fired(broken) == {}


@pytest.mark.parametrize("name", [None, "second.csv"], ids=["a data set's file", "a list of URLs"])
def test_files_of_a_list_may_show_the_same_items_with_other_pictures(clean, name):
    repeated = repeat_page(clean)
    assert set(fired(repeated)) == {"repeated_pages"}
    assert fired(with_ledger(repeated, page_url=pd.Series([name] * 30, dtype=object))) == {}
