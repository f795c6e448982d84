"""A list from page to page."""

import json
from functools import partial

import pytest

from src.demo import site
from src.errors import UserError
from src.scrape.crawl import crawl
from src.scrape.gallery import parse_gallery
from src.scrape.http.client import Client
from src.scrape.imdb import parse_imdb
from src.scrape.json_lists import parse_json
from tests.scrape.scraping import QUICK, list_page
from tests.servers import NOT_FOUND, Answer, saved

pytestmark = pytest.mark.usefixtures("own_folder")


@pytest.fixture
def crawl_list(server, changed, tmp_path):
    """Crawl /list of the server: crawl_list({"scrape.max_pages": 3})."""

    def go(changes=None):
        client = Client(changed(QUICK | (changes or {})).scrape, tmp_path / "http")

        def parse(html, url, number):
            return parse_imdb(html, url, 0)

        return crawl(server["/list"], parse, client, tmp_path / "pages")

    return go


def test_a_list_that_states_more_than_it_shows_ends_where_it_ends(server, crawl_list):
    server["/list"] = list_page(range(5), 1000, 1, has_next=False)
    listed = crawl_list()
    assert (len(listed.rows), listed.expected, listed.pages) == (5, 1000, 1)
    assert {row["stated_total"] for row in listed.rows} == {1000}


def test_a_list_is_left_when_all_it_states_is_listed(server, crawl_list):
    server["/list"] = list_page(range(5), 5, 1, has_next=True)
    assert crawl_list().pages == 1
    assert server.page_targets() == ["/list"]


def test_pages_that_overlap_do_not_end_a_list_before_its_last_page(server, crawl_list):
    server["/list"] = list_page(range(4), 7, 1)
    server["/list?page=2"] = list_page(range(3, 6), 7, 2)  # item 3 again: 7 rows, 6 items
    server["/list?page=3"] = list_page(range(6, 7), 7, 3, has_next=False)
    listed = crawl_list()
    assert (listed.pages, len({row["item_id"] for row in listed.rows})) == (3, 7)


def test_a_list_with_more_than_it_states_is_read_to_its_end(server, crawl_list, capsys):
    server["/list"] = list_page(range(5), 4, 1)  # of pages, say
    server["/list?page=2"] = list_page(range(5, 10), 4, 2)
    server["/list?page=3"] = list_page(range(10, 12), 4, 3, has_next=False)
    assert len(crawl_list().rows) == 12
    told = capsys.readouterr().err
    assert told.count("the list states 4 items and has more: its total does not end it") == 1


def test_no_more_than_max_pages_are_asked_for_and_the_next_one_is_named(server, crawl_list, capsys):
    def page(target: str) -> Answer:
        number = int(target.partition("page=")[2] or 1)
        return list_page(range(5 * number, 5 * number + 5), 10_000, number)

    server["/list"] = page
    listed = crawl_list({"scrape.max_pages": 4})
    assert (listed.pages, len(listed.rows), listed.repeated_pages) == (4, 20, 0)
    assert len(server.page_targets()) == 4
    told = (
        "scrape: the list goes on after scrape.max_pages = 4: raise it "
        f"({listed.rows[-1]['page_url'][:-1]}5)"
    )
    assert told in capsys.readouterr().err


def test_a_server_that_repeats_its_last_page_past_the_end_is_left(server, crawl_list):
    server["/list"] = list_page(range(5), 1000, 1)
    server["/list?page=2"] = list_page(range(5, 8), 1000, 2)
    server["/list?page=3"] = list_page(range(5, 8), 1000, 3)
    listed = crawl_list()
    assert [row["item_id"] for row in listed.rows] == [f"nm{n:07d}" for n in range(8)]
    assert (listed.pages, listed.repeated_pages) == (3, 1)


def test_a_page_with_one_new_item_is_no_repeat(server, crawl_list):
    server["/list"] = list_page(range(5), 1000, 1)
    server["/list?page=2"] = list_page(range(1, 6), 1000, 2, has_next=False)
    listed = crawl_list()
    assert (len(listed.rows), listed.repeated_pages) == (10, 0)


