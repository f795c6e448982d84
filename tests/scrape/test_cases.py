"""List pages as they are found, read with `gallery.url` and `gallery.item` alone."""

import json
from functools import partial

import pytest

from src.errors import UserError
from src.scrape.crawl import crawl
from src.scrape.gallery import parse_gallery
from src.scrape.http.client import Client
from src.scrape.imdb import parse_imdb
from src.scrape.listings import ListPage
from src.scrape.page_text import decode_page
from src.scrape.store import require_pictures
from tests.scrape.scraping import QUICK, picture, scraped, scraped_ledger
from tests.servers import NOT_FOUND, PAGES, Answer

URL = "http://a.example/g/list"


@pytest.fixture
def read(changed):
    """Read a page, saved or given: read("page_base"), read("<p>…", **{"gallery.next": "a"})."""

    def go(page: str | bytes, number: int = 1, url: str = URL, **changes: object) -> ListPage:
        if isinstance(page, str) and not page.startswith("<"):
            page = (PAGES / f"{page}.html").read_bytes()
        data = page.encode() if isinstance(page, str) else page
        given = {"gallery.url": URL, "gallery.item": ".p"} | changes
        return parse_gallery(decode_page(data, None), url, number, changed(given).gallery)

    return go


def paths(page: ListPage) -> list[str | None]:
    """The pictures' URLs after the host."""
    urls = [item.image_url for item in page.items]
    return [url and url.removeprefix("http://a.example") for url in urls]


def ids(page: ListPage) -> list[str]:
    """The items' ids after the host."""
    return [item.item_id.removeprefix("https://a.example") for item in page.items]


@pytest.mark.parametrize(
    ("name", "changes", "expected"),
    [
        ("page_base", {}, ["/img/1.jpg", "/img/2.jpg", "/img/3.jpg"]),
        ("page_srcset", {}, ["/img/1l.jpg", "/img/2l.jpg", "/img/3l.jpg"]),
        (
            "page_srcset",
            {"gallery.image_attributes": ["data-srcset", "data-src", "src"]},
            ["/img/1l.jpg", "/img/2l.jpg", "/img/3l.jpg"],
        ),
        ("page_picture", {}, ["/img/1l.webp", "/img/2l.webp", "/img/3l.webp"]),
        (
            "page_picture",
            {"gallery.image": "img"},
            ["/img/1l.webp", "/img/2l.webp", "/img/3l.webp"],
        ),
        (
            "page_picture",
            {"gallery.image": "source", "gallery.image_attributes": ["srcset", "src"]},
            ["/img/1l.webp", "/img/2l.webp", "/img/3l.webp"],
        ),
        ("page_urls", {}, ["/img/1.jpg", "/img/2.jpg", "/img/3.jpg", "/g/img/4.jpg"]),
        ("page_item_is_img", {}, ["/img/1.jpg", "/img/2.jpg", "/img/3.jpg"]),
        ("page_item_is_img", {"gallery.image": "img"}, ["/img/1.jpg", "/img/2.jpg", "/img/3.jpg"]),
        ("page_item_is_link", {}, [f"/img/{n}.jpg" for n in range(1, 7)]),
    ],
)
def test_pictures_are_found_where_a_browser_shows_them(read, name, changes, expected):
    assert paths(read(name, **changes)) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("page_base", ["/p1.html", "/p2.html", "/p3.html"]),
        ("page_item_is_link", [f"/person/{n}" for n in (1, 1, 2, 2, 3, 3)]),
        ("page_tracking", [f"/name/nm000000{n}" for n in (1, 1, 2, 2, 3, 3)]),
        ("page_urls", ["/img/1.jpg", "/img/2.jpg", "/img/3.jpg", "/p4"]),
    ],
)
def test_items_are_known_by_their_links(read, name, expected):
    found = [address.replace("http://a.example", "") for address in ids(read(name))]
    assert found == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("page_gb2312", ["章子怡", "朱镕基"]),
        ("page_iso8859_1", ["Peter O’Toole", "Zoë – Renée"]),
    ],
)
def test_names_are_read_in_the_declared_encoding(read, name, expected):
    assert [item.name for item in read(name, **{"gallery.name": ".n"}).items] == expected


@pytest.mark.parametrize(
    ("name", "total"), [("page_total_k", None), ("page_total_apostrophe", 1002)]
)
def test_totals_are_exact_or_unknown(read, name, total):
    page = read(name, **{"gallery.total": ".total", "gallery.next": ""})
    assert (page.total, len(page.items)) == (total, 3)
    told = [
        "gallery.total says '1.2K photos', no exact number; nothing says whether the list is whole"
    ]
    assert list(page.notes) == ([] if total else told)


