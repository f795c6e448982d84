"""The ledger of scrape while it grows."""

import tracemalloc
from pathlib import Path

import pytest

from src.errors import UserError
from src.scrape.raw_ledger import RawLedger, StoredPicture
from src.storage.ledger import read_ledger
from tests.scrape.scraping import table_of


def listed(*urls: str | None) -> list[dict]:
    return [
        {"page": 1, "position": n, "item_id": f"item{n}", "page_url": "", "image_url": url}
        for n, url in enumerate(urls, 1)
    ]


def test_hosts_are_asked_in_turn_and_each_url_once():
    urls = ["http://b/2", "http://a/9", "http://a/1", "http://b/2", "http://a/5", "", None]
    ledger = RawLedger(listed(*urls))
    assert list(ledger.urls()) == ["http://a/1", "http://b/2", "http://a/5", "http://a/9"]
    assert (ledger.n_urls, ledger.n_hosts, ledger.is_online) == (4, 2, True)


@pytest.mark.parametrize("url", ["a.png", "httpd/a.png", "/data/http:x.png"])
def test_files_are_not_online(url):
    assert not RawLedger(listed(url)).is_online


def test_what_a_source_says_of_a_row_comes_before_its_files():
    rows = listed("a", "a")
    rows[1]["status"] = "forgotten"
    ledger = RawLedger(rows)
    ledger.store("a", StoredPicture("ok", "images/a.png", "5f"))
    ledger.set_statuses()
    table = table_of(ledger)
    assert list(table["status"]) == ["ok", "forgotten"]
    assert table["file"][0] == "images/a.png"
    assert table.loc[1, ["file", "sha256"]].isna().all()


def test_a_long_list_takes_no_memory():
    rows = (row for url in map(str, range(50_000)) for row in listed(f"http://host/{url}"))
    tracemalloc.start()
    ledger = RawLedger(rows)
    for url in ledger.urls():
        ledger.store(url, StoredPicture("http_404"))
    ledger.set_statuses()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert ledger.counts()["listed"] == 50_000
    assert peak < 1_000_000


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_a_ledger_is_written_in_parts(tmp_path: Path, monkeypatch, count: int):
    monkeypatch.setattr("src.storage.ledger.ROWS_PER_FILE", 4)
    for module in ("storage.ledger", "scrape.raw_ledger"):
        monkeypatch.setattr(f"src.{module}.BATCH_ROWS", 2)
    ledger = RawLedger(listed(*map(str, range(count))))
    for url in ledger.urls():
        ledger.store(url, StoredPicture("ok", f"images/{url}", url, 1, 2, 3, "PNG", False))
    ledger.set_statuses()
    ledger.write(tmp_path / "ledger.parquet")
    table = read_ledger(tmp_path / "ledger.parquet", "raw")
    assert list(table["file"]) == [f"images/{n}" for n in range(count)]
    assert not table["animated"].any()
    assert (tmp_path / "ledger.parquet").is_dir() == (count > 4)


def test_a_full_disk_is_one_error_with_the_variable_that_names_another():
    ledger = RawLedger([])
    ledger._database.execute("PRAGMA max_page_count=20")
    with pytest.raises(UserError, match=r"database or disk is full.*TMPDIR"):
        for number in range(10_000):
            ledger._execute("INSERT INTO turns (url) VALUES (?)", str(number))


def test_urls_that_are_left_unread_are_no_error_when_the_ledger_has_ended():
    ledger = RawLedger(listed("a", "b"))
    urls = ledger.urls()
    next(urls)
    ledger._database.close()
    urls.close()


def test_ctrl_c_while_a_list_is_taken_in_stays_one(monkeypatch):
    def interrupted(url: str) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("src.scrape.raw_ledger._host", interrupted)
    with pytest.raises(KeyboardInterrupt):
        RawLedger(listed("http://a.test/1"))