@pytest.mark.parametrize(("people", "pages"), [(range(1, 4), 2), (range(3, 6), 3)])
def test_a_page_that_repeats_with_other_positions_in_its_links_is_a_repeat(
    server, changed, tmp_path, people, pages
):
    """The second page lists the people of the first, or two new ones; the third what the second does."""

    def page(numbers: range, first: int) -> Answer:
        items = enumerate(numbers, first)
        text = "".join(
            f'<p><a href="/name/nm{n}/?ref_=list_pos_{i}">{n}</a><img src="{n}.jpg">'
            for i, n in items
        )
        return Answer(text.encode())

    url = server["/g?page={page}"]
    server["/g?page=1"], server["/g?page=2"] = page(range(1, 4), 1), page(people, 4)
    server["/g?page=3"] = page(people, 7)
    settings = changed({"gallery.url": url, "gallery.item": "p", "gallery.name": "a"}).gallery
    client = Client(changed(QUICK).scrape, tmp_path / "http")
    parse = partial(parse_gallery, gallery=settings)
    listed = crawl(server["/g?page=1"], parse, client, tmp_path / "pages")
    assert (listed.pages, listed.repeated_pages) == (pages, 1)
    assert len({row["item_id"] for row in listed.rows}) == len({*range(1, 4), *people})


@pytest.mark.parametrize("status", [404, 410, 204, 400, 422])
def test_a_stated_page_that_does_not_exist_ends_the_list_with_a_note(
    server, crawl_list, capsys, status
):
    server["/list"] = list_page(range(5), 1000, 1)
    server["/list?page=2"] = Answer(b'{"code": "rest_post_invalid_page_number"}', status)
    assert len(crawl_list().rows) == 5
    assert f"HTTP {status}, expected 200): the list ends before it" in capsys.readouterr().err


def test_a_counted_page_that_does_not_exist_is_the_usual_end(server, changed, tmp_path, capsys):
    server["/g?page=1"] = Answer(b'<p><a href="/1">Ada<img src="1.jpg"></a></p>')
    server["/g?page=2"] = NOT_FOUND
    settings = {"gallery.url": server["/g?page={page}"], "gallery.item": "p", "gallery.name": ""}
    parse = partial(parse_gallery, gallery=changed(settings).gallery)
    client = Client(changed(QUICK).scrape, tmp_path / "http")
    assert len(crawl(server["/g?page=1"], parse, client, tmp_path / "pages").rows) == 1
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("answer", [NOT_FOUND, Answer(b"", 202), Answer(b""), Answer(b"", 500)])
def test_a_first_page_that_cannot_be_had_is_an_error(server, crawl_list, answer):
    server["/list"] = answer
    with pytest.raises(UserError, match="page 1 of the list cannot be fetched: http"):
        crawl_list()


def test_what_is_odd_about_a_page_is_told(server, changed, tmp_path, capsys):
    server["/g"] = Answer(b'<p><a href="/1"><img src="1.jpg"></a></p>')
    settings = {"gallery.url": server["/g"], "gallery.item": "p", "gallery.name": "b"}
    settings = changed(settings).gallery
    client = Client(changed(QUICK).scrape, tmp_path / "http")
    crawl(server["/g"], partial(parse_gallery, gallery=settings), client, tmp_path / "pages")
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("scrape: gallery.name = 'b' matches nothing on the first page")


def test_items_that_all_have_one_id_are_told(server, changed, tmp_path, capsys):
    """Their first link may be that of the author."""
    cards = [f'<p><a href="/ada">Ada</a><img src="{n}.jpg" alt="Cat {n}"></p>' for n in range(3)]
    server["/g"] = Answer("".join(cards).encode())
    settings = changed({"gallery.url": server["/g"], "gallery.item": "p"}).gallery
    client = Client(changed(QUICK).scrape, tmp_path / "http")
    crawl(server["/g"], partial(parse_gallery, gallery=settings), client, tmp_path / "pages")
    told = capsys.readouterr().err
    assert f"all 3 items have the id {server['/ada']!r}, and count as one" in told


