"""What was fetched and what failed, remembered from run to run."""

import sqlite3
from pathlib import Path

import pytest

from src.errors import UserError
from src.scrape.http.cache import Body, HttpCache, State
from src.scrape.http.fetch_errors import FetchError

URL = "http://photos.test/1.jpg"


def keep(answers: HttpCache, data: bytes, url: str = URL, **said: str) -> None:
    with answers.kept(url) as path:
        path.write_bytes(data)
    answers.remember(url, Body(path, True, **said))


def test_a_url_is_pending_until_it_is_fetched_or_fails(tmp_path: Path):
    answers = HttpCache(tmp_path, "one")
    assert answers.state(URL) == State(None, None, None)
    keep(answers, b"picture", etag='"1"', charset="utf-8")
    body = HttpCache(tmp_path, "one").state(URL).fetched
    assert body.path.read_bytes() == b"picture"
    assert (body.etag, body.charset, body.ours) == ('"1"', "utf-8", True)


def test_failures_are_counted_and_the_last_reason_is_told(tmp_path: Path):
    assert HttpCache(tmp_path, "one").fail(URL, FetchError("timeout", "late")) == 1
    assert HttpCache(tmp_path, "one").fail(URL, FetchError("http_500", "broken")) == 2
    failed = HttpCache(tmp_path, "one").state(URL).failed
    assert (failed.error.reason, str(failed.error), failed.runs) == ("http_500", "broken", 2)


def test_what_is_fetched_at_last_has_failed_no_more(tmp_path: Path):
    answers = HttpCache(tmp_path, "one")
    answers.fail(URL, FetchError("timeout", "late"))
    keep(answers, b"picture")
    assert answers.state(URL).failed is None
    assert answers.state(URL).fetched.path.read_bytes() == b"picture"


def test_snapshots_are_kept_apart_and_the_last_of_the_others_is_found(tmp_path: Path):
    for snapshot in ("2026-01", "2026-02"):
        keep(HttpCache(tmp_path, snapshot), snapshot.encode(), modified=snapshot)
    third = HttpCache(tmp_path, "2026-03")
    assert third.state(URL).fetched is None
    assert third.state(URL).earlier.path.read_bytes() == b"2026-02"
    assert third.state(URL).earlier.conditions() == {"If-Modified-Since": "2026-02"}
    third.fail(URL, FetchError("timeout", "late"))
    assert HttpCache(tmp_path, "2026-02").state(URL).earlier.path.read_bytes() == b"2026-01"


def test_a_body_that_somebody_deleted_is_pending_again(tmp_path: Path):
    answers = HttpCache(tmp_path, "one")
    keep(answers, b"picture")
    answers.state(URL).fetched.path.unlink()
    assert answers.state(URL).fetched is None


def test_a_body_refused_while_it_is_written_leaves_nothing(tmp_path: Path):
    answers = HttpCache(tmp_path, "one")
    with pytest.raises(FetchError), answers.kept(URL) as path:
        path.write_bytes(b"half")
        raise FetchError("incomplete", "broke off")
    assert answers.state(URL).fetched is None
    assert list((tmp_path / "bodies").iterdir()) == []


def test_half_bodies_of_a_killed_run_are_removed(tmp_path: Path):
    HttpCache(tmp_path, "one")
    (tmp_path / "bodies" / ".abc.123").write_bytes(b"half")
    HttpCache(tmp_path, "one")
    assert list((tmp_path / "bodies").iterdir()) == []


@pytest.mark.parametrize(
    "url", ["http://a/\ud800", "http://a/'; DROP TABLE answers; --", "x" * 9000]
)
def test_any_text_is_a_key(tmp_path: Path, url: str):
    answers = HttpCache(tmp_path, "one")
    keep(answers, b"picture", url)
    assert answers.state(url).fetched.path.read_bytes() == b"picture"
    assert answers.state(URL).fetched is None
    assert answers.fail(url, FetchError("timeout", f"{url}: late")) == 1


def test_a_broken_table_is_an_error_that_says_what_to_do(tmp_path: Path):
    (tmp_path / "answers.sqlite").write_bytes(b"no table at all" * 100)
    with pytest.raises(UserError, match=r"answers\.sqlite cannot be used.*delete its folder"):
        HttpCache(tmp_path, "one")


def test_a_table_of_another_shape_is_an_error_that_says_what_to_do(tmp_path: Path):
    with sqlite3.connect(tmp_path / "answers.sqlite") as rows:
        rows.execute("CREATE TABLE answers (url TEXT)")
    with pytest.raises(UserError, match=r"answers\.sqlite cannot be used.*delete its folder"):
        HttpCache(tmp_path, "one").state(URL)
