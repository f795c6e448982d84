"""Hostile servers: whatever they send, a scrape ends in time, in bounded memory, and says why.

Every case is a name that says what the server does, run as the scrape stage runs, against a server
on 127.0.0.1. Cases that might fill memory run in a process of their own, whose peak is measured.
"""

import gzip
import hashlib
import html
import io
import json
import os
import re
import socket
import sqlite3
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import chdir, closing
from dataclasses import dataclass
from functools import cache, partial
from itertools import chain, count, repeat
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from src.errors import UserError
from src.imaging import decoding
from src.params import Gallery
from src.scrape.crawl import _read, _rows
from src.scrape.http.cache import Body
from src.scrape.http.fetch_errors import FetchError
from src.scrape.listings import MAX_MARKS, ListPage, parse_gallery, parse_imdb
from src.scrape.store import counts, store
from src.scrape.trailing_bytes import image_end
from src.storage.ledger import read_ledger, write_ledger
from stages import scrape
from tests.conftest import ROOT, SCRAPE
from tests.servers import HANG_UP, NOT_FOUND, Answer, Raw, Server, saved, served

SECONDS = 9.0  # for any case in this process; the waits in it sum up to less than 6
PEAK_MB = 300
QUICK = {
    "scrape.workers": 2,
    "scrape.requests_per_second": 1000,
    "scrape.timeout_s": 0.8,
    "scrape.deadline_s": 1.6,
    "scrape.retries": 0,
    "scrape.backoff_s": 0,
    "scrape.allow_hosts": ["127.0.0.1"],
}
GALLERY = {
    "item": "div.item",
    "image": "img",
    "image_attributes": ["src"],
    "link": "a",
    "name": "b",
    "next": "a.next",
    "total": ".total",
}
ALLOWED = re.compile(
    r"params\.yaml|\.cache/http/answers\.sqlite(-wal|-shm)?|\.cache/http/bodies/[0-9a-f]{40}|"
    r"data/raw/pages/\d{4}\.html|data/raw/images/[0-9a-f]{24}\.[a-z]+|data/raw/ledger\.parquet|"
    r"metrics/scrape\.json"
)
# Imports once, then forks for each scrape; a fork's VmHWM begins anew, which getrusage's peak does not.
FORKER = """
import json, os, sys
from src.errors import UserError
from src.scrape import sources
from stages import scrape

def scraped(folder, url):
    os.chdir(folder)
    sources.imdb_url = lambda _: url
    error = None
    try:
        scrape.main()
    except UserError as refused:
        error = str(refused)
    [peak] = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")]
    print(json.dumps({"error": error, "peak_mb": int(peak) / 1024}), flush=True)

for line in sys.stdin:
    child = os.fork()
    if not child:
        scraped(*json.loads(line))
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        print(json.dumps({"failed": True}), flush=True)
"""

Answers = Answer | Raw | list | Callable
pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")


# --- running a scrape


@dataclass
class Outcome:
    """What a scrape left behind: a ledger and metrics, or the error that is the user's to mend."""

    folder: Path
    error: str | None
    seconds: float
    peak_mb: float | None = None

    @property
    def table(self) -> pd.DataFrame:
        return read_ledger(self.folder / "data/raw/ledger.parquet", "raw")

    @property
    def metrics(self) -> dict:
        return json.loads((self.folder / "metrics/scrape.json").read_text())

    @property
    def statuses(self) -> list[str]:
        assert self.error is None, self.error
        return list(self.table["status"])


class Place:
    """A folder to scrape in, and the server whose /list is scraped."""

    def __init__(self, server: Server, folder: Path):
        self.server = server
        self.folder = folder / "outer" / "work"
        self.folder.mkdir(parents=True)

    def run(self, changes: dict | None = None, source: str = "gallery") -> Outcome:
        """The scrape stage, in this process."""
        self._prepare(changes, source)
        error = None
        start = time.monotonic()
        with (
            chdir(self.folder),
            patch.object("src.scrape.sources.imdb_url", lambda _: self.server["/list"]),
        ):
            try:
                scrape.main()
            except UserError as refused:
                error = str(refused)
            taken = time.monotonic() - start
            # who was still fetching would store it in the folder that comes after this one
            for thread in threading.enumerate():
                if thread.name.endswith("(_work)"):
                    thread.join(2)
        return self._checked(Outcome(self.folder, error, taken))

    def apart(
        self, forker: subprocess.Popen, changes: dict | None = None, source: str = "gallery"
    ) -> Outcome:
        """The same in a process of its own, to measure its memory."""
        self._prepare(changes, source)
        start = time.monotonic()
        print(json.dumps([str(self.folder), self.server["/list"]]), file=forker.stdin, flush=True)
        said = json.loads(forker.stdout.readline())
        assert "failed" not in said, "it ended in a traceback: see stderr"
        taken = time.monotonic() - start
        return self._checked(Outcome(self.folder, said["error"], taken, said["peak_mb"]))

    def _prepare(self, changes: dict | None, source: str) -> None:
        values = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
        values["source"] = source
        values["gallery"] = GALLERY | {"url": self.server["/list"]}
        for key, value in (QUICK | (changes or {})).items():
            section, _, name = key.partition(".")
            values[section][name] = value
        (self.folder / "params.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")

    def _checked(self, outcome: Outcome) -> Outcome:
        """What holds for every scrape, whatever the server does."""
        _no_file_elsewhere(self.folder)
        _whole_pictures(self.folder / "data/raw/images")
        if outcome.error is None:
            _counts_add_up(outcome)
        return outcome


def _no_file_elsewhere(folder: Path) -> None:
    # workers that an error left behind may be in the middle of a file
    until = time.monotonic() + 2
    while time.monotonic() < until:
        files = [p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()]
        wrong = [name for name in files if not ALLOWED.fullmatch(name)]
        if not wrong:
            break
        time.sleep(0.05)
    assert not wrong
    around = folder.parent.parent
    assert [p for p in around.rglob("*") if p.is_file() and folder not in p.parents] == []


def _whole_pictures(folder: Path) -> None:
    for path in folder.glob("*"):
        data = path.read_bytes()
        assert path.stem == hashlib.sha256(data).hexdigest()[:24]
        assert path.suffix == f".{decoding.inspect(data).format.lower()}"


def _counts_add_up(outcome: Outcome) -> None:
    table, metrics = outcome.table, outcome.metrics
    ok = table["status"] == "ok"
    assert (
        metrics["listed"] == len(table) == metrics["downloaded"] + sum(metrics["failed"].values())
    )
    assert metrics["downloaded"] == ok.sum()
    assert metrics["failed"] == table.loc[~ok, "status"].value_counts().to_dict()
    assert table.loc[~ok, "file"].isna().all()
    folder = outcome.folder / "data/raw"
    on_disk = {path.relative_to(folder).as_posix() for path in (folder / "images").glob("*")}
    assert on_disk == set(table.loc[ok, "file"])
    for row in table[ok].itertuples():
        assert row.sha256 == hashlib.sha256((folder / row.file).read_bytes()).hexdigest()


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
def server() -> Iterator[Server]:
    with served() as server:
        yield server


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


# --- what is sent


@cache
def encoded(
    kind: str = "PNG", seed: int = 0, mode: str = "RGB", size: int = 24, **options
) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