@pytest.mark.parametrize(
    "target",
    [
        "javascript:void(0)",
        "JavaScript:;",
        " java\nscript:next()",
        "mailto:ada@a.example",
        "tel:1",
        "whatsapp://send?text=x",
        "vbscript:next()",
        "data:text/html,x",
        "about:blank",
        "#",
        "#page2",
        "",
        "list",
        "/g/list",
        " /g/list#top ",
    ],
)
def test_a_next_link_that_leads_to_no_other_page_is_the_end(read, target):
    text = f'<p class=p><img src=1.jpg></p><a class=next href="{target}">Next</a>'
    assert read(text, **{"gallery.next": "a.next"}).next_url is None


def test_the_saved_last_page_is_the_end(read):
    page = read("page_last_next_js", 4, **{"gallery.next": "a.next"})
    assert (len(page.items), page.next_url, page.notes) == (3, None, ())


@pytest.mark.parametrize(
    "link",
    [
        '<a class=next href="?page=2">2</a>',
        '<li class=next><a href="?page=2">2</a></li>',
        '<a href="?page=2"><span class=next>2</span></a>',
        '<link class=next rel=next href=" ?page=2\n">',
    ],
)
def test_the_next_link_may_be_in_or_around_what_is_selected(read, link):
    page = read(f"<p class=p><img src=1.jpg></p>{link}", **{"gallery.next": ".next"})
    assert page.next_url == f"{URL}?page=2"


@pytest.mark.parametrize(
    ("inside", "path"),
    [
        ('<img src="1.jpg">', "1.jpg"),
        ('<img src="data:image/gif;base64,R0lG" data-src="1.jpg">', "1.jpg"),
        ('<img src="blank.gif" data-original="1.jpg">', "1.jpg"),
        ('<img src="blank.gif" data-lazy-src="1.jpg">', "1.jpg"),
        ('<img src="1.jpg" data-src="x_{width}x.jpg" data-widths="[180, 360]">', "1.jpg"),
        (
            '<img src="s.gif" data-src="x_%7bW%7d.jpg"><noscript><img src="1.jpg"></noscript>',
            "1.jpg",
        ),
        ('<img data-src="only_{width}x.jpg">', "only_{width}x.jpg"),
        ('<img data-src="{3F25}.jpg" src="s.gif">', "{3F25}.jpg"),
        ('<img src="s.jpg" srcset="s.jpg 1x, 1.jpg 2x">', "1.jpg"),
        ('<img src="blank.gif"><noscript><img src="1.jpg"></noscript>', "1.jpg"),
        ('<noscript><img src="1.jpg"></noscript>', "1.jpg"),
        ('<noscript><img src="0.jpg"></noscript><img data-src="1.jpg">', "1.jpg"),
        ('<img src="data:,"><img src="1.jpg">', "1.jpg"),
        ('<img src="heart.svg"><img src="1.jpg">', "1.jpg"),
        ('<img src="only.svg">', "only.svg"),
        (
            '<picture><source srcset="1.avif" type="image/avif"><img src="s.jpg"></picture>',
            "1.avif",
        ),
        ('<picture><source srcset="x.jxl" type="image/jxl"><img src="1.jpg"></picture>', "1.jpg"),
        (
            '<picture><source media="(max-width: 600px)" srcset="s.jpg"><img src="1.jpg"></picture>',
            "1.jpg",
        ),
        (
            '<picture><source media="(min-width: 75em)" srcset="1.jpg"><img src="s.jpg"></picture>',
            "1.jpg",
        ),
        (
            '<picture><source media="print" srcset="p.jpg"><source data-srcset="1.jpg"><img></picture>',
            "1.jpg",
        ),
        ('<picture><source srcset="1.jpg"></picture>', "1.jpg"),
        ('<i style="color: red; background-image: url(1.jpg)"></i>', "1.jpg"),
        ("""<i style="background: #fff url( '1.jpg' ) center"></i>""", "1.jpg"),
        ('<i style="background:url(&quot;a(1).jpg&quot;)"></i>', "a(1).jpg"),
        ('<i data-bg="1.jpg"></i>', "1.jpg"),
        ('<i data-background-image="url(1.jpg)"></i>', "1.jpg"),
        ('<i style="background:url(b.jpg)"></i><img src="1.jpg">', "1.jpg"),
        ('<i style="list-style: url(bullet.png)"></i>', None),
        ('<img alt="nothing">', None),
    ],
)
def test_the_first_usable_picture_of_an_item_is_taken(read, inside, path):
    page = read(f"<p class=p>{inside}</p>", number=2)
    assert paths(page) == [path and f"/g/{path}"]