def test_a_missing_later_page_is_the_end(server, crawl_list):
    server["/list"] = list_page(range(5), 1000, 1)
    assert len(crawl_list().rows) == 5


def linked(body: str, target: str = "") -> Answer:
    return Answer(body.encode(), headers={"Link": f'<{target}>; rel="next"'} if target else {})


def test_a_list_of_json_goes_on_where_its_link_header_leads(server, changed, tmp_path, capsys):
    """GitHub and WordPress answer with a bare list; what is cached leads on too."""
    server["/items"] = linked('[{"id": 1, "url": "1.jpg"}]', "/items?page=2")
    server["/items?page=2"] = linked('[{"id": 2, "url": "2.jpg"}]', server["/items?page=3"])
    server["/items?page=3"] = linked('[{"id": 3, "url": "3.jpg"}]')
    changes = {
        "json.url": server["/items"],
        "json.items": "@",
        "json.name": "",
        "json.next": "more",
    }
    parse = partial(parse_json, settings=changed(changes).json)
    for _ in range(2):
        client = Client(changed(QUICK).scrape, tmp_path / "http")
        listed = crawl(server["/items"], parse, client, tmp_path / "pages", "json")
        assert [row["item_id"] for row in listed.rows] == ["1", "2", "3"]
    assert len(server.page_targets()) == 3
    assert capsys.readouterr().err == ""


def test_a_gallery_goes_on_where_its_link_header_leads_if_its_page_does_not(
    server, changed, tmp_path, capsys
):
    """Page 1 itself names page 2, which then states where page 3 is."""
    page = '<p><a href="/{0}"><img src="{0}.jpg"></a></p>'
    server["/g"] = linked(page.format(1) + '<a class="n" href="/g?page=2">', "/g?page=9")
    server["/g?page=2"] = linked(page.format(2) + '<a class="n" href="#">', "/g?page=3")
    server["/g?page=3"] = linked(page.format(3), "/g?page=3")
    changes = {"gallery.url": server["/g"], "gallery.item": "p", "gallery.next": "a.n"}
    client = Client(changed(QUICK).scrape, tmp_path / "http")
    parse = partial(parse_gallery, gallery=changed(changes).gallery)
    assert len(crawl(server["/g"], parse, client, tmp_path / "pages").rows) == 3
    assert server.page_targets() == ["/g", "/g?page=2", "/g?page=3"]
    assert capsys.readouterr().err == ""


def test_a_gallery_may_go_on_by_link_headers_alone_in_any_letters(
    server, changed, tmp_path, capsys
):
    """A header's bytes are those of UTF-8, which HTTP libraries take for Latin-1."""
    page = '<p><a href="/{0}"><img src="{0}.jpg"></a></p>'
    server["/g"] = linked(page.format(1), "/é".encode().decode("latin1"))
    server["/%C3%A9"] = linked(page.format(2))
    changes = {"gallery.url": server["/g"], "gallery.item": "p", "gallery.next": "a.n"}
    client = Client(changed(QUICK).scrape, tmp_path / "http")
    parse = partial(parse_gallery, gallery=changed(changes).gallery)
    assert len(crawl(server["/g"], parse, client, tmp_path / "pages").rows) == 2
    assert capsys.readouterr().err == ""


def test_a_page_that_has_not_changed_leads_where_its_answer_says_now(server, changed, tmp_path):
    """Servers may leave the header out of such an answer."""
    page = linked('[{"id": 1, "url": "1.jpg"}]', "/items?page=2")
    first = Answer(page.body, headers=page.headers | {"ETag": '"1"'})
    unchanged = [Answer(b"", 304), Answer(b"", 304, headers={"Link": "</items?page=3>;rel=next"})]
    server["/items"] = [first, *unchanged]
    for number in (2, 3):
        server[f"/items?page={number}"] = linked(f'[{{"id": {number}, "url": "x.jpg"}}]')
    changes = {"json.url": server["/items"], "json.items": "@"}
    parse = partial(parse_json, settings=changed(changes).json)
    ids = []
    for snapshot in ("a", "b", "c"):
        scrape = changed(QUICK | {"scrape.snapshot": snapshot}).scrape
        listed = crawl(server["/items"], parse, Client(scrape, tmp_path), tmp_path, "json")
        ids.append([row["item_id"] for row in listed.rows])
    assert ids == [["1", "2"], ["1", "2"], ["1", "3"]]


