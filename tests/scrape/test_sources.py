"""Sources, crawl and store: from a list to a ledger whose rows all have a status."""

import io
import tarfile
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from src.demo import inventory, site
from src.errors import UserError
from src.imaging import decoding
from src.params import read_params
from src.scrape import sources
from src.scrape.crawl import crawl
from src.scrape.http.client import Client
from src.scrape.http.fetch_errors import FetchError
from src.scrape.listings import parse_gallery, parse_imdb
from src.scrape.store import counts, store
from src.storage.encoding import encode_png
from src.storage.ledger import read_ledger, write_ledger
from tests.conftest import REAL_DATA, ROOT, SCRAPE, handing, real
from tests.servers import NOT_FOUND, Answer, saved, served

LIST = "https://www.imdb.com"
FEW_FAULTS = dict.fromkeys(
    ["exact_copy", "second_picture", "missing", "truncated", "placeholder", "no_image"], 100
)
QUICK = {
    "scrape.retries": 1,
    "scrape.backoff_s": 0,
    "scrape.requests_per_second": 1000,
    "scrape.timeout_s": 2,
    "scrape.allow_hosts": ["127.0.0.1"],
}


@pytest.fixture
def server():
    with served() as server:
        yield server


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch, tmp_path):
    """The client's cache and relative paths belong to the test alone."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def quick(changed):
    """Parameters without waiting: quick("demo", {"demo.pages": 2})."""

    def make(source, changes=None):
        return changed({"source": source} | QUICK | (changes or {}))

    return make


def scraped(params, folder: Path) -> tuple[pd.DataFrame, dict]:
    """What the scrape stage writes: the ledger, read back, and the metrics."""
    with sources.open_source(params, folder) as source:
        table = store(source.crawl.rows, source.fetch, folder, params.scrape)
    write_ledger(table, folder / "ledger.parquet", "raw")
    found = source.crawl
    metrics = counts(table, found.pages, found.repeated_pages, found.expected)
    return read_ledger(folder / "ledger.parquet", "raw"), metrics


def picture(seed: int, width: int = 12, height: int = 8) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    return encode_png(pixels)


def write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


# --- demo


@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    """A scrape of three pages of ten, three of each kind of fault; and the site's entries."""
    raw = tmp_path_factory.mktemp("faulty") / "raw"
    params = read_params(ROOT / "params.yaml")
    demo = params.demo.model_copy(update={"pages": 3, "per_page": 10})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("src.demo.inventory.FAULTS", FEW_FAULTS)
        table, metrics = scraped(params.model_copy(update={"demo": demo}), raw)
        entries = inventory.catalogue(30, params.seed, faults=True)
    return table, metrics, entries, raw


def test_every_listed_entry_is_a_row_in_order(faulty):
    table, metrics, entries, _ = faulty
    assert list(table["item_id"]) == [entry.item_id for entry in entries]
    assert list(table["page"]) == [1] * 10 + [2] * 10 + [3] * 10
    assert list(table["position"]) == [*range(1, 11)] * 3
    assert (metrics["pages"], metrics["listed"], metrics["expected"]) == (3, 30, 30)


def test_every_row_has_the_status_of_its_entry(faulty):
    table, metrics, entries, _ = faulty
    expected = {"missing": "http_404", "no_image": "no_image", "placeholder": "placeholder"}
    assert list(table["status"]) == [expected.get(entry.kind, "ok") for entry in entries]
    assert metrics["failed"] == {"http_404": 3, "no_image": 3, "placeholder": 3}
    assert metrics["downloaded"] == 21
    assert metrics["listed"] == metrics["downloaded"] + sum(metrics["failed"].values())


def test_only_downloaded_rows_have_a_file(faulty):
    table, _, _, raw = faulty
    ok = table["status"] == "ok"
    assert table.loc[ok, "file"].notna().all()
    assert table.loc[~ok, "file"].isna().all()
    on_disk = {path.relative_to(raw).as_posix() for path in (raw / "images").iterdir()}
    assert on_disk == set(table.loc[ok, "file"])


