"""List pages as their scripts draw them, in headless Chromium through Playwright.

Chromium itself sends nothing: it has no way to the network. Each of a page's requests is answered
here, by what the client fetches. So robots.txt, pace, budgets and the refusal of private addresses
hold for all of them. Nothing is posted, no cookie is sent, and no challenge is solved.

A script that never ends may outlast each of Playwright's own time limits. Those here are asyncio's:
`timeout`, because `wait_for` may swallow a Ctrl-C.
"""

import asyncio
import os
import shutil
import time
from collections.abc import Awaitable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from src.errors import UserError, one_line, print_on_stderr
from src.parallel.daemon_threads import DaemonThreadPool
from src.params import Scrape
from src.scrape.http.cache import Body, ParseBody, Result
from src.scrape.http.client import Client
from src.scrape.http.fetch_errors import FetchError
from src.storage.environment import environment

if TYPE_CHECKING:
    from playwright.async_api import (
        Browser,
        BrowserContext,
        Page,
        Playwright,
        Route,
        WebSocketRoute,
    )

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
MIN_READ_S = 1.0  # to read a page whose time is up
CLOSE_S = 10.0  # for Chromium to end a page, or itself
ERROR_PAGE = "chrome-error:"  # the address of Chromium's own page about another that is refused
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
        from playwright.async_api import async_playwright
    except ImportError:
        raise UserError(MISSING) from None
    with (
        TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        asyncio.Runner() as runner,
        DaemonThreadPool(1) as fetching,
    ):
        # where the driver and Chromium put what they may leave behind
        with environment(TMPDIR=folder):
            playwright = runner.run(async_playwright().start())
        try:
            browser = runner.run(_launched(playwright))
            try:
                yield RenderingClient(client, browser, runner, fetching, Path(folder))
            finally:
                runner.run(_ended(browser.close()))
        finally:
            # what a Ctrl-C has left undone fails now, without a word
            runner.get_loop().set_exception_handler(lambda *_: None)
            runner.run(_ended(playwright.stop()))


async def _launched(playwright: "Playwright") -> "Browser":
    from playwright.async_api import Error

    try:
        return await playwright.chromium.launch(
            executable_path=next(filter(None, map(shutil.which, NAMES)), None),
            args=ARGUMENTS,
            proxy=NOWHERE,  # type: ignore[arg-type]
            chromium_sandbox=os.geteuid() != 0,  # root has none
        )
    except Error as error:
        raise UserError(f"{MISSING}: {one_line(error)[:200]}") from None


async def _ended(ending: Awaitable[None]) -> None:
    """Wait until a page, Chromium or its driver has ended, for a while."""
    from playwright.async_api import Error

    with suppress(TimeoutError, Error):
        async with asyncio.timeout(CLOSE_S):
            await ending


class RenderingClient:
    """Fetches pages as a Client does, and hands over what their scripts have made of them.

    Args:
        client: Fetches what a page asks for, one by one.
        browser: Draws the pages.
        runner: Of the browser's loop. A Ctrl-C cancels what it runs.
        fetching: Where the client waits, so that the loop need not.
        folder: For the page that is read.
    """

    def __init__(
        self,
        client: Client,
        browser: "Browser",
        runner: asyncio.Runner,
        fetching: Executor,
        folder: Path,
    ):
        self.scrape: Scrape = client.scrape
        self._client, self._browser, self._folder = client, browser, folder
        self._runner, self._fetching = runner, fetching

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
            UserError: Beside the client's, Chromium has ended.
        """
        from playwright.async_api import Error

        answered, next_url = self._client.get(url, _head, limit, page_url, insist)
        visit = Visit(self._client, self._fetching, url, answered or url)
        try:
            drawn = self._runner.run(self._drawn(visit))
        except (Error, FetchError) as error:
            if isinstance(error, FetchError) and self._browser.is_connected():
                raise
            reason = one_line(error)[-200:]
            raise UserError(f"Chromium has ended: {reason}; run the same command again") from None
        html = drawn.encode("utf-8", "replace")
        if len(html) > (limit or self.scrape.max_page_bytes):
            raise FetchError("too_large", f"{url}: {len(html)} bytes when its scripts have run")
        path = self._folder / "page.html"
        path.write_bytes(html)
        return parse(Body(path, charset="utf-8", url=visit.url, next_url=next_url))

    async def _drawn(self, visit: "Visit") -> str:
        context = await self._browser.new_context(
            viewport=SIZE,  # type: ignore[arg-type]
            service_workers="block",
            accept_downloads=False,
        )
        try:
            return await visit.drawn(context)
        finally:
            await _ended(context.close())


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

    async def drawn(self, context: "BrowserContext") -> str:
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
            return str(html)
        except (Error, TimeoutError) as error:
            if self._failure:
                raise self._failure from None
            raise FetchError("too_slow", f"{self.url}: {self._reason(error)}") from None
        finally:
            self._is_read = True
            if self._requests > MAX_REQUESTS:
                note = f"{self.url} wants more than {MAX_REQUESTS} requests; the rest is refused"
                print_on_stderr(f"scrape: {note}")

    def _reason(self, error: Exception) -> str:
        if isinstance(error, TimeoutError):
            return f"not drawn in {self._page_client.scrape.deadline_s:g} s (scrape.deadline_s)"
        return f"cannot be drawn: {one_line(error)[:100]}"

    async def _scroll(self, page: "Page") -> None:
        """Scroll to the end until the page grows no more, or its time is up."""
        from playwright.async_api import Error

        script = "() => { scrollTo(0, 1e9); return document.documentElement.scrollHeight; }"
        height: Any = None  # whatever a page says that it is
        for _ in range(MAX_SCROLLS):
            await self._settle()
            try:
                grown = await _value(page, script, self._left_s())
            except (Error, TimeoutError):  # a script that never ends: reading will say so
                return
            if grown == height or self._over():
                return
            height = grown

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
        is_page = request.url == self.url and request.is_navigation_request()
        if is_page:
            client, url, page_url = self._page_client, self._requested_url, None
        else:
            client, url, page_url = self._extras, request.url, self.url

        def fetch() -> tuple[bytes, str | None]:
            if self._done():  # by now
                raise FetchError("too_slow", url)
            return client.get(url, _content, client.scrape.max_page_bytes, page_url)

        try:
            body, charset = await asyncio.get_running_loop().run_in_executor(self._fetching, fetch)
        except FetchError:
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


def _head(body: Body) -> tuple[str | None, str | None]:
    return body.url, body.next_url


def _content(body: Body) -> tuple[bytes, str | None]:
    return body.path.read_bytes(), body.charset
