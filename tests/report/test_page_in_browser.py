"""page.html in a real browser: it loads, reads, works by keyboard and fits, whatever the names."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

from tests.browser import (
    HOSTILE,
    WIDTHS,
    cut_off_labels,
    faint_texts,
    handlers,
    images,
    open_all,
    overflowing_boxes,
    overlapping_labels,
    scroll_width,
    turned_texts,
)
from tests.report.artifacts import SIZE, Artifacts, finding, offender

URL = "javascript:alert(document.domain)//" + "x" * 200


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
def file(tmp_path_factory) -> Path:
    return hostile_page(tmp_path_factory.mktemp("hostile"))


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
    shown = images(page)
    assert shown
    assert all(natural > 0 and width > 0 and alt for natural, width, alt in shown)


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


def test_pictures_much_higher_than_wide_leave_room_for_others(visit, tmp_path):
    artifacts = Artifacts(tmp_path)
    artifacts.height, artifacts.labels = 16 * SIZE, True
    file = tmp_path / "index.html"
    file.write_text(artifacts.render(), encoding="utf-8")
    page = visit(file).page
    open_all(page)
    sizes_of = "all => all.map(image => [image.clientWidth, image.clientHeight])"
    samples, pairs = (
        page.eval_on_selector_all(f"#{part} img", sizes_of) for part in ("samples", "pairs")
    )
    assert len(samples) > len(pairs) > 0
    assert max(height for _, height in samples + pairs) <= 24 * 16
    # nothing of a sample is cut off
    assert min(width / height for width, height in samples) == pytest.approx(1 / 16, rel=0.05)


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


@pytest.mark.parametrize("width", list(WIDTHS))
def test_no_label_covers_another(visit, file, width):
    page = visit(file, width).page
    assert page.locator("svg text").count() > 40
    for state in ("as it loads", "all open"):
        assert overlapping_labels(page) == [], state
        open_all(page)


def test_no_label_of_a_chart_is_cut_off(visit, file):
    assert cut_off_labels(visit(file, "phone").page) == []


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
    assert handlers(page) == []
    schemes = page.evaluate("[...document.querySelectorAll('a')].map(a => a.protocol)")
    assert set(schemes) == {"file:"}


def test_names_written_right_to_left_do_not_turn_the_words_after_them(visit, file):
    page = visit(file).page
    open_all(page)
    turned, count = turned_texts(page, ".gallery figcaption, .unseen bdi, .check bdi")
    assert count > 40
    assert turned == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", list(WIDTHS))
def test_nothing_is_wider_than_the_window(visit, file, width, scheme):
    page = visit(file, width, scheme).page
    for state in ("as it loads", "all open"):
        assert scroll_width(page) <= WIDTHS[width], state
        open_all(page)


@pytest.mark.parametrize("width", list(WIDTHS))
def test_no_text_runs_out_of_its_box(visit, file, width):
    page = visit(file, width).page
    open_all(page)
    assert overflowing_boxes(page) == []


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
    faint, count = faint_texts(page)
    assert count > 50
    assert faint == []


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