def test_equal_bytes_are_one_file(faulty):
    table, metrics, entries, _ = faulty
    copies = [entry for entry in entries if entry.kind == "exact_copy"]
    assert len(copies) == 3
    for copy in copies:
        [original] = [e for e in entries if e.person == copy.person and e.kind == "portrait"]
        assert table["file"][copy.number] == table["file"][original.number]
        assert table["item_id"][copy.number] == table["item_id"][original.number]
    assert metrics["unique_items"] == 30 - 3 - 3  # copies and second pictures


def test_pages_are_kept_as_they_came(faulty):
    *_, raw = faulty
    assert sorted(p.name for p in (raw / "pages").iterdir()) == [
        "0001.html",
        "0002.html",
        "0003.html",
    ]
    assert "lister-item" in (raw / "pages" / "0001.html").read_text(encoding="utf-8")
    assert "__NEXT_DATA__" in (raw / "pages" / "0002.html").read_text(encoding="utf-8")


def test_two_scrapes_write_equal_bytes(quick, tmp_path):
    params = quick("demo", {"demo.pages": 2, "demo.per_page": 4})
    for run in ("one", "two"):
        scraped(params, tmp_path / run)
    one, two = (
        {p.relative_to(tmp_path / run): p.read_bytes() for p in (tmp_path / run).rglob("*.*")}
        for run in ("one", "two")
    )
    assert one == two
    assert Path("ledger.parquet") in one


@pytest.mark.parametrize("layout", ["lister", "next_data", "both"])
def test_both_layouts_give_the_same_pictures(quick, tmp_path, layout):
    changes = {"demo.pages": 2, "demo.per_page": 3, "demo.layout": layout, "demo.faults": False}
    params = quick("demo", changes)
    table, _ = scraped(params, tmp_path / "raw")
    assert list(table["status"]) == ["ok"] * 6
    assert set(table["width"]) == {192}
    assert set(table["height"]) == {256}


@pytest.mark.parametrize("layout", ["lister", "next_data", "both"])
def test_a_site_that_ignores_the_page_number_is_left_after_its_first_page(quick, tmp_path, layout):
    changes = {"demo.pages": 10, "demo.per_page": 2, "demo.paging": "ignored"}
    table, metrics = scraped(quick("demo", changes | {"demo.layout": layout}), tmp_path / "raw")
    assert (metrics["pages"], metrics["repeated_pages"]) == (2, 1)
    assert (metrics["listed"], metrics["unique_items"], metrics["expected"]) == (2, 2, 20)
    assert len(table) == 2


@pytest.mark.parametrize("layout", ["lister", "next_data", "both"])
def test_ten_copies_of_the_first_page_are_kept_where_one_insists(quick, tmp_path, layout):
    changes = {"demo.pages": 10, "demo.per_page": 2, "demo.paging": "ignored"}
    changes |= {"scrape.on_repeat": "keep", "demo.layout": layout}
    table, metrics = scraped(quick("demo", changes), tmp_path / "raw")
    assert (metrics["pages"], metrics["repeated_pages"]) == (10, 9)
    assert (metrics["listed"], metrics["unique_items"]) == (20, 2)
    assert table["file"].nunique() == 2
    assert list(table["item_id"]) == list(table["item_id"][:2]) * 10


# --- crawl


def lister(numbers: range, total: int, page: int, more: bool = True) -> Answer:
    entries = [inventory.Entry(n, f"nm{n:07d}", f"Person {n}", "portrait", n) for n in numbers]
    return Answer(site.lister(entries, total, page, more).encode())


@pytest.fixture
def crawled(server, changed, tmp_path):
    """Crawl /list of the server: crawled({"scrape.max_pages": 3})."""

    def go(changes=None):
        client = Client(changed(QUICK | (changes or {})).scrape, tmp_path / "http")

        def parse(html, url, number):
            return parse_imdb(html, url, 0)

        return crawl(server["/list"], parse, client, tmp_path / "pages")

    return go


