"""Saved pages as a source: what Chromium saves of both of IMDb's layouts, and of a gallery."""

import base64
import json
import os
from functools import partial

import pytest

from src.audit.saved_pages import misplaced
from src.demo import inventory, site
from src.errors import UserError
from src.scrape.http.client import Client
from tests.conftest import REAL_DATA, real
from tests.scrape.browser_saving import save_page
from tests.scrape.scraping import picture, scraped, write
from tests.servers import Answer, saved

pytestmark = pytest.mark.usefixtures("own_folder")
HTML = {"Content-Type": "text/html; charset=utf-8"}
KINDS = [".html", ".mhtml", ".har"]
# What IMDb's scripts do: load pictures late, and draw the list from the JSON.
SCRIPTS = """<script>
for (const img of document.querySelectorAll("img.loadlate")) img.src = img.getAttribute("loadlate");
const data = document.getElementById("__NEXT_DATA__");
if (data) {
    const list = JSON.parse(data.textContent).props.pageProps.mainColumnData.list;
    const ul = document.body.appendChild(document.createElement("ul"));
    list.nameListItemSearch.edges.forEach(({listItem: {id, nameText, primaryImage}}, n) => {
        const src = primaryImage.url.replace("._V1_", "._V1_QL75_UX140_CR0,1,140,207_");
        ul.innerHTML += `<li class="ipc-metadata-list-summary-item"><img class="ipc-image" src="${src}"
            srcset="${src} 140w" alt="x"><a href="/name/${id}/?ref_=nmls_i_${n}"></a><a href="/name/${id}/">
            <h3 class="ipc-title__text">${n + 1}. </h3></a></li>`;
        ul.lastChild.querySelector("h3").append(nameText.text);
    });
    ul.insertAdjacentHTML("beforebegin", `<div data-testid="list-page-mc-total-items">1 - 2 of 4 names</div>`);
}
</script>"""
NAMES = ["Ada", "O'Brien <b>", "Zoë", "Łukasz"]


def people(first: int, last: int) -> list[inventory.Entry]:
    return [
        inventory.Entry(n, f"nm{n:07d}", NAMES[n - 1], "portrait", n) for n in range(first, last)
    ]


@pytest.fixture
def imdb(server):
    """Two pages of two people each in one of IMDb's layouts: imdb(site.lister)."""

    def serve(layout) -> list[str]:
        for number, entries in ((1, people(1, 3)), (2, people(3, 5))):
            page = layout(entries, 4, number, number == 1).replace(site.ORIGIN, server[""])
            page = page.replace("</body>", f"{SCRIPTS}</body>")
            server[f"/list/ls1/?page={number}"] = Answer(page.encode(), headers=HTML)
        for n in range(1, 5):
            for cut in ("_UX140_CR0,0,140,209_AL_", "_QL75_UX140_CR0,1,140,207_"):
                server[f"/images/M/MV5B{n:06d}@._V1{cut}.jpg"] = Answer(picture(n, 14, 20))
            server[f"/images/M/MV5B{n:06d}@._V1_UX512_.jpg"] = Answer(picture(n, 51, 60))
        return [server[f"/list/ls1/?page={number}"] for number in (1, 2)]

    return serve


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layout", [site.lister, site.next_data])
def test_saved_pages_of_imdb_are_its_list_and_its_pictures_are_fetched(
    browser, server, imdb, monkeypatch, quick, tmp_path, layout, kind
):
    """The save has thumbnails only, and of a whole page even these without their addresses."""
    folder = tmp_path / "saves"
    folder.mkdir()
    for number, url in enumerate(imdb(layout), 1):
        save_page(browser, url, folder / f"Top 4 - IMDb {number}{kind}")
    ports = {"https://m.media-amazon.com": server.port}
    monkeypatch.setattr("src.scrape.sources.Client", partial(Client, local_ports=ports))
    before = len(server.targets)
    table, metrics = scraped(quick("saved", {"saved.path": str(folder)}), tmp_path / "raw")
    assert list(table["item_id"]) == [f"nm{n:07d}" for n in range(1, 5)]
    assert list(table["name"]) == NAMES
    assert list(table["status"]) == ["ok"] * 4
    assert list(table["width"]) == [51] * 4
    assert {target for target in server.targets[before:] if "images" in target} == {
        f"/images/M/MV5B{n:06d}@._V1_UX512_.jpg" for n in range(1, 5)
    }
    assert list(table["page_url"].str[-6:]) == ["page=1"] * 2 + ["page=2"] * 2
    assert (metrics["pages"], metrics["expected"], metrics["listed"]) == (2, 4, 4)
    assert misplaced(table, tmp_path / "raw" / "pages") == {}
    assert sorted(path.name for path in (tmp_path / "raw/pages").iterdir()) == [
        "0001.html",
        "0002.html",
    ]


