"""One request and its answer, by a client without retries."""

import gzip
import socket
import time
import zlib

import pytest

from src.errors import UserError
from src.scrape.http.fetch_errors import FetchError
from tests.scrape.http.clients import reason
from tests.servers import Answer


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


@pytest.mark.parametrize(
    "answer",
    [Answer(b"", 202), Answer(b"<html>", 200, {"x-amzn-waf-action": "challenge"})],
    ids=["202", "header"],
)
def test_a_challenge_is_an_error_that_says_what_to_do(server, client, answer):
    server["/list"] = answer
    with pytest.raises(FetchError, match=r"source=saved -S saved\.path=FOLDER") as caught:
        client().get(server["/list"])
    assert caught.value.reason == "waf_challenge"
    assert f"HTTP {answer.status}" in str(caught.value)


def test_a_body_over_the_limit_is_an_error_that_names_the_key(server, client):
    server["/a"] = Answer(bytes(5000))
    c = client(max_bytes=4000)
    with pytest.raises(
        FetchError, match=r"5000 bytes, allowed are 4000 \(scrape\.max_bytes"
    ) as caught:
        c.get(server["/a"])
    assert caught.value.reason == "too_large"
    assert len(c.get(server["/a"], limit=5000)) == 5000


def test_a_compression_that_nobody_asked_for_is_named(server, client):
    server["/a"] = Answer(b"\x8b\x02\x80body\x03", headers={"Content-Encoding": "br"})
    with pytest.raises(FetchError, match=r"/a: compressed by br, which was not") as caught:
        client().get(server["/a"])
    assert caught.value.reason == "bad_answer"


def test_a_compressed_body_is_limited_by_what_it_unpacks_to(server, client):
    packed = gzip.compress(bytes(20_000_000))
    server["/a"] = Answer(packed, headers={"Content-Encoding": "gzip"})
    assert reason(client(max_bytes=100_000), server["/a"]) == "too_large"


@pytest.mark.parametrize("tags", ["noai", "noindex, NoImageAI", "noimageai"])
def test_pictures_closed_to_training_are_refused_unless_allowed(server, client, tags):
    server["/a"] = Answer(headers={"X-Robots-Tag": tags})
    assert reason(client(), server["/a"]) == "noai"
    assert client(respect_noai=False).get(server["/a"]) == b"hello"


def test_a_change_of_heart_is_seen_on_an_unchanged_picture_and_on_a_redirect(
    server, client, tmp_path
):
    closed = {"X-Robots-Tag": "noai"}
    server["/a"] = [Answer(b"first", headers={"ETag": '"1"'}), Answer(b"", 304, closed)]
    assert client(tmp_path, snapshot="one").get(server["/a"]) == b"first"
    assert reason(client(tmp_path, snapshot="two"), server["/a"]) == "noai"
    server["/b"] = Answer(b"", 302, closed | {"Location": "/c"})
    server["/c"] = Answer(b"open")
    assert reason(client(), server["/b"]) == "noai"


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize("kind", ["gzip", "deflate"])
def test_a_compressed_body_that_breaks_off_is_incomplete(server, client, kind, chunked):
    packed = {"gzip": gzip.compress, "deflate": zlib.compress}[kind](bytes(range(256)) * 99)
    headers = {"Content-Encoding": kind}
    server["/cut"] = Answer(packed[: len(packed) // 2], headers=headers, chunked=chunked)
    assert reason(client(), server["/cut"]) == "incomplete"
    for number, padding in enumerate((b"", bytes(20), b"\n")):
        server[f"/{number}"] = Answer(packed + padding, headers=headers, chunked=chunked)
        assert client().get(server[f"/{number}"]) == bytes(range(256)) * 99


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
    stated = {"ETag": '"1"', "Last-Modified": "Sat, 21 Nov 2026 10:00:00 GMT"}
    server["/a"] = [Answer(b"first", headers=stated), Answer(b"", 304), Answer(b"second")]
    assert client(tmp_path, snapshot="one").get(server["/a"]) == b"first"
    assert client(tmp_path, snapshot="two").get(server["/a"]) == b"first"
    assert server.headers[-1]["If-None-Match"] == '"1"'
    assert server.headers[-1]["If-Modified-Since"] == stated["Last-Modified"]
    assert client(tmp_path, snapshot="three").get(server["/a"]) == b"second"
    assert client(tmp_path, snapshot="two").get(server["/a"]) == b"first"


def test_a_local_origin_is_sent_to_its_port_without_pacing(server, client):
    server["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /private/\n")
    server["/a"] = Answer(b"local")
    c = client(local_ports={"https://photos.test": server.port}, requests_per_second=0.02)
    start = time.monotonic()
    assert [c.get(f"https://photos.test/a?{n}") for n in range(3)] == [b"local"] * 3
    assert time.monotonic() - start < 20
    assert reason(c, "https://photos.test/private/a") == "robots"


def test_a_host_whose_name_begins_like_a_local_origin_is_not_sent_to_its_port(
    server, client, monkeypatch
):
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    server["/a"] = Answer(b"local")
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    c = client(local_ports={"https://photos.test": server.port}, retries=0)
    assert reason(c, "https://photos.test.example/a") == "connection"
    assert not server.targets


def test_a_body_shorter_than_the_robots_txt_before_it_is_whole(server, client):
    server["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /private/\n" * 100)
    server["/a"] = Answer(b"short")
    assert client().get(server["/a"]) == b"short"


def test_an_unknown_host_is_one_short_line_with_its_name(client, monkeypatch):
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(FetchError) as caught:
        client(retries=0).get("https://no.such.host.test/a.jpg")
    assert str(caught.value) == (
        "https://no.such.host.test/robots.txt cannot be reached: unknown host (Name or service not "
        "known); check its spelling and the network"
    )


def test_a_refused_connection_is_one_short_line_with_its_host(client, closed_port):
    with pytest.raises(FetchError) as caught:
        client(retries=0).get(f"http://127.0.0.1:{closed_port}/a.jpg")
    assert str(caught.value) == (
        f"http://127.0.0.1:{closed_port}/robots.txt cannot be reached: no connection (Connection "
        "refused)"
    )


def test_a_server_without_tls_is_one_short_line(server, client):
    url = server["/a"].replace("http://", "https://")
    with pytest.raises(FetchError, match=r"cannot be reached: no secure connection \(") as caught:
        client(retries=0).get(url)
    assert len(str(caught.value)) < 200


def test_a_refresh_asks_nobody_by_what_another_address_has_said(server, client, tmp_path):
    """A placeholder may stand in for a picture for a while."""
    stated = {"Last-Modified": "Mon, 01 Jun 2026 10:00:00 GMT"}
    server["/a"] = Answer(b"", 302, {"Location": "/soon"})
    server["/soon"] = Answer(b"soon", headers=stated)
    assert client(tmp_path, snapshot="one").get(server["/a"]) == b"soon"
    server["/a"] = Answer(b"picture")
    assert client(tmp_path, snapshot="two").get(server["/a"]) == b"picture"
    assert "If-Modified-Since" not in server.headers[-1]


def test_a_redirect_to_an_address_that_is_not_in_utf8_is_followed_as_browsers_do(server, client):
    server["/caf%E9.png"] = Answer(b"theirs")
    server["/a"] = Answer(b"", 302, {"Location": "/caf\xe9.png"})  # sent as Latin-1
    assert client().get(server["/a"]) == b"theirs"