@cache
def animated(kind: str, frames: int, size: int = 16) -> bytes:
    noise = np.random.default_rng(1).integers(0, 256, (frames, size, size), np.uint8)
    first, *rest = [Image.fromarray(frame) for frame in noise]
    buffer = io.BytesIO()
    first.save(buffer, kind, save_all=True, append_images=rest, duration=20)
    return buffer.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, *chunks: bytes) -> bytes:
    """A PNG that claims a size and holds no pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return b"".join([start, *chunks, chunk(b"IDAT", b""), chunk(b"IEND", b"")])


def webp(width: int, height: int) -> bytes:
    """An animated WEBP of small frames on a canvas that is said to be large."""
    data = bytearray(animated("WEBP", 2))
    at = data.index(b"VP8X") + 12
    data[at : at + 6] = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return bytes(data)


def tags(number: int, each: int) -> bytes:
    """A TIFF whose many tags all point to the same bytes."""
    entries = [(256, 4, 1, 8), (257, 4, 1, 8), (258, 4, 1, 8), (259, 4, 1, 1), (262, 4, 1, 1)]
    entries += [(273, 4, 1, 8), (277, 4, 1, 1), (278, 4, 1, 8), (279, 4, 1, 64)]
    start = 8 + 2 + 12 * (len(entries) + number) + 4
    entries += [(1000 + n, 7, each, start) for n in range(number)]
    table = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    head = b"II*\0" + struct.pack("<IH", 8, len(entries)) + table
    return head + bytes(4) + bytes(each)


def jpeg_with(*segments: bytes) -> bytes:
    """A JPEG with segments after its start."""
    data = encoded("JPEG")
    return data[:2] + b"".join(segments) + data[2:]


def segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def gif_with(extension: bytes) -> bytes:
    """A GIF with an extension before its first frame."""
    data = encoded("GIF", mode="P")
    at = 13 + (3 << ((data[10] & 7) + 1))
    return data[:at] + extension + data[at:]


def packed(data: bytes, times: int = 1) -> Answer:
    for _ in range(times):
        data = gzip.compress(data)
    return Answer(data, headers={"Content-Encoding": ", ".join(["gzip"] * times)})


def bomb(megabytes: int) -> bytes:
    """Gzip of so many megabytes of zeros (its checksum is wrong, but who gets there)."""
    one = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = one.compress(bytes(1 << 20)) + one.flush(zlib.Z_FULL_FLUSH)
    return b"\x1f\x8b\x08" + bytes(6) + b"\x03" + block * megabytes


def said(head: str, *parts: bytes) -> Raw:
    """An answer whose lines are written by hand."""
    start = head.replace("\n", "\r\n").encode("latin-1") + b"\r\n\r\n"
    return Raw(lambda: [start, *parts])


def headers(*lines: str, body: bytes | None = None) -> Raw:
    body = encoded() if body is None else body
    return said("\n".join(["HTTP/1.1 200 OK", *lines]), body)


def endless(start: bytes, parts: Callable[[], Iterable[bytes]], pause: float = 0.0) -> Raw:
    return Raw(lambda: chain([start], parts()), pause)


def moved(target: str, status: int = 302) -> Answer:
    return Answer(b"", status, {"Location": target})


def later(after: str, status: int = 503) -> Answer:
    return Answer(b"busy", status, {"Retry-After": after})


def gallery(*urls: str, ids: Iterable[object] = count(), more: str = "") -> bytes:
    """A list page whose items show these pictures."""
    items = "".join(
        f'<div class="item"><a href="/p/{number}"><img src="{html.escape(url)}"></a><b>{number}</b></div>'
        for number, url in zip(ids, urls, strict=False)
    )
    return f"<html><body>{items}{more}</body></html>".encode(errors="surrogatepass")


def next_data(items: list, total: object = None, more: bool = False, extra: str = "0") -> bytes:
    """A list page in IMDb's layout since 2024; `extra` is JSON as it is."""
    search = {"edges": [{"listItem": item} for item in items], "pageInfo": {"hasNextPage": more}}
    listed = json.dumps({"nameListItemSearch": search, "items": {"total": total}})
    text = f'{{"extra": {extra}, "props": {{"pageProps": {{"mainColumnData": {{"list": {listed}}}}}}}}}'
    script = f'<script id="__NEXT_DATA__" type="application/json">{text}</script>'
    return f"<html><body>{script}</body></html>".encode()


def person(number: int, url: str | None, name: str = "Ada") -> dict:
    image = {"url": url} if url else None
    return {"id": f"nm{number:07d}", "nameText": {"text": name}, "primaryImage": image}


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
LOGIN = b"<html><title>Sign in</title><form><input type='password'></form></html>"
GONE = b"<html><head><title>404 - page not found</title></head></html>"
CAPTCHA = b"<!DOCTYPE html><html><script src=/captcha.js></script></html>"
SVG = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>alert(1)</script></svg>'
)
DOCTYPE = b'<?xml version="1.0"?>\n<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "x.dtd">\n'
EOCD = b"PK\x03\x04" + bytes(40) + b"PK\x05\x06" + bytes(18)
SCRIPT = b"<script>alert(document.cookie)</script>"


# --- pictures: one that is hostile beside one that is good

WIRE: dict[str, tuple[Answers, str]] = {
    "hangs_up_before_the_answer": (HANG_UP, "connection"),
    "hangs_up_within_the_headers": (Raw(lambda: [OK + b"Content-Le"]), "empty"),
    "hangs_up_within_the_body": (Answer(encoded()[:50], length=500), "incomplete"),
    "hangs_up_within_a_chunk": (Raw(lambda: [CHUNKED, b"500\r\nhalf"]), "incomplete"),
    "never_answers": (Raw(lambda: repeat(b""), 0.05), "timeout"),
    "stops_after_the_headers": (Answer(encoded(), pause=2), "timeout"),
    "drips_its_status_line": (Raw(lambda: repeat(b"H"), 0.05), "too_slow"),
    "drips_headers_for_ever": (endless(OK, lambda: repeat(b"X"), 0.05), "too_slow"),
    "drips_its_body": (Answer(encoded(), drip=0.05), "too_slow"),
    "drips_its_chunks": (Answer(encoded(), drip=0.05, chunked=True), "too_slow"),
    "drips_a_body_of_unknown_length": (
        endless(OK + b"\r\n" + encoded(), lambda: repeat(b"x", 160), 0.05),
        "too_slow",
    ),
    "drips_and_closes_the_connection": (
        endless(
            OK + b"Connection: close\r\nContent-Length: 999\r\n\r\n",
            lambda: repeat(b"x", 160),
            0.05,
        ),
        "too_slow",
    ),
    "drips_the_size_of_a_chunk": (endless(CHUNKED, lambda: repeat(b"0"), 0.05), "too_slow"),
    "drips_trailers_for_ever": (
        endless(CHUNKED + b"0\r\n", lambda: repeat(b"A: b\r\n"), 0.05),
        "too_slow",
    ),
    "says_continue_for_ever": (
        Raw(lambda: repeat(b"HTTP/1.1 100 Continue\r\n\r\n" * 100), 0.01),
        "too_slow",
    ),
    "sends_header_after_header": (
        Raw(lambda: chain([OK], repeat(b"A: b\r\n" * 1000))),
        "bad_answer",
    ),
    "sends_200_headers": (headers(*[f"X-{n}: y" for n in range(200)]), "bad_answer"),
    "sends_a_header_of_a_megabyte": (headers("X: " + "y" * 1_000_000), "bad_answer"),
    "sends_a_status_line_of_a_megabyte": (said("HTTP/1.1 200 " + "y" * 1_000_000), "bad_answer"),
    "sends_a_bad_status_line": (said("HTTP/1.1 two hundred OK"), "bad_answer"),
    "sends_status_99999": (said("HTTP/1.1 99999 OK"), "bad_answer"),
    "answers_without_headers": (Raw(lambda: [b"<html>hello</html>\r\n"]), "bad_answer"),
    "answers_in_garbage": (Raw(lambda: [bytes(range(256)) * 20]), "bad_answer"),
    "answers_like_ssh": (Raw(lambda: [b"SSH-2.0-OpenSSH_9.6\r\n"]), "bad_answer"),
    "states_too_short_a_length": (headers("Content-Length: 40"), "not_an_image"),
    "states_too_long_a_length": (headers("Content-Length: 4000"), "incomplete"),
    "states_a_negative_length": (headers("Content-Length: -5"), "ok"),
    "states_a_huge_length": (headers("Content-Length: 99999999999999999999"), "too_large"),
    "states_a_length_of_5000_digits": (headers("Content-Length: " + "9" * 5000), "too_large"),
    "states_a_length_that_is_no_number": (headers("Content-Length: many"), "ok"),
    "states_two_lengths": (headers("Content-Length: 5", "Content-Length: 7"), "bad_answer"),
    "states_a_length_and_sends_chunks": (
        said(
            "HTTP/1.1 200 OK\nContent-Length: 3\nTransfer-Encoding: chunked",
            b"%x\r\n%s\r\n0\r\n\r\n" % (len(encoded()), encoded()),
        ),
        "ok",
    ),
    "sends_a_chunk_of_no_size": (Raw(lambda: [CHUNKED, b"xyz\r\nhello\r\n"]), "incomplete"),
    "sends_a_chunk_of_negative_size": (Raw(lambda: [CHUNKED, b"-5\r\nhello\r\n"]), "incomplete"),
    "sends_a_chunk_of_a_huge_size": (
        Raw(lambda: [CHUNKED, b"f" * 60_000, b"\r\nhi"]),
        "incomplete",
    ),
    "sends_an_unknown_encoding": (
        Answer(encoded(), headers={"Content-Encoding": "rot13"}),
        "ok",
    ),
    "sends_plain_bytes_as_gzip": (
        Answer(encoded(), headers={"Content-Encoding": "gzip"}),
        "bad_answer",
    ),
    "sends_deflate_garbage": (
        Answer(b"\xff" * 500, headers={"Content-Encoding": "deflate"}),
        "bad_answer",
    ),
    "sends_gzip_that_breaks_off": (
        Answer(gzip.compress(encoded())[:300], headers={"Content-Encoding": "gzip"}),
        "ok",  # the header is there; how much of the picture is whole is clean's matter
    ),
    "sends_gzip_in_gzip": (packed(encoded(), 2), "ok"),
    "sends_gzip_a_hundred_times_over": (packed(encoded(), 100), "bad_answer"),
    "answers_the_next_question_too": (
        said(
            f"HTTP/1.1 200 OK\nContent-Length: {len(encoded())}",
            encoded() + b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong" * 50,
        ),
        "ok",
    ),
    "sets_cookies_with_bad_dates": (
        headers(*[f"Set-Cookie: a{n}=b; expires={'1 ' * 20_000}" for n in range(50)]),
        "ok",
    ),
    **{
        f"answers_{status}": (
            Answer(b"" if status in (204, 304) else b"no", status),
            f"http_{status}",
        )
        for status in (
            204,
            205,
            206,
            300,
            304,
            400,
            401,
            403,
            404,
            407,
            410,
            418,
            429,
            451,
            500,
            503,
        )
    },
    "answers_202_as_firewalls_do": (Answer(b"", 202), "waf_challenge"),
    "answers_999": (Answer(b"no", 999), "http_999"),
    "answers_200_with_nothing": (Answer(b""), "empty"),
    "asks_to_come_back_at_once": (later("0"), "http_503"),
    "asks_to_come_back_at_a_negative_time": (later("-100"), "http_503"),
    "asks_to_come_back_at_no_time": (later("soon"), "http_503"),
    "asks_to_come_back_long_ago": (later("Thu, 01 Jan 1970 00:00:00 GMT", 429), "http_429"),
    "asks_to_come_back_on_no_day": (later("Thu, 99 Foo 99999999999 99:99:99 GMT"), "http_503"),
    "forbids_training": (Answer(encoded(), headers={"X-Robots-Tag": "noai"}), "noai"),
}

