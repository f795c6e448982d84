"""One value has one text, in whatever table or answer it stands."""

import pytest

from src.scrape.value_texts import id_text, value_text


@pytest.mark.parametrize("value", [7, 7.0, "7", b"7", "7.0"])
def test_a_whole_number_is_one_id_however_it_is_stored(value):
    assert id_text(value) == "7"


def test_a_text_that_is_no_id_stays_as_it_is():
    assert value_text("7.0") == "7.0"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (float("nan"), ""),
        ("", ""),
        (0.5, "0.5"),
        ("7.00", "7.00"),
        ("v7.0", "v7.0"),
        (float("inf"), "inf"),
        (1e300, "1e+300"),
        ("\ud800", "\ufffd" * 3),
        (b"\xff", "\\xff"),  # and no other byte has this text
    ],
)
def test_what_is_no_whole_number_has_a_text(value, text):
    assert value_text(value) == id_text(value) == text