@pytest.fixture
def gallery(server):
    """A gallery whose script loads its pictures when it is shown."""
    items = "".join(
        f'<li class="p"><a href="person/{n}"><img data-src="{n}.png" alt="{name}"></a></li>'
        for n, name in enumerate(NAMES, 1)
    )
    load = "for (const i of document.images) i.src = i.dataset.src"
    server["/album/"] = Answer(
        f'<ul>{items}</ul><p class="n">4</p><script>{load}</script>'.encode(), headers=HTML
    )
    for n in range(1, 5):
        server[f"/album/{n}.png"] = Answer(picture(n), headers={"Content-Type": "image/png"})
    return server["/album/"]


GALLERY = {"saved.layout": "gallery", "saved.item": "li.p", "saved.total": ".n"}


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_that_a_save_holds_are_not_fetched_again(
    browser, server, gallery, quick, tmp_path, kind
):
    file = tmp_path / f"Album, 100 % #1{kind}"
    save_page(browser, gallery, file)
    if kind == ".html":  # a browser that loads pictures late leaves their addresses in the page
        file.write_text(file.read_text(encoding="utf-8").replace("data-src", "x"), encoding="utf-8")
    before = len(server.targets)
    changes = GALLERY | {"saved.path": str(file)}
    table, metrics = scraped(quick("saved", changes), tmp_path / "raw")
    assert list(table["status"]) == ["ok"] * 4
    assert len(server.targets) == before
    assert list(table["name"]) == NAMES
    assert list(table["item_id"]) == [f"{gallery}person/{n}" for n in range(1, 5)]
    for n, stored in enumerate(table["file"], 1):
        assert (tmp_path / "raw" / stored).read_bytes() == picture(n)
    shown = "Album, 100 %25 %231_files/" if kind == ".html" else gallery
    assert list(table["image_url"]) == [f"{shown}{n}.png" for n in range(1, 5)]
    assert metrics["expected"] == 4
    pages = tmp_path / "raw" / "pages"
    assert misplaced(table, pages) == {}
    swapped = table.assign(item_id=list(table["item_id"][::-1]))
    assert sorted(misplaced(swapped, pages)) == [0, 1, 2, 3]  # the audit does see the pictures


@pytest.mark.parametrize("kind", [".mhtml", ".har"])
def test_a_picture_that_is_not_whole_in_the_save_is_fetched(
    browser, server, gallery, quick, tmp_path, kind
):
    server["/album/2.png"] = [Answer(picture(2)[:-60]), Answer(picture(2))]
    file = tmp_path / f"album{kind}"
    save_page(browser, gallery, file)
    before = len(server.page_targets())
    changes = GALLERY | {"saved.path": str(file)}
    table, _ = scraped(quick("saved", changes), tmp_path / "raw")
    assert list(table["status"]) == ["ok"] * 4
    assert server.page_targets()[before:] == ["/album/2.png"]


def plain(folder, name: str, items: str, url: str = "") -> None:
    mark = f"<!-- saved from url=({len(url):04d}){url} -->" if url else ""
    write(folder / name, f"<!DOCTYPE html>\n{mark}<ul>{items}</ul>".encode())


def item(n: int, image: str) -> str:
    return f'<li class="p"><a href="/p/{n}"><img src="{image}" alt="P {n}"></a></li>'


@pytest.fixture
def read(quick, tmp_path):
    """Scrape a folder of saved galleries: read(changes)."""

    def make(changes=None):
        settings = GALLERY | {"saved.total": "", "saved.path": str(tmp_path / "saves")}
        return scraped(quick("saved", settings | (changes or {})), tmp_path / "raw")

    return make