MOVES: dict[str, tuple[Callable[[Server], Answers], str]] = {
    "redirects_in_a_loop": (lambda server: moved("/1.jpg"), "too_many_redirects"),
    "redirects_six_times": (lambda server: _chain(server, 6), "too_many_redirects"),
    "redirects_five_times": (lambda server: _chain(server, 5), "ok"),
    "redirects_to_itself_with_a_new_query": (
        lambda server: lambda target: moved(f"/1.jpg?{len(server.asked)}"),
        "too_many_redirects",
    ),
    "redirects_to_a_file": (lambda server: moved("file:///etc/passwd"), "unsupported_url"),
    "redirects_to_ftp": (lambda server: moved("ftp://127.0.0.1/a.jpg"), "unsupported_url"),
    "redirects_to_data": (lambda server: moved("data:image/gif;base64,R0lG"), "unsupported_url"),
    "redirects_to_gopher": (lambda server: moved("gopher://127.0.0.1:6379/_A"), "unsupported_url"),
    "redirects_to_localhost": (
        lambda server: moved(f"http://localhost:{server.port}/good.png"),
        "private_address",
    ),
    "redirects_to_cloud_metadata": (
        lambda server: moved("http://169.254.169.254/latest/meta-data/"),
        "private_address",
    ),
    "redirects_to_the_router": (lambda server: moved("http://192.168.0.1/"), "private_address"),
    "redirects_to_the_other_ip": (lambda server: moved("//[::1]/a"), "private_address"),
    "redirects_without_a_location": (lambda server: Answer(b"", 302), "http_302"),
    "redirects_to_an_empty_location": (lambda server: moved(""), "too_many_redirects"),
    "redirects_to_nonsense": (lambda server: moved("http://[broken"), "unsupported_url"),
    "redirects_to_port_99999": (lambda server: moved("http://127.0.0.1:99999/"), "unsupported_url"),
    "redirects_to_half_a_letter": (
        lambda server: said("HTTP/1.1 302 Found\nContent-Length: 0\nLocation: /caf\xe9.png"),
        "unsupported_url",
    ),
    "redirects_to_a_path_in_utf8": (
        lambda server: _at(server, "/caf%C3%A9.png", _location("/café.png")),
        "ok",
    ),
    "redirects_to_a_url_with_a_password": (
        lambda server: moved(f"http://ada:secret@127.0.0.1:{server.port}/good.png"),
        "unsupported_url",
    ),
    "redirects_with_an_endless_body": (
        lambda server: endless(
            b"HTTP/1.1 302 Found\r\nLocation: /good.png\r\n\r\n", lambda: repeat(bytes(65536))
        ),
        "ok",
    ),
}

CONTENT: dict[str, tuple[bytes, str]] = {
    "html_as_a_picture": (b"<!DOCTYPE html><html><body>Hello</body></html>", "html"),
    "a_login_wall_as_a_picture": (LOGIN, "login_wall"),
    "a_missing_page_as_a_picture": (GONE, "soft_404"),
    "a_captcha_as_a_picture": (CAPTCHA, "waf_challenge"),
    "svg": (SVG, "svg"),
    "svg_with_a_doctype": (DOCTYPE + SVG, "svg"),
    "svg_after_a_comment": (b"<!-- made by hand -->" + SVG, "svg"),
    "one_byte": (b"\xff", "not_an_image"),
    "text_that_says_jpeg": (b"JPEG JFIF \xff\xd8 but not so", "not_an_image"),
    "four_thousand_spaces": (b" " * 5000, "not_an_image"),
    "json": (b'{"error": "not found"}', "not_an_image"),
    "pdf": (b"%PDF-1.7\n" + encoded(), "not_an_image"),
    "a_program": (b"\x7fELF" + bytes(100), "not_an_image"),
    "zip": (EOCD + encoded(), "not_an_image"),
    "postscript_called_a_picture": (
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        "not_an_image",
    ),
    "the_start_of_png": (b"\x89PNG\r\n\x1a\n", "not_an_image"),
    "the_header_of_png": (encoded()[:33], "not_an_image"),
    "half_a_png": (encoded()[:900], "ok"),  # clean decodes it, and says truncated
    "half_a_jpeg": (encoded("JPEG", size=200)[:9000], "ok"),
    "the_start_of_jpeg": (b"\xff\xd8\xff\xe0", "not_an_image"),
    "a_gigapixel_png": (png(30_000, 30_000), "too_many_pixels"),
    "the_largest_png": (png(2**31 - 1, 2**31 - 1), "too_many_pixels"),
    "a_png_of_no_size": (png(0, 0), "not_an_image"),
    "a_gigapixel_webp": (webp(40_000, 25_000), "too_many_pixels"),
    "the_largest_webp": (webp(2**24, 255), "too_many_pixels"),
    "a_gif_of_2000_frames": (animated("GIF", 2000, 4), "ok"),
    "an_animated_png": (animated("PNG", 20), "ok"),
    "a_bmp": (encoded("BMP"), "ok"),
    "a_bmp_upside_down": (
        encoded("BMP")[:22] + struct.pack("<i", -24) + encoded("BMP")[26:],
        "ok",
    ),
    "avif": (encoded("AVIF"), "ok"),
    "a_jpeg_of_junk_segments": (jpeg_with(*[segment(0xE5, b"x" * 9)] * 5000), "ok"),
    "a_jpeg_whose_exif_is_broken": (
        jpeg_with(segment(0xE1, b"Exif\0\0II*\0" + b"\xff" * 99)),
        "ok",
    ),
    "a_png_whose_text_is_broken": (png(9, 9, chunk(b"zTXt", b"a\0\0" + b"\xff" * 99)), "ok"),
    "a_png_with_a_wrong_checksum": (encoded()[:29] + b"\0\0\0\0" + encoded()[33:], "not_an_image"),
    "a_png_whose_chunk_is_too_long": (encoded()[:33] + b"\xff\xff\xff\xff" + encoded()[37:], "ok"),
    "a_tiff_that_points_to_itself": (tags(0, 0)[:-4] + struct.pack("<I", 8), "ok"),
}

# what follows the picture, by kind: it is not kept
TRAILING: dict[str, tuple[bytes, bytes]] = {
    "jpeg_then_zip": (encoded("JPEG"), EOCD),
    "jpeg_then_html": (encoded("JPEG"), b"<html>" + SCRIPT),
    "jpeg_then_jpeg": (encoded("JPEG"), encoded("JPEG", 1)),
    "progressive_jpeg_then_zip": (encoded("JPEG", progressive=True), EOCD),
    "png_then_script": (encoded("PNG"), SCRIPT),
    "png_then_png": (encoded("PNG"), encoded("PNG", 1)),
    "gif_then_html": (encoded("GIF", mode="P"), b"<html>" + SCRIPT),
    "gif_then_javascript": (encoded("GIF", mode="P"), b"=1;alert(1)"),
    "webp_then_zip": (encoded("WEBP"), EOCD),
    "bmp_then_program": (encoded("BMP"), b"\x7fELF" + bytes(50)),
}


def _chain(server: Server, length: int) -> Answer:
    for step in range(1, length):
        server[f"/step{step}"] = moved(f"/step{step + 1}")
    server[f"/step{length}"] = Answer(encoded("PNG", 3))
    return moved("/step1")


def _at(server: Server, path: str, answer: Answers) -> Answers:
    server[path] = Answer(encoded("PNG", 4))
    return answer


def _location(path: str) -> Raw:
    return Raw(
        lambda: [f"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: {path}\r\n\r\n".encode()]
    )


def beside_a_good_one(place: Place, answer: Answers, **changes: object) -> Outcome:
    """Scrape a list of a hostile picture and a good one."""
    place.server["/list"] = Answer(gallery("/1.jpg", "/good.png"))
    place.server["/1.jpg"] = answer
    place.server["/good.png"] = Answer(encoded("PNG", 2))
    outcome = place.run({f"scrape.{key}": value for key, value in changes.items()})
    assert outcome.seconds < SECONDS
    return outcome