def test_an_item_may_have_its_picture_as_background(read):
    assert paths(read('<p class=p style="background-image:url(1.jpg)">Ada</p>')) == ["/g/1.jpg"]


@pytest.mark.parametrize(
    ("inside", "name"),
    [
        ('<img src=1.jpg alt=" Ada\n Abbott "><b>x</b>', "Ada Abbott"),
        ('<img src=1.jpg alt="" title="Ada">', "Ada"),
        ('<a href=/1 title="Ada"><img src=1.jpg></a>', "Ada"),
        (
            "<figure><img src=1.jpg><figcaption>Ada <i>A.</i></figcaption></figure> 12 likes",
            "Ada A.",
        ),
        ("<img src=1.jpg> <b>Ada</b>", "Ada"),
        ("<img src=1.jpg>", ""),
    ],
)
def test_without_a_selector_a_name_is_what_describes_the_picture(read, inside, name):
    assert read(f"<div class=p>{inside}</div>").items[0].name == name


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ('<a href="/1"><img class=p src=1.jpg></a>', "/1"),
        ('<a href="#"><img src=1.jpg></a><a href="/1">Ada</a>', "/1"),
        ('<a href="javascript:like()">+</a><a href="/1"><img src=1.jpg></a>', "/1"),
        ('<a name=top></a><a href="/1"><img src=1.jpg></a>', "/1"),
        ('<a href="mailto:ada@a.example"><img src=1.jpg></a>', "/g/1.jpg"),
    ],
)
def test_the_first_link_that_leads_to_a_page_identifies(read, item, expected):
    text = item if "class=p" in item else f"<div class=p>{item}</div>"
    other = text.replace("/1", "/2").replace("1.jpg", "2.jpg")
    found = ids(read(text + other))
    assert found[0].removeprefix("http://a.example") == expected
    assert len(set(found)) == 2


def test_one_link_around_all_items_identifies_none(read):
    page = read('<a href="/all"><img class=p src=1.jpg><img class=p src=2.jpg></a>')
    assert ids(page) == ["/g/1.jpg", "/g/2.jpg"]


@pytest.mark.parametrize(
    ("head", "path"),
    [
        ('<base href="/album/">', "/album/1.jpg"),
        ('<base href="">', "/g/1.jpg"),
        ('<base target=_top><base href="../x/"><base href="/y/">', "/x/1.jpg"),
        ('<base href="data:text/plain,">', "/g/1.jpg"),
        ('<base href="http://[">', "/g/1.jpg"),
    ],
)
def test_addresses_are_relative_to_the_first_base(read, head, path):
    assert paths(read(f"<head>{head}</head><p class=p><img src=1.jpg></p>")) == [path]


def test_queries_are_sent_in_the_page_s_encoding(read):
    text = '<meta charset=iso-8859-1><p class=p><a href="?q=é"><img src="/é.jpg?q=é€日#é"></a></p>'
    page = read(text.replace("日", "&#26085;").encode("cp1252"))
    assert paths(page) == ["/é.jpg?q=%E9%80%26%2326085%3B#é"]
    assert ids(page) == ["/g/list?q=%E9"]


@pytest.fixture
def crawled(server, changed, tmp_path, own_folder):
    """Crawl a gallery of the server: crawled("/album", {"gallery.next": "a.next"})."""

    def go(path: str, changes: dict | None = None):
        given = {"gallery.url": server[path], "gallery.item": ".p"} | QUICK | (changes or {})
        params = changed(given)
        parse = partial(parse_gallery, gallery=params.gallery)
        client = Client(params.scrape, tmp_path / "http")
        return crawl(params.gallery.url, parse, client, tmp_path / "pages")

    return go


@pytest.mark.parametrize("name", ["page_total_k", "page_total_apostrophe"])
def test_a_total_as_people_write_it_does_not_cut_the_list(server, crawled, name):
    page = (PAGES / f"{name}.html").read_bytes()
    server["/list"] = Answer(page + b'<a class=next href="?page=2">2</a>')
    server["/list?page=2"] = Answer(page.replace(b"/p", b"/q"))
    listed = crawled("/list", {"gallery.total": ".total", "gallery.next": "a.next"})
    assert (listed.pages, len(listed.rows)) == (2, 6)


def test_a_list_whose_last_next_link_is_a_script_is_listed(server, crawled):
    server["/list"] = Answer((PAGES / "page_last_next_js.html").read_bytes())
    listed = crawled("/list", {"gallery.next": "a.next"})
    assert (listed.pages, listed.repeated_pages, len(listed.rows)) == (1, 0, 3)


