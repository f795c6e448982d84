"""Robots.txt, retries and redirects."""

import time
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate

import pytest

from src.scrape.http.fetch_errors import FetchError
from tests.scrape.http.clients import reason
from tests.servers import HANG_UP, NOT_FOUND, Answer, served


def test_a_missing_page_is_asked_for_once(server, client):
    reason(client(retries=3), server["/missing"])
    assert server.page_targets() == ["/missing"]


def test_retry_after_is_honoured(server, client):
    server["/a"] = [Answer(b"busy", 503, {"Retry-After": "1"}), Answer(b"done")]
    assert client().get(server["/a"]) == b"done"
    assert server.times[-1] - server.times[-2] >= 0.95


def test_fractions_of_seconds_are_honoured(server, client):
    server["/a"] = [Answer(b"busy", 429, {"Retry-After": "0.7"}), Answer(b"done")]
    assert client().get(server["/a"]) == b"done"
    assert server.times[-1] - server.times[-2] >= 0.65


def test_a_host_that_asks_for_more_time_than_there_is_is_left(server, client):
    server["/a"] = [Answer(b"busy", 429, {"Retry-After": "9" * 5000}), Answer(b"done")]
    assert reason(client(retries=1), server["/a"]) == "http_429"
    assert server.page_targets() == ["/a"]


@pytest.mark.parametrize("status", [429, 503])
def test_a_date_to_come_back_after_is_honoured(server, client, status):
    date = formatdate(time.time() + 2, usegmt=True)
    server["/a"] = [Answer(b"busy", status, {"Retry-After": date}), Answer(b"done")]
    assert client().get(server["/a"]) == b"done"
    assert server.times[-1] - server.times[-2] >= 0.9


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_passing_failure_is_tried_again(server, client, status):
    server["/a"] = [Answer(b"busy", status), Answer(b"done")]
    assert client().get(server["/a"]) == b"done"


def test_a_lasting_failure_is_an_error_after_the_retries(server, client):
    server["/a"] = Answer(b"busy", 503)
    assert reason(client(retries=2), server["/a"]) == "http_503"
    assert server.page_targets() == ["/a"] * 3


def test_a_connection_that_ends_before_the_answer_is_tried_again(server, client):
    server["/a"] = [HANG_UP, Answer(b"done")]
    assert client().get(server["/a"]) == b"done"


def test_a_body_that_breaks_off_is_asked_for_again(server, client):
    server["/a"] = [Answer(b"half", length=8), Answer(b"whole")]
    assert client(retries=1).get(server["/a"]) == b"whole"
    assert server.page_targets() == ["/a", "/a"]


def test_what_robots_disallow_is_refused_unasked(server, client):
    server["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /private/\n")
    server["/private/a"] = server["/open"] = Answer()
    c = client()
    with pytest.raises(FetchError, match=r"/private/a: refused by http.*/robots\.txt") as caught:
        c.get(server["/private/a"])
    assert caught.value.reason == "robots"
    assert c.get(server["/open"]) == b"hello"
    assert server.page_targets() == ["/open"]


@pytest.mark.parametrize("name", [b"pix2pix-dvc", b"Pix2pix-DVC/1.0"])
def test_robots_may_speak_to_us_by_name(server, client, name):
    server["/robots.txt"] = Answer(b"User-agent: %s\nDisallow: /\n\nUser-agent: *\nAllow: /" % name)
    server["/a"] = Answer()
    assert reason(client(), server["/a"]) == "robots"


@pytest.mark.parametrize(
    "robots", [NOT_FOUND, Answer(b"", 403), Answer(b""), Answer(b"\xff<html>")]
)
def test_missing_or_empty_robots_allow_all(server, client, robots):
    server["/robots.txt"] = robots
    server["/a"] = Answer()
    assert client().get(server["/a"]) == b"hello"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_robots_hold_behind_a_byte_order_mark(server, client, encoding):
    server["/robots.txt"] = Answer("User-agent: *\nDisallow: /a\n".encode(encoding))
    server["/a"] = Answer()
    assert reason(client(), server["/a"]) == "robots"


def test_failing_robots_refuse_all(server, client):
    server["/robots.txt"] = Answer(b"broken", 500)
    server["/a"] = Answer()
    with pytest.raises(FetchError, match=r"robots\.txt could not be read") as caught:
        client(retries=0).get(server["/a"])
    assert caught.value.reason == "http_500"
    assert server.page_targets() == []


def test_robots_are_read_once_per_host(server, client):
    server["/a"] = server["/b"] = Answer()
    c = client()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(c.get, [server["/a"], server["/b"]] * 4))
    assert server.targets.count("/robots.txt") == 1


def test_the_host_that_a_redirect_leads_to_is_asked_by_its_own_rules(server, client):
    with served() as other:
        other["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /private/\n")
        other["/private/a"] = other["/a"] = Answer(b"theirs")
        server["/in"] = Answer(b"", 302, {"Location": other["/private/a"]})
        server["/out"] = Answer(b"", 302, {"Location": other["/a"]})
        c = client()
        assert reason(c, server["/in"]) == "robots"
        assert other.targets == ["/robots.txt"]
        assert c.get(server["/out"]) == b"theirs"


def test_redirects_end(server, client):
    server["/a"] = Answer(b"", 302, {"Location": "/a"})
    assert reason(client(), server["/a"]) == "too_many_redirects"
    assert len(server.page_targets()) == 6