def test_pages_are_read_in_the_natural_order_of_their_names(read, tmp_path):
    folder = tmp_path / "saves"
    for n in (10, 9, 1):
        plain(folder, f"list {n}.htm", item(n, f"list {n}_files/a.png"), f"http://a.test/{n}/")
        write(folder / f"list {n}_files" / "a.png", picture(n))
    write(folder / "notes.txt", b"no page")
    table, _ = read()
    assert list(table["name"]) == ["P 1", "P 9", "P 10"]
    assert list(table["page_url"]) == [f"http://a.test/{n}/" for n in (1, 9, 10)]
    assert list(table["image_url"]) == [f"list {n}_files/a.png" for n in (1, 9, 10)]


def test_saves_that_cannot_be_read_are_counted_and_named(read, tmp_path, capsys):
    folder = tmp_path / "saves"
    plain(folder, "a.html", item(1, "f/a.png"), "http://a.test/")
    write(folder / "f" / "a.png", picture(1))
    write(folder / "b.webarchive", b"bplist00")
    write(folder / "notes.txt", b"of none of the formats of saves")
    write(folder / "d.html" / "a.png", picture(2))
    (folder / "c.html").symlink_to("gone.html")
    assert read()[1]["passed_over"] == {"broken_link": 1, "other_format": 1}
    assert "1 other_format (b.webarchive)" in capsys.readouterr().err


def test_pictures_inside_a_page_of_singlefile_are_taken(read, tmp_path):
    encoded = [base64.b64encode(picture(n)).decode() for n in range(2)]
    sources = [*(f"data:image/png;base64,{text}" for text in encoded), "data:image/png;base64,R0"]
    items = [f'<li class="p"><a href="/{n}"><img src="{s}"></a>' for n, s in enumerate(sources)]
    head = "<!DOCTYPE html><!--\n Page saved with SingleFile \n url: http://a.test/g -->"
    write(tmp_path / "saves" / "a.html", (head + "".join(items)).encode())
    table, _ = read()
    assert list(table["item_id"]) == [f"https://a.test/{n}" for n in range(3)]
    assert list(table["status"]) == ["ok", "ok", "unsupported_url"]
    for n, file in enumerate(table["file"][:2]):
        assert (tmp_path / "raw" / file).read_bytes() == picture(n)
    assert table["image_url"].str.len().max() < 60


def test_a_picture_that_a_har_has_under_a_long_data_url_is_taken(read, tmp_path):
    encoded = base64.b64encode(picture(1)).decode()
    url = f"data:image/png; base64,{encoded}"  # which is read as text because of the blank
    page = {"mimeType": "text/html", "text": item(1, url)}
    inside = {"text": encoded, "encoding": "base64"}
    entries = [
        {"request": {"url": address}, "response": {"status": 200, "content": content}}
        for address, content in (("http://a.test/g", page), (url, inside))
    ]
    write(tmp_path / "saves" / "a.har", json.dumps({"log": {"entries": entries}}).encode())
    table, _ = read()
    assert list(table["status"]) == ["ok"]
    assert len(table["image_url"][0]) < 60


def test_a_saved_page_that_forbids_training_is_not_read_unless_told(read, tmp_path):
    html = '<meta name="robots" content="noai">' + item(1, "a_files/a.png")
    plain(tmp_path / "saves", "a.htm", html, "http://a.test/")
    write(tmp_path / "saves" / "a_files" / "a.png", picture(1))
    with pytest.raises(UserError, match=r"a\.htm: its <meta name=robots> says noai"):
        read()
    assert read({"scrape.respect_noai": False})[1]["downloaded"] == 1


def test_saves_beyond_max_pages_are_told(read, tmp_path, capsys):
    folder = tmp_path / "saves"
    for n in range(3):
        plain(folder, f"{n}.htm", item(n, f"{n}_files/a.png"), f"http://a.test/{n}/")
        write(folder / f"{n}_files" / "a.png", picture(n))
    assert read({"scrape.max_pages": 2})[1]["pages"] == 2
    assert "2 of 3 saved pages are read: raise scrape.max_pages" in capsys.readouterr().err


