"""The page's server: its answers, what it refuses, and where it listens."""

import http.client
import io
import socket
import threading
import zlib
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from src.app import page_server
from src.app.page_server import MAX_BYTES, PageServer
from src.dataset.inputs import to_gray
from src.errors import UserError
from src.imaging import decoding
from src.inference.prediction import predict_all
from src.storage.encoding import encode_png
from tests.inference.pictures import noise
from tests.model.generators import variant

Response = tuple[int, http.client.HTTPMessage, bytes]


@pytest.fixture(scope="module")
def server() -> Iterator[PageServer]:
    with PageServer(variant(), "<p>the page", 0) as server:
        threading.Thread(target=server.serve_forever).start()
        yield server
        server.shutdown()


def ask(
    server: PageServer, path: str = "/photo", body: bytes | None = None, **headers: str
) -> Response:
    """Send a POST with a body, or a GET; header names have underscores."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("GET" if body is None else "POST", path, body, names)
    response = connection.getresponse()
    result = response.status, response.headers, response.read()
    connection.close()
    return result


def test_a_photo_is_answered_by_the_input_and_the_result(server):
    photo = noise(20, 30)
    status, headers, body = ask(server, body=encode_png(photo))
    cut = int(headers["Seen-Bytes"])
    seen, result = (np.asarray(Image.open(io.BytesIO(p))) for p in (body[:cut], body[cut:]))
    assert status == 200
    assert np.array_equal(seen, to_gray(photo))
    assert np.array_equal(result, predict_all(variant(), [photo])[0])


@pytest.mark.parametrize("path", ["/", "/page.css", "/page.js"])
def test_page_style_and_script_are_served_and_may_load_nothing_from_elsewhere(server, path):
    status, headers, body = ask(server, path)
    assert (status, bool(body)) == (200, True)
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy.pop("default-src") == "'none'"
    assert set(policy.values()) == {"'self'", "'none'", "blob: data:"}


@pytest.mark.parametrize("path", ["/nothing", "/../src/app/page.js", "/page_server.py", "/drawing"])
def test_nothing_else_is_served_and_a_model_that_colours_takes_no_drawing(server, path):
    assert ask(server, path)[0] == 404
    assert ask(server, path, b"x")[0] == 404


def png_header(width: int, height: int) -> bytes:
    """A PNG of one pixel that says it has many."""
    data = encode_png(np.zeros((1, 1, 3), np.uint8))
    sides = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    chunk = b"IHDR" + sides + data[24:29]
    return data[:12] + chunk + zlib.crc32(chunk).to_bytes(4, "big") + data[33:]


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (b"<html>", "expected one of JPEG, PNG, "),
        (b"", "expected one of JPEG, PNG, "),
        (encode_png(noise(64, 64))[:3000], "the picture's data is broken: "),
        (png_header(100_000, 100_000), "100000x100000 pixels, allowed are 100000000"),
        (b"\xff\xd8" + b"\xff" * 70_000, "padding: "),
    ],
)
def test_what_predict_refuses_is_refused_in_one_line(server, body, line):
    status, headers, text = ask(server, body=body)
    assert status == 422
    assert headers["Content-Type"].startswith("text/plain")
    assert text.decode().startswith(line)
    assert len(text.splitlines()) == 1


def test_a_bomb_is_not_decoded(server, monkeypatch):
    monkeypatch.setattr(decoding, "upright_arrays", lambda *_: pytest.fail("decoded"))
    assert ask(server, body=png_header(100_000, 100_000))[0] == 422


@pytest.mark.parametrize("length", [str(MAX_BYTES + 1), "9" * 5000, "-1", "", "1e3", "١"])
def test_an_upload_too_large_or_of_unknown_length_is_refused_before_a_byte_is_read(server, length):
    head = f"POST /photo HTTP/1.1\r\nHost: 127.0.0.1:{server.server_port}\r\n"
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=60) as connection:
        connection.sendall(f"{head}Content-Length: {length}\r\n\r\n".encode())
        answer = connection.makefile("rb").read()  # to its end: the server closes
    status = int(answer.split(b" ", 2)[1])
    assert status == (413 if length.startswith(("5", "9")) else 411)
    assert b"Connection: close" in answer


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://example.org"},
        {"Origin": "null"},
        {"Host": "example.org"},
        {"Host": "127.0.0.1.example.org:80"},
    ],
)
def test_other_sites_pages_are_refused(server, headers):
    for path, body in (("/", None), ("/photo", encode_png(noise(8, 8)))):
        status, _, text = ask(server, path, body, **headers)
        assert status == 403
        assert text.decode() == f"open {server.origin}/ itself"


def test_the_page_itself_is_not_refused(server):
    for name in ("127.0.0.1", "localhost"):
        host = f"{name}:{server.server_port}"
        assert (
            ask(server, body=encode_png(noise(8, 8)), Host=host, Origin=f"http://{host}")[0] == 200
        )


def test_at_port_80_browsers_name_no_port(server, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(page_server, "HTTP_PORT", server.server_port)
        assert server.origin == "http://127.0.0.1"
        for host in ("127.0.0.1", "localhost"):
            assert ask(server, "/", Host=host)[0] == 200
    assert ask(server, "/", Host="127.0.0.1")[0] == 403


def test_the_server_goes_on_after_a_browser_went_away(server, capfd):
    head = f"POST /photo HTTP/1.1\r\nHost: 127.0.0.1:{server.server_port}\r\n"
    with socket.create_connection(("127.0.0.1", server.server_port)) as connection:
        connection.sendall(f"{head}Content-Length: 1000\r\n\r\nhalf".encode())
    assert ask(server, "/")[0] == 200
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "error", [MemoryError("Unable to allocate"), RuntimeError("DefaultCPUAllocator: out of memory")]
)
def test_memory_that_is_short_is_one_line_and_the_server_goes_on(server, monkeypatch, capfd, error):
    def reply(data: bytes) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setitem(server.replies, "/photo", reply)
        status, _, body = ask(server, body=b"x")
    assert (status, body.decode()) == (503, page_server.MEMORY)
    assert capfd.readouterr().err == ""
    assert ask(server, body=encode_png(noise(20, 30)))[0] == 200


def test_pictures_are_answered_one_at_a_time(server, monkeypatch):
    running, most = [], []

    def slow(data: bytes) -> None:
        running.append(1)
        most.append(len(running))
        threading.Event().wait(0.05)
        running.pop()
        raise decoding.ImageError("slow", "slow")

    monkeypatch.setitem(server.replies, "/photo", slow)
    threads = [threading.Thread(target=ask, args=(server, "/photo", b"x")) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1, 1, 1, 1]


def test_it_listens_on_the_loopback_address_alone(server):
    assert server.socket.getsockname()[0] == "127.0.0.1"


def test_a_port_in_use_is_refused_with_a_remedy(server):
    with pytest.raises(UserError) as refused:
        PageServer(variant(), "", server.server_port)
    assert str(refused.value) == (
        f"--port {server.server_port}: cannot listen there (Address already in use): "
        "choose another one, or --port 0 for a free one"
    )
