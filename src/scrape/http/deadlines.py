"""Requests that end in time.

A socket's own timeout starts again with every byte, so a server that drips bytes never meets it.
"""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

TICK_S = 0.1


@dataclass
class Request:
    """A running request.

    Attributes:
        due: The time.monotonic() at which it must have ended.
        sock: Its socket, as soon as it has one.
        overdue: Whether its socket was shut, because it was not done in time.
    """

    due: float
    sock: socket.socket | None = None
    overdue: bool = False


class Deadlines:
    """Shuts the socket of each request that takes too long; one thread watches all of them."""

    def __init__(self, seconds: float):
        self._seconds = seconds
        self._running: dict[int, Request] = {}  # by thread: each has one request at a time
        self._lock = threading.Lock()
        self._watching = False

    @contextmanager
    def request(self) -> Iterator[Request]:
        """Watch this thread's request while the block runs, from connecting to the last byte."""
        request = Request(time.monotonic() + self._seconds)
        with self._lock:
            self._running[threading.get_ident()] = request
            if not self._watching:
                self._watching = True
                threading.Thread(target=self._watch, daemon=True).start()
        try:
            yield request
        finally:
            with self._lock:
                del self._running[threading.get_ident()]

    def attach(self, sock: socket.socket | None) -> None:
        """Note the socket of this thread's request."""
        if request := self._running.get(threading.get_ident()):
            request.sock = sock

    def _watch(self) -> None:
        while True:
            time.sleep(min(TICK_S, self._seconds / 4))
            with self._lock:
                if not self._running:
                    self._watching = False
                    return
                for request in self._running.values():
                    if request.due < time.monotonic():
                        request.overdue = True
                        if request.sock is not None:
                            _shut(request.sock)


def _shut(sock: socket.socket) -> None:
    with suppress(OSError):  # it is closed already
        # the plain socket's method: a TLS socket's would first say goodbye to the peer
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
