"""List pages as their scripts draw them, in headless Chromium through Playwright.

Chromium itself sends nothing: it has no way to the network. Each of a page's requests is answered
here, by what the client fetches. So robots.txt, pace, budgets and the refusal of private addresses
hold for all of them. Nothing is posted, no cookie is sent, and no challenge is solved.
"""

import asyncio
import os
import shutil
from collections.abc import Awaitable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from src.errors import UserError, one_line
from src.parallel.daemon_threads import DaemonThreadPool
from src.params import Scrape
from src.scrape.http.cache import Body, ParseBody, Result
from src.scrape.http.client import Client
from src.scrape.http.fetch_errors import FetchError
from src.scrape.visits import Visit
from src.storage.environment import environment

if TYPE_CHECKING:
    from playwright.async_api import Browser, Playwright

CLOSE_S = 10.0  # for Chromium to end a page, or itself
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
def open_renderer(client: Client) -> Iterator["RenderingClient"]:
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
            browser = runner.run(_launch(playwright))
            try:
                yield RenderingClient(client, browser, runner, fetching, Path(folder))
            finally:
                runner.run(_wait_until_ended(browser.close()))
        finally:
            # what a Ctrl-C has left undone fails now, without a word
            runner.get_loop().set_exception_handler(lambda *_: None)
            runner.run(_wait_until_ended(playwright.stop()))


async def _launch(playwright: "Playwright") -> "Browser":
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


async def _wait_until_ended(ending: Awaitable[None]) -> None:
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
            text = self._runner.run(self._draw(visit))
        except (Error, FetchError) as error:
            if isinstance(error, FetchError) and self._browser.is_connected():
                raise
            reason = one_line(error)[-200:]
            raise UserError(f"Chromium has ended: {reason}; run the same command again") from None
        html = text.encode("utf-8", "replace")
        if len(html) > (limit or self.scrape.max_page_bytes):
            raise FetchError("too_large", f"{url}: {len(html)} bytes when its scripts have run")
        path = self._folder / "page.html"
        path.write_bytes(html)
        return parse(Body(path, charset="utf-8", url=visit.url, next_url=next_url))

    async def _draw(self, visit: "Visit") -> str:
        context = await self._browser.new_context(
            viewport=SIZE,  # type: ignore[arg-type]
            service_workers="block",
            accept_downloads=False,
        )
        try:
            return await visit.draw(context)
        finally:
            await _wait_until_ended(context.close())


def _head(body: Body) -> tuple[str | None, str | None]:
    return body.url, body.next_url
