"""List pages of any site, by CSS selectors."""

import html

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from src.errors import UserError
from src.params import Gallery
from src.scrape.gallery import parse_gallery
from src.scrape.listings import Item, ListingError, ListPage
from tests.conftest import DEFAULTS
from tests.servers import saved

COMMONS = "https://commons.example.test/wiki/Category:Official_portraits"
# few examples: they must find what no hand-written page has, not replace those
FEW = settings(max_examples=40, deadline=None)


def gallery(**changes: object) -> Gallery:
    """params.yaml's gallery with a next link, and some values changed."""
    given = {"url": COMMONS, "next": "a.next", "name": ".gallerytext", "total": ".total"} | changes
    return DEFAULTS.gallery.model_copy(update=given)


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
        Item("", "Carmen Castillo", None),
    ]
    assert page.total == 1234
    assert page.next_url == f"{COMMONS}?from=D"


@pytest.mark.parametrize(
    ("attributes", "source"),
    [(["data-src", "src"], "/thumb/a/"), (["src", "data-src"], "/thumb/a/")],
)
def test_the_first_attribute_with_a_picture_to_fetch_wins(attributes, source):
    page = parse_gallery(saved("gallery_1"), COMMONS, 1, gallery(image_attributes=attributes))
    assert source in page.items[0].image_url


def test_a_link_without_a_target_ends_the_gallery():
    assert parse_gallery(saved("gallery_2"), COMMONS, 2, gallery()).next_url is None


def test_without_link_selector_a_thing_is_known_by_its_picture():
    page = parse_gallery(saved("gallery_2"), COMMONS, 2, gallery(link=""))
    assert page.items[0].item_id == page.items[0].image_url


def ids(text: str, **changes: object) -> list[str]:
    """The ids of a page of <p> items, after the host."""
    page = parse_gallery(text, "http://a.example/list", 1, gallery(item="p", **changes))
    return [item.item_id.removeprefix("https://a.example") for item in page.items]


def test_links_with_positions_lead_to_the_same_person():
    page = parse_gallery(saved("page_tracking"), COMMONS, 1, gallery(item=".p"))
    paths = [item.item_id.removeprefix("https://commons.example.test") for item in page.items]
    assert paths == [f"/name/nm000000{n}" for n in (1, 1, 2, 2, 3, 3)]


def links(*targets: str, names: str = "ABC") -> str:
    """Items that link to some targets, with a picture each."""
    items = enumerate(zip(targets, names, strict=True), 1)
    return "".join(
        f'<p><a href="{target}"><img src="/{number}.jpg" alt="{name.strip()}"></a>'
        for number, (target, name) in items
    )


def test_a_known_key_identifies_where_nothing_else_does():
    listed = links("/show?ref=A1", "/show?ref=A2", "/show?ref=A3")
    assert ids(listed) == ["/show?ref=A1", "/show?ref=A2", "/show?ref=A3"]
    assert ids(listed, ignored_query=["ref"]) == ["/show"] * 3


@pytest.mark.parametrize(("names", "n_items"), [("AAA", 1), ("   ", 3), ("AAB", 3)])
def test_links_that_become_one_are_one_person_if_they_have_one_name(names, n_items):
    assert len(set(ids(links("/a?pos=1", "/a?pos=2", "/a?pos=3", names=names)))) == n_items


def test_more_keys_can_be_ignored():
    listed = links("/a?n=1&id=1", "/a?n=2&id=1", "/a?n=3&id=2")
    assert ids(listed) == ["/a?id=1&n=1", "/a?id=1&n=2", "/a?id=2&n=3"]
    assert ids(listed, ignored_query=["n"]) == ["/a?id=1", "/a?id=1", "/a?id=2"]


def test_a_link_to_the_list_itself_leaves_the_picture_as_id():
    assert ids(links("#", "", "?pos=3")) == ["/1.jpg", "/2.jpg", "/3.jpg"]


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


def test_each_selector_is_told_with_how_many_elements_it_matches():
    page = '<ul><li><a href="/1"><img src="1.jpg"></a></li><li><img src="2.jpg"></li></ul>'
    with pytest.raises(ListingError) as refused:
        parse_gallery(page, COMMONS, 1, gallery(item="li.photo", next=""))
    counts = str(refused.value).partition(". ")[2]
    assert counts == (
        "Of all 8 elements 0 match gallery.item = 'li.photo', 1 match gallery.link = 'a', "
        "0 match gallery.name = '.gallerytext', 0 match gallery.total = '.total'"
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"image": "img.large"},
            r"at gallery\.image = 'img\.large' in the 2 items, .*found none\. ",
        ),
        (
            {"image_attributes": ["data-x"]},
            r"with data-x .*: the first image has src, alt\. Of all",
        ),
    ],
)
def test_a_list_without_any_picture_is_an_error_that_names_the_selector(changes, message):
    with pytest.raises(ListingError, match=message):
        parse_gallery(links("/a", "/b", names="AB"), COMMONS, 1, gallery(item="p", **changes))


def test_a_selector_that_matches_nothing_is_noted_with_what_follows():
    wrong = {"link": "b", "name": "b", "next": "b", "total": "b"}
    page = parse_gallery(links("/a", "/b", names="AB"), COMMONS, 1, gallery(item="p", **wrong))
    assert [note.partition(" matches nothing")[0] for note in page.notes] == [
        f"gallery.{key} = 'b'" for key in ("link", "name", "total", "next")
    ]
    assert page.notes[-1].endswith("on the first page; the list ends here")
    right = parse_gallery(saved("gallery_1"), COMMONS, 1, gallery())
    unset = dict.fromkeys(wrong, "")
    assert (
        right.notes == parse_gallery(saved("gallery_1"), COMMONS, 1, gallery(**unset)).notes == ()
    )


@pytest.mark.parametrize(
    "link",
    ["<button class=n data-url=2>More</button>", '<a class=n href="javascript:more()">…</a>'],
)
def test_a_next_link_of_the_first_page_that_leads_nowhere_is_noted(link):
    html = links("/a", "/b", names="AB") + link
    selectors = gallery(item="p", next=".n", name="", total="")
    page = parse_gallery(html, COMMONS, 1, selectors)
    assert page.next_url is None
    assert [note.partition(", which")[0] for note in page.notes] == [
        f"gallery.next = '.n' matches <{link[1:].partition(' ')[0]}>"
    ]
    assert parse_gallery(html, COMMONS, 2, selectors).notes == ()


def test_no_items_on_a_later_page_is_the_end():
    page = parse_gallery(
        saved("gallery_empty"), COMMONS, 2, gallery(url=f"{COMMONS}?page={{page}}")
    )
    assert page == ListPage([], None, None)


@pytest.mark.parametrize("selector", ["li::text", "a::attr(href)"])
def test_a_selector_of_scrapys_own_is_refused_with_its_remedy(selector):
    with pytest.raises(UserError, match=r"gallery\.link = .* leave out what begins with `::`"):
        parse_gallery(saved("gallery_1"), COMMONS, 1, gallery(link=selector))


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
    lists = {"image_attributes": ["src"], "ignored_query": []}
    gallery = Gallery(url="http://a.example/", next="", render=False, **selectors, **lists)
    assert parse_gallery(page, "http://a.example/", 1, gallery).total == total
