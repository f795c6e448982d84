"""What every test of a hostile server has: a server, a folder, and no network."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.scrape.hostile.runs import FORKER, Place
from tests.servers import Server


def _numeric_only(
    host: str, port: int, *arguments: object, resolve=socket.getaddrinfo, **settings
) -> list:
    """Names are not looked up in tests, but for localhost; addresses are read as ever."""
    if host in ("localhost", "127.0.0.1"):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
    host.encode("idna")  # as the real one does
    return resolve(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)


def _no_network(*_: object) -> None:
    raise OSError("no network in tests")


@pytest.fixture(autouse=True)
def here_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but 127.0.0.1, which every case allows by its parameters, is connected to."""
    monkeypatch.setattr(socket, "getaddrinfo", _numeric_only)
    monkeypatch.setattr("src.scrape.http.public_addresses.create_connection", _no_network)


@pytest.fixture
def place(server: Server, tmp_path: Path) -> Place:
    return Place(server, tmp_path)


@pytest.fixture(scope="module")
def forker() -> Iterator[subprocess.Popen]:
    with subprocess.Popen(
        [sys.executable, "-c", FORKER],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.stdin.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """An exception in a thread fails the test that started it."""
    error = "error::pytest.PytestUnhandledThreadExceptionWarning"
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings(error))