def test_a_list_that_states_more_than_it_shows_ends_where_it_ends(server, crawled):
    server["/list"] = lister(range(5), 1000, 1, more=False)
    found = crawled()
    assert (len(found.rows), found.expected, found.pages) == (5, 1000, 1)
    assert {row["stated_total"] for row in found.rows} == {1000}


def test_a_list_is_left_when_all_it_states_is_listed(server, crawled):
    server["/list"] = lister(range(5), 5, 1, more=True)
    assert crawled().pages == 1
    assert server.pages_asked() == ["/list"]


def test_no_more_than_max_pages_are_asked_for(server, crawled):
    def page(target: str) -> Answer:
        number = int(target.partition("page=")[2] or 1)
        return lister(range(5 * number, 5 * number + 5), 10_000, number)

    server["/list"] = page
    found = crawled({"scrape.max_pages": 4})
    assert (found.pages, len(found.rows), found.repeated_pages) == (4, 20, 0)
    assert len(server.pages_asked()) == 4


def test_a_server_that_repeats_its_last_page_past_the_end_is_left(server, crawled):
    server["/list"] = lister(range(5), 1000, 1)
    server["/list?page=2"] = lister(range(5, 8), 1000, 2)
    server["/list?page=3"] = lister(range(5, 8), 1000, 3)
    found = crawled()
    assert [row["item_id"] for row in found.rows] == [f"nm{n:07d}" for n in range(8)]
    assert (found.pages, found.repeated_pages) == (3, 1)


def test_a_page_with_one_new_item_is_no_repeat(server, crawled):
    server["/list"] = lister(range(5), 1000, 1)
    server["/list?page=2"] = lister(range(1, 6), 1000, 2, more=False)
    found = crawled()
    assert (len(found.rows), found.repeated_pages) == (10, 0)


@pytest.mark.parametrize("answer", [NOT_FOUND, Answer(b"", 202), Answer(b""), Answer(b"", 500)])
def test_a_first_page_that_cannot_be_had_is_an_error(server, crawled, answer):
    server["/list"] = answer
    with pytest.raises(UserError, match="page 1 of the list could not be had: http"):
        crawled()


def test_a_missing_later_page_is_the_end(server, crawled):
    server["/list"] = lister(range(5), 1000, 1)
    assert len(crawled().rows) == 5


@pytest.mark.parametrize("answer", [Answer(b"", 202), Answer(b"", 503)], ids=["202", "503"])
def test_a_later_page_that_cannot_be_had_is_an_error_and_no_end(server, crawled, answer):
    server["/list"] = lister(range(5), 1000, 1)
    server["/list?page=2"] = answer
    with pytest.raises(UserError, match="page 2 of the list could not be had"):
        crawled()


def test_a_page_that_is_no_list_is_an_error_that_says_where_it_is_kept(server, crawled, tmp_path):
    server["/list"] = lister(range(5), 1000, 1)
    server["/list?page=2"] = Answer(b"<html><title>Something else</title></html>")
    with pytest.raises(UserError, match=r"page=2 \(saved as .*0002\.html\) is no list") as caught:
        crawled()
    assert "Something else" in str(caught.value)
    assert b"Something else" in (tmp_path / "pages" / "0002.html").read_bytes()


def test_a_challenge_in_place_of_a_list_is_told_as_one(server, crawled, tmp_path):
    server["/list"] = [Answer(saved("challenge").encode()), lister(range(5), 5, 1)]
    with pytest.raises(UserError, match=r"page 1 .* a human looks at it.*saved as .*0001\.html"):
        crawled()
    assert (tmp_path / "pages" / "0001.html").read_text(encoding="utf-8") == saved("challenge")
    assert len(crawled().rows) == 5  # a wall is not kept, so that the next run asks again


def empty(page: int) -> Answer:
    return Answer(site.next_data([], 1000, page, more=True).encode())


def test_a_first_page_without_any_item_is_an_error(server, crawled):
    server["/list"] = empty(1)
    with pytest.raises(UserError, match=r"/list .*is no list"):
        crawled()


