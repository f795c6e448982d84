"""The demo site on 127.0.0.1: list pages in both IMDb layouts with their pictures, or an archive."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from src.demo.facade_archive import archive
from src.demo.inventory import Entry, list_entries, photographs, picture
from src.imaging import decoding
from src.imaging.resizing import resize
from src.parallel.local import map_processes
from src.params import Demo
from src.storage.encoding import encode_jpeg

ORIGIN = "http://demo.test"  # reserved for such use (RFC 6761)
LIST_URL = f"{ORIGIN}/list/ls000000001/"
ARCHIVE_URL = f"{ORIGIN}/facades.tar"
FLAKY_PAGE = 3  # fails the first time
THUMBNAIL_PX = (140, 209)

Answer = tuple[int, dict[str, str], bytes]  # status, headers, body
NOT_FOUND: Answer = (404, {"Content-Type": "text/plain"}, b"not found")
ROBOTS: Answer = (200, {"Content-Type": "text/plain"}, b"User-agent: *\nDisallow: /private/\n")


class ArchiveSite:
    """A site with one file, an archive of drawn facades."""

    def __init__(self, demo: Demo, seed: int):
        self._archive = archive(demo.pairs, seed, demo.faults)

    def answer(self, target: str) -> Answer:
        """Return the answer to a request, given its path and query."""
        path = urlsplit(target).path
        if path == "/robots.txt":
            return ROBOTS
        if path == urlsplit(ARCHIVE_URL).path:
            return 200, {"Content-Type": "application/x-tar"}, self._archive
        return NOT_FOUND


class Site:
    """The site's pages and pictures, drawn once.

    Raises UserError if demo.portraits is no folder of pictures.
    """

    def __init__(self, demo: Demo, seed: int):
        files = photographs(demo.portraits) if demo.portraits else None
        pool = len(files) if files else None
        count = demo.pages * demo.per_page
        self.demo = demo
        self.entries = list_entries(count, seed, demo.faults, pool)
        draw = partial(picture, seed=seed, files=files)
        pictures = map_processes(draw, self.entries, "drawing the demo's portraits")
        self.pictures = {
            _token(entry): data
            for entry, data in zip(self.entries, pictures, strict=True)
            if data is not None
        }
        self.requests: list[str] = []
        self._failures = {FLAKY_PAGE} if demo.faults else set()

    def answer(self, target: str) -> Answer:
        """Return the answer to a request, given its path and query."""
        self.requests.append(target)
        url = urlsplit(target)
        if url.path == "/robots.txt":
            return ROBOTS
        if url.path.startswith("/list/"):
            return self._page(int(parse_qs(url.query).get("page", ["1"])[0]))
        if match := re.fullmatch(r"/images/M/(\w+)@*\.(.*)", url.path):
            return self._picture(match[1], match[2])
        return NOT_FOUND

    def _page(self, number: int) -> Answer:
        if number in self._failures:
            self._failures.remove(number)
            return 503, {"Retry-After": "1"}, b"try again"
        per_page, listed = self.demo.per_page, len(self.entries)
        has_next, total = number * per_page < listed, listed
        if self.demo.paging == "ignored":
            number, has_next = 1, per_page < listed
        elif self.demo.paging == "repeats_last":
            last = -(-listed // per_page)
            number, has_next, total = min(number, last), True, listed * 3 // 2
        start = (number - 1) * per_page
        entries = self.entries[start : start + per_page]
        old = self.demo.layout == "lister" or (self.demo.layout == "both" and number % 2 == 1)
        page = (lister if old else next_data)(entries, total, number, has_next)
        return 200, {"Content-Type": "text/html; charset=utf-8"}, page.encode()

    def _picture(self, token: str, variant: str) -> Answer:
        data = self.pictures.get(token)
        if data is None:
            return NOT_FOUND
        if "_UX140_" in variant:
            with suppress(decoding.ImageError):  # a broken picture is served as it is
                data = encode_jpeg(resize(decoding.decode(data), *THUMBNAIL_PX))
        return 200, {"Content-Type": "image/jpeg"}, data


@contextmanager
def serve(site: Site | ArchiveSite) -> Iterator[int]:
    """Serve a site on 127.0.0.1 while the block runs; yield its port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # it holds the body back for 40 ms

        def handle(self) -> None:
            with suppress(ConnectionError):  # the client hung up between two requests
                super().handle()

        def do_GET(self) -> None:
            status, headers, body = site.answer(self.path)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def lister(entries: list[Entry], total: int, page: int, has_next: bool) -> str:
    """Return a list page in IMDb's layout up to 2023: thumbnails, some of them loaded lazily."""
    items = "\n".join(_lister_item(entry) for entry in entries)
    next_link = f'<a class="lister-page-next" href="?page={page + 1}">Next</a>' if has_next else ""
    return f"""<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>Demo people</title></head><body>
<div class="desc lister-total-num-results">
  {total:,} names
</div>
<div class="lister-list">
{items}
</div>
{next_link}
</body></html>
"""


def _lister_item(entry: Entry) -> str:
    name, link = escape(entry.name), f"/name/{entry.item_id}/"
    url = f"{ORIGIN}/images/M/{_token(entry)}@._V1_UX140_CR0,0,140,209_AL_.jpg"
    if entry.kind == "no_image":
        image = ""
    elif entry.number % 3 == 0:  # no space between attributes: seen in saved pages
        image = f'<img alt="{name}"class="loadlate"loadlate="{url}"src="/images/S/blank.png"width="140" />'
    else:
        image = f'<img alt="{name}"\nheight="209"\nsrc="{url}"\nwidth="140" />'
    return f"""<div class="lister-item mode-detail">
  <div class="lister-item-image"><a href="{link}">{image}</a></div>
  <div class="lister-item-content"><h3 class="lister-item-header">
    <span class="lister-item-index">{entry.number + 1}. </span><a href="{link}"> {name}
</a></h3></div>
</div>"""


def next_data(entries: list[Entry], total: int, page: int, has_next: bool) -> str:
    """Return a list page in IMDb's layout from 2024 on: JSON in the page."""
    edges = [{"listItem": _list_item(entry)} for entry in entries]
    search = {"edges": edges, "pageInfo": {"hasNextPage": has_next, "endCursor": str(page)}}
    column = {"list": {"items": {"total": total}, "nameListItemSearch": search}}
    data = json.dumps({"props": {"pageProps": {"mainColumnData": column}}})
    data = data.replace("<", "\\u003c")  # a name must not end the script element
    return f"""<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>Demo people</title></head><body>
<script id="__NEXT_DATA__" type="application/json">{data}</script>
</body></html>
"""


def _list_item(entry: Entry) -> dict[str, object]:
    url = f"{ORIGIN}/images/M/{_token(entry)}@._V1_.jpg"
    image = None if entry.kind == "no_image" else {"url": url, "width": 192, "height": 256}
    return {"id": entry.item_id, "nameText": {"text": entry.name}, "primaryImage": image}


def _token(entry: Entry) -> str:
    return f"MV5B{entry.number:06d}"
