"""A server, a browser, quick parameters, and a folder for each test."""

import pytest

from tests.browser import browser
from tests.scrape.scraping import QUICK
from tests.servers import served

__all__ = ["browser"]


@pytest.fixture
def server():
    with served() as server:
        yield server


@pytest.fixture
def own_folder(monkeypatch, tmp_path):
    """The client's cache and relative paths are in a folder of this test."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def quick(changed):
    """Parameters without waiting: quick("demo", {"demo.pages": 2})."""

    def make(source, changes=None):
        return changed({"source": source} | QUICK | (changes or {}))

    return make
