"""Requests that end in time: a socket's own timeout begins anew with every byte that drips in."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

TICK = 0.1  # seconds


@dataclass
class Request:
    """A request under way; `sock` from when it has one."""

    due: float
    sock: socket.socket | None = None
    overdue: bool = False


class Deadlines:
    """Shuts the socket of any request that is not done in time; one thread watches them all."""

    def __init__(self, seconds: float):
        self.seconds = seconds
        self._running: dict[int, Request] = {}  # by thread: each has one request at a time
        self._lock = threading.Lock()
        self._watching = False

    @contextmanager
    def over(self) -> Iterator[Request]:
        """A request of this thread, from its connection to the last byte of its answer."""
        request = Request(time.monotonic() + self.seconds)
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

    def use(self, sock: socket.socket | None) -> None:
        """The request of this thread goes over this socket."""
        if request := self._running.get(threading.get_ident()):
            request.sock = sock

    def _watch(self) -> None:
        while True:
            time.sleep(min(TICK, self.seconds / 4))
            with self._lock:
                if not self._running:
                    self._watching = False
                    return
                late = [r for r in self._running.values() if r.due < time.monotonic()]
                for request in late:
                    request.overdue = True
                    if request.sock is not None:
                        _shut(request.sock)


def _shut(sock: socket.socket) -> None:
    with suppress(OSError):  # it is closed already
        # of the plain socket: that of a TLS one would first say goodbye to the peer
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