@pytest.mark.parametrize("case", WIRE)
def test_a_server_that_misbehaves_on_the_wire_costs_one_picture(place, case):
    answer, status = WIRE[case]
    # what is sent beyond the stated length comes as an answer to the next request on the same
    # connection, where it is late: that request then needs its second try
    retries = int(case == "states_too_short_a_length")
    assert beside_a_good_one(place, answer, retries=retries).statuses == [status, "ok"]


@pytest.mark.parametrize("case", MOVES)
def test_a_redirect_leads_nowhere_it_should_not(place, case):
    answer, status = MOVES[case]
    assert beside_a_good_one(place, answer(place.server)).statuses == [status, "ok"]
    assert set(place.server.pages_asked()) >= {"/list", "/1.jpg", "/good.png"}


@pytest.mark.parametrize("case", CONTENT)
def test_a_picture_is_judged_by_its_bytes(place, case):
    data, status = CONTENT[case]
    answer = Answer(data, headers={"Content-Type": "image/jpeg"})
    assert beside_a_good_one(place, answer).statuses == [status, "ok"]


@pytest.mark.parametrize("case", TRAILING)
def test_what_follows_a_picture_is_not_kept(place, case):
    picture, more = TRAILING[case]
    table = beside_a_good_one(place, Answer(picture + more)).table
    assert list(table["status"]) == ["ok", "ok"]
    assert table["sha256"][0] == hashlib.sha256(picture).hexdigest()
    assert table["bytes"][0] == len(picture)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
def test_a_wrong_name_and_type_do_not_matter(place, kind):
    """A picture that is called a page, and a page that is called a picture."""
    picture = Answer(encoded(kind), headers={"Content-Type": "text/html; charset=nonsense"})
    table = beside_a_good_one(place, picture).table
    assert list(table["format"]) == [kind, "PNG"]
    assert table["file"][0].endswith(f".{kind.lower()}")


def test_animations_are_counted(place):
    outcome = beside_a_good_one(place, Answer(animated("GIF", 3)))
    assert (outcome.statuses, outcome.metrics["animated"]) == (["ok", "ok"], 1)


def test_one_picture_sent_for_three_people_is_none_of_them(place):
    place.server["/list"] = Answer(gallery("/1.jpg", "/2.jpg", "/3.jpg", "/good.png"))
    for path in ("/1.jpg", "/2.jpg", "/3.jpg"):
        place.server[path] = Answer(encoded("PNG", 7))
    place.server["/good.png"] = Answer(encoded("PNG", 2))
    assert place.run().statuses == ["placeholder"] * 3 + ["ok"]


def test_cookies_are_not_sent_back(place):
    cookie = {"Set-Cookie": "session=1; Path=/"}
    place.server["/list"] = Answer(gallery("/1.jpg"), headers=cookie)
    place.server["/1.jpg"] = Answer(encoded(), headers=cookie)
    assert place.run().statuses == ["ok"]
    assert [h for h in place.server.headers if "Cookie" in h] == []


def test_nobody_listens(place):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        urls = [f"http://127.0.0.1:{port}/{n}" for n in range(2)]
        place.server["/list"] = Answer(gallery(*urls))
        assert place.run({"scrape.max_failed_runs": 1}).statuses == ["connection"] * 2


def test_a_host_that_is_not_allowed_is_not_asked(place):
    with served() as inside:
        inside["/1.jpg"] = Answer(encoded())
        place.server["/list"] = Answer(gallery(f"http://localhost:{inside.port}/1.jpg"))
        assert place.run().statuses == ["private_address"]
        assert inside.asked == []


def test_a_list_at_a_private_address_is_an_error_that_says_how_to_mean_it(place):
    outcome = place.run({"scrape.allow_hosts": []})
    assert "127.0.0.1, which is not on the open internet" in outcome.error
    assert "scrape.allow_hosts" in outcome.error
    assert place.server.asked == []


def test_an_etag_that_no_header_can_hold_does_no_harm(place):
    server = place.server
    server["/list"] = Answer(gallery("/1.jpg"))
    server["/1.jpg"] = headers('ETag: "a\n b"', "Last-Modified:  \n x")
    assert place.run({"scrape.snapshot": "one"}).statuses == ["ok"]
    assert place.run({"scrape.snapshot": "two"}).statuses == ["ok"]


