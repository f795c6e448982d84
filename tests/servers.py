"""Saved pages, and a small server on this machine whose answers a test sets."""

import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PAGES = Path(__file__).parent / "scrape" / "pages"


def saved(name: str) -> str:
    """Return the text of a saved page."""
    return (PAGES / f"{name}.html").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Answer:
    """What the server sends.

    Attributes:
        body: Sent as it is.
        status: Of HTTP.
        headers: Sent beside Content-Length or Transfer-Encoding.
        length: Stated instead of the body's true length.
        drip: Seconds between single bytes of the body; 0 sends it at once.
        pause: Seconds before the body.
        chunked: Whether the body is sent in chunks.
    """

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
ICON = "/favicon.ico"  # a browser asks for it by itself, at any time: no test counts it


class Server:
    """Answers by path, or by path and query if there is such a key.

    Of a list of answers each is sent once, and the last one from then on. A function gets the
    request's path and query.

    Attributes:
        answers: Set by `server["/path"] = answer`.
        targets: The path and query of each request.
        times: The time.monotonic() of each request.
        headers: The headers of each request.
        closing: Set when the server ends.
        address: An address of this machine.
        port: There.
    """

    def __init__(self, address: str) -> None:
        self.answers: dict[str, Answer | Raw | list[Answer] | Callable[[str], Answer]] = {}
        self.targets: list[str] = []
        self.times: list[float] = []
        self.headers: list[dict[str, str]] = []
        self.closing = threading.Event()
        self.address = address
        self.port = 0

    def __getitem__(self, path: str) -> str:
        """Return the URL of a path."""
        return f"http://{self.address}:{self.port}{path}"

    def __setitem__(self, path: str, answer: Answer | list[Answer] | Callable) -> None:
        self.answers[path] = answer

    def page_targets(self) -> list[str]:
        """Return the targets that are not robots.txt."""
        return [target for target in self.targets if target != "/robots.txt"]

    def answer(self, target: str, headers: dict[str, str]) -> Answer | Raw:
        """Note a request, and return what to send."""
        if target == ICON:
            return NOT_FOUND
        self.times.append(time.monotonic())
        self.targets.append(target)
        self.headers.append(headers)
        answer = self.answers.get(target, self.answers.get(target.partition("?")[0], NOT_FOUND))
        if isinstance(answer, list):
            return answer.pop(0) if len(answer) > 1 else answer[0]
        return answer(target) if callable(answer) else answer


@contextmanager
def served(address: str = "127.0.0.1") -> Iterator[Server]:
    """Run a server on a free port of an address while the block runs."""
    server = Server(address)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle(self) -> None:
            with suppress(ConnectionError):  # the client may hang up on a slow answer
                super().handle()

        def do_GET(self) -> None:
            answer = server.answer(self.path, dict(self.headers))
            if answer == HANG_UP:
                self.close_connection = True
                return
            if isinstance(answer, Raw):
                self.close_connection = True
                for part in answer.parts():
                    if server.closing.wait(answer.pause):
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
            server.closing.wait(answer.pause)
            step = 1 if answer.drip else max(1, len(answer.body))
            for start in range(0, len(answer.body), step):
                part = answer.body[start : start + step]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part) if answer.chunked else part)
                server.closing.wait(answer.drip)
            if answer.chunked:
                self.wfile.write(b"0\r\n\r\n")

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    class Listener(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in address else socket.AF_INET

    http_server = Listener((address, 0), Handler)
    http_server.daemon_threads = True
    server.port = http_server.server_port
    thread = threading.Thread(target=http_server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        http_server.shutdown()
        http_server.server_close()
        thread.join()
