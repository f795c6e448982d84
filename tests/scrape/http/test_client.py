"""The polite client against a small server on 127.0.0.1."""

import gzip
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from email.utils import formatdate
from itertools import count

import pytest

from src.errors import UserError
from src.scrape.http import public_addresses
from src.scrape.http.cache import Body
from src.scrape.http.client import Client
from src.scrape.http.fetch_errors import FetchError
from tests.servers import HANG_UP, NOT_FOUND, Answer, served


@pytest.fixture
def server():
    with served() as server:
        yield server


class Getter(Client):
    """A client that hands out the bytes themselves."""

    def get(self, url: str, limit: int | None = None) -> bytes:
        return super().get(url, lambda body: body.path.read_bytes(), limit)


@pytest.fixture
def client(changed, tmp_path):
    """A quick client: client(retries=0), client(cache=folder); else each has a cache of its own."""
    number = count()

    def make(cache=None, local=None, **settings):
        quick = {"retries": 1, "backoff_s": 0, "requests_per_second": 1000, "timeout_s": 2}
        quick["allow_hosts"] = ["127.0.0.1"]
        changes = {f"scrape.{key}": value for key, value in (quick | settings).items()}
        return Getter(changed(changes).scrape, cache or tmp_path / f"cache{next(number)}", local)

    return make


@pytest.fixture
def closed_port():
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def reason(client: Client, url: str, **arguments: object) -> str:
    with pytest.raises(FetchError) as caught:
        client.get(url, **arguments)
    return caught.value.reason


def test_the_body_of_an_answer_is_given(server, client):
    server["/a"] = Answer(b"\x00\xffbody")
    assert client().get(server["/a"]) == b"\x00\xffbody"


def test_a_chunked_and_compressed_answer_is_given_plain(server, client):
    server["/a"] = Answer(
        gzip.compress(b"body"), headers={"Content-Encoding": "gzip"}, chunked=True
    )
    assert client().get(server["/a"]) == b"body"


@pytest.mark.parametrize("status", [204, 301, 403, 404, 410, 451])
def test_any_other_status_is_an_error_by_its_number(server, client, status):
    server["/a"] = Answer(b"", status)
    with pytest.raises(FetchError, match=f"/a: HTTP {status}, expected 200") as caught:
        client().get(server["/a"])
    assert caught.value.reason == f"http_{status}"


def test_a_missing_page_is_asked_for_once(server, client):
    reason(client(retries=3), server["/missing"])
    assert server.pages_asked() == ["/missing"]


def test_retry_after_is_honoured(server, client):
    server["/a"] = [Answer(b"busy", 503, {"Retry-After": "1"}), Answer(b"done")]
    assert client().get(server["/a"]) == b"done"
    assert server.times[-1] - server.times[-2] >= 0.95


def test_a_host_that_asks_to_be_left_alone_too_long_is_asked_no_more(server, client):
    server["/a"] = Answer(b"busy", 503, {"Retry-After": "86400"})
    server["/b"] = Answer(b"done")
    c = client(deadline_s=1)
    start = time.monotonic()
    assert [reason(c, server[path]) for path in ("/a", "/b")] == ["http_503", "http_503"]
    assert time.monotonic() - start < 3
    assert server.pages_asked() == ["/a"]
    with pytest.raises(UserError, match=r"2 left: .* asked no more.*run the same command to go on"):
        c.settle()


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
    assert server.pages_asked() == ["/a"] * 3


def test_a_connection_that_ends_before_the_answer_is_tried_again(server, client):
    server["/a"] = [HANG_UP, Answer(b"done")]
    assert client().get(server["/a"]) == b"done"


def test_what_robots_disallow_is_refused_unasked(server, client):
    server["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /private/\n")
    server["/private/a"] = server["/open"] = Answer()
    c = client()
    with pytest.raises(FetchError, match=r"/private/a: refused by http.*/robots\.txt") as caught:
        c.get(server["/private/a"])
    assert caught.value.reason == "robots"
    assert c.get(server["/open"]) == b"hello"
    assert server.pages_asked() == ["/open"]


def test_robots_may_speak_to_us_by_name(server, client):
    server["/robots.txt"] = Answer(
        b"User-agent: pix2pix-dvc\nDisallow: /\n\nUser-agent: *\nAllow: /"
    )
    server["/a"] = Answer()
    assert reason(client(), server["/a"]) == "robots"


