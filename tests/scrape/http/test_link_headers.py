"""The next page that a Link header names."""

import pytest

from src.scrape.http.link_headers import next_url

URL = "https://a.test/items?page=1"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ('<https://a.test/items?page=2>; rel="next", <https://a.test/items?page=9>; rel="last"', 2),
        ("</items?page=3>;rel=next", 3),
        ('<?page=1>; rel="first prev",<?page=4> ; title="a; b, <c>" ; REL = "last NEXT"', 4),
        ('<https://a.test/items?page=5#top>; crossorigin; rel="next"', "5#top"),
        ("<https://a.test/?page=9>; rel=prev; rel=next, <?page=6>; rel=next; rel=prev", 6),
        ('<?page=9>; rel=next; anchor="/other", <?page=7>; rel=next', 7),
    ],
)
def test_the_next_page_is_read_in_every_spelling_of_the_standard(header, expected):
    assert next_url(header, URL) == f"https://a.test/items?page={expected}"


@pytest.mark.parametrize(
    "header",
    [
        "",
        '<https://a.test/wp-json/>; rel="https://api.w.org/"',
        "<?page=2>; rel=nextish",
        "<?page=2>; title=next",
        "<javascript:next()>; rel=next",
        "<mailto:a@a.test>; rel=next",
        "<#top>; rel=next",
        "<https://a.test/items?page=1>; rel=next",
        "https://a.test/items?page=2; rel=next",
        "<" * 60_000,
        "<>" + "; a=" * 20_000,
        "<>;" + " " * 60_000,
        '<>; a="' + "\\" * 60_000,
    ],
    ids=lambda header: header[:40],
)
def test_a_header_without_another_page_names_none(header):
    assert next_url(header, URL) is None


def test_a_semicolon_in_an_address_is_a_part_of_it():
    assert next_url("<?a=1;b=2>; rel=next", URL) == "https://a.test/items?a=1;b=2"
