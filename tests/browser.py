"""Pages in a real browser: how a test visits them without a network, and what it asks of them."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    'O\'Brien "the" `quote` &amp; {{ 7*7 }}',
    "\u202egnp.evil",  # right to left from here on, never closed
    "\u0639\u0645\u0631 \u0627\u0644\u0634\u0631\u064a\u0641",
    "W" * 300,
)
WIDTHS = {"phone": 360, "desk": 1280}

TEXTS = (
    ".verdict, .good, .bad, .warn, .a, .b, small, a, figcaption, summary, dt, dd, svg text, th, td"
)
# The contrast of each text to its background, with opacity and transparent backgrounds applied.
CONTRASTS = """selector => {
    const paint = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
    const parse = color => {  // by painting it: a computed colour has many spellings
        paint.clearRect(0, 0, 1, 1);
        paint.fillStyle = color;
        paint.fillRect(0, 0, 1, 1);
        const [r, g, b, a] = paint.getImageData(0, 0, 1, 1).data;
        return [r, g, b, a / 255];
    };
    const over = (top, below, alpha) => below.map((c, i) => top[i] * alpha + c * (1 - alpha));
    const probe = document.body.appendChild(document.createElement("div"));
    probe.style.color = "Canvas";
    const canvas = parse(getComputedStyle(probe).color).slice(0, 3);
    probe.remove();
    const light = color => {
        const [r, g, b] = color.map(c => {
            const s = c / 255;
            return s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    return [...document.querySelectorAll(selector)].map(element => {
        const above = [];
        for (let e = element; e; e = e.parentElement) above.unshift(getComputedStyle(e));
        let background = canvas, opacity = 1;
        for (const style of above) {
            const color = parse(style.backgroundColor);
            background = over(color, background, color[3]);
            opacity *= Number(style.opacity);
        }
        const style = above.at(-1);
        const color = parse(element.closest("svg") ? style.fill : style.color);
        const seen = over(color, background, color[3] * opacity);
        const [low, high] = [light(seen), light(background)].sort((a, b) => a - b);
        const text = element.textContent.trim().slice(0, 30);
        return [(high + 0.05) / (low + 0.05), `${element.tagName}.${element.className}: ${text}`];
    });
}"""

# Each text's words after a mark, as lines of the characters' positions from left to right.
LAST_WORDS = """([selector, mark]) => [...document.querySelectorAll(selector)].map(element => {
    const positions = [], walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const node = walker.currentNode;
        for (let at = 0; at < node.length; at++) {
            const range = new Range();
            range.setStart(node, at);
            range.setEnd(node, at + 1);
            const {left, top, width} = range.getBoundingClientRect();
            positions.push([node.data[at], left, Math.round(top), width]);
        }
    }
    const text = positions.map(position => position[0]).join("");
    const lines = new Map();
    for (const [, left, top, width] of positions.slice(text.lastIndexOf(mark) + mark.length)) {
        if (width) lines.set(top, [...(lines.get(top) ?? []), left]);
    }
    return [text, [...lines.values()]];
}).filter(([text]) => text.includes(mark))"""


# Pairs of texts whose boxes overlap: of charts, captions, cells, links of the navigation.
OVERLAPS = """() => {
    const selectors = "svg text, figcaption, th, td, nav a, h2, h3, .funnel small, .lineage > summary";
    const boxes = [...document.querySelectorAll(selectors)].flatMap(element => {
        const range = document.createRange();
        range.selectNodeContents(element);
        const box = element.closest("svg, figcaption")  // a caption cuts what is too long
            ? element.getBoundingClientRect() : range.getBoundingClientRect();
        const clip = element.closest(".scroll")?.getBoundingClientRect();
        const seen = element.checkVisibility({contentVisibilityAuto: true}) && (!clip || box.left < clip.right);
        return seen ? [[element, box]] : [];
    });
    const found = [];
    for (const [i, [a, p]] of boxes.entries()) for (const [b, q] of boxes.slice(i + 1)) {
        const across = Math.min(p.right, q.right) - Math.max(p.left, q.left);
        const down = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
        if (across > 1 && down > 1 && !a.contains(b))
            found.push(`${a.textContent.trim().slice(0, 30)} | ${b.textContent.trim().slice(0, 30)}`);
    }
    return found;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser that knows no host but this machine."""
    if not CHROMIUM:
        pytest.skip("no Chromium to look at a page with: apt-get install chromium")
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu"]
        arguments += ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


class Visit:
    """A page opened without a network, with its complaints and its requests."""

    def __init__(self, browser: Browser, file: Path, width: str = "desk", scheme: str = "light"):
        self.context = browser.new_context(
            viewport={"width": WIDTHS[width], "height": 800},
            color_scheme=scheme,
            offline=True,
        )
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.page.on("dialog", self._on_dialog)
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(file.as_uri())

    def _on_console(self, message) -> None:
        if message.type == "error":
            self.complaints.append(message.text)

    def _on_dialog(self, dialog) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()


@pytest.fixture
def visit(browser):
    """Visit a page, and close it after the test: visit(file, width, scheme)."""
    contexts = []

    def go(*arguments) -> Visit:
        visit = Visit(browser, *arguments)
        contexts.append(visit.context)
        return visit

    yield go
    for context in contexts:
        context.close()


def open_all(page: Page) -> None:
    """Open all that is folded; pictures stay as small as they are."""
    page.evaluate("for (const d of document.querySelectorAll('details:not(.zoom)')) d.open = true")


def images(page: Page) -> list[list]:
    """Return the width in pixels, the width on the page and the description of every picture."""
    return page.evaluate(
        "Promise.all([...document.images].map(async img => {"
        "  await img.decode().catch(() => 0);"
        "  return [img.naturalWidth, img.width, img.alt.trim()];"
        "}))"
    )


def overlapping_labels(page: Page) -> list[str]:
    return page.evaluate(OVERLAPS)


def cut_off_labels(page: Page) -> list[str]:
    """Return the labels of charts that reach over the chart's edge."""
    return page.evaluate(
        "[...document.querySelectorAll('svg text')].filter(text => {"
        "  const box = text.getBoundingClientRect(), frame = text.closest('svg').getBoundingClientRect();"
        "  return box.left < frame.left - 1 || box.right > frame.right + 1 || box.bottom > frame.bottom + 1;"
        "}).map(text => text.textContent)"
    )


def handlers(page: Page) -> list[str]:
    """Return the attributes that would run a script."""
    return page.evaluate(
        "[...document.querySelectorAll('*')].flatMap(e => e.getAttributeNames())"
        ".filter(name => name.startsWith('on'))"
    )


def scroll_width(page: Page) -> int:
    """Return the width of the page, which is the window's if nothing is wider."""
    return page.evaluate("document.documentElement.scrollWidth")


def overflowing_boxes(page: Page) -> list[str]:
    """Return the boxes whose text runs out of them."""
    return page.evaluate(
        "[...document.querySelectorAll('figure, figcaption, dl, dd, li, summary, .check, .part, td')]"
        ".filter(e => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== 'inline')"
        ".map(e => `${e.tagName}.${e.className}: ${e.textContent.trim().slice(0, 40)}`)"
    )


def faint_texts(page: Page) -> tuple[list[tuple[float, str]], int]:
    """Return the texts with a contrast below 4.5, and how many texts were looked at."""
    contrasts = page.evaluate(CONTRASTS, TEXTS)
    return [(round(ratio, 2), text) for ratio, text in contrasts if ratio < 4.5], len(contrasts)


def turned_texts(page: Page, selector: str, mark: str = ": ") -> tuple[list[str], int]:
    """Return the texts whose words after a mark do not run from left to right, and how many have it."""
    texts = page.evaluate(LAST_WORDS, [selector, mark])
    turned = [text for text, lines in texts if any(line != sorted(line) for line in lines)]
    return turned, len(texts)
