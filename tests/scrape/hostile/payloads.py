"""What hostile servers send: pictures, pages and answers of every kind."""

import gzip
import html
import io
import json
import struct
import zlib
from collections.abc import Callable, Iterable
from functools import cache
from itertools import chain, count

import numpy as np
from PIL import Image

from tests.encoded_pictures import png_chunk
from tests.servers import Answer, Raw, Server


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


def png(width: int, height: int, *chunks: bytes) -> bytes:
    """A PNG that claims a size and holds no pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header)
    return b"".join([start, *chunks, png_chunk(b"IDAT", b""), png_chunk(b"IEND", b"")])


def webp(width: int, height: int) -> bytes:
    """An animated WEBP of small frames on a canvas whose header claims a large size."""
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


def raw_answer(head: str, *parts: bytes) -> Raw:
    """An answer whose lines are written by hand."""
    start = head.replace("\n", "\r\n").encode("latin-1") + b"\r\n\r\n"
    return Raw(lambda: [start, *parts])


def headers(*lines: str, body: bytes | None = None) -> Raw:
    body = encoded() if body is None else body
    return raw_answer("\n".join(["HTTP/1.1 200 OK", *lines]), body)


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


def pictures(server: Server, number: int, answer: Callable[[int], Answer] | None = None) -> None:
    server["/list"] = Answer(gallery(*[f"/{n}.png" for n in range(number)]))
    for n in range(number):
        server[f"/{n}.png"] = answer(n) if answer else Answer(encoded("PNG", 100 + n))