def test_addresses_are_relative_to_the_url_that_answered_also_from_the_cache(server, crawled):
    server["/album"] = Answer(b"", 301, {"Location": "/album/"})
    server["/album/"] = Answer(
        b'<p class=p><a href=ada><img src=1.jpg></a></p><a class=next href="?page=2">2</a>'
    )
    server["/album/?page=2"] = NOT_FOUND
    for _ in range(2):
        listed = crawled("/album", {"gallery.next": "a.next"})
        [row] = listed.rows
        assert row["image_url"] == server["/album/1.jpg"]
        assert row["page_url"] == server["/album/"]
        assert row["item_id"].endswith("/album/ada")
    assert server.page_targets() == ["/album", "/album/", "/album/?page=2", "/album/?page=2"]


@pytest.mark.parametrize(
    ("referer", "pages", "pictures"),
    [("page", [None, "/g/list"], "/g/list?page=2"), ("none", [None, None], None)],
)
def test_pages_and_pictures_are_asked_for_with_the_page_that_shows_them(
    server, quick, tmp_path, own_folder, referer, pages, pictures
):
    server["/g/list"] = Answer(
        b'<a class=next href="?page=2#x">2</a><p class=p><img src=1.png></p>'
    )
    server["/g/list?page=2"] = Answer(b"<p class=p><img src=2.png></p>")
    server["/g/1.png"], server["/g/2.png"] = Answer(picture(1)), Answer(picture(2))
    changes = {"gallery.url": server["/g/list"], "gallery.item": ".p", "gallery.next": "a.next"}
    table, _ = scraped(quick("gallery", changes | {"scrape.referer": referer}), tmp_path / "raw")
    assert list(table["status"]) == ["ok", "ok"]
    sent = dict(zip(server.targets, (of.get("Referer") for of in server.headers), strict=True))
    pages = [page and server[page] for page in pages]
    assert [sent["/g/list"], sent["/g/list?page=2"]] == pages
    assert sent["/g/2.png"] == (pictures and server[pictures])
    assert sent["/g/1.png"] == (pictures and server["/g/list"])
    assert sent["/robots.txt"] is None


@pytest.mark.parametrize("key", ["item", "image", "link", "name", "next", "total"])
def test_a_bad_selector_is_refused_before_anything_is_fetched(
    server, quick, tmp_path, own_folder, key
):
    changes = {"gallery.url": server["/g"], "gallery.item": ".p", f"gallery.{key}": "li["}
    with pytest.raises(UserError, match=rf"gallery\.{key} = 'li\[' is no CSS selector"):
        scraped(quick("gallery", changes), tmp_path / "raw")
    assert not server.targets


def test_pictures_that_are_all_placeholders_are_refused_with_a_remedy(
    server, quick, tmp_path, own_folder
):
    server["/g"] = Answer(b'<p class=p><img src="data:image/gif,x" data-odd="1.jpg"></p>')
    changes = {"gallery.url": server["/g"], "gallery.item": ".p"}
    ledger = scraped_ledger(quick("gallery", changes), tmp_path / "raw")
    with pytest.raises(
        UserError, match=r"1 unsupported_url.*gallery\.image_attributes should name"
    ):
        require_pictures(ledger)
    server["/1.jpg"] = Answer(picture(1))
    changes |= {"gallery.image_attributes": ["data-odd"], "scrape.snapshot": "corrected"}
    table, _ = scraped(quick("gallery", changes), tmp_path / "raw")
    assert list(table["status"]) == ["ok"]


def test_drawings_inside_a_page_do_not_fill_the_ledger(server, quick, tmp_path, own_folder):
    drawings = [f"data:image/svg+xml,%3Csvg%3E{'x' * 9000}{n}" for n in range(2)]
    items = "".join(f'<p class=p><img src="{drawing}"></p>' for drawing in drawings)
    server["/g"] = Answer(items.encode())
    changes = {"gallery.url": server["/g"], "gallery.item": ".p"}
    table, _ = scraped(quick("gallery", changes), tmp_path / "raw")
    assert list(table["status"]) == ["unsupported_url"] * 2
    for column in ("image_url", "item_id"):
        assert table[column].nunique() == 2
        assert table[column].str.fullmatch("data:image/svg.xml;sha256=[0-9a-f]{24}").all()


@pytest.mark.parametrize("total", [-7, -(10**30)])
def test_a_negative_total_is_unknown(total):
    listed = {"nameListItemSearch": {"edges": [], "total": total}}
    data = {"props": {"pageProps": {"mainColumnData": {"list": listed}}}}
    page = f'<script id="__NEXT_DATA__">{json.dumps(data)}</script>'
    assert parse_imdb(page, URL, 0).total is None
