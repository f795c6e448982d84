"""IMDb's two layouts of list pages."""

import html
import json
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from src.demo import site
from src.demo.inventory import list_entries
from src.errors import UserError
from src.scrape.imdb import full_size, imdb_url, parse_imdb
from src.scrape.listings import Item, ListingError, ListPage
from tests.conftest import real
from tests.servers import saved

URL = "https://www.imdb.com/list/ls058011111/?sort=list_order%2Casc"
LAYOUTS = [site.lister, site.next_data]
ENTRIES = list_entries(300, 3, faults=True)
# few examples: they must find what no hand-written page has, not replace those
FEW = settings(max_examples=40, deadline=None)
PERSON = {
    "id": "nm0000046",
    "nameText": {"text": "Vivien Leigh"},
    "primaryImage": {"url": "https://m.example.test/images/M/MV5A@._V1_.jpg"},
}


def next_data(listed: object) -> str:
    """A page in the layout from 2024 on, around any list."""
    data = {"props": {"pageProps": {"mainColumnData": {"list": listed}}}}
    return script(json.dumps(data).replace("<", "\\u003c"))


def script(text: str) -> str:
    return f'<html><script id="__NEXT_DATA__" type="application/json">{text}</script></html>'


def search(*edges: object, **more: object) -> dict:
    return {"nameListItemSearch": {"edges": list(edges), **more}}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_entry_of_a_page_is_listed_in_order(layout):
    page = parse_imdb(layout(ENTRIES, 300, 1, False), URL, 0)
    assert [item.item_id for item in page.items] == [entry.item_id for entry in ENTRIES]
    assert [item.name for item in page.items] == [entry.name for entry in ENTRIES]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_only_people_without_a_picture_have_no_image_url(layout):
    page = parse_imdb(layout(ENTRIES, 300, 1, False), URL, 0)
    without = {i for i, item in enumerate(page.items) if item.image_url is None}
    assert without == {i for i, entry in enumerate(ENTRIES) if entry.kind == "no_image"}
    assert without


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_entry_has_its_own_picture_in_full_size(layout):
    page = parse_imdb(layout(ENTRIES, 300, 1, False), URL, 0)
    urls = [item.image_url for item in page.items if item.image_url]
    assert len(set(urls)) == len(urls)
    assert all(url.startswith(f"{site.ORIGIN}/images/M/") for url in urls)
    assert all(url.endswith("@.jpg") for url in urls)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_chosen_width_is_in_the_picture_urls(layout):
    page = parse_imdb(layout(ENTRIES[:9], 9, 1, False), URL, 512)
    assert {i.image_url.partition("@")[2] for i in page.items} == {"._V1_UX512_.jpg"}


@pytest.mark.parametrize("total", [7, 50, 1000, 1_234_567])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_stated_total_is_read(layout, total):
    assert parse_imdb(layout(ENTRIES[:5], total, 1, True), URL, 0).total == total


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_next_page_is_that_of_the_number_after(layout):
    page = parse_imdb(layout(ENTRIES[:5], 300, 4, True), f"{URL}&page=4", 0)
    query = dict(pair.split("=") for pair in urlsplit(page.next_url).query.split("&"))
    assert query["page"] == "5"
    assert urlsplit(page.next_url)[:3] == urlsplit(URL)[:3]


def test_the_next_page_keeps_the_order_of_the_list():
    page = parse_imdb(site.next_data(ENTRIES[:5], 300, 1, True), URL, 0)
    assert page.next_url == f"{URL}&page=2"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_last_page_has_no_next(layout):
    assert parse_imdb(layout(ENTRIES[:5], 300, 4, False), f"{URL}&page=4", 0).next_url is None


def test_a_real_list_of_fifty_people_is_read_whole():
    [path] = real("imdb", "people_list_ls053501318*.html")
    page = parse_imdb(path.read_text(encoding="utf-8"), URL, 0)
    assert len(page.items) == page.total == 50
    assert len({item.item_id for item in page.items}) == 50
    assert all(item.item_id.startswith("nm") and item.name for item in page.items)
    assert (page.items[0].item_id, page.items[0].name) == ("nm0000136", "Johnny Depp")
    assert page.items[0].image_url.endswith(
        "/M/MV5BMTM0ODU5Nzk2OV5BMl5BanBnXkFtZTcwMzI2ODgyNQ@@.jpg"
    )


def test_a_real_fragment_lists_the_item_whose_box_is_in_it():
    [path] = real("imdb", "people_list_fragment*.html")
    [item] = parse_imdb(path.read_text(encoding="utf-8"), URL, 512).items
    assert (item.item_id, item.name) == ("nm0001401", "Angelina Jolie")
    assert item.image_url.endswith(
        "/M/MV5BODg3MzYwMjE4N15BMl5BanBnXkFtZTcwMjU5NzAzNw@@._V1_UX512_.jpg"
    )