def test_items_of_a_save_that_all_have_one_id_are_told(read, tmp_path, capsys):
    """Their first link may be that of the author."""
    items = [f'<li class="p"><a href="/ada"></a><img src="f/{n}.png" alt="{n}">' for n in "ab"]
    plain(tmp_path / "saves", "a.html", "".join(items), "http://a.test/")
    for number, name in enumerate("ab"):
        write(tmp_path / "saves" / "f" / f"{name}.png", picture(number))
    read()
    told = "scrape: all 2 items have the id 'https://a.test/ada', and count as one ("
    assert told in capsys.readouterr().err


def test_a_page_that_was_saved_twice_is_listed_once(read, tmp_path):
    for name in ("a.html", "b.html"):
        plain(tmp_path / "saves", name, item(1, "f/a.png"), "http://a.test/")
    write(tmp_path / "saves" / "f" / "a.png", picture(1))
    table, metrics = read()
    assert (len(table), metrics["pages"], metrics["repeated_pages"]) == (1, 2, 1)
    assert len(read({"scrape.on_repeat": "keep"})[0]) == 2


def test_a_page_without_an_address_is_read_if_it_has_its_pictures(read, tmp_path):
    plain(tmp_path / "saves", "a.html", item(1, "f/a.png"))
    with pytest.raises(UserError, match=r"a\.html does not say its address.*set saved\.url"):
        read()
    write(tmp_path / "saves" / "f" / "a.png", picture(1))
    assert list(read()[0]["page_url"]) == ["a.html"]
    assert list(read({"saved.url": "http://a.test/b"})[0]["item_id"]) == ["https://a.test/p/1"]


def test_a_page_that_was_saved_from_a_disk_names_no_folder_of_it(read, tmp_path):
    plain(tmp_path / "saves", "a.html", item(1, "f/a.png"), "file:///home/ann/list.html")
    write(tmp_path / "saves" / "f" / "a.png", picture(1))
    table, _ = read()
    assert list(table["status"]) == ["ok"]
    assert "ann" not in table.to_csv()


def test_a_broken_file_of_a_whole_page_keeps_its_row(read, tmp_path):
    plain(tmp_path / "saves", "a.html", item(1, "f/a.png") + item(2, "f/b.png"), "http://a.test/")
    write(tmp_path / "saves" / "f" / "a.png", picture(1))
    write(tmp_path / "saves" / "f" / "b.png", b"half a picture")
    assert list(read()[0]["status"]) == ["ok", "not_an_image"]


def test_no_file_outside_the_folder_of_the_save_is_read(read, tmp_path):
    write(tmp_path / "secret.png", picture(1))
    inside = tmp_path / "saves" / "f"
    plain(tmp_path / "saves", "a.html", item(1, "f/%2e%2e/%2e%2e/secret.png"), "http://[::1]:9/x/")
    inside.mkdir()
    (inside / "link.png").symlink_to(tmp_path / "secret.png")
    plain(tmp_path / "saves", "b.html", item(2, "f/link.png"), "http://[::1]:9/x/")
    assert list(read()[0]["status"]) == ["private_address"] * 2


@pytest.mark.parametrize(
    ("name", "data", "changes", "message"),
    [
        ("a.html", b"<p>no list", {}, r"a\.html is not a list .*saved\.item = 'li\.p', found none"),
        ("a.html", saved("challenge").encode(), {}, r"a\.html .*waf_challenge: save the page that"),
        ("a.html", b"<p>no list", {"saved.layout": "imdb"}, r"a\.html is not a list .*lister-item"),
        ("a.har", b"{}", {}, r"a\.har cannot be read as a saved page: 'log' is not in it; save"),
        ("a.har", b'{"log": {"entries": []}}', {}, r"a\.har is not a list .*found none"),
        ("a.mhtml", b"Subject: x\n\nno page", {}, r"a\.mhtml cannot be read as a saved page"),
        ("a.txt", b"", {}, r"saved\.path = .*holds no saved page \(\.html, "),
        ("a.html", b"", {"saved.path": ""}, r"saved\.path is empty: set it to a page"),
        ("a.html", b"", {"saved.item": "li["}, r"saved\.item = 'li\[' is no CSS selector"),
    ],
)
def test_what_is_no_saved_list_is_an_error_that_names_it(
    read, tmp_path, name, data, changes, message
):
    write(tmp_path / "saves" / name, data)
    with pytest.raises(UserError, match=message):
        read(changes)