@pytest.mark.parametrize("after", ["86400", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_server_that_wants_to_be_left_alone_is_left_for_the_next_run(place, after):
    outcome = beside_a_good_one(place, later(after), workers=1)
    assert "asked no more" in outcome.error
    assert "run the same command to go on" in outcome.error
    place.server["/1.jpg"] = Answer(encoded())
    assert place.run().statuses == ["ok", "ok"]


# --- robots.txt of the host of the pictures

ROBOTS: dict[str, tuple[Answers, str]] = {
    "disallows_all": (Answer(b"User-agent: *\nDisallow: /\n"), "robots"),
    "is_broken": (Answer(b"", 500), "http_500"),
    "is_a_megabyte": (Answer(b"# no\n" * 200_000), "too_large"),
    "redirects_in_a_loop": (moved("/robots.txt"), "too_many_redirects"),
    "redirects_to_a_file": (moved("file:///etc/passwd"), "unsupported_url"),
    "drips": (Answer(bytes(100), drip=0.05), "too_slow"),
    "hangs_up": (HANG_UP, "connection"),
    "is_a_bomb": (Answer(bomb(100), headers={"Content-Encoding": "gzip"}), "too_large"),
    "is_html": (Answer(b"<!DOCTYPE html><html><body>Welcome</body></html>"), "ok"),
    "is_garbage": (Answer(bytes(range(256)) * 100), "ok"),
    "is_missing": (NOT_FOUND, "ok"),
    "asks_for_a_year": (Answer(b"User-agent: *\nCrawl-delay: 31536000\n"), "robots"),
    "asks_for_a_million_years": (Answer(b"User-agent: *\nCrawl-delay: 31536000000000\n"), "robots"),
    "asks_for_infinity": (Answer(b"User-agent: *\nCrawl-delay: inf\n"), "ok"),  # no number
    "asks_for_no_number": (Answer(b"User-agent: *\nCrawl-delay: nan\nRequest-rate: 0/0\n"), "ok"),
    "asks_for_less_than_nothing": (Answer(b"User-agent: *\nCrawl-delay: -5\n"), "ok"),
    "has_20000_rules": (
        Answer(b"User-agent: *\n" + b"".join(b"Disallow: /%d*$\n" % n for n in range(20_000))),
        "ok",
    ),
    "has_rules_that_take_for_ever": (
        Answer(b"User-agent: *\nDisallow: /" + b"*a" * 9 + b"*b$\n"),
        "ok",
    ),
}


@pytest.mark.parametrize("case", ROBOTS)
def test_robots_may_be_anything(place, case):
    answer, status = ROBOTS[case]
    with served() as other:
        other["/robots.txt"] = answer
        path = "/" + "a" * 60
        other[path] = Answer(encoded())
        place.server["/list"] = Answer(gallery(other[path]))
        outcome = place.run()
    assert outcome.seconds < SECONDS
    assert outcome.statuses == [status]
    assert (path in other.asked) == (status == "ok")


# --- URLs in a list

URLS: dict[str, tuple[str, str]] = {
    "climbs_out": ("/../../../../etc/passwd", "http_404"),
    "climbs_out_encoded": ("/%2e%2e/%2e%2e/etc/passwd", "http_404"),
    "climbs_out_with_backslashes": ("..\\..\\..\\etc\\passwd", "http_404"),
    "an_absolute_path": ("/etc/passwd", "http_404"),
    "nul": ("/a%00.jpg", "http_404"),
    "a_control_character": ("/a\x07\x1b[31m.jpg", "http_404"),
    "newlines": ("/a\r\nX-Injected: 1\r\n.jpg", "http_404"),
    "newlines_encoded": ("/a%0d%0aX-Injected:%201", "http_404"),
    "5000_characters": ("/" + "a" * 5000, "http_404"),
    "100000_characters": ("/" + "a" * 100_000, "http_414"),
    "a_query_alone": ("?1", "html"),
    "a_fragment_alone": ("#top", "html"),
    "unicode": ("/ünïcödé-照片.jpg", "http_404"),
    "right_to_left": ("/\u202egpj.exe", "http_404"),
    "spaces": ("/a picture of us.jpg", "http_404"),
    "quotes": ("/\"'`<>.jpg", "http_404"),
    "a_space_alone": (" ", "html"),
    "data": ("data:image/png;base64,iVBORw0KGgo=", "unsupported_url"),
    "javascript": ("javascript:alert(1)", "unsupported_url"),
    "blob": ("blob:https://example.test/1", "unsupported_url"),
    "a_file": ("file:///etc/passwd", "unsupported_url"),
    "a_file_on_a_host": ("file://127.0.0.1/etc/passwd", "unsupported_url"),
    "ftp": ("ftp://127.0.0.1/a.jpg", "unsupported_url"),
    "no_host": ("https:///a.jpg", "unsupported_url"),
    "half_an_address": ("http://[::1", "unsupported_url"),
    "an_address_that_is_none": ("http://[not-an-ip]/", "unsupported_url"),
    "decimal_address": ("http://2130706433:PORT/good.png", "private_address"),
    "octal_address": ("http://0177.0.0.1:PORT/good.png", "private_address"),
    "hexadecimal_address": ("http://0x7f000001:PORT/good.png", "private_address"),
    "short_address": ("http://127.1:PORT/good.png", "private_address"),
    "address_zero": ("http://0:PORT/good.png", "private_address"),
    "broadcast": ("http://255.255.255.255/good.png", "private_address"),
    "multicast": ("http://224.0.0.1/good.png", "private_address"),
    "carrier_address": ("http://100.64.0.1/good.png", "private_address"),
    "loopback_v6": ("http://[::1]:PORT/good.png", "private_address"),
    "mapped_v6": ("http://[::ffff:127.0.0.1]:PORT/good.png", "private_address"),
    "mapped_v6_in_hexadecimal": ("http://[::ffff:7f00:1]:PORT/good.png", "private_address"),
    "translated_v6": ("http://[64:ff9b::7f00:1]:PORT/good.png", "private_address"),
    "link_local_v6": ("http://[fe80::1]/good.png", "private_address"),
    "localhost": ("http://localhost:PORT/good.png", "private_address"),
    "fullwidth_digits": (
        "http://\uff11\uff12\uff17.0.0.\uff11:PORT/good.png",
        "private_address|unsupported_url",
    ),
    "circled_digits": ("http://①②⑦.⓪.⓪.①:PORT/good.png", "private_address|unsupported_url"),
    "a_dot_at_the_end": ("http://127.0.0.1.:PORT/good.png", "connection|private_address"),
    "a_label_too_long": (f"http://{'a' * 64}.test/", "connection|unsupported_url"),
    "an_empty_label": ("http://a..test/", "connection|unsupported_url"),
    "bad_punycode": ("http://xn--\u00e9.test/", "connection|unsupported_url"),
    "port_0": ("http://127.0.0.1:0/", "connection|unsupported_url"),
    "port_99999": ("http://127.0.0.1:99999/", "unsupported_url"),
    "port_minus_1": ("http://127.0.0.1:-1/", "unsupported_url"),
    "port_x": ("http://127.0.0.1:x/", "unsupported_url"),
    "a_password": ("http://ada:secret@127.0.0.1:PORT/good.png", "unsupported_url"),
    "a_user": ("http://secret@127.0.0.1:PORT/good.png", "unsupported_url"),
    "a_password_and_no_url": ("http://ada:secret@[broken/good.png", "unsupported_url"),
    "a_password_and_no_host": ("https:///ada:secret@127.0.0.1/good.png", "unsupported_url"),
    "a_password_for_ftp": ("ftp://ada:secret@127.0.0.1/good.png", "unsupported_url"),
    "a_password_at_a_bad_port": ("http://ada:secret@127.0.0.1:x/good.png", "unsupported_url"),
    "a_backslash_before_the_host": (
        "http://127.0.0.1:PORT\\@169.254.169.254/secret",
        "unsupported_url|private_address",
    ),
}


@pytest.mark.parametrize("case", URLS)
def test_a_url_may_be_anything(place, case):
    url, status = URLS[case]
    server = place.server
    page = gallery(url.replace("PORT", str(server.port)), "/good.png")
    server["/list"] = Answer(page)
    server["/good.png"] = Answer(encoded("PNG", 2))
    outcome = place.run()
    assert outcome.seconds < SECONDS
    first, second = outcome.statuses
    assert first in status.split("|")
    assert second == "ok"
    assert "X-Injected" not in {name for asked in server.headers for name in asked}


@pytest.mark.parametrize("case", [name for name in URLS if "password" in name or "user" in name])
@pytest.mark.parametrize("where", ["picture", "next page", "redirect"])
def test_a_password_in_a_url_is_not_repeated(place, case, where):
    server = place.server
    url = URLS[case][0].replace("PORT", str(server.port))
    link = f'<a class="next" href="{url}"></a>' if where == "next page" else ""
    server["/list"] = Answer(gallery(url if where == "picture" else "/1.jpg", more=link))
    server["/1.jpg"] = moved(url) if where == "redirect" else Answer(encoded())
    outcome = place.run()
    assert "secret" not in (outcome.error or "")
    if outcome.error is None:
        assert "secret" not in "".join(outcome.table["status"])
    with closing(sqlite3.connect(place.folder / ".cache/http/answers.sqlite")) as kept:
        messages = [message for (message,) in kept.execute("SELECT message FROM answers")]
    assert "secret" not in str(messages)


# --- list pages

Page = tuple[Answers, str | list[str]]  # the answer, and a pattern of the error or the statuses


def sized(data: bytes, size: int) -> bytes:
    return data + b" " * (size - len(data))


NO_LIST = "is no list as we know it"
PAGES: dict[str, Page] = {
    "a_captcha": (Answer(CAPTCHA), "proof that a human"),
    "a_saved_challenge": (Answer(saved("challenge").encode()), f"proof that a human|{NO_LIST}"),
    "a_login_page": (Answer(LOGIN), "asks to log in"),
    "a_missing_page": (Answer(GONE), "no such page"),
    "no_item": (Answer(b"<html><p>Nothing here</p></html>"), NO_LIST),
    "nothing_but_text": (Answer(b"hello"), NO_LIST),
    "a_picture": (Answer(encoded()), NO_LIST),
    "a_gigabyte_stated": (headers("Content-Length: 1000000000"), "too_large|bytes, allowed"),
    "nul_bytes": (Answer(gallery("/1.jpg").replace(b"<div", b"\0<div")), ["ok"]),
    "nul_in_a_url": (Answer(gallery("/1\0.jpg", "/1.jpg")), ["http_404|ok", "ok"]),
    "utf16_with_a_mark": (Answer(gallery("/1.jpg").decode().encode("utf-16")), ["ok"]),
    "utf8_with_a_mark": (Answer(b"\xef\xbb\xbf" + gallery("/1.jpg")), ["ok"]),
    "latin1_by_header": (
        Answer(
            gallery("/1.jpg", ids=["Zo\u00eb"]).decode().encode("latin-1"),
            headers={"Content-Type": "text/html; charset=iso-8859-1"},
        ),
        ["ok"],
    ),
    "latin1_by_meta": (
        Answer(
            b'<meta charset="latin-1">'
            + gallery("/1.jpg", ids=["Zo\u00eb"]).decode().encode("latin-1")
        ),
        ["ok"],
    ),
    "utf8_called_latin1": (
        Answer(
            b'<meta charset="latin-1">' + gallery("/1.jpg", ids=["Zo\u00eb"]),
            headers={"Content-Type": "text/html; charset=iso-8859-1"},
        ),
        ["ok"],
    ),
    "a_charset_that_is_none": (Answer(b'<meta charset="zlib">\xff' + gallery("/1.jpg")), ["ok"]),
    "a_charset_with_nul": (Answer(b'<meta charset="a\0b">\xff' + gallery("/1.jpg")), ["ok"]),
    "a_charset_of_a_path": (Answer(b'<meta charset="../../os">\xff' + gallery("/1.jpg")), ["ok"]),
    "a_charset_that_takes_for_ever": (
        Answer(
            b"<meta charset=idna>"
            + gallery("/1.jpg")
            + (b"." + ("ü" * 20 + "a" * 10).encode("idna")) * 100_000
            + b".\xff"
        ),
        ["ok"],
    ),
    "metas_that_do_not_end": (
        Answer(b"<meta " * 25_000 + b">" + gallery("/1.jpg") + b" " * 3_000_000),
        ["ok"],
    ),
    "drips_and_states_no_length": (
        endless(OK + b"\r\n" + gallery("/1.jpg"), lambda: repeat(b" ", 160), 0.05),
        "page 1 of the list could not be had",
    ),
    "a_total_of_5000_digits": (
        Answer(gallery("/1.jpg", more=f'<p class="total">{"9" * 5000}</p>')),
        ["ok"],
    ),
    "a_total_beyond_64_bits": (
        Answer(gallery("/1.jpg", more=f'<p class="total">{10**30}</p>')),
        ["ok"],
    ),
    "a_total_of_nothing": (Answer(gallery("/1.jpg", more='<p class="total">many</p>')), ["ok"]),
    "a_total_of_more_than_is_listed": (
        Answer(gallery("/1.jpg", more='<p class="total">1-50 of 4,000</p>')),
        ["ok"],
    ),
    "next_to_javascript": (
        Answer(gallery("/1.jpg", more='<a class="next" href="javascript:go()">')),
        "page 2 of the list could not be had.*expected http or https",
    ),
    "next_to_a_file": (
        Answer(gallery("/1.jpg", more='<a class="next" href="file:///etc/passwd">')),
        "page 2 of the list could not be had",
    ),
    "next_to_a_private_address": (
        Answer(gallery("/1.jpg", more='<a class="next" href="http://169.254.169.254/">')),
        "page 2 of the list could not be had.*not on the open internet",
    ),
    "next_to_nonsense": (
        Answer(gallery("/1.jpg", more='<a class="next" href="http://[">')),
        "page 2 of the list could not be had",
    ),
    "next_to_itself": (Answer(gallery("/1.jpg", more='<a class="next" href="/list">')), ["ok"]),
    "items_without_ids": (
        Answer(b'<div class="item"></div>' * 3 + b'<div class="item"><img></div>'),
        ["no_image"] * 4,
    ),
    "a_thousand_times_the_same": (
        Answer(gallery(*["/1.jpg"] * 1000, ids=repeat(1))),
        ["ok"] * 1000,
    ),
    "more_items_than_allowed": (
        Answer(gallery(*["/1.jpg"] * 2001)),
        r"more items than scrape\.max_items",
    ),
    "50000_nested_divs": (Answer(b"<div>" * 50_000 + gallery("/1.jpg")), ["ok"]),
    "a_half_letter_in_a_name": (Answer(gallery("/1.jpg", ids=["\ud800"])), ["ok"]),
    "an_entity_of_half_a_letter": (
        Answer(gallery("/1.jpg", ids=["&#xd800;&#0;&#x110000;"])),
        ["ok"],
    ),
    "letters_that_steer_a_terminal": (Answer(gallery("/1.jpg", ids=["\x1b[2J\u202e"])), ["ok"]),
    "items_within_items": (
        Answer(b'<div class="item">' * 200 + gallery("/1.jpg") + b"<b></b>" * 20_000),
        "found 201 inside one another",
    ),
}

IMDB: dict[str, Page] = {
    "an_unknown_layout": (
        Answer(b"<html><title>IMDb</title><ul></ul></html>"),
        "expected div.lister-item",
    ),
    "deeply_nested_json": (Answer(next_data([person(1, "/1.jpg")], extra="[" * 100_000)), NO_LIST),
    "json_that_is_deep_and_whole": (
        Answer(next_data([person(1, "/1.jpg")], extra="[" * 100_000 + "]" * 100_000)),
        NO_LIST,
    ),
    "json_that_breaks_off": (Answer(next_data([person(1, "/1.jpg")])[:-60]), NO_LIST),
    "a_total_of_nan": (Answer(next_data([person(1, "URL")], float("nan"))), NO_LIST),
    "a_total_of_infinity": (Answer(next_data([person(1, "URL")], float("inf"))), NO_LIST),
    "a_total_in_words": (Answer(next_data([person(1, "URL")], "many")), NO_LIST),
    "a_total_beyond_64_bits": (Answer(next_data([person(1, "URL")], 10**30)), NO_LIST),
    "a_total_of_5000_digits": (Answer(next_data([person(1, "URL")], extra="9" * 5000)), NO_LIST),
    "a_negative_total": (Answer(next_data([person(1, "URL")], -7)), ["ok"]),
    "nan_beside_the_list": (Answer(next_data([person(1, "URL")], extra="NaN")), ["ok"]),
    "half_a_letter_in_a_name": (Answer(next_data([person(1, "URL", "\ud800")])), ["ok"]),
    "half_a_letter_in_a_url": (
        Answer(next_data([person(1, "URL?\udfff"), person(2, "URL")])),
        ["ok|unsupported_url|http_404", "ok"],
    ),
    "half_a_letter_in_an_id": (
        Answer(next_data([person(1, "URL") | {"id": "nm\udc80"}, person(2, "URL")])),
        ["ok", "ok"],
    ),
    "nul_in_everything": (
        Answer(next_data([person(1, "URL\0", "A\0da") | {"id": "\0"}])),
        ["ok|http_404"],
    ),
    "an_id_that_is_a_number": (Answer(next_data([person(1, "URL") | {"id": 7}])), NO_LIST),
    "an_id_that_is_missing": (Answer(next_data([{"nameText": {"text": "Ada"}}])), NO_LIST),
    "a_url_that_is_a_number": (
        Answer(next_data([person(1, None) | {"primaryImage": {"url": 7}}])),
        NO_LIST,
    ),
    "a_url_that_is_a_list": (
        Answer(next_data([person(1, None) | {"primaryImage": {"url": ["a"]}}])),
        NO_LIST,
    ),
    "an_image_that_is_a_word": (
        Answer(next_data([person(1, None) | {"primaryImage": "no"}])),
        NO_LIST,
    ),
    "a_name_that_is_an_object": (
        Answer(next_data([person(1, "URL") | {"nameText": {"text": {"a": 1}}}])),
        ["ok"],
    ),
    "an_item_that_is_null": (Answer(next_data([None])), NO_LIST),
    "a_url_that_takes_for_ever": (
        Answer(next_data([person(1, "._V1_" * 12_000 + "!")])),
        ["http_404"],
    ),
    "a_lister_without_links": (Answer(b'<div class="lister-item-image"><img></div>'), NO_LIST),
    "a_lister_without_items": (Answer(b'<div class="lister-list"></div>'), NO_LIST),
}


def listed(place: Place, answer: Answers, source: str) -> Outcome:
    server = place.server
    if isinstance(answer, Answer):
        body = answer.body.replace(b"URL", server["/1.jpg"].encode())
        answer = Answer(body, answer.status, answer.headers)
    server["/list"] = answer
    server["/1.jpg"] = lambda target: Answer(encoded("PNG", 5))
    return place.run({"scrape.max_items": 2000}, source)


def as_said(outcome: Outcome, expected: str | list[str]) -> None:
    if isinstance(expected, str):
        assert re.search(expected, outcome.error or ""), outcome.error
    else:
        statuses = outcome.statuses
        assert len(statuses) == len(expected)
        for status, wanted in zip(statuses, expected, strict=True):
            assert status in wanted.split("|")


@pytest.mark.parametrize("case", PAGES)
def test_a_list_page_may_be_anything(place, case):
    answer, expected = PAGES[case]
    outcome = listed(place, answer, "gallery")
    as_said(outcome, expected)
    assert outcome.seconds < SECONDS


@pytest.mark.parametrize("case", IMDB)
def test_a_page_of_imdb_may_be_anything(place, case):
    answer, expected = IMDB[case]
    outcome = listed(place, answer, "imdb")
    as_said(outcome, expected)
    assert outcome.seconds < SECONDS


@pytest.mark.parametrize("case", [name for name in PAGES if "latin1" in name])
def test_a_name_is_read_in_its_own_charset(place, case):
    assert list(listed(place, PAGES[case][0], "gallery").table["name"]) == ["Zoë"]


# --- lists of many pages


def paged(place: Place, make: Callable[[int], Answer], **changes: object) -> Outcome:
    """Scrape a list whose pages are counted; make(number) is one."""
    server = place.server
    server["/list"] = lambda target: make(int(target.partition("page=")[2]))
    server["/1.jpg"] = Answer(encoded())
    settings = {f"scrape.{key}": value for key, value in changes.items()}
    return place.run({"gallery.url": server["/list?page={page}"]} | settings)


def some(number: int, total: str = "") -> Answer:
    ids = range(3 * number, 3 * number + 3)
    return Answer(gallery(*["/1.jpg"] * 3, ids=ids, more=f'<p class="total">{total}</p>'))


def test_pages_for_ever_end_at_max_pages(place):
    outcome = paged(place, some, max_pages=5)
    assert (outcome.metrics["pages"], outcome.metrics["listed"]) == (5, 15)
    assert outcome.seconds < SECONDS


def test_items_for_ever_end_at_max_items(place):
    assert re.search(r"scrape\.max_items = 20 by page 7", paged(place, some, max_items=20).error)


def test_a_second_page_that_is_the_first_ends_the_list_and_is_counted(place):
    outcome = paged(place, lambda number: some(1))
    assert (outcome.metrics["repeated_pages"], outcome.metrics["listed"]) == (1, 3)


@pytest.mark.parametrize("end", [Answer(GONE), NOT_FOUND, Answer(b"<html></html>")])
def test_a_second_page_that_is_missing_ends_the_list(place, end):
    outcome = paged(place, lambda number: some(1) if number == 1 else end)
    assert (outcome.metrics["pages"], outcome.metrics["listed"]) == (
        1,
        3,
    ) or end.body == b"<html></html>"
    assert outcome.metrics["listed"] == 3


@pytest.mark.parametrize(
    ("wall", "why"),
    [(Answer(CAPTCHA), "proof that a human"), (Answer(LOGIN), "log in"), (Answer(b"", 500), "500")],
)
def test_a_second_page_that_is_a_wall_is_an_error_and_no_end(place, wall, why):
    outcome = paged(place, lambda number: some(1) if number == 1 else wall)
    assert re.search(rf"page 2 of the list could not be had: .*{why}", outcome.error)


def test_a_total_that_is_not_reached_is_kept_for_the_audit(place):
    outcome = paged(place, lambda number: some(number, "900") if number < 3 else NOT_FOUND)
    assert (outcome.metrics["expected"], outcome.metrics["listed"]) == (900, 6)


# --- runs that end early and go on


def pictures(server: Server, number: int, answer: Callable[[int], Answer] | None = None) -> None:
    server["/list"] = Answer(gallery(*[f"/{n}.png" for n in range(number)]))
    for n in range(number):
        server[f"/{n}.png"] = answer(n) if answer else Answer(encoded("PNG", 100 + n))


def test_what_was_fetched_before_the_server_went_is_kept(place):
    server = place.server
    gone = [False]

    def until_the_third(n: int) -> Callable:
        def answer(target: str) -> Answer:
            if sum(t.endswith(".png") for t in server.asked) > 3:
                gone[0] = True
            return HANG_UP if gone[0] else Answer(encoded("PNG", 100 + n))

        return answer

    pictures(server, 12, until_the_third)
    first = place.run({"scrape.workers": 1})
    assert re.search(r"left: .* asked no more.*run the same command to go on", first.error)
    pictures(server, 12)
    server.asked.clear()
    assert place.run().statuses == ["ok"] * 12
    assert sum(target.endswith(".png") for target in server.asked) == 9
    assert "/list" not in server.asked


@pytest.mark.parametrize(("key", "most"), [("max_requests", 5), ("max_total_bytes", 7000)])
def test_a_budget_ends_a_run_and_the_next_one_goes_on(place, key, most):
    pictures(place.server, 8)
    errors = []
    for _ in range(8):
        outcome = place.run({f"scrape.{key}": most})
        if outcome.error is None:
            break
        errors.append(outcome.error)
    assert outcome.statuses == ["ok"] * 8
    assert errors
    assert all(f"scrape.{key} = {most} is used up" in error for error in errors)
    asked = [target for target in place.server.asked if target.endswith(".png")]
    assert len(asked) <= 8 + 2 * len(errors)


def test_a_failed_picture_is_tried_again_in_so_many_runs(place):
    server = place.server
    server["/list"] = Answer(gallery("/1.jpg"))
    server["/1.jpg"] = Answer(b"no", 500)
    for run in range(1, 5):
        assert place.run({"scrape.max_failed_runs": 3}).statuses == ["http_500"]
        assert server.asked.count("/1.jpg") == min(run, 3)


# --- memory, each in a process of its own


@dataclass(frozen=True)
class Heavy:
    """What the server has, what comes of it, and how long that may take."""

    prepare: Callable[[Server], object]
    expected: str | list[str]
    changes: dict = None
    source: str = "gallery"
    seconds: float = 20.0


def one(answer: Callable[[], Answers]) -> Callable[[Server], None]:
    """A list of one hostile picture and a good one."""

    def prepare(server: Server) -> None:
        server["/list"] = Answer(gallery("/1.jpg", "/good.png"))
        server["/1.jpg"] = answer()
        server["/good.png"] = Answer(encoded("PNG", 2))

    return prepare


def many(number: int, make: Callable[[int], bytes]) -> Callable[[Server], None]:
    def prepare(server: Server) -> None:
        pictures(server, number, lambda n: Answer(make(n)))

    return prepare


def page(make: Callable[[], Answers]) -> Callable[[Server], None]:
    def prepare(server: Server) -> None:
        server["/list"] = make()
        server["/1.jpg"] = Answer(encoded())

    return prepare


def wide_bmp(n: int, more: int = 0) -> bytes:
    """A BMP of 19.9 MB, each its own."""
    head = bytearray(encoded("BMP")[:54])
    side = 2570
    head[2:6] = struct.pack("<I", 54 + 2572 * 3 * side)
    head[18:26] = struct.pack("<ii", 2572, side)
    body = bytes([n]) * (2572 * 3 * side)
    return bytes(head) + body + bytes(more)


ROOMY = {
    "scrape.workers": 16,
    "scrape.per_host": 16,
    "scrape.timeout_s": 10,
    "scrape.deadline_s": 20,
    "scrape.max_page_bytes": 5_000_000,
}
ALONE = ROOMY | {"scrape.workers": 1}
MEGABYTE = 1_000_000
HEAVY: dict[str, Heavy] = {
    "an_honest_picture": Heavy(one(lambda: Answer(encoded())), ["ok", "ok"], ROOMY),
    "a_bomb_of_a_gigabyte": Heavy(
        one(lambda: Answer(bomb(1000), headers={"Content-Encoding": "gzip"})),
        ["too_large", "ok"],
        ROOMY,
    ),
    "a_bomb_in_a_bomb": Heavy(
        one(lambda: Answer(gzip.compress(bomb(1000)), headers={"Content-Encoding": "gzip, gzip"})),
        ["too_large", "ok"],
        ROOMY,
    ),
    "sixteen_bombs_at_once": Heavy(
        lambda server: pictures(
            server, 16, lambda n: Answer(bomb(100), headers={"Content-Encoding": "gzip"})
        ),
        ["too_large"] * 16,
        ROOMY,
    ),
    "an_endless_body": Heavy(
        one(lambda: endless(OK + b"\r\n", lambda: repeat(bytes(65536)))), ["too_large", "ok"], ROOMY
    ),
    "an_endless_chunked_body": Heavy(
        one(lambda: endless(CHUNKED, lambda: repeat(b"10000\r\n" + bytes(65536) + b"\r\n"))),
        ["too_large", "ok"],
        ROOMY,
    ),
    "endless_headers": Heavy(
        one(lambda: endless(OK, lambda: repeat(b"A: " + b"b" * 60_000 + b"\r\n"))),
        ["bad_answer", "ok"],
        ROOMY,
    ),
    "an_endless_header": Heavy(
        one(lambda: endless(OK + b"A: ", lambda: repeat(b"b" * 65536))), ["bad_answer", "ok"], ROOMY
    ),
    "an_endless_status_line": Heavy(
        one(lambda: endless(b"HTTP/1.1 200 ", lambda: repeat(b"b" * 65536))),
        ["bad_answer", "ok"],
        ROOMY,
    ),
    "endless_trailers": Heavy(
        one(lambda: endless(CHUNKED + b"0\r\n", lambda: repeat(b"A: b\r\n" * 10_000))),
        ["too_slow", "ok"],
        ROOMY | {"scrape.deadline_s": 1},
    ),
    "sixteen_large_pictures_at_once": Heavy(many(16, wide_bmp), ["ok"] * 16, ROOMY),
    "sixteen_large_pictures_with_more_after_them": Heavy(
        many(16, lambda n: wide_bmp(n, 100_000)), ["ok"] * 16, ROOMY
    ),
    "a_png_of_30000_by_30000": Heavy(
        one(lambda: Answer(png(30_000, 30_000))), ["too_many_pixels", "ok"], ROOMY
    ),
    "a_webp_of_4_gigapixels": Heavy(
        one(lambda: Answer(webp(2**24, 255))), ["too_many_pixels", "ok"], ROOMY
    ),
    "a_gif_of_10000_frames": Heavy(
        one(lambda: Answer(animated("GIF", 10_000, 4))), ["ok", "ok"], ROOMY
    ),
    "a_gif_with_a_comment_of_8_megabytes": Heavy(
        one(lambda: Answer(gif_with(b"\x21\xfe" + (b"\xff" + b"a" * 255) * 31_000 + b"\0"))),
        ["ok", "ok"],
        ROOMY,
        seconds=10,
    ),
    "sixteen_pngs_with_texts_that_unpack": Heavy(
        many(
            16,
            lambda n: png(
                n + 9, 9, chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(MEGABYTE), 9)) * 60
            ),
        ),
        ["ok"] * 16,
        ROOMY,
    ),
    "a_png_with_a_profile_that_unpacks": Heavy(
        one(
            lambda: Answer(
                png(9, 9, chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(500 * MEGABYTE), 9)))
            )
        ),
        ["ok|not_an_image", "ok"],
        ROOMY,
    ),
    "a_tiff_whose_tags_share_a_megabyte": Heavy(
        one(lambda: Answer(tags(400, MEGABYTE))), ["ok|not_an_image", "ok"], ROOMY
    ),
    "a_jpeg_whose_exif_tags_share_their_bytes": Heavy(
        one(lambda: Answer(jpeg_with(segment(0xE1, b"Exif\0\0" + tags(1000, 50_000)[:65_000])))),
        ["ok", "ok"],
        ROOMY,
    ),
    "a_jpeg_of_19_megabytes_of_fill": Heavy(
        one(lambda: Answer(jpeg_with(b"\xff" * 19 * MEGABYTE))),
        ["ok|not_an_image", "ok"],
        ROOMY,
        seconds=6,
    ),
    "a_jpeg_of_19_megabytes_of_stuffing": Heavy(
        one(lambda: Answer(encoded("JPEG")[:-2] + b"\xff\0" * (19 * MEGABYTE // 2) + b"\xff\xd9")),
        ["ok", "ok"],
        ROOMY,
        seconds=15,
    ),
    "a_png_of_1600000_chunks": Heavy(
        one(lambda: Answer(png(9, 9, chunk(b"abCd", b"") * 1_600_000))),
        ["not_an_image", "ok"],
        ROOMY,
    ),
    "a_page_of_100_megabytes": Heavy(
        page(lambda: Answer(bytes(100 * MEGABYTE))), "100000000 bytes, allowed are 5000000", ROOMY
    ),
    "an_endless_page": Heavy(
        page(lambda: endless(CHUNKED, lambda: repeat(b"10000\r\n" + b"<li>" * 16384 + b"\r\n"))),
        "bytes, allowed are 5000000",
        ROOMY,
    ),
    "a_page_of_a_million_tags": Heavy(
        page(lambda: Answer(b"<p>" * MEGABYTE + gallery("/1.jpg"))),
        f"at most {MAX_MARKS} tags",
        ALONE,
    ),
    "a_page_of_99000_tags": Heavy(
        page(lambda: Answer(b"<p>" + b"<b>x</b>" * 49_000 + gallery("/1.jpg"))), ["ok"], ALONE
    ),
    "a_page_of_99000_long_tags": Heavy(
        page(
            lambda: Answer(
                ("<p>😀" + ("<i" + "x" * 40 + ">") * 98_000).encode() + gallery("/1.jpg")
            )
        ),
        ["ok"],
        ALONE,
    ),
    "a_page_of_a_million_attributes": Heavy(
        page(lambda: Answer(b"<p " + b" ".join(b"a%d=b" % n for n in range(MEGABYTE // 3)) + b">")),
        f"at most {MAX_MARKS} tags",
        ALONE,
    ),
    "a_page_of_a_million_attributes_without_values": Heavy(
        page(
            lambda: Answer(
                b"<p "
                + b" ".join(b"a%d" % n for n in range(MEGABYTE))
                + b"></p>"
                + gallery("/1.jpg")
            )
        ),
        "",
        ALONE,
    ),
    "a_page_with_a_million_classes": Heavy(
        page(lambda: Answer(b'<p class="' + b"a " * 2 * MEGABYTE + b'"></p>' + gallery("/1.jpg"))),
        "",
        ALONE,
    ),
    "a_page_of_entities": Heavy(
        page(lambda: Answer(b"&lt;" * MEGABYTE + gallery("/1.jpg"))), ["ok"], ALONE
    ),
    "a_page_of_text": Heavy(
        page(lambda: Answer(("😀" + "a" * 4_500_000).encode() + gallery("/1.jpg"))), ["ok"], ALONE
    ),
    "50000_nested_divs": Heavy(
        page(lambda: Answer(b"<div>" * 50_000 + gallery("/1.jpg"))), ["ok"], ALONE
    ),
    "json_of_a_million_objects": Heavy(
        page(lambda: Answer(next_data([person(1, None)], extra="[" + "{}," * MEGABYTE + "0]"))),
        "",
        ALONE,
        "imdb",
    ),
    "a_list_of_9000_items": Heavy(
        page(lambda: Answer(gallery(*["/1.jpg"] * 9_000, ids=repeat(1)))), ["ok"] * 9_000, ALONE
    ),
}


@pytest.mark.parametrize("case", HEAVY)
def test_memory_and_time_are_bounded(place, forker, case, record_property):
    heavy = HEAVY[case]
    heavy.prepare(place.server)
    outcome = place.apart(forker, heavy.changes, heavy.source)
    record_property("peak_mb", round(outcome.peak_mb))
    record_property("seconds", round(outcome.seconds, 1))
    as_said(outcome, heavy.expected)
    assert outcome.seconds < heavy.seconds
    assert outcome.peak_mb < PEAK_MB


# --- anything at all

FEW = settings(max_examples=60, suppress_health_check=list(HealthCheck))
PICTURES = [
    encoded("JPEG"),
    encoded("JPEG", progressive=True),
    encoded("JPEG", mode="L"),
    encoded("JPEG", mode="CMYK"),
    encoded("PNG"),
    encoded("PNG", mode="P"),
    encoded("PNG", mode="1"),
    animated("PNG", 3),
    encoded("GIF", mode="P"),
    animated("GIF", 3),
    encoded("WEBP"),
    encoded("WEBP", lossless=True),
    encoded("WEBP", mode="RGBA"),
    animated("WEBP", 3),
    encoded("BMP"),
    encoded("BMP", mode="L"),
    encoded("BMP", mode="1"),
]
WHOLE = [(data, decoding.inspect(data).format) for data in PICTURES]
OTHERS = [encoded("TIFF"), encoded("AVIF"), encoded("TIFF", mode="1")]
LISTS = [
    gallery("/1.jpg", "/2.jpg", more='<a class="next" href="?2"></a><p class="total">2</p>'),
    next_data([person(1, "/1.jpg"), person(2, None)], 2, more=True),
    saved("gallery_1").encode(),
    b'<div class="lister-list"><div class="lister-item-image"><a href="/name/nm1"><img src="/a.jpg">'
    b'</a></div></div><p class="lister-total-num-results">1,234</p>',
]
STARTS = [
    "",
    "/",
    "//",
    "http:",
    "http://",
    "https://[",
    "?",
    "#",
    "..\\",
    "data:",
    "HTTP://127.0.0.1",
]
URL_TEXTS = st.builds("{}{}".format, st.sampled_from(STARTS), st.text(max_size=60))


@st.composite
def mutated(draw: st.DrawFn, bases: list[bytes]) -> bytes:
    """One of these, with some bytes flipped, cut out or put in."""
    data = bytearray(draw(st.sampled_from(bases)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        new = draw(st.binary(max_size=8))
        gone = draw(st.sampled_from([0, len(new), len(new), 30, 10**6]))
        data[at : at + gone] = new
    return bytes(data)


@pytest.fixture(scope="module")
def lasting() -> Iterator[Server]:
    with served() as server:
        yield server


@FEW
@given(st.lists(URL_TEXTS, min_size=1, max_size=8))
def test_any_text_may_stand_for_a_url(lasting, texts):
    lasting["/list"] = Answer(gallery(*texts))
    with TemporaryDirectory() as folder:
        outcome = Place(lasting, Path(folder)).run({"scrape.max_failed_runs": 1})
        assert outcome.metrics["listed"] == len(texts)
        assert "ok" not in outcome.statuses
    assert outcome.seconds < SECONDS


@FEW
@given(st.one_of(st.binary(max_size=300), mutated(LISTS)), st.booleans(), st.sampled_from([1, 2]))
def test_any_bytes_may_stand_for_a_list(data, imdb, number):
    def of_imdb(html: str, url: str, number: int) -> ListPage:
        return parse_imdb(html, url, 512)

    selectors = Gallery(**GALLERY, url="http://127.0.0.1/list")
    parse = of_imdb if imdb else partial(parse_gallery, gallery=selectors)
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "body").write_bytes(data)
        try:
            page = _read(Body(folder / "body"), parse, selectors.url, number, folder / "0001.html")
        except (FetchError, UserError):
            return
        if isinstance(page, ListPage):
            kept(_rows(page, selectors.url, number), folder, lambda url: folder / "gone")


@FEW
@given(st.lists(st.one_of(st.binary(max_size=300), mutated(PICTURES + OTHERS)), max_size=6))
def test_any_bytes_may_stand_for_a_picture(bodies):
    with TemporaryDirectory() as name:
        folder = Path(name)
        own = {"ledger.parquet"}
        for number, data in enumerate(bodies):
            (folder / f"{number}").write_bytes(data)
            own.add(f"{number}")
        kept([row(number) for number in range(len(bodies))], folder, folder.joinpath)
        files = {
            path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
        }
        assert all(re.fullmatch(r"images/[0-9a-f]{24}\.[a-z]+", name) for name in files - own)
        _whole_pictures(folder / "images")


def row(number: int) -> dict:
    return {
        "page": 1,
        "position": number + 1,
        "item_id": f"item{number}",
        "name": f"Item {number}",
        "page_url": "http://127.0.0.1/list",
        "image_url": str(number),
        "stated_total": None,
    }


def kept(rows: list[dict], folder: Path, body: Callable[[str], Path]) -> None:
    """Store pictures, write the ledger, read it back, and see that all are accounted for."""
    table = store(rows, lambda url, use: use(Body(body(url))), folder, SCRAPE)
    write_ledger(table, folder / "ledger.parquet", "raw")
    counted = counts(read_ledger(folder / "ledger.parquet", "raw"), 1, 0, None)
    assert counted["listed"] == len(rows) == counted["downloaded"] + sum(counted["failed"].values())


@FEW
@given(st.sampled_from(WHOLE), st.binary(max_size=200))
def test_a_picture_ends_where_it_ends_whatever_follows(whole, trailing):
    data, kind = whole
    assert image_end(data + trailing, kind) == len(data)


@FEW
@given(st.sampled_from(WHOLE), st.sampled_from(PICTURES))
def test_a_picture_ends_where_it_ends_though_another_follows(whole, other):
    data, kind = whole
    assert image_end(data + other, kind) == len(data)


@FEW
@given(
    st.one_of(st.binary(max_size=200), mutated(PICTURES)),
    st.sampled_from(["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF"]),
)
def test_any_bytes_are_cut_to_a_start_of_themselves(data, kind):
    assert 0 <= image_end(data, kind) <= len(data)