@pytest.mark.parametrize("answer", [Answer(b"", 202), Answer(b"", 503)], ids=["202", "503"])
def test_a_later_page_that_cannot_be_had_is_an_error_and_no_end(server, crawl_list, answer):
    server["/list"] = list_page(range(5), 1000, 1)
    server["/list?page=2"] = answer
    with pytest.raises(UserError, match="page 2 of the list cannot be fetched"):
        crawl_list()


def test_a_page_that_is_not_a_list_is_an_error_that_says_where_it_is_kept(
    server, crawl_list, tmp_path
):
    server["/list"] = list_page(range(5), 1000, 1)
    server["/list?page=2"] = Answer(b"<html><title>Something else</title></html>")
    with pytest.raises(
        UserError, match=r"page=2 \(saved as .*0002\.html\) is not a list"
    ) as caught:
        crawl_list()
    assert "Something else" in str(caught.value)
    assert b"Something else" in (tmp_path / "pages" / "0002.html").read_bytes()


def test_a_challenge_in_place_of_a_list_is_reported_as_one(server, crawl_list, tmp_path):
    server["/list"] = [Answer(saved("challenge").encode()), list_page(range(5), 5, 1)]
    with pytest.raises(UserError, match=r"page 1 .* a human looks at it.*saved as .*0001\.html"):
        crawl_list()
    assert (tmp_path / "pages" / "0001.html").read_text(encoding="utf-8") == saved("challenge")
    assert len(crawl_list().rows) == 5  # a block page is not cached, so the next run asks again


def empty(page: int) -> Answer:
    return Answer(site.next_data([], 1000, page, has_next=True).encode())


@pytest.mark.parametrize(
    "meta",
    [
        '<meta name="robots" content="noai, noimageai">',
        "<META content=index,noimageai name=robots>",
    ],
)
def test_a_list_page_that_forbids_training_is_not_read_unless_told(server, crawl_list, meta):
    page = list_page(range(2), 2, 1).body
    server["/list"] = Answer(meta.encode() + page)
    with pytest.raises(UserError, match=r"page 1 .*/list: its <meta name=robots> says noai \("):
        crawl_list()
    assert len(crawl_list({"scrape.respect_noai": False}).rows) == 2
    for number, other in enumerate(
        (
            '<meta name="robots" content="noindex"><p title="noai">',
            '<!-- <meta name="robots" content="noai"> -->',
            '<meta data-name="robots" content="noai">',
            '<meta name="robots" content="index" data-slug="about-noai-tag">',
        )
    ):
        server["/list"] = Answer(other.encode() + page)
        assert len(crawl_list({"scrape.snapshot": f"{number}"}).rows) == 2


def test_a_first_page_without_any_item_is_an_error(server, crawl_list):
    server["/list"] = empty(1)
    with pytest.raises(UserError, match=r"/list .*is not a list"):
        crawl_list()


def test_a_later_page_without_any_item_is_the_end(server, crawl_list):
    server["/list"] = list_page(range(5), 1000, 1)
    server["/list?page=2"], server["/list?page=3"] = empty(2), NOT_FOUND
    assert len(crawl_list().rows) == 5
    assert server.page_targets() == ["/list", "/list?page=2"]


def test_pages_without_any_item_do_not_go_on_for_ever(server, changed, tmp_path, capsys):
    settings = changed({"gallery.next": "a.next", "gallery.url": server["/gallery"]}).gallery
    server["/gallery"] = Answer(saved("gallery_1").encode())
    for target in ("?from=D", "?from=Z"):
        path = f"/wiki/Category:Official_portraits{target}"
        server[path] = Answer(saved("gallery_empty").encode())
    client = Client(changed(QUICK).scrape, tmp_path / "http")
    parse = partial(parse_gallery, gallery=settings)
    assert len(crawl(server["/gallery"], parse, client, tmp_path).rows) == 4
    assert len(server.page_targets()) == 2
    assert "page 2 lists nothing: the list ends there" in capsys.readouterr().err


