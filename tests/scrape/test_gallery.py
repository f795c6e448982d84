"""List pages of any site, by CSS selectors."""

import html

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from src.errors import UserError
from src.params import Gallery, read_params
from src.scrape.gallery import parse_gallery
from src.scrape.listings import Item, ListingError, ListPage
from tests.conftest import ROOT
from tests.servers import saved

COMMONS = "https://commons.example.test/wiki/Category:Official_portraits"
# few examples: they must find what no hand-written page has, not replace those
FEW = settings(max_examples=40, deadline=None)


def gallery(**changes: object) -> Gallery:
    """params.yaml's gallery with a next link, and some values changed."""
    given = {"url": COMMONS, "next": "a.next", "total": ".total"} | changes
    return read_params(ROOT / "params.yaml").gallery.model_copy(update=given)


def test_a_gallery_is_read_by_its_selectors():
    page = parse_gallery(saved("gallery_1"), COMMONS, 1, gallery())
    root = "https://commons.example.test"
    assert page.items == [
        Item(
            f"{root}/wiki/File:Ada_Abbott.jpg",
            "Ada Abbott.jpg 300 × 400; 35 KB",
            f"{root}/thumb/a/Ada_Abbott.jpg/120px-Ada_Abbott.jpg",
        ),
        Item(f"{root}/wiki/File:Zo%C3%AB_Young.jpg", "Zoë Young", f"{root}/wiki/thumb/z/Zoe.jpg"),
        Item(
            f"{root}/wiki/File:Boris_Bauer.png",
            "Boris <Bauer> & Söhne",
            "https://upload.example.test/b/Boris.png",
        ),
        Item("Carmen Castillo", "Carmen Castillo", None),
    ]
    assert page.total == 1234
    assert page.next_url == f"{COMMONS}?from=D"


@pytest.mark.parametrize(
    ("attributes", "source"),
    [(["data-src", "src"], "/thumb/a/"), (["src", "data-src"], "data:image/gif")],
)
def test_the_first_attribute_present_wins(attributes, source):
    page = parse_gallery(saved("gallery_1"), COMMONS, 1, gallery(image_attributes=attributes))
    assert source in page.items[0].image_url


def test_a_link_without_a_target_ends_the_gallery():
    assert parse_gallery(saved("gallery_2"), COMMONS, 2, gallery()).next_url is None


def test_without_link_selector_a_thing_is_known_by_its_picture():
    page = parse_gallery(saved("gallery_2"), COMMONS, 2, gallery(link=""))
    assert page.items[0].item_id == page.items[0].image_url


def test_without_total_selector_nothing_is_stated():
    assert parse_gallery(saved("gallery_1"), COMMONS, 1, gallery(total="")).total is None


def test_pages_may_be_counted_in_the_url():
    counted = gallery(url=f"{COMMONS}?page={{page}}")
    page = parse_gallery(saved("gallery_1"), f"{COMMONS}?page=6", 6, counted)
    assert page.next_url == f"{COMMONS}?page=7"


@pytest.mark.parametrize("url", [COMMONS, f"{COMMONS}?page={{page}}"], ids=["next", "counted"])
def test_no_items_on_the_first_page_is_an_error_that_names_the_selector(url):
    with pytest.raises(ListingError, match=r"expected items at gallery\.item = 'li\.gallerybox'"):
        parse_gallery(saved("gallery_empty"), COMMONS, 1, gallery(url=url))


def test_no_items_on_a_later_page_is_the_end():
    page = parse_gallery(
        saved("gallery_empty"), COMMONS, 2, gallery(url=f"{COMMONS}?page={{page}}")
    )
    assert page == ListPage([], None, None)


@pytest.mark.parametrize("key", ["item", "image", "link", "name", "next", "total"])
def test_a_bad_selector_is_refused_by_its_key(key):
    with pytest.raises(UserError, match=rf"gallery\.{key} = 'li\[' is no CSS selector"):
        parse_gallery(saved("gallery_1"), COMMONS, 1, gallery(**{key: "li["}))


@FEW
@given(st.text(), st.text())
@example("http://[", "")
@example("", "http://[")
def test_any_attribute_gives_items_or_a_listing_error(source, target):
    text = (
        f'<li class="gallerybox"><a href="{html.escape(target)}"><img src="{html.escape(source)}">'
        f'</a></li><a class="next" href="{html.escape(target)}">'
    )
    try:
        page = parse_gallery(text, COMMONS, 1, gallery())
    except ListingError as error:
        assert "expected" in str(error)
    else:
        assert len(page.items) == 1


@FEW
@given(st.text(max_size=12))
@example("li:nope")
@example("@")
def test_any_selector_works_or_is_refused_by_its_key(selector):
    try:
        parse_gallery(saved("gallery_1"), COMMONS, 1, gallery(item=selector))
    except (ListingError, UserError) as error:
        assert "gallery.item" in str(error)


@pytest.mark.parametrize(
    ("text", "total"),
    [
        ("1–50 of 900 files", 900),
        ("(Page 1 of 12) 1,234 names", 1234),
        ("50 names", 50),
        ("", None),
    ],
)
def test_the_total_is_the_largest_number_of_its_text(text, total):
    page = f'<p class="t">{text}</p><li class="i"><img src="a.jpg"></li>'
    selectors = {"item": "li.i", "image": "img", "link": "", "name": "", "total": "p.t"}
    gallery = Gallery(url="http://a.example/", next="", image_attributes=["src"], **selectors)
    assert parse_gallery(page, "http://a.example/", 1, gallery).total == total