def test_a_later_page_without_any_item_is_the_end(server, crawled):
    server["/list"] = lister(range(5), 1000, 1)
    server["/list?page=2"], server["/list?page=3"] = empty(2), NOT_FOUND
    assert len(crawled().rows) == 5
    assert server.pages_asked() == ["/list", "/list?page=2"]


def test_pages_without_any_item_do_not_go_on_for_ever(server, changed, tmp_path):
    settings = changed({"gallery.next": "a.next", "gallery.url": server["/gallery"]}).gallery
    server["/gallery"] = Answer(saved("gallery_1").encode())
    for target in ("?from=D", "?from=Z"):
        path = f"/wiki/Category:Official_portraits{target}"
        server[path] = Answer(saved("gallery_empty").encode())
    client = Client(changed(QUICK).scrape, tmp_path / "http")
    parse = partial(parse_gallery, gallery=settings)
    assert len(crawl(server["/gallery"], parse, client, tmp_path).rows) == 4
    assert len(server.pages_asked()) == 2


# --- store


def rows(*urls: str | None) -> list[dict]:
    return [
        {
            "page": 1,
            "position": n,
            "item_id": f"item{n}",
            "name": f"Item {n}",
            "page_url": None,
            "image_url": url,
            "stated_total": None,
        }
        for n, url in enumerate(urls, 1)
    ]


def test_files_are_named_by_their_content_and_format(tmp_path):
    data = picture(1)
    table = store(rows("a"), handing({"a": data}.__getitem__), tmp_path, SCRAPE)
    [row] = table.to_dict("records")
    assert row["file"] == f"images/{row['sha256'][:24]}.png"
    assert (tmp_path / row["file"]).read_bytes() == data
    assert (row["width"], row["height"], row["format"], row["bytes"]) == (12, 8, "PNG", len(data))


@pytest.mark.parametrize(("people", "status"), [(2, "ok"), (3, "placeholder"), (5, "placeholder")])
def test_one_picture_for_three_people_is_a_placeholder(tmp_path, people, status):
    data = picture(1)
    urls = [f"{n}" for n in range(people)]
    online = [row | {"page_url": "http://a.example/list"} for row in rows(*urls, "other")]
    table = store(
        online, handing(lambda url: picture(2) if url == "other" else data), tmp_path, SCRAPE
    )
    assert list(table["status"]) == [status] * people + ["ok"]
    assert len(list((tmp_path / "images").iterdir())) == (2 if status == "ok" else 1)


def test_copies_on_disk_are_no_placeholders(tmp_path):
    table = store(rows("a", "b", "c", "d"), handing(lambda url: picture(1)), tmp_path, SCRAPE)
    assert list(table["status"]) == ["ok"] * 4
    assert (tmp_path / table["file"][0]).exists()


def test_a_file_that_may_not_be_read_has_its_reason(tmp_path):
    table = store(
        rows(str(tmp_path / "gone.jpg")),
        handing(lambda url: Path(url).read_bytes()),
        tmp_path,
        SCRAPE,
    )
    assert list(table["status"]) == ["unreadable"]


def test_one_picture_listed_thrice_for_one_person_is_none(tmp_path):
    same = [row | {"item_id": "item1"} for row in rows("a", "b", "c")]
    table = store(same, handing(lambda url: picture(1)), tmp_path, SCRAPE)
    assert list(table["status"]) == ["ok"] * 3


def test_a_url_listed_twice_is_fetched_once(tmp_path):
    asked = []

    def fetch(url: str) -> bytes:
        asked.append(url)
        return picture(len(url))

    table = store(rows("a", "bb", "a"), handing(fetch), tmp_path, SCRAPE)
    assert sorted(asked) == ["a", "bb"]
    assert list(table["status"]) == ["ok"] * 3


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"<html>an album</html>", "html"),
        (b"<html><title>404 Not found</title>", "soft_404"),
        (b"<svg/>", "svg"),
        (b"", "not_an_image"),
        (b"\x89PNG\r\n\x1a\n", "not_an_image"),
        (FetchError("timeout", "late"), "timeout"),
    ],
)
def test_what_is_no_picture_keeps_its_row_and_the_reason(tmp_path, data, status):
    def fetch(url: str) -> bytes:
        if isinstance(data, Exception):
            raise data
        return picture(1) if url == "good" else data

    table = store(rows("bad", None), handing(fetch), tmp_path, SCRAPE)
    assert list(table["status"]) == [status, "no_image"]
    assert counts(table, 1, 0, None)["failed"] == {status: 1, "no_image": 1}
    write_ledger(table, tmp_path / "ledger.parquet", "raw")
    assert len(read_ledger(tmp_path / "ledger.parquet", "raw")) == 2


