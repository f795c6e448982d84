"""page.html in a real browser: it loads, reads, works by keyboard and fits, whatever the names."""

import re
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.report.artifacts import Artifacts, finding, offender

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
if not CHROMIUM:
    pytest.skip(
        "no Chromium to look at the page with: apt-get install chromium", allow_module_level=True
    )

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    'O\'Brien "the" `quote` &amp; {{ 7*7 }}',
    "\u202egnp.evil",  # right to left from here on, never closed
    "\u0639\u0645\u0631 \u0627\u0644\u0634\u0631\u064a\u0641",
    "W" * 300,
)
URL = "javascript:alert(document.domain)//" + "x" * 200
WIDTHS = {"phone": 360, "desk": 1280}

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

# Each text's words after its last colon, as lines of the characters' positions from left to right.
LAST_WORDS = """selector => [...document.querySelectorAll(selector)].map(element => {
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
    for (const [, left, top, width] of positions.slice(text.lastIndexOf(": ") + 2)) {
        if (width) lines.set(top, [...(lines.get(top) ?? []), left]);
    }
    return [text, [...lines.values()]];
}).filter(([text]) => text.includes(": "))"""


def hostile_page(folder: Path) -> Path:
    """A page with every kind of gallery, hostile text all over, and checks that stop and warn."""
    words = ["keep"] * 8 + "grayscale exact_duplicate near_duplicate".split() * 4
    words += "too_small unreadable missing".split() * 4
    artifacts = Artifacts(folder, words=words, val=5)
    artifacts.labels = True
    names = [HOSTILE[row % len(HOSTILE)] for row in range(len(words))]
    artifacts.table["name"] = artifacts.table["item_id"] = names
    artifacts.table["page_url"] = artifacts.table["image_url"] = URL
    artifacts.parameters = f"gallery:\n  url: {URL}\n  item: {HOSTILE[0]}\n"
    artifacts.experiment = f"experiment {HOSTILE[0]} on 0123456789"
    at_fault = [offender(row, name) for row, name in enumerate(names)]
    at_fault.append(offender(4711, "not in the ledger"))
    artifacts.findings = [
        finding("leaked_pictures", True, at_fault[-20:]),
        finding("upscaled_pictures", True, at_fault[:3], "warn"),
        finding("train_size", False, at_fault),
    ]
    artifacts.review = [
        finding("lost_color", True, at_fault[:2], "warn"),
        finding("saturated_outputs", True, at_fault[:3], "fail"),
    ]
    page = folder / "index.html"
    page.write_text(artifacts.render(), encoding="utf-8")
    return page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    return hostile_page(tmp_path_factory.mktemp("hostile"))


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


def test_it_loads_without_complaint_or_request(visit, file):
    visited = visit(file)
    open_all(visited.page)
    visited.page.wait_for_load_state("networkidle")
    assert visited.complaints == []
    assert visited.requests[0] == file.as_uri()
    assert {url.partition(":")[0] for url in visited.requests[1:]} <= {"data"}
    assert visited.page.title()


def test_every_picture_is_shown_and_described(visit, file):
    page = visit(file).page
    open_all(page)
    images = page.evaluate(
        "Promise.all([...document.images].map(async img => {"
        "  await img.decode().catch(() => 0);"
        "  return [img.naturalWidth, img.width, img.alt.trim()];"
        "}))"
    )
    assert images
    assert all(natural > 0 and width > 0 and alt for natural, width, alt in images)


def test_a_link_of_the_funnel_opens_its_gallery(visit, file):
    page = visit(file).page
    links = page.locator("ol.funnel a")
    hrefs = [links.nth(i).get_attribute("href") or "" for i in range(links.count())]
    assert hrefs
    for href, link in zip(hrefs, links.all(), strict=True):
        link.click()
        target = page.locator(href)
        assert target.evaluate("e => e.closest('details').open"), href
        assert target.is_visible(), href
        top = target.evaluate("e => e.getBoundingClientRect().top")
        assert -1 <= top < 800, href


def test_a_link_of_the_navigation_leads_to_its_section(visit, file):
    page = visit(file).page
    for link in page.locator("nav a").all():
        link.click()
        section = page.locator(link.get_attribute("href") or "")
        assert section.locator("h2").is_visible()
        bottom = section.evaluate("e => e.getBoundingClientRect().bottom")
        assert bottom > 0


def test_everything_opens_by_keyboard(visit, file):
    page = visit(file).page
    summaries = page.query_selector_all("details:not(.zoom) > summary")
    assert len(summaries) > 60
    for summary in summaries:  # in the page's order: what is inside is reached after it opened
        was_open, focused = summary.evaluate(
            "s => (s.focus(), [s.parentElement.open, s === document.activeElement])"
        )
        assert focused
        page.keyboard.press("Enter")
        assert summary.evaluate("s => s.parentElement.open") is not was_open
        if was_open:
            page.keyboard.press("Enter")
    assert page.locator("details:not([open], .zoom)").count() == 0


@pytest.mark.parametrize("width", list(WIDTHS))
def test_a_picture_opens_large_over_the_page_and_closes_by_a_click(visit, file, width):
    page = visit(file, width).page
    picture = page.locator("#samples img").nth(1)
    picture.scroll_into_view_if_needed()
    small = picture.bounding_box()
    picture.click()
    large, window = picture.bounding_box(), page.viewport_size
    assert large["width"] >= 0.9 * window["width"] > 2 * small["width"]
    assert 0 <= large["y"] < large["y"] + large["height"] <= window["height"]
    assert page.evaluate("document.documentElement.scrollWidth") <= window["width"]
    picture.click()
    assert picture.bounding_box() == small


