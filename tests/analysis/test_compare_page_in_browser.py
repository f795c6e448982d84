"""The page of a comparison in a real browser: it loads, reads and fits, whatever the names."""

from pathlib import Path

import pytest

from src.analysis import compare_page
from src.analysis.changes import CodeChange
from src.analysis.revision import PARAMETERS
from tests.analysis.contenders import PARAMS, contender, page
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

SCHEMES = ("light", "dark")


@pytest.fixture(scope="module", params=range(3), ids=["markup", "right to left", "long"])
def file(request, tmp_path_factory, photos) -> Path:
    """A page with hostile names of experiments, parameters and files, and with groups of pictures."""
    folder = tmp_path_factory.mktemp("compared")
    names = (HOSTILE[:2], HOSTILE[3:5], (HOSTILE[2], HOSTILE[5]))[request.param]
    a, b = (
        contender(letter, folder / letter, photos, noise, name)
        for letter, noise, name in zip("AB", (90, 5), names, strict=True)
    )
    (folder / "B" / PARAMETERS).write_text(PARAMS.replace("encdec", "n" * 200) + "  seed: 1\n")
    changes = [CodeChange(f"src/{names[0]}{number}.py", 300, 1000) for number in range(30)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compare_page, "N_BEST", 5)
        patch.setattr(compare_page, "code_changes", lambda *_: changes)
        (folder / "page.html").write_text(page(a, b), encoding="utf-8")
    return folder / "page.html"


def test_it_loads_without_complaint_or_request(visit, file):
    visited = visit(file)
    open_all(visited.page)
    visited.page.wait_for_load_state("networkidle")
    assert visited.complaints == []
    assert visited.requests[0] == file.as_uri()
    assert {url.partition(":")[0] for url in visited.requests[1:]} <= {"data"}
    shown = images(visited.page)
    assert len(shown) == 4 * (5 + 8 + 5)
    assert all(natural > 0 and width > 0 and alt for natural, width, alt in shown)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", list(WIDTHS))
def test_nothing_overflows_overlaps_or_is_cut_off(visit, file, width, scheme):
    visited = visit(file, width, scheme).page
    for state in ("as it loads", "all open"):
        assert scroll_width(visited) <= WIDTHS[width], state
        assert overlapping_labels(visited) == [], state
        assert cut_off_labels(visited) == [], state
        open_all(visited)
    assert overflowing_boxes(visited) == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_text_stands_out_from_its_background(visit, file, scheme):
    visited = visit(file, "desk", scheme).page
    open_all(visited)
    faint, count = faint_texts(visited)
    assert count > 50
    assert faint == []


@pytest.mark.parametrize("width", list(WIDTHS))
def test_the_four_pictures_of_a_row_stand_side_by_side_and_open_large(visit, file, width):
    visited = visit(file, width).page
    row = visited.locator(".four").first.locator("img")
    tops = {row.nth(number).bounding_box()["y"] for number in range(4)}
    assert len(tops) == 1
    row.nth(1).scroll_into_view_if_needed()
    small = row.nth(1).bounding_box()
    row.nth(1).click()
    large, window = row.nth(1).bounding_box(), visited.viewport_size
    assert large["width"] >= 0.9 * window["width"] > 2 * small["width"]
    row.nth(1).click()
    assert row.nth(1).bounding_box() == small


def test_a_link_of_the_navigation_leads_to_its_section(visit, file):
    visited = visit(file).page
    links = visited.locator("nav a").all()
    assert len(links) == 5
    for link in links:
        link.click()
        assert visited.locator(link.get_attribute("href") or "").locator("h2").is_visible()


def test_names_are_text_and_do_not_turn_the_words_after_them(visit, file):
    visited = visit(file).page
    open_all(visited)
    assert visited.locator("script, iframe, object, embed, base, form, img[src=x]").count() == 0
    assert handlers(visited) == []
    assert turned_texts(visited, ".verdict b", " is better in ") == ([], 1)
    assert turned_texts(visited, ".contenders li", "the working ") == ([], 2)
    assert turned_texts(visited, ".words", "better by ") == ([], 5)
    assert turned_texts(visited, "svg text", ", last ") == ([], 10)
    sentence = visited.locator(".verdict b").inner_text()
    assert sentence.startswith("B ")
    assert sentence.endswith("is better in l1, psnr, ssim, fd_means, kd_means_x1000.")