def test_an_empty_list_is_an_empty_ledger(tmp_path):
    table = store([], handing(lambda url: b""), tmp_path, SCRAPE)
    write_ledger(table, tmp_path / "ledger.parquet", "raw")
    assert len(read_ledger(tmp_path / "ledger.parquet", "raw")) == 0


# --- imdb and gallery


def test_imdb_is_scraped_from_its_own_urls(server, monkeypatch, quick, tmp_path):
    local = {LIST: server.port, site.ORIGIN: server.port}
    monkeypatch.setattr("src.scrape.sources.Client", partial(Client, local=local))
    server["/list/ls058011111/"] = lister(range(3), 5, 1)
    server["/list/ls058011111/?page=2"] = lister(range(3, 5), 5, 2, more=False)
    for n in range(5):
        server[f"/images/M/MV5B{n:06d}@._V1_UX512_.jpg"] = Answer(picture(n))
    table, metrics = scraped(quick("imdb"), tmp_path / "raw")
    assert list(table["status"]) == ["ok"] * 5
    assert list(table["name"]) == [f"Person {n}" for n in range(5)]
    assert table["page_url"][0] == f"{LIST}/list/ls058011111/?sort=list_order%2Casc"
    assert (metrics["pages"], metrics["expected"]) == (2, 5)


def test_a_killed_scrape_goes_on_without_asking_again(server, monkeypatch, quick, tmp_path):
    local = {LIST: server.port, site.ORIGIN: server.port}
    monkeypatch.setattr("src.scrape.sources.Client", partial(Client, local=local))
    server["/list/ls058011111/"] = lister(range(3), 3, 1, more=False)
    for n in range(3):
        server[f"/images/M/MV5B{n:06d}@._V1_UX512_.jpg"] = Answer(picture(n))
    first, _ = scraped(quick("imdb"), tmp_path / "one")
    asked = len(server.asked)
    again, _ = scraped(quick("imdb"), tmp_path / "two")
    assert len(server.asked) == asked
    pd.testing.assert_frame_equal(first, again)


@pytest.mark.parametrize("counted", [False, True], ids=["next", "counted"])
def test_a_gallery_is_scraped_by_its_selectors(server, quick, tmp_path, counted):
    path = "/wiki/Category:Official_portraits"
    first, second = ("?page=1", "?page=2") if counted else ("", "?from=D")
    # the third picture's host is not ours to ask
    page = saved("gallery_1").replace("//upload.example.test/", "/")
    server[path + first] = Answer(page.encode())
    server[path + second] = Answer(saved("gallery_2").encode())
    server[f"{path}?page=3"] = NOT_FOUND
    server["/wiki/thumb/z/Zoe.jpg"] = Answer(picture(1))
    server["/thumb/d/Dmitri.jpg"] = Answer(picture(2))
    changes = {
        "gallery.url": server[f"{path}?page={{page}}" if counted else path],
        "gallery.next": "a.next",
        "gallery.total": ".total",
    }
    table, metrics = scraped(quick("gallery", changes), tmp_path / "raw")
    assert list(table["status"]) == ["http_404", "ok", "http_404", "no_image", "ok"]
    assert list(table["page"]) == [1, 1, 1, 1, 2]
    assert (metrics["expected"], metrics["listed"], metrics["pages"]) == (1234, 5, 2)


# --- folder


