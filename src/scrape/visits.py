"""A visit to a page in headless Chromium: what its scripts ask for, and what they draw.

A script that never ends may outlast each of Playwright's own time limits. Those here are asyncio's:
`timeout`, because `wait_for` may swallow a Ctrl-C.
"""

import asyncio
import time
from concurrent.futures import Executor
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urldefrag

from src.errors import UserError, one_line, print_on_stderr
from src.scrape.addresses import is_web
from src.scrape.http.cache import Body
from src.scrape.http.client import Client
from src.scrape.http.fetch_errors import FetchError

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext, Page, Route, WebSocketRoute

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
MAX_STEPS = 100  # of a scroll, each by the height of the window
STEP_S = 0.03  # in which a page may show what has come into view
# Scroll what a wheel in the middle of the window would: whether anything has moved.
SCROLL = """() => {
    const moves = box => {
        const before = box.scrollTop;
        box.scrollBy({top: innerHeight, behavior: "instant"});
        return box.scrollTop > before;
    };
    let box = document.elementFromPoint(innerWidth / 2, innerHeight / 2);
    for (; box && box !== document.body; box = box.parentElement)
        if (/auto|scroll/.test(getComputedStyle(box).overflowY) && moves(box)) return [true];
    return [moves(document.scrollingElement || document.documentElement)];
}"""
QUIET_MS = 500  # without a request, after which a page counts as loaded
MIN_READ_S = 1.0  # to read a page whose time is up
ERROR_PAGE = "chrome-error:"  # the address of Chromium's own page about another that is refused