@pytest.mark.parametrize(
    "robots", [NOT_FOUND, Answer(b"", 403), Answer(b""), Answer(b"\xff<html>")]
)
def test_missing_or_empty_robots_allow_all(server, client, robots):
    server["/robots.txt"] = robots
    server["/a"] = Answer()
    assert client().get(server["/a"]) == b"hello"


def test_failing_robots_refuse_all(server, client):
    server["/robots.txt"] = Answer(b"broken", 500)
    server["/a"] = Answer()
    with pytest.raises(FetchError, match=r"robots\.txt could not be read") as caught:
        client(retries=0).get(server["/a"])
    assert caught.value.reason == "http_500"
    assert server.pages_asked() == []


def test_robots_are_read_once_per_host(server, client):
    server["/a"] = server["/b"] = Answer()
    c = client()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(c.get, [server["/a"], server["/b"]] * 4))
    assert server.asked.count("/robots.txt") == 1


@pytest.mark.parametrize(
    "answer",
    [Answer(b"", 202), Answer(b"<html>", 200, {"x-amzn-waf-action": "challenge"})],
    ids=["202", "header"],
)
def test_a_challenge_is_an_error_that_says_what_to_do(server, client, answer):
    server["/list"] = answer
    with pytest.raises(FetchError, match="save the pages in a browser") as caught:
        client().get(server["/list"])
    assert caught.value.reason == "waf_challenge"
    assert f"HTTP {answer.status}" in str(caught.value)


def test_an_empty_body_is_an_error(server, client):
    server["/a"] = Answer(b"")
    assert reason(client(), server["/a"]) == "empty"


def test_a_body_over_the_limit_is_an_error_that_names_the_key(server, client):
    server["/a"] = Answer(bytes(5000))
    c = client(max_bytes=4000)
    with pytest.raises(
        FetchError, match=r"5000 bytes, allowed are 4000 \(scrape\.max_bytes"
    ) as caught:
        c.get(server["/a"])
    assert caught.value.reason == "too_large"
    assert len(c.get(server["/a"], limit=5000)) == 5000


def test_a_compressed_body_is_limited_by_what_it_unpacks_to(server, client):
    packed = gzip.compress(bytes(20_000_000))
    server["/a"] = Answer(packed, headers={"Content-Encoding": "gzip"})
    assert reason(client(max_bytes=100_000), server["/a"]) == "too_large"


def test_a_body_that_breaks_off_is_asked_for_again(server, client):
    server["/a"] = [Answer(b"half", length=8), Answer(b"whole")]
    assert client(retries=1).get(server["/a"]) == b"whole"
    assert server.pages_asked() == ["/a", "/a"]


def test_a_body_shorter_than_stated_is_incomplete(server, client):
    server["/a"] = Answer(b"half", length=8)
    assert reason(client(), server["/a"]) == "incomplete"


@pytest.mark.parametrize("chunked", [False, True], ids=["plain", "chunked"])
def test_a_dripping_body_ends_at_the_deadline(server, client, chunked):
    server["/a"] = Answer(bytes(60), drip=0.05, chunked=chunked)
    start = time.monotonic()
    with pytest.raises(FetchError, match=r"scrape\.deadline_s") as caught:
        client(deadline_s=0.3).get(server["/a"])
    assert caught.value.reason == "too_slow"
    assert time.monotonic() - start < 1.5


def test_a_body_that_stalls_is_a_timeout(server, client):
    server["/a"] = Answer(b"late", pause=3)
    assert reason(client(timeout_s=0.2, retries=0), server["/a"]) == "timeout"


def test_a_server_that_never_answers_is_a_timeout(client):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/a"
        assert reason(client(timeout_s=0.2, retries=0), url) == "timeout"


def test_a_refused_connection_is_an_error(client, closed_port):
    assert reason(client(retries=0), f"http://127.0.0.1:{closed_port}/a") == "connection"


@pytest.mark.parametrize(
    "url", ["file:///etc/hostname", "ftp://127.0.0.1/a", "data:image/gif;base64,R0lG", "/a.jpg", ""]
)
def test_other_schemes_are_refused(client, url):
    assert reason(client(), url) == "unsupported_url"


@pytest.mark.parametrize(
    "url", ["http://[", "http://", "http://127.0.0.1:99999/a", "http://127.0.0.1:x/a", "http://.a/"]
)
def test_a_url_that_is_none_is_refused_as_one(client, url):
    assert reason(client(retries=0), url) in ("unsupported_url", "connection")


