"""Saved pages, and a small server on 127.0.0.1 that answers as a test tells it to."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FOLDER = Path(__file__).parent / "scrape" / "pages"


def saved(name: str) -> str:
    """The text of a saved page."""
    return (FOLDER / f"{name}.html").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Answer:
    """What the server says. `length` is stated instead of the body's true length; with `drip`
    the body comes byte by byte, so many seconds apart; `pause` is waited before the body."""

    body: bytes = b"hello"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    drip: float = 0.0
    pause: float = 0.0
    chunked: bool = False


@dataclass(frozen=True)
class Raw:
    """Bytes sent as they are, `pause` seconds between the parts; then the server hangs up."""

    parts: Callable[[], Iterable[bytes]]
    pause: float = 0.0


NOT_FOUND = Answer(b"not found", 404)
HANG_UP = Answer(status=0)


class Server:
    """Answers by path, or by path and query where such a key is present.

    A list of answers is used up from its front, its last one stays; a function gets the target.
    """

    def __init__(self) -> None:
        self.answers: dict[str, Answer | Raw | list[Answer] | Callable[[str], Answer]] = {}
        self.asked: list[str] = []
        self.times: list[float] = []
        self.headers: list[dict[str, str]] = []
        self.closing = threading.Event()
        self.port = 0

    def __getitem__(self, path: str) -> str:
        """The URL of a path."""
        return f"http://127.0.0.1:{self.port}{path}"

    def __setitem__(self, path: str, answer: Answer | list[Answer] | Callable) -> None:
        self.answers[path] = answer

    def pages_asked(self) -> list[str]:
        return [target for target in self.asked if target != "/robots.txt"]

    def answer(self, target: str, headers: dict[str, str]) -> Answer:
        self.times.append(time.monotonic())
        self.asked.append(target)
        self.headers.append(headers)
        found = self.answers.get(target, self.answers.get(target.partition("?")[0], NOT_FOUND))
        if isinstance(found, list):
            return found.pop(0) if len(found) > 1 else found[0]
        return found(target) if callable(found) else found


@contextmanager
def served() -> Iterator[Server]:
    """A server on a free port of 127.0.0.1 while the block runs."""
    told = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle(self) -> None:
            with suppress(ConnectionError):  # the client may hang up on a slow answer
                super().handle()

        def do_GET(self) -> None:
            answer = told.answer(self.path, dict(self.headers))
            if answer == HANG_UP:
                self.close_connection = True
                return
            if isinstance(answer, Raw):
                self.close_connection = True
                for part in answer.parts():
                    if told.closing.wait(answer.pause):
                        return
                    self.wfile.write(part)
                return
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if answer.chunked:
                self.send_header("Transfer-Encoding", "chunked")
            else:
                length = len(answer.body) if answer.length is None else answer.length
                self.send_header("Content-Length", str(length))
            # an answer that breaks off is over when the connection is
            self.close_connection = answer.length is not None
            self.end_headers()
            told.closing.wait(answer.pause)
            step = 1 if answer.drip else max(1, len(answer.body))
            for start in range(0, len(answer.body), step):
                part = answer.body[start : start + step]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part) if answer.chunked else part)
                told.closing.wait(answer.drip)
            if answer.chunked:
                self.wfile.write(b"0\r\n\r\n")

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    told.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield told
    finally:
        told.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