class Visit:
    """A page in the browser, which the client knows by `requested_url`; `url` has answered."""

    def __init__(self, client: Client, fetching: Executor, requested_url: str, url: str):
        self.url, self._requested_url = url, requested_url
        self._page_client, self._extras = client, client.for_extras()
        self._fetching = fetching
        self._deadline = time.monotonic() + client.scrape.deadline_s
        self._requests = self._unanswered = 0
        self._is_read = False
        self._failure: UserError | None = None
        self._refused: dict[str, list[str]] = {}  # URLs by the reason

    async def draw(self, context: "BrowserContext") -> str:
        """Return the page's HTML when its scripts have run, and it was scrolled to its end.

        Raises:
            FetchError: `too_slow`.
            UserError: The budget is used up.
        """
        from playwright.async_api import Error

        await context.route("**/*", self._answer)
        await context.route_web_socket("**/*", _refuse)
        page = await context.new_page()
        context.on("page", _close)
        try:
            async with asyncio.timeout(self._left_s()):
                await page.goto(self.url, wait_until="domcontentloaded", timeout=0)
            await self._scroll(page)
            read_s = max(MIN_READ_S, self._left_s())
            html = await _value(page, "() => document.documentElement.outerHTML", read_s)
            if self._failure:
                raise self._failure
            if page.url.startswith(ERROR_PAGE):
                raise FetchError("too_slow", f"{self.url}: it leads to a page that is refused")
            moved_to = urldefrag(page.url).url  # by a script
            if is_web(moved_to):
                self.url = moved_to
            return str(html)
        except (Error, TimeoutError) as error:
            if self._failure:
                raise self._failure from None
            raise FetchError("too_slow", f"{self.url}: {self._reason(error)}") from None
        finally:
            self._is_read = True
            if self._requests > MAX_REQUESTS:
                self._note(f"wants more than {MAX_REQUESTS} requests; the rest is refused")
            for reason, urls in sorted(self._refused.items()):
                count = f"{len(urls)} request{'' if len(urls) == 1 else 's'}"
                self._note(
                    f"{count} of its scripts failed: {reason}, such as {min(urls)}; if the list "
                    "lacks items, run the stage again"
                )

    def _note(self, note: str) -> None:
        print_on_stderr(f"scrape: {self.url}: {note}")

    def _reason(self, error: Exception) -> str:
        if isinstance(error, TimeoutError):
            return f"not drawn in {self._page_client.scrape.deadline_s:g} s (scrape.deadline_s)"
        return f"cannot be drawn: {one_line(error)[:100]}"

    async def _scroll(self, page: "Page") -> None:
        """Scroll to the end until the page grows no more, or its time is up."""
        from playwright.async_api import Error

        for scroll in range(MAX_SCROLLS):
            await self._settle()
            try:
                has_moved = await self._scroll_once(page)
            except (Error, TimeoutError):  # of a script that never ends, reading tells more
                break
            if (scroll and not has_moved) or self._over():
                break
        else:
            self._note(f"its list may go on behind {MAX_SCROLLS} scrolls")
        if time.monotonic() > self._deadline:
            self._note("its list may go on: not all of it in scrape.deadline_s")

    async def _scroll_once(self, page: "Page") -> bool:
        """Scroll to the end as far as it is known; return whether anything has moved."""
        for step in range(MAX_STEPS):
            # whatever a page says that it is
            if await _value(page, SCROLL, self._left_s()) != [True] or self._over():
                return step > 0
            await asyncio.sleep(STEP_S)
        return True

    async def _settle(self) -> None:
        """Wait until the page has asked for nothing in a while, or is over."""
        n_requests = -1
        while (n_requests != self._requests or self._unanswered) and not self._over():
            n_requests = self._requests
            await asyncio.sleep(QUIET_MS / 1000)

    def _over(self) -> bool:
        """Return whether the page gets nothing more."""
        return self._done() or self._requests > MAX_REQUESTS

    def _done(self) -> bool:
        """Return whether not even what the page has asked for is fetched."""
        late = time.monotonic() > self._deadline
        return late or self._is_read or self._failure is not None

    async def _answer(self, route: "Route") -> None:
        """Answer one of the page's requests with what the client fetches, or refuse it."""
        from playwright.async_api import Error

        self._unanswered += 1
        answer = await self._fetched(route)
        with suppress(Error):  # the page may be gone
            await (route.fulfill(status=200, **answer) if answer else route.abort())
        self._unanswered -= 1

    async def _fetched(self, route: "Route") -> dict[str, Any] | None:
        """Return headers and body for one of the page's requests, None to refuse it."""
        request = route.request
        kind = request.resource_type
        if request.method != "GET" or kind not in LOADED_TYPES:
            return None
        self._requests += 1
        if self._over():
            return None
        page_url: str | None = self.url
        client, url = self._extras, request.url
        if request.url == self.url and request.is_navigation_request():
            client, url, page_url = self._page_client, self._requested_url, None

        def fetch() -> tuple[bytes, str | None]:
            if self._done():  # by now
                raise FetchError("too_slow", url)
            return client.get(url, _content, client.scrape.max_page_bytes, page_url)

        try:
            body, charset = await asyncio.get_running_loop().run_in_executor(self._fetching, fetch)
        except FetchError as error:
            if kind in ("xhr", "fetch", "script") and not self._done():
                self._refused.setdefault(error.reason, []).append(request.url)
            return None
        except UserError as error:  # the budget; Playwright would lose it here
            self._failure = error
            return None
        content_type = LOADED_TYPES[kind] + (f"; charset={charset}" if charset else "")
        # scripts of other hosts may read it: nothing in it is anybody's own
        origin = request.headers.get("origin", "*")
        headers = {"Content-Type": content_type, "Access-Control-Allow-Origin": origin}
        headers["Access-Control-Allow-Credentials"] = "true"
        return {"headers": headers, "body": body}

    def _left_s(self) -> float:
        return max(0.001, self._deadline - time.monotonic())


async def _value(page: "Page", script: str, seconds: float) -> Any:
    """Return the value of a script in a page.

    Raises:
        TimeoutError: The page gives none in that time.
    """

    async with asyncio.timeout(seconds):
        # unlike `evaluate` it begins again when the page goes elsewhere
        handle = await page.wait_for_function(script, timeout=0)
        return await handle.json_value()


async def _close(page: "Page") -> None:
    await page.close()


async def _refuse(socket: "WebSocketRoute") -> None:
    await socket.close()


def _content(body: Body) -> tuple[bytes, str | None]:
    return body.path.read_bytes(), body.charset
