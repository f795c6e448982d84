"""The page's server: on this machine's loopback address, for this page alone."""

import socketserver
import sys
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import Any

from src.app.answers import Answer, answer_drawing, answer_photo
from src.app.app_page import HERE
from src.errors import UserError, is_out_of_memory, printable
from src.imaging.decoding import ImageError
from src.model.generator import Generator

HOST = "127.0.0.1"
MAX_BYTES = 50_000_000  # of an upload; the picture in it has at most MAX_PIXELS
HTTP_PORT = 80  # browsers leave it out of an address
TIMEOUT_S = 60  # without a byte from the browser
FILES = {
    "/page.css": ("text/css; charset=utf-8", "page.css"),
    "/page.js": ("text/javascript; charset=utf-8", "page.js"),
}
# The page loads from its own server only, runs no inline script, and is shown in no frame.
POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src blob: data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
MEMORY = "memory is short: make the picture smaller, or close other programs"
PLAIN = "text/plain; charset=utf-8"
Reply = Callable[[bytes], Answer]  # to the bytes of an upload


class PageServer(ThreadingHTTPServer):
    """Serves one page, and answers one upload at a time.

    Args:
        generator: A trained model, in evaluation mode.
        page: The page's HTML.
        port: To listen on; 0 for a free one.

    Raises:
        UserError: The port is taken or not allowed.
    """

    daemon_threads = True

    def __init__(self, generator: Generator, page: str, port: int):
        self.page = page.encode()
        self.replies: dict[str, Reply] = {"/photo": partial(answer_photo, generator)}
        if generator.config["task"] != "colorize":
            self.replies["/drawing"] = partial(answer_drawing, generator)
        self.busy = Lock()  # two pictures at a time would need twice the memory
        try:
            super().__init__((HOST, port), PageHandler)
        except OSError as error:
            raise UserError(
                f"--port {port}: cannot listen there ({error.strerror}): "
                "choose another one, or --port 0 for a free one"
            ) from None

    @property
    def origin(self) -> str:
        """The page's address without a path."""
        return f"http://{self.hosts[0]}"

    @property
    def hosts(self) -> list[str]:
        """What browsers call this server in `Host`."""
        port = "" if self.server_port == HTTP_PORT else f":{self.server_port}"
        return [f"{name}{port}" for name in (HOST, "localhost")]

    def server_bind(self) -> None:
        """Bind as TCP servers do: HTTPServer would ask a name server for this machine's name."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.socket.getsockname()[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report a fault of this program; a browser that went away is none."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class PageHandler(BaseHTTPRequestHandler):
    """Answers a request of the page."""

    server: PageServer
    timeout = TIMEOUT_S
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Send the page, its style or its script."""
        if self._refuses_strangers():
            return
        if self.path == "/":
            self._send(HTTPStatus.OK, "text/html; charset=utf-8", self.server.page)
        elif self.path in FILES:
            kind, name = FILES[self.path]
            self._send(HTTPStatus.OK, kind, (HERE / name).read_bytes())
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "not found")

    def do_POST(self) -> None:
        """Answer an upload by two PNG files, one after the other, or by one line that refuses it.

        The header `Seen-Bytes` is the length of the first.
        """
        reply = self.server.replies.get(self.path)
        if self._refuses_strangers():
            return
        if reply is None:
            self._refuse(HTTPStatus.NOT_FOUND, "not found")
        elif (data := self._upload()) is not None:
            try:
                with self.server.busy:
                    answer = reply(data)
            except ImageError as error:
                self._refuse(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, MEMORY)
            else:
                seen = {"Seen-Bytes": str(len(answer.seen))}
                kind = "application/octet-stream"
                self._send(HTTPStatus.OK, kind, answer.seen + answer.result, seen)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: the page shows what happens."""

    def _refuses_strangers(self) -> bool:
        """Refuse what another site's page sends; return whether it did.

        A browser names the page that sends an upload as `Origin`. A name of another site that
        resolves to this machine stands in `Host`.
        """
        hosts, origin = self.server.hosts, self.headers.get("Origin")
        if self.headers.get("Host") in hosts and origin in (None, *(f"http://{h}" for h in hosts)):
            return False
        self._refuse(HTTPStatus.FORBIDDEN, f"open {self.server.origin}/ itself")
        return True

    def _upload(self) -> bytes | None:
        """Return the request's body, or None if it is refused, before a byte of it is read."""
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdecimal()):
            self._refuse(HTTPStatus.LENGTH_REQUIRED, "the upload does not say its length")
        elif len(length) > len(str(MAX_BYTES)) or int(length) > MAX_BYTES:
            message = f"the file has more than {MAX_BYTES} bytes: make the picture smaller"
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message)
        else:
            return self.rfile.read(int(length))
        return None

    def _refuse(self, status: HTTPStatus, line: str) -> None:
        self.close_connection = True  # a body may be unread
        self._send(status, PLAIN, printable(line).encode())

    def _send(
        self, status: HTTPStatus, kind: str, body: bytes, more: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        headers = HEADERS | {"Content-Type": kind, "Content-Length": str(len(body))} | (more or {})
        if self.close_connection:
            headers["Connection"] = "close"
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