def test_a_real_lazy_list_gives_pictures_and_not_placeholders():
    [path] = real("imdb", "titles_list_ls520749027*.html")
    page = parse_imdb(path.read_text(encoding="utf-8"), URL, 0)
    assert len(page.items) == page.total == 12
    assert page.items[0].name == "Nosferatu"
    assert all(item.item_id.startswith("tt") for item in page.items)
    urls = {item.image_url for item in page.items}
    assert len(urls) == 12
    assert all("/images/M/" in url and "_V1_" not in url for url in urls)


@pytest.mark.parametrize(
    "crop",
    [
        "._V1_UY209_CR1,0,140,209_AL_",
        "._V1_UX140_CR0,0,140,209_AL_",
        "._V1_QL75_UX140_CR0,1,140,207_",
        "._V1_",
        "",
    ],
)
def test_full_size_drops_any_crop(crop):
    assert full_size(f"https://m.test/M/MV5A.b@@{crop}.jpg", 0) == "https://m.test/M/MV5A.b@@.jpg"


def test_full_size_leaves_other_pictures_alone():
    url = "https://example.test/a_V1_b/photo.large.png"
    assert full_size(url, 0) == full_size(url, 512) == url


@pytest.mark.parametrize("wrap", ["listItem", "node", "name"])
def test_each_kind_of_edge_is_read(wrap):
    page = parse_imdb(next_data(search({wrap: PERSON})), URL, 0)
    [item] = page.items
    assert item == Item("nm0000046", "Vivien Leigh", "https://m.example.test/images/M/MV5A@.jpg")


@pytest.mark.parametrize("image", [None, {}, {"url": None}])
def test_a_person_without_primary_image_is_listed_without_one(image):
    page = parse_imdb(next_data(search({"listItem": PERSON | {"primaryImage": image}})), URL, 0)
    assert page.items == [Item("nm0000046", "Vivien Leigh", None)]


@pytest.mark.parametrize("name", [None, {}, {"text": None}])
def test_a_person_without_a_name_is_listed_without_one(name):
    [item] = parse_imdb(next_data(search({"listItem": PERSON | {"nameText": name}})), URL, 0).items
    assert (item.item_id, item.name) == ("nm0000046", "")


def test_a_list_of_titles_in_the_new_layout_is_read():
    title = {"id": "tt0013442", "titleText": {"text": "Nosferatu"}, "primaryImage": None}
    listed = {"titleListItemSearch": {"edges": [{"listItem": title}], "total": 12}}
    page = parse_imdb(next_data(listed), URL, 0)
    assert page == ListPage([Item("tt0013442", "Nosferatu", None)], 12, None)


@pytest.mark.parametrize(
    "text", ["", "{}", "no page at all", saved("challenge"), saved("gallery_1")]
)
def test_an_unknown_page_is_an_error_that_says_expected_and_found(text):
    with pytest.raises(ListingError, match=r"expected div\.lister-item .* found neither"):
        parse_imdb(text, URL, 0)


def test_an_unknown_page_is_named_by_its_title():
    with pytest.raises(ListingError, match="Human Verification"):
        parse_imdb(saved("challenge"), URL, 0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        '{"props": {}}',
        '{"props": {"pageProps": {"mainColumnData": {"list": null}}}}',
        '{"props": {"pageProps": {"mainColumnData": {"list": []}}}}',
        '{"props": {"pageProps": {"mainColumnData": {"list": {"nameListItemSearch": null}}}}}',
        "[" * 100_000,
    ],
    ids=lambda text: text[:24] or "empty",
)
def test_broken_json_is_an_error_that_says_expected_and_found(text):
    with pytest.raises(ListingError, match=r"expected props\.pageProps.* found"):
        parse_imdb(script(text), URL, 0)


@pytest.mark.parametrize(
    "listed",
    [
        search(None),
        search({}),
        search({"listItem": {"nameText": {"text": "Nobody"}}}),
        search({"listItem": PERSON | {"id": None}}),
        search({"listItem": PERSON | {"primaryImage": {"url": 5}}}),
        search({"listItem": PERSON}) | {"items": {"total": "many"}},
    ],
    ids=["null edge", "empty edge", "no id", "null id", "url no text", "total no number"],
)
def test_an_item_of_another_shape_is_an_error_that_says_expected_and_found(listed):
    with pytest.raises(ListingError, match=r"expected.* found"):
        parse_imdb(next_data(listed), URL, 0)


