"""A quick client, and a port without a server."""

import socket
from itertools import count

import pytest

from tests.scrape.http.clients import Getter


@pytest.fixture
def client(changed, tmp_path):
    """A quick client: client(retries=0), client(cache=folder); by default each has its own cache."""
    number = count()

    def make(cache=None, local_ports=None, **settings):
        quick = {"retries": 1, "backoff_s": 0, "requests_per_second": 1000, "timeout_s": 2}
        quick["allow_hosts"] = ["127.0.0.1"]
        changes = {f"scrape.{key}": value for key, value in (quick | settings).items()}
        return Getter(
            changed(changes).scrape, cache or tmp_path / f"cache{next(number)}", local_ports
        )

    return make


@pytest.fixture
def closed_port():
    """A port of 127.0.0.1 without a server."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]