@pytest.mark.parametrize(("link", "notes"), [('<a class="next" href="/g?page=2">', 1), ("", 0)])
def test_a_stated_page_that_lists_nothing_is_noted(server, changed, tmp_path, capsys, link, notes):
    server["/g"] = Answer(f'<p><a href="/1">Ada<img src="1.jpg"></a></p>{link}'.encode())
    server["/g?page=2"] = Answer(b"<h1>We will be back soon</h1>")
    counted = {} if link else {"gallery.url": server["/g?page={page}"]}
    settings = {"gallery.url": server["/g"], "gallery.item": "p", "gallery.name": ""}
    settings |= {"gallery.next": "a.next"} | counted
    parse = partial(parse_gallery, gallery=changed(settings).gallery)
    client = Client(changed(QUICK).scrape, tmp_path / "http")
    first = server["/g" if link else "/g?page=1"]
    assert len(crawl(first, parse, client, tmp_path / "pages").rows) == 1
    assert capsys.readouterr().err.count("page 2 lists nothing: the list ends there") == notes


def serve_json(server, *pages: list[str | None]) -> None:
    """Serve pages of items, each known by its picture alone, or by nothing."""
    for number, names in enumerate(pages, 1):
        items = [{"url": name, "title": "Untitled"} for name in names]
        server[f"/all?page={number}"] = Answer(json.dumps({"results": items}).encode())


@pytest.fixture
def crawl_json(server, changed, tmp_path):
    """Crawl /all?page=… of the server, whose items have neither ids nor names of their own."""

    def go():
        changes = QUICK | {"json.url": server["/all"] + "?page={page}", "json.items": "results"}
        changes |= {"json.image": "url", "json.id": "", "json.name": "title", "json.total": ""}
        params = changed(changes)
        parse = partial(parse_json, settings=params.json)
        client = Client(params.scrape, tmp_path / "http")
        return crawl(server["/all?page=1"], parse, client, tmp_path / "pages", "json")

    return go


def test_a_page_whose_items_nothing_identifies_does_not_end_a_list(server, crawl_json):
    serve_json(server, ["/1.png", None], [None, None], ["/3.png"], [])
    listed = crawl_json()
    assert (listed.pages, len(listed.rows), listed.repeated_pages) == (4, 5, 0)
    assert len({row["item_id"] for row in listed.rows}) == 5
    assert listed.rows[1]["item_id"] == f"{server['/all?page=1']}#2"


def test_equal_pages_of_items_that_nothing_identifies_end_a_list_with_a_note(
    server, crawl_json, capsys
):
    serve_json(server, ["/1.png"], [None, None], [None, None], ["/3.png"])
    listed = crawl_json()
    assert (listed.pages, len(listed.rows), listed.repeated_pages) == (3, 3, 1)
    told = capsys.readouterr().err
    assert "page 3 ends the list: its 2 items, without pictures or ids, are those of" in told


def test_placeholders_inside_a_page_identify_nothing(server, changed, tmp_path):
    pixel = "data:image/gif;base64,R0lGODlhAQABAAAAACw="
    boxes = [["/1.png"], [pixel, pixel], ["/3.png"]]
    for number, sources in enumerate(boxes, 1):
        items = "".join(f'<li><img src="{source}"></li>' for source in sources)
        server[f"/all?page={number}"] = Answer(f"<ul>{items}</ul>".encode())
    server["/all?page=4"] = NOT_FOUND
    changes = {"gallery.url": server["/all"] + "?page={page}", "gallery.item": "li"}
    changes |= {"gallery.image": "img", "gallery.link": "", "gallery.total": ""}
    params = changed(QUICK | changes)
    parse = partial(parse_gallery, gallery=params.gallery)
    client = Client(params.scrape, tmp_path / "http")
    listed = crawl(server["/all?page=1"], parse, client, tmp_path / "pages")
    assert (listed.pages, len(listed.rows)) == (3, 4)
