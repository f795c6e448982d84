"""Answers that drip in end at scrape.deadline_s."""

import socket
import threading
import time
from contextlib import suppress

import pytest

from src.scrape.http.fetch_errors import FetchError
from tests.scrape.http.clients import reason
from tests.servers import Answer


@pytest.mark.parametrize("chunked", [False, True], ids=["plain", "chunked"])
def test_a_dripping_body_ends_at_the_deadline(server, client, chunked):
    server["/a"] = Answer(bytes(2000), drip=0.05, chunked=chunked)
    start = time.monotonic()
    with pytest.raises(FetchError, match=r"scrape\.deadline_s") as caught:
        client(deadline_s=0.3).get(server["/a"])
    assert caught.value.reason == "too_slow"
    assert time.monotonic() - start < 20


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
        assert time.monotonic() - start < 20
