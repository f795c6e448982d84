"""What a client remembers from run to run."""

import pytest

from src.scrape.http.cache import Body
from src.scrape.http.client import Client
from src.scrape.http.fetch_errors import FetchError
from tests.scrape.http.clients import reason
from tests.servers import NOT_FOUND, Answer


def test_a_second_client_fetches_nothing_again(server, client, tmp_path):
    server["/a"] = [Answer(b"first"), Answer(b"second")]
    assert client(tmp_path).get(server["/a"]) == b"first"
    n_requests = len(server.targets)
    assert client(tmp_path).get(server["/a"]) == b"first"
    assert len(server.targets) == n_requests


def test_another_snapshot_fetches_again(server, client, tmp_path):
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


def test_a_url_is_tried_in_so_many_runs_and_no_more(server, client, tmp_path):
    server["/a"] = Answer(b"busy", 500)
    for _ in range(5):
        assert reason(client(tmp_path, retries=0, max_failed_runs=3), server["/a"]) == "http_500"
    assert server.page_targets() == ["/a"] * 3
    server["/a"] = Answer(b"well again")
    assert client(tmp_path, max_failed_runs=4).get(server["/a"]) == b"well again"


def test_a_body_that_parse_refuses_is_not_kept(server, changed, tmp_path):
    server["/a"] = [Answer(b"<html>"), Answer(b"picture")]
    settings = {"allow_hosts": ["127.0.0.1"], "requests_per_second": 1000, "retries": 0}
    scrape = changed({f"scrape.{key}": value for key, value in settings.items()}).scrape

    def parse(body: Body) -> bytes:
        if body.path.read_bytes().startswith(b"<"):
            raise FetchError("html", "a page")
        return body.path.read_bytes()

    with pytest.raises(FetchError):
        Client(scrape, tmp_path / "http").get(server["/a"], parse)
    assert Client(scrape, tmp_path / "http").get(server["/a"], parse) == b"picture"
