"""List pages as their scripts draw them, in headless Chromium through Playwright.

Chromium itself sends nothing: it has no way to the network. Each of a page's requests is answered
here, by what the client fetches. So robots.txt, pace, budgets and the refusal of private addresses
hold for all of them. Nothing is posted, no cookie is sent, and no challenge is solved.
"""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from src.errors import UserError, one_line, print_on_stderr
from src.params import Scrape
from src.scrape.http.cache import Body, ParseBody, Result
from src.scrape.http.client import Client
from src.scrape.http.fetch_errors import FetchError

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, Route

# What a page may load, and the Content-Type of the answer. Pictures are fetched later, by their URLs
# on the page. Styles are needed, because scripts measure where elements are.
LOADED_TYPES = {
    "document": "text/html",
    "script": "text/javascript",
    "stylesheet": "text/css",
    "xhr": "application/json",
    "fetch": "application/json",
}
MAX_REQUESTS = 200  # of one page
MAX_SCROLLS = 50  # for lists that load more at their end
QUIET_MS = 500  # without a request, after which a page counts as loaded
# A proxy where nobody listens: what is not answered here fails. WebRTC would bypass it.
NOWHERE = {"server": "http://127.0.0.1:9", "bypass": "<-loopback>"}
ARGUMENTS = ["--force-webrtc-ip-handling-policy=disable_non_proxied_udp", "--disable-gpu"]
SIZE = {"width": 1920, "height": 1080}
NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = (
    "gallery.render needs Playwright and Chromium: `pip install -r requirements-render.txt`, and "
    "Chromium of your system or `playwright install chromium`"
)


@contextmanager
def rendering(client: Client) -> Iterator["RenderingClient"]:
    """Run a browser while the block runs; yield a client that draws pages in it.

    Raises:
        UserError: Playwright or Chromium is not there.
    """
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        raise UserError(MISSING) from None
    path = next(filter(None, map(shutil.which, NAMES)), None)
    with sync_playwright() as playwright, TemporaryDirectory() as folder:
        try:
            browser = playwright.chromium.launch(
                executable_path=path,
                args=ARGUMENTS,
                proxy=NOWHERE,  # type: ignore[arg-type]
                chromium_sandbox=os.geteuid() != 0,  # root has none
            )
        except Error as error:
            reason = one_line(error)[:200]
            raise UserError(f"{MISSING}: {reason}") from None
        try:
            yield RenderingClient(client, browser, Path(folder))
        finally:
            browser.close()


class RenderingClient:
    """Fetches pages as a Client does, and hands over what their scripts have made of them."""

    def __init__(self, client: Client, browser: "Browser", folder: Path):
        self.scrape: Scrape = client.scrape
        self._client, self._browser, self._folder = client, browser, folder

    def get(
        self,
        url: str,
        parse: ParseBody[Result],
        limit: int | None = None,
        page_url: str | None = None,
        insist: bool = False,
    ) -> Result:
        """Return what `parse` makes of a drawn page; arguments and errors as `Client.get`.

        Raises:
            FetchError: Beside the client's, `too_slow`: its scripts leave no time to read it, and
                `too_large`: so is what they have drawn.
        """
        answered, next_url = self._client.get(url, _head, limit, page_url, insist)
        visit = Visit(self._client, url, answered or url)
        context = self._browser.new_context(
            viewport=SIZE,  # type: ignore[arg-type]
            service_workers="block",
            accept_downloads=False,
        )
        try:
            html = visit.drawn(context).encode("utf-8", "replace")
        finally:
            context.close()
        if len(html) > (limit or self.scrape.max_page_bytes):
            raise FetchError("too_large", f"{url}: {len(html)} bytes when its scripts have run")
        path = self._folder / "page.html"
        path.write_bytes(html)
        return parse(Body(path, charset="utf-8", url=visit.url, next_url=next_url))