def test_pictures_open_large_by_keyboard_one_at_a_time(visit, file):
    page = visit(file).page
    names = []
    for number in (0, 1):
        summary = page.locator("#samples .zoom > summary").nth(number)
        summary.focus()
        page.keyboard.press("Enter")
        assert page.locator(".zoom[open]").count() == 1
        names.append(page.locator(".zoom[open] img").get_attribute("alt"))
    assert names == ["row 0, input", "row 0, output"]
    page.keyboard.press("Space")
    assert page.locator(".zoom[open]").count() == 0


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


@pytest.mark.parametrize("width", list(WIDTHS))
def test_no_label_covers_another(visit, file, width):
    page = visit(file, width).page
    assert page.locator("svg text").count() > 40
    for state in ("as it loads", "all open"):
        assert page.evaluate(OVERLAPS) == [], state
        open_all(page)


def test_no_label_of_a_chart_is_cut_off(visit, file):
    page = visit(file, "phone").page
    cut = page.evaluate(
        "[...document.querySelectorAll('svg text')].filter(text => {"
        "  const box = text.getBoundingClientRect(), frame = text.closest('svg').getBoundingClientRect();"
        "  return box.left < frame.left - 1 || box.right > frame.right + 1 || box.bottom > frame.bottom + 1;"
        "}).map(text => text.textContent)"
    )
    assert cut == []


def test_no_score_is_cut_off_on_a_desk(visit, file):
    region = visit(file).page.locator("#scores .scroll")
    assert region.evaluate("e => e.scrollWidth <= e.clientWidth")


def test_the_marks_of_the_scores_are_seen_on_a_phone(visit, file):
    page = visit(file, "phone").page
    marks = page.locator("#scores td [aria-hidden]").all()
    assert len(marks) == 5
    for mark in marks:
        box = mark.bounding_box()
        assert 0 <= box["x"] < box["x"] + box["width"] <= WIDTHS["phone"]


def test_the_keyboards_focus_is_visible(visit, file):
    page = visit(file).page
    page.keyboard.press("Tab")
    style, width = page.evaluate(
        "(s => [s.outlineStyle, parseFloat(s.outlineWidth)])(getComputedStyle(document.activeElement))"
    )
    assert style != "none"
    assert width >= 2


def test_hostile_names_are_text_and_make_no_element(visit, file):
    page = visit(file).page
    open_all(page)
    text = page.locator("body").inner_text()
    for name in (*HOSTILE, URL):
        assert name in text
    assert page.locator("script, iframe, object, embed, base, form, img[src=x]").count() == 0
    handlers = page.evaluate(
        "[...document.querySelectorAll('*')].flatMap(e => e.getAttributeNames())"
        ".filter(name => name.startsWith('on'))"
    )
    assert handlers == []
    schemes = page.evaluate("[...document.querySelectorAll('a')].map(a => a.protocol)")
    assert set(schemes) == {"file:"}


def test_names_written_right_to_left_do_not_turn_the_words_after_them(visit, file):
    page = visit(file).page
    open_all(page)
    texts = page.evaluate(LAST_WORDS, ".gallery figcaption, .unseen bdi, .check bdi")
    assert len(texts) > 40
    turned = {text for text, lines in texts if any(line != sorted(line) for line in lines)}
    assert turned == set()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", list(WIDTHS))
def test_nothing_is_wider_than_the_window(visit, file, width, scheme):
    page = visit(file, width, scheme).page
    for state in ("as it loads", "all open"):
        wide = page.evaluate(
            "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        assert wide[0] <= wide[1] <= WIDTHS[width], state
        open_all(page)


@pytest.mark.parametrize("width", list(WIDTHS))
def test_no_text_runs_out_of_its_box(visit, file, width):
    page = visit(file, width).page
    open_all(page)
    out = page.evaluate(
        "[...document.querySelectorAll('figure, figcaption, dl, dd, li, summary, .check, .part, td')]"
        ".filter(e => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== 'inline')"
        ".map(e => `${e.tagName}.${e.className}: ${e.textContent.trim().slice(0, 40)}`)"
    )
    assert out == []


def test_headings_go_down_one_level_at_a_time(visit, file):
    levels = visit(file).page.evaluate(
        "[...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].map(h => +h.tagName[1])"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_background(visit, file, scheme):
    page = visit(file, "desk", scheme).page
    open_all(page)
    texts = ".verdict, .good, .bad, .warn, small, a, figcaption, summary, dt, dd, svg text, th, td"
    contrasts = page.evaluate(CONTRASTS, texts)
    assert len(contrasts) > 50
    assert [(round(ratio, 2), text) for ratio, text in contrasts if ratio < 4.5] == []


def test_the_schemes_differ(visit, file):
    background = {
        scheme: visit(file, "desk", scheme).page.screenshot(
            clip={"x": 0, "y": 0, "width": 9, "height": 9}
        )
        for scheme in ("light", "dark")
    }
    assert background["light"] != background["dark"]


def test_failed_checks_are_open_and_passed_ones_shut(visit, file):
    page = visit(file).page
    assert page.locator("#check-leaked_pictures img").first.is_visible()
    assert page.locator("#check-upscaled_pictures img").first.is_visible()
    assert not page.locator("#check-train_size p").first.is_visible()
    assert page.locator("#check-saturated_outputs img").first.is_visible()
    assert not page.locator("#check-train_size").is_visible()
    assert re.search("Do not trust the scores", page.locator(".verdict").inner_text())
