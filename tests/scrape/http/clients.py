"""A client for tests, and the reason why it fails."""

import pytest

from src.scrape.http.client import Client
from src.scrape.http.fetch_errors import FetchError


class Getter(Client):
    """A client that returns the bytes themselves."""

    def get(self, url: str, limit: int | None = None) -> bytes:
        return super().get(url, lambda body: body.path.read_bytes(), limit)


def reason(client: Client, url: str, **arguments: object) -> str:
    """Return the reason of the FetchError that a URL ends in."""
    with pytest.raises(FetchError) as caught:
        client.get(url, **arguments)
    return caught.value.reason
