"""One pace for each host, by whatever name it is asked."""

import socket
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest

from src.scrape.http.downloader import Downloader
from tests.conftest import SCRAPE
from tests.servers import Answer

SPELLINGS = ["localhost", "Localhost", "lOcalhost", "LOCALHOST", "localhost.", "LOCALHOST."]


@pytest.fixture
def here(monkeypatch):
    """Every name is that of this machine; the names that were looked up."""
    looked_up: Counter[str] = Counter()

    def resolve(host, port, *_, **__):
        looked_up[host] += 1
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return looked_up


def gaps(times: list[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(times)]


def test_all_spellings_of_a_host_share_its_pace_and_its_robots(server, client, here):
    server["/a"] = Answer()
    c = client(requests_per_second=10, allow_hosts=["localhost"])
    urls = [
        f"http://{name}:{port}/a" for name in SPELLINGS for port in (server.port, f"0{server.port}")
    ]
    with ThreadPoolExecutor(12) as pool:
        assert list(pool.map(c.get, urls)) == [b"hello"] * 12
    assert server.targets.count("/robots.txt") == 1
    assert server.times[-1] - server.times[1] >= 11 * 0.1 - 0.05


def test_ports_and_schemes_of_a_host_share_its_pace_and_not_its_robots(here):
    downloader = Downloader(SCRAPE)
    urls = [
        f"{scheme}://{name}{port}/a"
        for scheme in ("http", "HTTPS")
        for name in SPELLINGS
        for port in ("", ":80", ":443", ":8000")
    ]
    hosts = [downloader._host(url) for url in urls]
    assert len({id(host.pace) for host in hosts}) == 1
    names = {host.origin for host in hosts}
    ports = {":443", ":8000", ""}, {":80", ":8000", ""}
    expected = {f"http://localhost{port}" for port in ports[0]}
    assert names == expected | {f"https://localhost{port}" for port in ports[1]}
    assert len({id(host) for host in hosts}) == 6


def test_names_that_share_an_address_share_its_pace(server, client, here):
    server["/a"] = Answer()
    names = [f"n{number}.test" for number in range(6)]
    c = client(requests_per_second=10, allow_hosts=names)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(c.get, [f"http://{name}:{server.port}/a" for name in names]))
    assert server.targets.count("/robots.txt") == 6
    # the first robots.txt goes at once; all that follows takes a turn
    assert server.times[-1] - server.times[0] >= 10 * 0.1 - 0.05


def test_names_that_share_an_address_share_its_slots(server, client, here):
    running, peak = [], [0]

    def slow(_: str) -> Answer:
        running.append(1)
        peak[0] = max(peak[0], len(running))
        time.sleep(0.02)
        running.pop()
        return Answer()

    server["/a"] = slow
    names = [f"n{number}.test" for number in range(8)]
    c = client(per_host=2, allow_hosts=names)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(c.get, [f"http://{name}:{server.port}/a" for name in names]))
    assert peak[0] <= 2


def test_the_crawl_delay_of_one_name_holds_for_the_address(server, client, here):
    server["/robots.txt"] = Answer(b"User-agent: *\nCrawl-delay: 0.2\n")
    server["/a"] = Answer()
    c = client(allow_hosts=["one.test", "two.test"])
    for name in ("one.test", "two.test"):
        c.get(f"http://{name}:{server.port}/a")
    assert min(gaps(server.times[1:])) >= 0.18


def test_a_name_is_looked_up_once_for_its_pace_and_its_connection(client, here, monkeypatch):
    monkeypatch.setattr("src.scrape.http.public_addresses.require_public", lambda *_: None)
    c = client(retries=0, allow_hosts=[])
    with ThreadPoolExecutor(1) as pool, pytest.raises(Exception, match="cannot be reached"):
        pool.submit(c.get, "http://nobody.test:9/a").result()
    assert here["nobody.test"] == 1
