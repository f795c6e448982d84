"""Pictures to files and rows, each with a status."""

import os
from pathlib import Path

import pytest

from src.errors import UserError
from src.scrape.crawl import Crawl
from src.scrape.http.block_pages import LFS_POINTER
from src.scrape.http.fetch_errors import FetchError
from src.scrape.store import REMEDIES, counts, require_pictures, store
from tests.conftest import SCRAPE, handing
from tests.scrape.scraping import picture, stored, table_of


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
    table = stored(rows("a"), handing({"a": data}.__getitem__), tmp_path, SCRAPE)
    [row] = table.to_dict("records")
    assert row["file"] == f"images/{row['sha256'][:24]}.png"
    assert (tmp_path / row["file"]).read_bytes() == data
    assert (row["width"], row["height"], row["format"], row["bytes"]) == (12, 8, "PNG", len(data))


@pytest.mark.parametrize(("people", "status"), [(2, "ok"), (3, "placeholder"), (5, "placeholder")])
def test_one_picture_for_three_people_is_a_placeholder(tmp_path, people, status):
    data = picture(1)
    urls = [f"{n}" for n in range(people)]
    online = [row | {"page_url": "http://a.example/list"} for row in rows(*urls, "other")]
    table = stored(
        online, handing(lambda url: picture(2) if url == "other" else data), tmp_path, SCRAPE
    )
    assert list(table["status"]) == [status] * people + ["ok"]
    assert len(list((tmp_path / "images").iterdir())) == (2 if status == "ok" else 1)


def test_copies_on_disk_are_no_placeholders(tmp_path):
    table = stored(rows("a", "b", "c", "d"), handing(lambda url: picture(1)), tmp_path, SCRAPE)
    assert list(table["status"]) == ["ok"] * 4
    assert (tmp_path / table["file"][0]).exists()


def test_a_file_that_is_not_there_has_its_reason(tmp_path):
    table = stored(
        rows(str(tmp_path / "gone.jpg")),
        handing(lambda url: Path(url).read_bytes()),
        tmp_path,
        SCRAPE,
    )
    assert list(table["status"]) == ["missing"]


def test_one_picture_listed_thrice_for_one_person_is_none(tmp_path):
    same = [row | {"item_id": "item1"} for row in rows("a", "b", "c")]
    table = stored(same, handing(lambda url: picture(1)), tmp_path, SCRAPE)
    assert list(table["status"]) == ["ok"] * 3


@pytest.mark.parametrize("url", ["http://a.test/1.png", "1.png"])
def test_threads_share_a_core_where_they_wait_for_a_network(tmp_path, url):
    processors = []

    def fetch(url, save):
        processors.append(os.sched_getaffinity(0))
        raise FetchError("empty", "")

    store(rows(url), fetch, tmp_path, SCRAPE)
    expected = 1 if url.startswith("http") else len(os.sched_getaffinity(0))
    assert len(processors[0]) == expected


def test_a_url_listed_twice_is_fetched_once(tmp_path):
    urls = []

    def fetch(url: str) -> bytes:
        urls.append(url)
        return picture(len(url))

    table = stored(rows("a", "bb", "a"), handing(fetch), tmp_path, SCRAPE)
    assert sorted(urls) == ["a", "bb"]
    assert list(table["status"]) == ["ok"] * 3


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"<html>an album</html>", "html"),
        (b"<html><title>404 Not found</title>", "soft_404"),
        (b"<svg/>", "svg"),
        (LFS_POINTER + b".github.com/spec/v1\noid sha256:1a2b\nsize 12345\n", "lfs_pointer"),
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

    ledger = store(rows("bad", None), handing(fetch), tmp_path, SCRAPE)
    assert list(table_of(ledger)["status"]) == [status, "no_image"]
    assert counts(ledger, Crawl())["failed"] == {status: 1, "no_image": 1}


def test_an_empty_list_is_an_empty_ledger(tmp_path):
    table = stored([], handing(lambda url: b""), tmp_path, SCRAPE)
    assert len(table) == 0


def test_a_scrape_without_any_picture_fails_with_counts_and_remedies(tmp_path):
    def gone(url: str) -> bytes:
        raise FetchError("http_404", url)

    ledger = store(rows("a", "b", None), handing(gone), tmp_path, SCRAPE)
    with pytest.raises(UserError) as refused:
        require_pictures(ledger)
    assert str(refused.value).startswith(
        "none of the 3 listed pictures can be used: 2 http_404, such as a (open one in a browser to "
        f"see what it needs); 1 no_image ({REMEDIES['no_image']})."
    )


def test_one_picture_is_enough(tmp_path):
    ledger = store(rows("a", None), handing({"a": picture(1)}.__getitem__), tmp_path, SCRAPE)
    require_pictures(ledger)


def test_placeholders_alone_are_no_pictures(tmp_path):
    online = [{**row, "page_url": "http://a.test/"} for row in rows("a", "b", "c")]
    ledger = store(online, handing(lambda _: picture(1)), tmp_path, SCRAPE)
    with pytest.raises(UserError, match=r"3 placeholder, such as a \(items show .*urls\.url"):
        require_pictures(ledger)


def test_the_remedy_of_a_missing_label_map_fits_every_source(tmp_path):
    missing = {**rows("a")[0], "status": "no_label"}
    unread = {**rows("b")[0], "label_url": "c"}
    fetch = handing({"b": picture(1), "c": b"no picture"}.__getitem__)
    ledger = store([missing, unread], fetch, tmp_path, SCRAPE)
    with pytest.raises(UserError) as refused:
        require_pictures(ledger)
    message = str(refused.value)
    assert (
        "1 no_label, such as a (files of a pair have equal names in A and B, and in data" in message
    )
    assert "webdataset.label" in message
