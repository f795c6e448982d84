"""A host's pace, and when a run sends it no more requests."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from src.errors import UserError
from src.scrape.http.fetch_errors import FetchError
from tests.scrape.http.clients import reason
from tests.servers import HANG_UP, NOT_FOUND, Answer, served


def test_a_host_is_asked_at_its_pace(server, client):
    for path in "abcd":
        server[f"/{path}"] = Answer()
    c = client(requests_per_second=20)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(c.get, [server[f"/{path}"] for path in "abcd"]))
    requests = zip(server.times, server.targets, strict=True)
    times = [seconds for seconds, target in requests if target != "/robots.txt"]
    assert max(times) - min(times) >= 3 * 0.05 - 0.02


@pytest.mark.parametrize("wish", ["Crawl-delay: 0.2", "Crawl-delay: 0\nRequest-rate: 5/1"])
def test_a_crawl_delay_is_honoured(server, client, wish):
    server["/robots.txt"] = Answer(f"User-agent: *\n{wish}\n".encode())
    server["/a"] = server["/b"] = Answer()
    c = client()
    c.get(server["/a"]), c.get(server["/b"])
    assert server.times[-1] - server.times[-2] >= 0.18


def test_a_rate_for_other_hours_of_the_day_is_not_heeded(server, client):
    hour = (datetime.now(UTC).hour + 12) % 24
    hours = f"{hour:02d}00-{hour:02d}30"
    server["/robots.txt"] = Answer(f"User-agent: *\nRequest-rate: 1/86400 {hours}\n".encode())
    server["/a"] = Answer()
    assert client().get(server["/a"])


def test_hosts_do_not_wait_for_each_other(server, client):
    c = client(requests_per_second=0.02, allow_hosts=["127.0.0.1", "127.0.0.2"])
    with served("127.0.0.2") as other:
        server["/a"] = other["/a"] = Answer()
        start = time.monotonic()
        c.get(server["/a"]), c.get(other["/a"])
        assert time.monotonic() - start < 20


def test_no_more_requests_at_a_time_than_a_host_is_to_have(server, client):
    running, peak, lock = [0], [0], threading.Lock()

    def slow(target: str) -> Answer:
        with lock:
            running[0] += 1
            peak[0] = max(peak[0], running[0])
        time.sleep(0.02)
        with lock:
            running[0] -= 1
        return Answer()

    for n in range(20):
        server[f"/{n}"] = slow
    c = client(per_host=3)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(c.get, [server[f"/{n}"] for n in range(20)]))
    assert 1 < peak[0] <= 3


def test_a_host_that_asks_to_be_left_alone_too_long_is_asked_no_more(server, client):
    server["/a"] = Answer(b"busy", 503, {"Retry-After": "86400"})
    server["/b"] = Answer(b"done")
    c = client(deadline_s=1)
    start = time.monotonic()
    assert [reason(c, server[path]) for path in ("/a", "/b")] == ["http_503", "http_503"]
    assert time.monotonic() - start < 20
    assert server.page_targets() == ["/a"]
    with pytest.raises(
        UserError, match=r"2 left: .* asked no more.*run the same command to continue"
    ):
        c.raise_if_incomplete()


def test_a_host_that_is_gone_is_asked_no_more(client, closed_port):
    c = client(retries=0)
    urls = [f"http://127.0.0.1:{closed_port}/{n}" for n in range(8)]
    assert {reason(c, url) for url in urls} == {"connection"}
    with pytest.raises(UserError, match=r"^8 left: .*asked no more.*robots\.txt cannot be reached"):
        c.raise_if_incomplete()


def test_a_host_that_goes_away_is_given_five_urls_to_come_back(server, client):
    server["/robots.txt"] = NOT_FOUND
    for n in range(9):
        server[f"/{n}"] = HANG_UP
    c = client(retries=0)
    assert {reason(c, server[f"/{n}"]) for n in range(9)} == {"connection"}
    assert len(server.page_targets()) == 5
    with pytest.raises(UserError, match=r"^9 left: .*asked no more"):
        c.raise_if_incomplete()


def test_a_host_that_answers_now_and_then_is_not_gone(server, client):
    for n in range(12):
        server[f"/{n}"] = HANG_UP if n % 3 else NOT_FOUND
    c = client(retries=0)
    for n in range(12):
        reason(c, server[f"/{n}"])
    assert len(server.page_targets()) == 12
    with pytest.raises(UserError, match=r"^8 left: .* cannot be reached"):
        c.raise_if_incomplete()


def test_five_refusals_in_a_row_close_a_host(server, client):
    for n in range(20):
        server[f"/{n}"] = Answer(b"slower", 429)
    c = client(retries=1)
    assert {reason(c, server[f"/{n}"]) for n in range(20)} == {"http_429"}
    assert server.page_targets() == ["/0", "/0", "/1", "/1", "/2"]
    with pytest.raises(UserError, match=r"^20 left: .*asked no more: .*HTTP 429.*run the same"):
        c.raise_if_incomplete()


@pytest.mark.parametrize("other", [NOT_FOUND, Answer(), Answer(b"broken", 500)])
def test_refusals_with_another_answer_between_do_not_close_a_host(server, client, other):
    for n in range(12):
        server[f"/{n}"] = Answer(b"slower", 429) if n % 5 < 4 else other
    c = client(retries=0)
    for n in range(12):
        with suppress(FetchError):
            c.get(server[f"/{n}"])
    assert len(server.page_targets()) == 12


def test_a_crawl_delay_beyond_the_deadline_is_a_refusal(server, client):
    server["/robots.txt"] = Answer(b"User-agent: *\nCrawl-delay: 86400\n")
    server["/a"] = Answer()
    c = client(deadline_s=1)
    assert reason(c, server["/a"]) == reason(c, server["/b"]) == "robots"
    assert server.page_targets() == []
    c.raise_if_incomplete()  # the host will never be asked, so nothing is left for later


@pytest.mark.parametrize(
    "url", ["file:///etc/hostname", "ftp://127.0.0.1/a", "data:image/gif;base64,R0lG", "/a.jpg", ""]
)
def test_other_schemes_are_refused(client, url):
    assert reason(client(), url) == "unsupported_url"


@pytest.mark.parametrize("url", ["http://ada:secret@127.0.0.1/a", "https://ada@example.test/"])
def test_a_url_with_a_password_is_refused_without_repeating_it(client, url):
    with pytest.raises(FetchError) as caught:
        client().get(url)
    assert caught.value.reason == "unsupported_url"
    assert "ada" not in str(caught.value)