@pytest.fixture
def album(tmp_path):
    """Three pictures of two people and one of nobody in particular, and a note."""
    folder = tmp_path / "album"
    for n, name in enumerate(["ada/1.jpg", "ada/2.PNG", "boris/1.webp", "alone.tif"]):
        write(folder / name, picture(n))
    write(folder / "notes.txt", b"no picture")
    return folder


def test_each_picture_of_a_folder_is_listed(quick, album, tmp_path):
    table, metrics = scraped(quick("folder", {"folder.path": str(album)}), tmp_path / "raw")
    assert list(table["item_id"]) == ["ada/1.jpg", "ada/2.PNG", "alone.tif", "boris/1.webp"]
    assert list(table["status"]) == ["ok"] * 4
    assert metrics["listed"] == metrics["expected"] == 4


def test_pictures_in_one_folder_may_be_one_person(quick, album, tmp_path):
    changes = {"folder.path": str(album), "folder.item": "folder"}
    table, metrics = scraped(quick("folder", changes), tmp_path / "raw")
    assert list(table["item_id"]) == ["ada", "ada", "alone.tif", "boris"]
    assert metrics["unique_items"] == 3


@pytest.mark.parametrize("source", ["folder", "facades"])
@pytest.mark.parametrize(
    ("path", "message"), [("", "is empty: set it to"), ("no/such/folder", "is not a folder")]
)
def test_a_missing_folder_is_an_error_by_its_key(quick, tmp_path, source, path, message):
    with pytest.raises(UserError, match=rf"^{source}\.path.*{message}"):
        scraped(quick(source, {f"{source}.path": path}), tmp_path / "raw")


def test_a_folder_without_pictures_is_an_error_that_lists_the_suffixes(quick, tmp_path):
    write(tmp_path / "notes" / "a.txt", b"no picture")
    with pytest.raises(UserError, match=r"folder\.path = .*holds no picture .*\.jpg"):
        scraped(quick("folder", {"folder.path": str(tmp_path / "notes")}), tmp_path / "raw")


def test_a_broken_file_of_a_folder_keeps_its_row(quick, album, tmp_path):
    write(album / "ada" / "1.jpg", b"")
    table, _ = scraped(quick("folder", {"folder.path": str(album)}), tmp_path / "raw")
    assert list(table["status"]) == ["not_an_image", "ok", "ok", "ok"]


# --- facades

MEMBERS = ["train/2.jpg", "train/10.jpg", "train/1.jpg", "val/1.jpg", "test/1.jpg"]


@pytest.fixture
def facades(tmp_path):
    folder = tmp_path / "facades"
    for n, name in enumerate(MEMBERS):
        write(folder / name, picture(n, 16, 8))
    write(folder / "README.md", b"no picture")
    return folder