def test_real_pages_of_imdb_are_read_from_disk(quick, tmp_path):
    real("imdb", "people_list_ls053501318*.html")
    path = next((REAL_DATA / "imdb").glob("people_list_ls053501318*.html"))
    from src.scrape.saved_lists import SavedList

    params = quick("saved", {"saved.path": str(path)})
    rows = SavedList(
        params.saved, params.scrape, tmp_path / "pages", tmp_path / "pictures"
    ).crawl.rows
    assert len(rows) == 50
    assert all(row["item_id"].startswith("nm") and row["name"] for row in rows)
    assert all("._V1_UX512_" in row["image_url"] for row in rows)


def test_a_page_whose_name_is_no_utf8_is_read(quick, tmp_path):
    html = b"<li><img src='l_files/1.png' alt='Ada'></li>"
    write(tmp_path / "saves" / os.fsdecode(b"\xe9.html"), html)
    write(tmp_path / "saves" / "._l.html", b"\0\5\x16\7 of macOS")
    write(tmp_path / "saves" / "l_files" / "1.png", picture(1))
    changes = {"saved.path": str(tmp_path / "saves"), "saved.layout": "gallery", "saved.item": "li"}
    table, _ = scraped(quick("saved", changes), tmp_path / "raw")
    assert list(table["page_url"]) == [r"\xe9.html"]
    assert list(table["status"]) == ["ok"]


@pytest.mark.parametrize(
    "comment",
    [
        "",
        "<!-- saved from url=(0054)https://www.imdb.com/list/ls1/?page=all -->",
        "<!-- saved from url=(0020)https://[x/list -->",
        "<!-- saved from url=(0020)https:///list -->",
    ],
)
def test_a_save_may_state_an_odd_address_or_none(quick, tmp_path, comment):
    row = '<li class="ipc-metadata-list-summary-item"><a href="/name/nm1/">Ada</a></li>'
    listed = f'<div data-testid="list-page-mc-list-content"><ul>{row}</ul></div>'
    write(tmp_path / "saves" / "1.html", f"{comment}<html>{listed}</html>".encode())
    changes = {"saved.path": str(tmp_path / "saves"), "saved.layout": "imdb"}
    changes |= {"saved.url": "https://www.imdb.com/list/ls1/?page={page}"}
    table, _ = scraped(quick("saved", changes), tmp_path / "raw")
    assert list(table["item_id"]) == ["nm1"]


def test_a_later_page_without_any_picture_is_listed_and_one_without_items_refused(quick, tmp_path):
    for number, content in enumerate(["<img src=1.png>", "Ann", "<img src=3.png>"], 1):
        page = f'<ul><li class="p">{content}</li></ul>'
        write(tmp_path / "saves" / f"{number}.html", page.encode())
        write(tmp_path / "saves" / f"{number}.png", picture(number))
    changes = {"saved.path": str(tmp_path / "saves"), "saved.layout": "gallery"}
    changes |= {"saved.item": ".p", "saved.image": "img", "saved.link": "", "saved.total": ""}
    params = quick("saved", changes)
    table, _ = scraped(params, tmp_path / "raw")
    assert list(table["status"]) == ["ok", "no_image", "ok"]
    write(tmp_path / "saves" / "4.html", b"<p>another page</p>")
    with pytest.raises(UserError, match=r"4\.html is not a list .*: expected items, found none"):
        scraped(params, tmp_path / "raw")


def test_hidden_saves_are_counted(quick, tmp_path):
    page = b'<ul><li class="p"><img src="1.png"></li></ul>'
    for name in ("1.html", ".2.html", "._1.html", ".DS_Store"):
        write(tmp_path / "saves" / name, page)
    write(tmp_path / "saves" / "1.png", picture(1))
    changes = {"saved.path": str(tmp_path / "saves"), "saved.layout": "gallery"}
    changes |= {"saved.item": ".p", "saved.image": "img", "saved.link": ""}
    _, metrics = scraped(quick("saved", changes), tmp_path / "raw")
    assert metrics["passed_over"] == {"apple_double": 1, "hidden": 1}