def test_a_redirect_is_followed_but_not_to_a_file(server, client):
    server["/new"] = Answer(b"moved")
    server["/old"] = Answer(b"", 302, {"Location": "/new"})
    server["/file"] = Answer(b"", 302, {"Location": "file:///etc/hostname"})
    c = client()
    assert c.get(server["/old"]) == b"moved"
    assert reason(c, server["/file"]) == "unsupported_url"


def test_the_host_that_a_redirect_leads_to_is_asked_by_its_own_rules(server, client):
    with served() as other:
        other["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /private/\n")
        other["/private/a"] = other["/a"] = Answer(b"theirs")
        server["/in"] = Answer(b"", 302, {"Location": other["/private/a"]})
        server["/out"] = Answer(b"", 302, {"Location": other["/a"]})
        c = client()
        assert reason(c, server["/in"]) == "robots"
        assert other.asked == ["/robots.txt"]
        assert c.get(server["/out"]) == b"theirs"


def test_a_redirect_to_what_is_no_url_is_refused_as_one(server, client):
    server["/a"] = Answer(b"", 302, {"Location": "http://[broken"})
    assert reason(client(), server["/a"]) == "unsupported_url"


def test_redirects_end(server, client):
    server["/a"] = Answer(b"", 302, {"Location": "/a"})
    assert reason(client(), server["/a"]) == "too_many_redirects"
    assert len(server.pages_asked()) == 6


@pytest.mark.parametrize("tags", ["noai", "noindex, NoImageAI", "noimageai"])
def test_pictures_closed_to_training_are_refused_unless_told(server, client, tags):
    server["/a"] = Answer(headers={"X-Robots-Tag": tags})
    assert reason(client(), server["/a"]) == "noai"
    assert client(respect_noai=False).get(server["/a"]) == b"hello"


@pytest.mark.parametrize("url", ["http://ada:secret@127.0.0.1/a", "https://ada@example.test/"])
def test_a_url_with_a_password_is_refused_without_repeating_it(client, url):
    with pytest.raises(FetchError) as caught:
        client().get(url)
    assert caught.value.reason == "unsupported_url"
    assert "ada" not in str(caught.value)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "0177.0.0.1", "[::1]", "0.0.0.0"]
)
def test_a_private_address_is_refused_whatever_it_is_written_like(server, client, host):
    url = f"http://{host}:{server.port}/a"
    assert reason(client(allow_hosts=[]), url) == "private_address"
    assert server.asked == []


def test_a_redirect_to_a_private_address_is_refused(server, client):
    with served() as inside:
        inside["/secret"] = Answer(b"secret")
        server["/a"] = Answer(b"", 302, {"Location": f"http://localhost:{inside.port}/secret"})
        assert reason(client(), server["/a"]) == "private_address"
        assert inside.asked == []


def test_the_address_that_was_checked_is_the_one_connected_to(server, client, monkeypatch):
    """A name that resolves to something else the second time it is asked for."""
    asked = []

    def rebinding(host, port, *_, **__):
        asked.append(host)
        address = "93.184.216.34" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    connected = []

    def connect(address, *_):
        connected.append(address)
        raise OSError("no network in tests")

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    monkeypatch.setattr("src.scrape.http.public_addresses.create_connection", connect)
    assert reason(client(retries=0), f"http://rebind.test:{server.port}/a") == "connection"
    assert connected[0] == ("93.184.216.34", server.port)


def test_a_name_with_one_private_address_among_public_ones_is_refused(client, monkeypatch):
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, 80)) for a in ("8.8.8.8", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    assert reason(client(), "http://mixed.test/a") == "private_address"


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:4700::1111", True),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("224.0.0.1", False),
        ("239.255.255.250", False),
        ("255.255.255.255", False),
        ("0.0.0.0", False),
        ("::", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:93.184.216.34", True),
        ("2002:7f00:1::", False),
        ("2002:a00:1::", False),
        ("64:ff9b::a00:1", False),
        ("64:ff9b::5db8:d822", True),
    ],
)
def test_only_addresses_of_the_open_internet_are_public(address, public):
    assert public_addresses.is_public(address) == public


def test_a_second_client_fetches_nothing_again(server, client, tmp_path):
    server["/a"] = [Answer(b"first"), Answer(b"second")]
    assert client(tmp_path).get(server["/a"]) == b"first"
    asked = len(server.asked)
    assert client(tmp_path).get(server["/a"]) == b"first"
    assert len(server.asked) == asked