class Visit:
    """A page in the browser, which the client knows by `requested_url`; `url` has answered."""

    def __init__(self, client: Client, requested_url: str, url: str):
        self.url, self._requested_url = url, requested_url
        self._page_client, self._extras = client, client.for_extras()
        self._deadline = time.monotonic() + client.scrape.deadline_s
        self._requests = 0
        self._failure: UserError | None = None

    def drawn(self, context: "BrowserContext") -> str:
        """Return the page's HTML when its scripts have run, and it was scrolled to its end.

        Raises:
            FetchError: `too_slow`.
            UserError: The budget is used up.
        """
        from playwright.sync_api import Error

        context.route("**/*", self._answer)
        context.route_web_socket("**/*", lambda socket: socket.close())
        page = context.new_page()
        context.on("page", lambda other: other.close())
        try:
            page.goto(self.url, wait_until="domcontentloaded", timeout=self._left_ms())
            self._scroll(page)
            html = page.wait_for_function(
                "() => document.documentElement.outerHTML", timeout=max(1000, self._left_ms())
            )
            if self._failure:
                raise self._failure
            return str(html.json_value())
        except Error as error:
            if self._failure:
                raise self._failure from None
            message = f"{self.url}: not drawn in {self._page_client.scrape.deadline_s:g} s"
            reason = one_line(error)[:100]
            raise FetchError("too_slow", f"{message} (scrape.deadline_s): {reason}") from None
        finally:
            if self._requests > MAX_REQUESTS:
                note = f"{self.url} wants more than {MAX_REQUESTS} requests; the rest is refused"
                print_on_stderr(f"scrape: {note}")

    def _scroll(self, page: "Page") -> None:
        """Scroll to the end until the page grows no more, or its time is up."""
        from playwright.sync_api import Error

        height = -1
        for _ in range(MAX_SCROLLS):
            self._settle(page)
            try:
                end = page.wait_for_function(
                    "() => { scrollTo(0, 1e9); return document.documentElement.scrollHeight; }",
                    timeout=self._left_ms(),
                )
                grown = int(end.json_value())
            except Error:  # a script that never ends: reading the page will say so
                return
            if grown == height or self._over():
                return
            height = grown

    def _settle(self, page: "Page") -> None:
        """Wait until the page has asked for nothing in a while, or is over."""
        n_requests = -1
        while n_requests != self._requests and not self._over():
            n_requests = self._requests
            page.wait_for_timeout(QUIET_MS)

    def _over(self) -> bool:
        """Return whether the page gets nothing more."""
        late = time.monotonic() > self._deadline
        return late or self._requests > MAX_REQUESTS or self._failure is not None

    def _answer(self, route: "Route") -> None:
        """Answer one of the page's requests with what the client fetches, or refuse it."""
        request = route.request
        kind = request.resource_type
        if request.method != "GET" or kind not in LOADED_TYPES:
            route.abort()
            return
        self._requests += 1
        if self._over():
            route.abort()
            return
        is_page = request.url == self.url and request.is_navigation_request()
        if is_page:
            client, url, page_url = self._page_client, self._requested_url, None
        else:
            client, url, page_url = self._extras, request.url, self.url
        try:
            body, charset = client.get(url, _content, client.scrape.max_page_bytes, page_url)
        except FetchError:
            route.abort()
        except UserError as error:  # the budget; Playwright would lose it here
            self._failure = error
            route.abort()
        else:
            kind = LOADED_TYPES[kind] + (f"; charset={charset}" if charset else "")
            # scripts of other hosts may read it: nothing in it is anybody's own
            origin = request.headers.get("origin", "*")
            headers = {"Content-Type": kind, "Access-Control-Allow-Origin": origin}
            headers["Access-Control-Allow-Credentials"] = "true"
            route.fulfill(status=200, headers=headers, body=body)

    def _left_ms(self) -> float:
        return max(1.0, 1000 * (self._deadline - time.monotonic()))


def _head(body: Body) -> tuple[str | None, str | None]:
    return body.url, body.next_url


def _content(body: Body) -> tuple[bytes, str | None]:
    return body.path.read_bytes(), body.charset