@pytest.fixture
def archive(facades):
    """The same as the bytes of a .tar.gz."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for path in sorted(facades.rglob("*.*")):
            member = tarfile.TarInfo(f"facades/{path.relative_to(facades).as_posix()}")
            member.size = path.stat().st_size
            tar.addfile(member, io.BytesIO(path.read_bytes()))
    return buffer.getvalue()


def place(how: str, facades: Path, archive: bytes, server) -> str:
    if how == "folder":
        return str(facades)
    if how == "archive":
        return str(write(facades.parent / "facades.tar.gz", archive))
    server["/facades.tar.gz"] = Answer(archive)
    return server["/facades.tar.gz"]


@pytest.mark.parametrize("how", ["folder", "archive", "url"])
def test_facades_are_the_same_from_anywhere(quick, tmp_path, facades, archive, server, how):
    path = place(how, facades, archive, server)
    table, metrics = scraped(quick("facades", {"facades.path": path}), tmp_path / "raw")
    assert [n.removeprefix("facades/") for n in table["image_url"]] == [
        "test/1.jpg",
        "train/1.jpg",
        "train/2.jpg",
        "train/10.jpg",
        "val/1.jpg",
    ]
    assert list(table["given_side"]) == ["val", "train", "train", "train", "val"]
    assert list(table["status"]) == ["ok"] * 5
    assert table["item_id"].nunique() == metrics["listed"] == 5
    for name, file in zip(table["image_url"], table["file"], strict=True):
        original = facades / name.removeprefix("facades/")
        assert (tmp_path / "raw" / file).read_bytes() == original.read_bytes()


@pytest.mark.parametrize(("direction", "layout"), [("BtoA", "photo_left"), ("AtoB", "photo_right")])
def test_the_direction_says_where_the_photo_is(quick, tmp_path, facades, direction, layout):
    changes = {"facades.path": str(facades), "facades.direction": direction}
    table, _ = scraped(quick("facades", changes), tmp_path / "raw")
    assert set(table["layout"]) == {layout}


def test_an_archive_larger_than_a_page_may_be_is_fetched(quick, tmp_path, facades, archive, server):
    path = place("url", facades, archive + bytes(20_000), server)
    changes = {"facades.path": path, "scrape.max_bytes": 2048}
    table, _ = scraped(quick("facades", changes), tmp_path / "raw")
    assert len(table) == 5


def test_an_archive_that_cannot_be_fetched_is_an_error_with_a_way_out(quick, tmp_path, server):
    path = server["/facades.tar.gz"]
    with pytest.raises(UserError, match=r"cannot be used: .*404.*or set it to the unpacked"):
        scraped(quick("facades", {"facades.path": path}), tmp_path / "raw")


def test_a_name_twice_in_an_archive_is_its_last_picture_and_no_others(quick, tmp_path):
    path = tmp_path / "facades.tar"
    with tarfile.open(path, "w") as archive:
        for name, seed in (("train/1.png", 1), ("train/1.png", 2), ("train/2.png", 3)):
            member = tarfile.TarInfo(name)
            member.size = len(picture(seed))
            archive.addfile(member, io.BytesIO(picture(seed)))
    table, _ = scraped(quick("facades", {"facades.path": str(path)}), tmp_path / "raw")
    stored = [(tmp_path / "raw" / file).read_bytes() for file in table["file"]]
    assert stored == [picture(2), picture(3)]


@pytest.mark.parametrize("wrong", ["html", "empty", "cut"])
def test_a_wrong_archive_is_an_error_by_its_key(quick, tmp_path, archive, wrong):
    data = {
        "html": b"<!DOCTYPE html><title>404</title>",
        "empty": b"",
        "cut": archive[: len(archive) // 2],
    }[wrong]
    path = str(write(tmp_path / "facades.tar.gz", data))
    with pytest.raises(UserError, match=r"facades\.path = .*expected a tar archive"):
        scraped(quick("facades", {"facades.path": path}), tmp_path / "raw")


@pytest.mark.parametrize("damage", [b"\0", b"\xff", b"\x55"])
def test_a_damaged_archive_is_listed_whole_or_an_error_by_its_key(quick, tmp_path, archive, damage):
    path = tmp_path / "facades.tar.gz"
    params = quick("facades", {"facades.path": str(path)})
    for start in range(10, len(archive), 40):
        write(path, archive[:start] + damage * 20 + archive[start + 20 :])
        try:
            with sources.open_source(params, tmp_path) as source:
                assert len(source.crawl.rows) == 5
        except UserError as error:
            assert "facades.path" in str(error)


def test_pictures_in_other_folders_are_an_error_that_says_what_was_found(quick, tmp_path, album):
    with pytest.raises(UserError, match=r"expected folders train, val or test.*found .*ada, boris"):
        scraped(quick("facades", {"facades.path": str(album)}), tmp_path / "raw")


def test_the_real_facades_are_listed_whole(quick, tmp_path):
    real("facades/train")
    params = quick("facades", {"facades.path": str(REAL_DATA / "facades")})
    with sources.open_source(params, tmp_path) as source:
        table = pd.DataFrame(source.crawl.rows)
        first = decoding.inspect(
            source.fetch(table["image_url"][0], lambda body: body.path.read_bytes())
        )
    assert table["given_side"].value_counts().to_dict() == {"train": 400, "val": 100}
    assert table["item_id"].nunique() == 500
    assert list(table["name"][:3]) == ["1", "2", "3"]
    assert first == ("JPEG", 512, 256, False)