def test_another_snapshot_fetches_anew(server, client, tmp_path):
    server["/a"] = [Answer(b"first"), Answer(b"second")]
    assert client(tmp_path, snapshot="one").get(server["/a"]) == b"first"
    assert client(tmp_path, snapshot="two").get(server["/a"]) == b"second"
    assert client(tmp_path, snapshot="one").get(server["/a"]) == b"first"


@pytest.mark.parametrize(
    "failure",
    [NOT_FOUND, Answer(b"", 202), Answer(b""), Answer(b"half", length=8)],
    ids=["404", "202", "empty", "incomplete"],
)
def test_failures_are_not_kept(server, client, tmp_path, failure):
    server["/a"] = [failure, Answer(b"good")]
    reason(client(tmp_path, retries=0), server["/a"])
    assert client(tmp_path).get(server["/a"]) == b"good"


def test_urls_are_kept_apart_by_their_query(server, client, tmp_path):
    server["/a?page=1"], server["/a?page=2"] = Answer(b"one"), Answer(b"two")
    for _ in range(2):
        c = client(tmp_path)
        assert [c.get(server[f"/a?page={n}"]) for n in (1, 2)] == [b"one", b"two"]


def test_a_host_is_asked_at_its_pace(server, client):
    for path in "abcd":
        server[f"/{path}"] = Answer()
    c = client(requests_per_second=20)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(c.get, [server[f"/{path}"] for path in "abcd"]))
    times = [at for at, target in zip(server.times, server.asked, strict=True) if len(target) == 2]
    assert max(times) - min(times) >= 3 * 0.05 - 0.02


def test_a_crawl_delay_is_honoured(server, client):
    server["/robots.txt"] = Answer(b"User-agent: *\nCrawl-delay: 0.2\n")
    server["/a"] = server["/b"] = Answer()
    c = client()
    c.get(server["/a"]), c.get(server["/b"])
    assert server.times[-1] - server.times[-2] >= 0.18


def test_hosts_do_not_wait_for_each_other(server, client):
    c = client(requests_per_second=0.5)
    with served() as other:
        server["/a"] = other["/a"] = Answer()
        start = time.monotonic()
        c.get(server["/a"]), c.get(other["/a"])
        assert time.monotonic() - start < 1.5


def test_a_local_origin_is_sent_to_its_port_without_pacing(server, client):
    server["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /private/\n")
    server["/a"] = Answer(b"local")
    c = client(local={"https://photos.test": server.port}, requests_per_second=0.5)
    start = time.monotonic()
    assert [c.get(f"https://photos.test/a?{n}") for n in range(3)] == [b"local"] * 3
    assert time.monotonic() - start < 1.5
    assert reason(c, "https://photos.test/private/a") == "robots"


@pytest.mark.parametrize("contact", ["ada@example.test", ""])
def test_the_user_agent_says_who_asks_and_how_to_reach_them(server, client, contact):
    server["/a"] = Answer()
    client(contact=contact).get(server["/a"])
    agents = {headers["User-Agent"] for headers in server.headers}
    assert agents == {"pix2pix-dvc/1.0 (+ada@example.test)" if contact else "pix2pix-dvc/1.0"}


@pytest.mark.parametrize("contact", ["Łukasz <l@example.test>", "a@example.test\r\nX-Other: 1"])
def test_a_contact_that_no_header_can_hold_is_refused_by_its_key(server, client, contact):
    server["/a"] = Answer()
    with pytest.raises(UserError, match=r"scrape\.contact"):
        client(contact=contact).get(server["/a"])


def test_a_refresh_asks_only_for_what_has_changed(server, client, tmp_path):
    said = {"ETag": '"1"', "Last-Modified": "Sat, 21 Nov 2026 10:00:00 GMT"}
    server["/a"] = [Answer(b"first", headers=said), Answer(b"", 304), Answer(b"second")]
    assert client(tmp_path, snapshot="one").get(server["/a"]) == b"first"
    assert client(tmp_path, snapshot="two").get(server["/a"]) == b"first"
    assert server.headers[-1]["If-None-Match"] == '"1"'
    assert server.headers[-1]["If-Modified-Since"] == said["Last-Modified"]
    assert client(tmp_path, snapshot="three").get(server["/a"]) == b"second"
    assert client(tmp_path, snapshot="two").get(server["/a"]) == b"first"


def test_no_cookie_is_sent_back(server, client):
    server["/a"] = Answer(headers={"Set-Cookie": "tracked=1; Path=/"})
    server["/b"] = Answer(b"", 302, {"Location": "/c", "Set-Cookie": "tracked=2; Path=/"})
    server["/c"] = Answer()
    c = client()
    c.get(server["/a"]), c.get(server["/b"])
    assert not [headers for headers in server.headers if "Cookie" in headers]