def rendered(*people: str, stated: str = "") -> str:
    """A page as IMDb's scripts draw it from 2024 on, without its JSON."""
    items = "".join(
        f'<li class="ipc-metadata-list-summary-item">{person}</li>' for person in people
    )
    return f'<div data-testid="list-page-mc-total-items">{stated}</div><ul>{items}</ul>'


DRAWN = (
    '<img alt="x" src="https://m.test/images/M/MV5A@._V1_QL75_UX140_CR0,1,140,207_.jpg">'
    '<a href="/name/nm0000046/?ref_=nmls_i_1"></a>'
    '<a href="/name/nm0000046/"><h3 class="ipc-title__text">12. Vivien Leigh</h3></a>'
    '<a href="/title/tt0031381/">Gone with the Wind</a>'
)


def test_a_list_is_read_where_scripts_have_drawn_it():
    other = '<a href="/list/ls2/">More lists</a>'
    page = parse_imdb(rendered(DRAWN, other, stated="1 - 250 of 1,000 names"), URL, 512)
    url = "https://m.test/images/M/MV5A@._V1_UX512_.jpg"
    assert page.items == [Item("nm0000046", "Vivien Leigh", url)]
    assert page.total == 1000
    assert page.next_url == URL + "&page=2"
    assert parse_imdb(rendered(DRAWN, stated="1 name"), URL, 512).next_url is None


def test_a_drawn_item_may_have_no_picture_and_no_title():
    bare = '<a href="/title/tt0031381/"></a>'
    lazy = '<a href="/name/nm1/"><img srcset="/a.jpg 1w, /b.jpg 2w" alt="Ada"></a>'
    page = parse_imdb(rendered(bare, lazy), URL, 512)
    assert page.items == [
        Item("tt0031381", "", None),
        Item("nm1", "Ada", "https://www.imdb.com/b.jpg"),
    ]


def test_of_the_json_and_what_is_drawn_from_it_the_longer_list_is_read():
    text = next_data(search({"listItem": PERSON | {"id": "nm7"}}))
    assert [item.item_id for item in parse_imdb(text + rendered(DRAWN), URL, 0).items] == ["nm7"]
    scrolled = parse_imdb(text + rendered(DRAWN, DRAWN), URL, 0)
    assert [item.item_id for item in scrolled.items] == ["nm0000046"] * 2


def test_a_list_without_items_is_an_error_that_says_expected_and_found():
    with pytest.raises(ListingError, match=r"expected div\.lister-item-image.* found none"):
        parse_imdb('<div class="lister-list"></div>', URL, 0)


def test_an_item_without_a_link_to_a_person_is_an_error_that_shows_it():
    text = '<div class="lister-item-image"><a href="/chart/">Top 250</a></div>'
    with pytest.raises(ListingError, match=r"/name/nm.*found.*Top 250"):
        parse_imdb(text, URL, 0)


def in_lister(text: str) -> str:
    value = html.escape(text)
    return (
        '<div class="lister-item-image"><a href="/name/nm1/">'
        f'<img src="{value}" alt="{value}"></a></div><a class="lister-page-next" href="{value}">'
    )


@FEW
@given(st.text(), st.sampled_from([str, script, in_lister]))
@example("http://[", in_lister)
def test_any_text_gives_a_page_or_a_listing_error(text, wrap):
    try:
        page = parse_imdb(wrap(text), URL, 0)
    except ListingError as error:
        assert "expected" in str(error)
    else:
        assert all(item.item_id for item in page.items)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "edges listItem node id nameText text primaryImage url items total pageInfo "
                "hasNextPage nameListItemSearch".split()
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@FEW
@given(values)
def test_any_json_gives_a_page_or_a_listing_error(listed):
    try:
        page = parse_imdb(next_data(listed), URL, 0)
    except ListingError as error:
        assert "expected" in str(error)
    else:
        assert page.total is None or isinstance(page.total, int)
        assert all(isinstance(item.item_id, str) for item in page.items)


@pytest.mark.parametrize(
    "given", ["ls058011111", "https://www.imdb.com/list/ls058011111/?page=3", "/list/ls058011111"]
)
def test_a_list_is_named_by_id_or_url(given):
    assert imdb_url(given) == URL


def test_what_is_no_list_id_is_refused_by_its_key():
    with pytest.raises(UserError, match=r"imdb\.list = 'tt0013442'"):
        imdb_url("tt0013442")


@pytest.mark.parametrize("page", ["x", "{page}", "9" * 5000, "-1", "²"])
def test_a_page_whose_number_is_none_is_the_first(page):
    html = site.next_data(ENTRIES[:2], 10, 1, True)
    listed = parse_imdb(html, f"https://www.imdb.com/list/ls1/?page={page}", 0)
    assert listed.next_url == "https://www.imdb.com/list/ls1/?page=2"
