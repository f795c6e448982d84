"""What was fetched and what failed, from run to run."""

import gc
import hashlib
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial

import pytest

from src.errors import UserError
from src.scrape.http.cache import Body, CacheEntry, HttpCache, forget
from src.scrape.http.fetch_errors import FetchError

URL = "http://photos.test/1.jpg"


def save(cache: HttpCache, data: bytes, asked: str = URL, **headers: str) -> None:
    with cache.writing(asked) as path:
        path.write_bytes(data)
    cache.record_body(asked, Body(path, **headers))


def test_a_url_is_pending_until_it_is_fetched_or_fails(tmp_path):
    cache = HttpCache(tmp_path, "one")
    assert cache.entry(URL) == CacheEntry(None, None, None)
    save(cache, b"picture", etag='"1"', charset="utf-8", date="2026-11-22")
    body = HttpCache(tmp_path, "one").entry(URL).body
    assert body.path.read_bytes() == b"picture"
    assert (body.etag, body.charset) == ('"1"', "utf-8")
    assert body.date == "2026-11-22"


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


def test_a_broken_table_is_rebuilt_in_a_line(tmp_path, capsys):
    (tmp_path / "answers.sqlite").write_bytes(b"no table at all" * 100)
    cache = HttpCache(tmp_path, "one")
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{tmp_path / 'answers.sqlite'} is damaged (file is not a database)")
    assert cache.entry(URL) == CacheEntry(None, None, None)
    save(cache, b"picture")
    assert HttpCache(tmp_path, "one").entry(URL).body.path.read_bytes() == b"picture"


def test_a_table_of_another_shape_is_rebuilt_in_a_line(tmp_path, capsys):
    with closing(sqlite3.connect(tmp_path / "answers.sqlite")) as rows:
        rows.execute("CREATE TABLE answers (url TEXT)")
    assert HttpCache(tmp_path, "one").entry(URL) == CacheEntry(None, None, None)
    assert "is damaged (it is of another version)" in capsys.readouterr().err


