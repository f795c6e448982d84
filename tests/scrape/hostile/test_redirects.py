"""Redirects, cookies, and addresses that are not to be asked."""

from collections.abc import Callable
from itertools import repeat

import pytest

from tests.scrape.hostile.beside import beside_a_good_one
from tests.scrape.hostile.payloads import encoded, endless, gallery, moved, raw_answer
from tests.scrape.hostile.runs import Answers
from tests.servers import Answer, Raw, Server, served


def _chain(server: Server, length: int) -> Answer:
    for step in range(1, length):
        server[f"/step{step}"] = moved(f"/step{step + 1}")
    server[f"/step{length}"] = Answer(encoded("PNG", 3))
    return moved("/step1")


def _at(server: Server, path: str, answer: Answers) -> Answers:
    server[path] = Answer(encoded("PNG", 4))
    return answer


def _location(path: str) -> Raw:
    return Raw(
        lambda: [f"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: {path}\r\n\r\n".encode()]
    )


MOVES: dict[str, tuple[Callable[[Server], Answers], str]] = {
    "redirects_in_a_loop": (lambda server: moved("/1.jpg"), "too_many_redirects"),
    "redirects_six_times": (lambda server: _chain(server, 6), "too_many_redirects"),
    "redirects_five_times": (lambda server: _chain(server, 5), "ok"),
    "redirects_to_itself_with_a_new_query": (
        lambda server: lambda target: moved(f"/1.jpg?{len(server.targets)}"),
        "too_many_redirects",
    ),
    "redirects_to_a_file": (lambda server: moved("file:///etc/passwd"), "unsupported_url"),
    "redirects_to_ftp": (lambda server: moved("ftp://127.0.0.1/a.jpg"), "unsupported_url"),
    "redirects_to_data": (lambda server: moved("data:image/gif;base64,R0lG"), "unsupported_url"),
    "redirects_to_gopher": (lambda server: moved("gopher://127.0.0.1:6379/_A"), "unsupported_url"),
    "redirects_to_localhost": (
        lambda server: moved(f"http://localhost:{server.port}/good.png"),
        "private_address",
    ),
    "redirects_to_cloud_metadata": (
        lambda server: moved("http://169.254.169.254/latest/meta-data/"),
        "private_address",
    ),
    "redirects_to_the_router": (lambda server: moved("http://192.168.0.1/"), "private_address"),
    "redirects_to_the_other_ip": (lambda server: moved("//[::1]/a"), "private_address"),
    "redirects_without_a_location": (lambda server: Answer(b"", 302), "http_302"),
    "redirects_to_an_empty_location": (lambda server: moved(""), "too_many_redirects"),
    "redirects_to_nonsense": (lambda server: moved("http://[broken"), "unsupported_url"),
    "redirects_to_port_99999": (lambda server: moved("http://127.0.0.1:99999/"), "unsupported_url"),
    "redirects_to_a_path_in_latin1": (
        lambda server: _at(
            server,
            "/caf%E9.png",
            raw_answer("HTTP/1.1 302 Found\nContent-Length: 0\nLocation: /caf\xe9.png"),
        ),
        "ok",
    ),
    "redirects_to_a_path_in_utf8": (
        lambda server: _at(server, "/caf%C3%A9.png", _location("/café.png")),
        "ok",
    ),
    "redirects_to_a_url_with_a_password": (
        lambda server: moved(f"http://ada:secret@127.0.0.1:{server.port}/good.png"),
        "unsupported_url",
    ),
    "redirects_with_an_endless_body": (
        lambda server: endless(
            b"HTTP/1.1 302 Found\r\nLocation: /good.png\r\n\r\n", lambda: repeat(bytes(65536))
        ),
        "ok",
    ),
}


@pytest.mark.parametrize("case", MOVES)
def test_a_redirect_leads_nowhere_it_should_not(place, case):
    answer, status = MOVES[case]
    assert beside_a_good_one(place, answer(place.server)).statuses == [status, "ok"]
    assert set(place.server.page_targets()) >= {"/list", "/1.jpg", "/good.png"}


def test_cookies_are_not_sent_back(place):
    cookie = {"Set-Cookie": "session=1; Path=/"}
    place.server["/list"] = Answer(gallery("/1.jpg"), headers=cookie)
    place.server["/1.jpg"] = Answer(encoded(), headers=cookie)
    assert place.run().statuses == ["ok"]
    assert [h for h in place.server.headers if "Cookie" in h] == []


def test_a_host_that_is_not_allowed_is_not_asked(place):
    with served() as inside:
        inside["/1.jpg"] = Answer(encoded())
        place.server["/list"] = Answer(gallery(f"http://localhost:{inside.port}/1.jpg"))
        assert place.run().statuses == ["private_address"]
        assert inside.targets == []


def test_a_list_at_a_private_address_is_an_error_that_says_how_to_mean_it(place):
    outcome = place.run({"scrape.allow_hosts": []})
    assert "127.0.0.1, which is not on the open internet" in outcome.error
    assert "scrape.allow_hosts" in outcome.error
    assert place.server.targets == []