def test_no_more_requests_at_a_time_than_a_host_is_to_have(server, client):
    now, most, lock = [0], [0], threading.Lock()

    def slow(target: str) -> Answer:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.02)
        with lock:
            now[0] -= 1
        return Answer()

    for n in range(20):
        server[f"/{n}"] = slow
    c = client(per_host=3)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(c.get, [server[f"/{n}"] for n in range(20)]))
    assert 1 < most[0] <= 3


def test_a_url_is_tried_in_so_many_runs_and_no_more(server, client, tmp_path):
    server["/a"] = Answer(b"busy", 500)
    for _ in range(5):
        assert reason(client(tmp_path, retries=0, max_failed_runs=3), server["/a"]) == "http_500"
    assert server.pages_asked() == ["/a"] * 3
    server["/a"] = Answer(b"well again")
    assert client(tmp_path, max_failed_runs=4).get(server["/a"]) == b"well again"


def test_what_the_user_of_a_body_refuses_is_not_kept(server, changed, tmp_path):
    server["/a"] = [Answer(b"<html>"), Answer(b"picture")]
    settings = {"allow_hosts": ["127.0.0.1"], "requests_per_second": 1000, "retries": 0}
    scrape = changed({f"scrape.{key}": value for key, value in settings.items()}).scrape

    def use(body: Body) -> bytes:
        if body.path.read_bytes().startswith(b"<"):
            raise FetchError("html", "a page")
        return body.path.read_bytes()

    with pytest.raises(FetchError):
        Client(scrape, tmp_path / "http").get(server["/a"], use)
    assert Client(scrape, tmp_path / "http").get(server["/a"], use) == b"picture"


def test_headers_that_drip_in_end_at_the_deadline(client):
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()

        def drip() -> None:
            with suppress(OSError):
                peer, _ = listening.accept()
                with peer:
                    peer.sendall(b"HTTP/1.1 200 OK\r\nX: ")
                    while True:
                        time.sleep(0.05)
                        peer.sendall(b"y")

        threading.Thread(target=drip, daemon=True).start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/a"
        start = time.monotonic()
        # its robots.txt comes first, and a host without one is asked nothing
        assert reason(client(deadline_s=0.5, retries=0), url) == "too_slow"
        assert time.monotonic() - start < 2


@pytest.mark.parametrize("name", ["max_requests", "max_total_bytes"])
def test_a_budget_that_is_used_up_is_an_error_by_its_key(server, client, name):
    server["/a"], server["/b"] = Answer(bytes(600)), Answer(bytes(600))
    c = client(**{name: {"max_requests": 2, "max_total_bytes": 1000}[name]})
    c.get(server["/a"])
    with pytest.raises(UserError, match=rf"scrape\.{name} = \d+ is used up.*to go on, or raise it"):
        c.get(server["/b"])


def test_a_host_that_is_gone_is_asked_no_more(client, closed_port):
    c = client(retries=0)
    urls = [f"http://127.0.0.1:{closed_port}/{n}" for n in range(8)]
    assert {reason(c, url) for url in urls} == {"connection"}
    with pytest.raises(UserError, match=r"7 left: .*robots\.txt could not be read"):
        c.settle()


def test_a_host_that_goes_away_is_given_five_urls_to_come_back(server, client):
    server["/robots.txt"] = NOT_FOUND
    for n in range(9):
        server[f"/{n}"] = HANG_UP
    c = client(retries=0)
    assert {reason(c, server[f"/{n}"]) for n in range(9)} == {"connection"}
    assert len(server.pages_asked()) == 5
    with pytest.raises(UserError, match="4 left"):
        c.settle()


def test_a_host_that_answers_now_and_then_is_not_gone(server, client):
    for n in range(12):
        server[f"/{n}"] = HANG_UP if n % 3 else NOT_FOUND
    c = client(retries=0)
    for n in range(12):
        reason(c, server[f"/{n}"])
    assert len(server.pages_asked()) == 12
    c.settle()


def test_a_crawl_delay_beyond_the_deadline_is_a_refusal(server, client):
    server["/robots.txt"] = Answer(b"User-agent: *\nCrawl-delay: 86400\n")
    server["/a"] = Answer()
    c = client(deadline_s=1)
    assert reason(c, server["/a"]) == reason(c, server["/b"]) == "robots"
    assert server.pages_asked() == []
    c.settle()  # the host will never be asked, so nothing is left for later
