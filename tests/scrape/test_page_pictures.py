"""Where a page has the picture of an item."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.scrape.listings import read_document
from src.scrape.page_pictures import css_urls, largest_candidate, picture_url


@pytest.mark.parametrize(
    ("srcset", "url"),
    [
        ("1.jpg", "1.jpg"),
        ("s.jpg, 1.jpg 2x", "1.jpg"),
        ("1.jpg 800w, s.jpg 400w", "1.jpg"),
        ("s.jpg 400w,1.jpg 800w", "1.jpg"),
        ("s.jpg 1x,1.jpg 1.5x", "1.jpg"),
        ("s.jpg 400w 300h, 1.jpg 800w 600h", "1.jpg"),
        ("s.jpg 3x, 1.jpg 300w", "1.jpg"),
        ("a,b.jpg 2x, s.jpg", "a,b.jpg"),
        ("data:image/gif;base64,R0 1x, 1.jpg 2x", "1.jpg"),
        ("1.jpg, s.jpg", "1.jpg"),
        ("1.jpg,", "1.jpg"),
        (",, \n1.jpg\t2x ,\n", "1.jpg"),
        ("bad.jpg 9q, 1.jpg 1x", "1.jpg"),
        ("bad.jpg 9x (a, b), 1.jpg 1x", "1.jpg"),
        ("bad.jpg -1x, bad.jpg 1.5w, 1.jpg 1e0x", "1.jpg"),
        ("", None),
        (" , ", None),
        ("bad.jpg 9q", None),
    ],
)
def test_the_largest_candidate_of_a_srcset_is_taken(srcset, url):
    assert largest_candidate(srcset) == url


urls = st.text(string.ascii_letters + "/.,?=()%-", min_size=1, max_size=12).map(
    lambda s: f"/{s}.jpg"
)
blanks = st.sampled_from([" ", "\n", "\t ", "  "])


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(urls, st.integers(1, 9999)), min_size=1, unique_by=lambda c: c[1]), blanks
)
def test_any_srcset_of_widths_gives_the_widest(candidates, blank):
    srcset = f",{blank}".join(f"{url}{blank}{width}w" for url, width in candidates)
    assert largest_candidate(srcset) == max(candidates, key=lambda candidate: candidate[1])[0]


@settings(max_examples=300, deadline=None)
@given(st.text(string.ascii_letters + " ,()w1x2h.\n", max_size=60))
def test_any_text_gives_a_candidate_that_is_in_it_or_none(srcset):
    url = largest_candidate(srcset)
    assert url is None or (url in srcset and not url.endswith(","))


@pytest.mark.parametrize(
    ("style", "found"),
    [
        ("background-image: url(1.jpg)", ["1.jpg"]),
        ("color:red;BACKGROUND:#fff URL( '1 2.jpg' ) no-repeat", ["1 2.jpg"]),
        ('background-image: linear-gradient(red, blue), url("a;b.jpg")', ["a;b.jpg"]),
        ("background-image:url(1.jpg),url(2.jpg)", ["1.jpg", "2.jpg"]),
        ("list-style: url(bullet.png); border-image: url(b.png)", []),
        ("background: none", []),
        ("background:url()", [""]),
        ("", []),
    ],
)
def test_backgrounds_are_read_from_a_style(style, found):
    assert css_urls(style) == found


@pytest.mark.parametrize(
    ("media", "shown"),
    [
        ("", True),
        ("all and (min-width: 1200px)", True),
        ("(width >= 600px)", True),
        ("(600px<=width)", True),
        ("(30em <= width <= 200rem)", True),
        ("(max-width: 600px), (min-width: 1200px)", True),
        ("not all and (max-width: 600px)", True),
        ("(min-width: 1.2.3px)", True),
        ("(max-width: 600px) or (min-width: 900px)", True),
        ("not all and (monochrome)", True),
        ("(not (min-width: 600px))", False),
        ("(max-device-width: 600px)", False),
        ("(width < 600px)", False),
        ("(width<=37.5em)", False),
        ("(600px > width)", False),
        ("(400px <= width <= 700px)", False),
        ("not all and (min-width: 600px)", False),
        ("print, (orientation: portrait)", False),
        ("(prefers-reduced-motion: reduce)", False),
    ],
)
def test_the_source_of_a_wide_screen_is_taken(media, shown):
    html = f'<picture><source media="{media}" srcset="a.jpg"><img src="b.jpg"></picture>'
    document = read_document(html.replace("<=", "&lt;="), "http://a.test/")
    url = picture_url(document, [document.soup], ["srcset", "src"], False)
    assert url == f"http://a.test/{'a' if shown else 'b'}.jpg"


def test_long_values_are_read_in_time():
    assert largest_candidate("a " + "(" * 200_000) is None
    assert largest_candidate("," * 200_000) is None
    assert css_urls("background:" + "url(" * 100_000) == []
    for media in ("1" * 200_000, "1" + " " * 200_000):
        html = f'<picture><source media="{media}" srcset="a.jpg"><img src="b.jpg"></picture>'
        document = read_document(html, "http://a.test/")
        assert picture_url(document, [document.soup], ["srcset", "src"], False)