def test_a_table_that_another_program_holds_is_an_error_and_stays(tmp_path, monkeypatch):
    save(HttpCache(tmp_path, "one"), b"picture")
    gc.collect()  # closes the table
    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, timeout=0.05))
    with closing(sqlite3.connect(tmp_path / "answers.sqlite", isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(UserError, match=r"answers\.sqlite cannot be used: database is locked$"):
            HttpCache(tmp_path, "one")
        other.execute("COMMIT")
    assert HttpCache(tmp_path, "one").entry(URL).body.path.read_bytes() == b"picture"


def test_a_table_that_cannot_be_opened_is_an_error(tmp_path):
    (tmp_path / "answers.sqlite").mkdir()
    with pytest.raises(UserError, match=r"answers\.sqlite cannot be used: unable to open"):
        HttpCache(tmp_path, "one")


@pytest.mark.parametrize("damage", [b"", b"pictur", b"picture of another", b"pictvre"])
def test_a_body_that_is_not_what_was_fetched_is_fetched_again_in_a_line(tmp_path, capsys, damage):
    save(HttpCache(tmp_path, "one"), b"picture")
    [body] = (tmp_path / "bodies").iterdir()
    body.write_bytes(damage)
    assert HttpCache(tmp_path, "one").entry(URL) == CacheEntry(None, None, None)
    assert capsys.readouterr().err == f"{body} is damaged: {URL} is fetched again\n"
    assert HttpCache(tmp_path, "two").entry(URL).earlier is None


def test_bodies_of_two_urls_that_were_swapped_are_not_believed(tmp_path):
    cache = HttpCache(tmp_path, "one")
    for url in ("http://photos.test/1.jpg", "http://photos.test/2.jpg"):
        save(cache, url.encode(), url)
    one, two = (tmp_path / "bodies").iterdir()
    data = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(data)
    assert cache.entry("http://photos.test/1.jpg").body is None
    assert cache.entry("http://photos.test/2.jpg").body is None


@pytest.mark.parametrize(
    "change",
    [
        "charset = 'latin-1'",
        "answered = 'http://evil.test/'",
        "etag = NULL",
        "runs = 3",
        "next_url = 'x'",
    ],
)
def test_a_row_that_is_not_what_was_noted_is_not_believed(tmp_path, capsys, change):
    save(HttpCache(tmp_path, "one"), b"picture", etag='"1"', charset="utf-8")
    with closing(sqlite3.connect(tmp_path / "answers.sqlite", isolation_level=None)) as table:
        table.execute(f"UPDATE answers SET {change}")
    assert HttpCache(tmp_path, "one").entry(URL) == CacheEntry(None, None, None)
    assert f"is damaged: {URL} is fetched again" in capsys.readouterr().err


def test_a_failure_under_another_setting_is_forgotten(tmp_path):
    def deciding(value: str) -> Callable[[str], str]:
        return lambda reason: f"{value} of {reason}"

    failure = FetchError("too_large", "9 bytes")
    for runs in (1, 2):
        assert HttpCache(tmp_path, "one", deciding("small")).record_failure(URL, failure) == runs
    assert HttpCache(tmp_path, "one", deciding("small")).entry(URL).failure.runs == 2
    assert HttpCache(tmp_path, "one", deciding("large")).entry(URL).failure is None
    assert HttpCache(tmp_path, "one", deciding("large")).record_failure(URL, failure) == 1


def test_a_cache_of_an_earlier_version_gets_its_new_columns(tmp_path):
    save(HttpCache(tmp_path, "one"), b"picture")
    with closing(sqlite3.connect(tmp_path / "answers.sqlite", isolation_level=None)) as table:
        for column in ("answered", "date", "settings", "next_url", "sha256"):
            table.execute(f"ALTER TABLE answers DROP COLUMN {column}")
        table.execute("PRAGMA user_version=0")
    body = HttpCache(tmp_path, "one").entry(URL).body
    assert (body.url, body.date) == (None, None)
    cache = HttpCache(tmp_path, "one")
    save(cache, b"moved", etag='"1"', url="http://photos.test/moved.jpg", date="2026-11-22")
    body = HttpCache(tmp_path, "one").entry(URL).body
    assert (body.url, body.etag) == ("http://photos.test/moved.jpg", '"1"')
    assert body.date == "2026-11-22"


def test_a_cache_from_before_link_headers_keeps_its_bodies(tmp_path, capsys):
    save(HttpCache(tmp_path, "one"), b"picture", etag='"1"')
    with closing(sqlite3.connect(tmp_path / "answers.sqlite", isolation_level=None)) as table:
        table.execute("ALTER TABLE answers DROP COLUMN next_url")
        [(*values, sha256)] = table.execute("SELECT * FROM answers")
    assert sha256 == hashlib.sha256(repr(values).encode() + b"picture").hexdigest()  # as before
    body = HttpCache(tmp_path, "one").entry(URL).body
    assert (body.path.read_bytes(), body.etag, body.next_url) == (b"picture", '"1"', None)
    save(HttpCache(tmp_path, "one"), b"page", next_url="http://photos.test/2")
    assert HttpCache(tmp_path, "one").entry(URL).body.next_url == "http://photos.test/2"
    assert capsys.readouterr().err == ""


def test_a_forgotten_url_leaves_nothing_of_any_snapshot(tmp_path):
    other = "http://photos.test/2.jpg"
    cache = HttpCache(tmp_path, "two")
    for snapshot in ("one", "two"):
        save(HttpCache(tmp_path, snapshot), b"picture", etag='"hash-of-it"')
        save(HttpCache(tmp_path, snapshot), b"another", other)
    forget(tmp_path, [URL, "never seen"], "two")
    assert cache.entry(URL) == CacheEntry(None, None, None)
    assert cache.entry(other).body.path.read_bytes() == b"another"
    left = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"picture" not in left
    assert b"hash-of-it" not in left
    assert URL.encode() not in left


def test_a_body_that_a_killed_run_did_not_note_is_forgotten_too(tmp_path):
    with HttpCache(tmp_path, "one").writing(URL) as path:
        path.write_bytes(b"picture")
    assert len(list((tmp_path / "bodies").iterdir())) == 1
    forget(tmp_path, [URL], "one")
    assert list((tmp_path / "bodies").iterdir()) == []


def test_there_is_nothing_to_forget_without_a_cache(tmp_path):
    forget(tmp_path / "none", [URL], "one")
    assert not (tmp_path / "none").exists()


def test_a_broken_cache_is_named_when_it_should_forget(tmp_path):
    (tmp_path / "answers.sqlite").write_bytes(b"no database at all, but long enough to be read")
    with pytest.raises(UserError, match=r"answers\.sqlite cannot be used.*the same command again"):
        forget(tmp_path, [URL], "one")
