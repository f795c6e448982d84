"""What was fetched and what failed, from run to run."""

import sqlite3

import pytest

from src.errors import UserError
from src.scrape.http.cache import Body, CacheEntry, HttpCache
from src.scrape.http.fetch_errors import FetchError

URL = "http://photos.test/1.jpg"


def save(cache: HttpCache, data: bytes, url: str = URL, **headers: str) -> None:
    with cache.writing(url) as path:
        path.write_bytes(data)
    cache.record_body(url, Body(path, True, **headers))


def test_a_url_is_pending_until_it_is_fetched_or_fails(tmp_path):
    cache = HttpCache(tmp_path, "one")
    assert cache.entry(URL) == CacheEntry(None, None, None)
    save(cache, b"picture", etag='"1"', charset="utf-8")
    body = HttpCache(tmp_path, "one").entry(URL).body
    assert body.path.read_bytes() == b"picture"
    assert (body.etag, body.charset, body.immutable) == ('"1"', "utf-8", True)


def test_failures_are_counted_and_the_last_reason_is_kept(tmp_path):
    assert HttpCache(tmp_path, "one").record_failure(URL, FetchError("timeout", "late")) == 1
    assert HttpCache(tmp_path, "one").record_failure(URL, FetchError("http_500", "broken")) == 2
    failure = HttpCache(tmp_path, "one").entry(URL).failure
    assert (failure.error.reason, str(failure.error), failure.runs) == ("http_500", "broken", 2)


def test_a_url_that_is_fetched_at_last_is_no_failure(tmp_path):
    cache = HttpCache(tmp_path, "one")
    cache.record_failure(URL, FetchError("timeout", "late"))
    save(cache, b"picture")
    assert cache.entry(URL).failure is None
    assert cache.entry(URL).body.path.read_bytes() == b"picture"


def test_snapshots_are_kept_apart_and_the_last_of_the_others_is_the_earlier_one(tmp_path):
    for snapshot in ("2026-01", "2026-02"):
        save(HttpCache(tmp_path, snapshot), snapshot.encode(), modified=snapshot)
    third = HttpCache(tmp_path, "2026-03")
    assert third.entry(URL).body is None
    assert third.entry(URL).earlier.path.read_bytes() == b"2026-02"
    assert third.entry(URL).earlier.conditions() == {"If-Modified-Since": "2026-02"}
    third.record_failure(URL, FetchError("timeout", "late"))
    assert HttpCache(tmp_path, "2026-02").entry(URL).earlier.path.read_bytes() == b"2026-01"


def test_a_url_whose_body_was_deleted_is_pending_again(tmp_path):
    cache = HttpCache(tmp_path, "one")
    save(cache, b"picture")
    cache.entry(URL).body.path.unlink()
    assert cache.entry(URL).body is None


def test_a_body_refused_while_it_is_written_leaves_nothing(tmp_path):
    cache = HttpCache(tmp_path, "one")
    with pytest.raises(FetchError), cache.writing(URL) as path:
        path.write_bytes(b"half")
        raise FetchError("incomplete", "broke off")
    assert cache.entry(URL).body is None
    assert list((tmp_path / "bodies").iterdir()) == []


def test_half_bodies_of_a_killed_run_are_removed(tmp_path):
    HttpCache(tmp_path, "one")
    (tmp_path / "bodies" / ".abc.123").write_bytes(b"half")
    HttpCache(tmp_path, "one")
    assert list((tmp_path / "bodies").iterdir()) == []


@pytest.mark.parametrize(
    "url", ["http://a/\ud800", "http://a/'; DROP TABLE answers; --", "x" * 9000]
)
def test_any_text_is_a_key(tmp_path, url):
    cache = HttpCache(tmp_path, "one")
    save(cache, b"picture", url)
    assert cache.entry(url).body.path.read_bytes() == b"picture"
    assert cache.entry(URL).body is None
    assert cache.record_failure(url, FetchError("timeout", f"{url}: late")) == 1


def test_a_broken_table_is_an_error_that_says_what_to_do(tmp_path):
    (tmp_path / "answers.sqlite").write_bytes(b"no table at all" * 100)
    with pytest.raises(UserError, match=r"answers\.sqlite cannot be used.*delete its folder"):
        HttpCache(tmp_path, "one")


def test_a_table_of_another_shape_is_an_error_that_says_what_to_do(tmp_path):
    with sqlite3.connect(tmp_path / "answers.sqlite") as rows:
        rows.execute("CREATE TABLE answers (url TEXT)")
    with pytest.raises(UserError, match=r"answers\.sqlite cannot be used.*delete its folder"):
        HttpCache(tmp_path, "one").entry(URL)


def test_the_url_that_answered_is_kept_also_in_a_cache_of_an_earlier_version(tmp_path):
    save(HttpCache(tmp_path, "one"), b"picture")
    with sqlite3.connect(tmp_path / "answers.sqlite") as table:
        table.execute("ALTER TABLE answers DROP COLUMN answered")
    table.close()
    assert HttpCache(tmp_path, "one").entry(URL).body.url is None
    cache = HttpCache(tmp_path, "one")
    with cache.writing(URL) as path:
        path.write_bytes(b"moved")
    cache.record_body(URL, Body(path, True, etag='"1"', url="http://photos.test/moved.jpg"))
    body = HttpCache(tmp_path, "one").entry(URL).body
    assert (body.url, body.etag) == ("http://photos.test/moved.jpg", '"1"')
