"""The page's HTML: what it asks for, and a stranger's model card in it."""

import os
import re

import pytest

from src.app.app_page import MAX_CARD_BYTES, card_html, read_card, render_page
from src.demo.label_map import COLORS
from tests.model.generators import variant

HOSTILE = """# <script>alert(1)</script>

![picture](https://example.org/a.png) [click](javascript:alert(1)) <https://example.org>
[other]: https://example.org

<img src=x onerror=alert(1)>
"""


def page(task: str, card: str = "# A model") -> str:
    return render_page(variant(task=task, output="rgb"), card, 50_000_000)


def test_a_model_that_colours_is_asked_for_a_photo_alone():
    assert "Drop a photo here" in page("colorize")
    assert "<canvas" not in page("colorize")


def test_a_sketch_is_drawn_on_a_canvas_of_the_size_of_training():
    assert '<canvas width="32" height="32" data-empty="#000000"' in page("sketch")


def test_a_label_map_is_painted_in_the_twelve_colours_of_cmp():
    values = re.findall(r'name="tool" value="#(\w{6})"', page("labels"))
    assert [tuple(bytes.fromhex(value)) for value in values] == list(COLORS.values())


def test_the_page_has_no_inline_script_or_style_and_names_no_other_host():
    for task in ("colorize", "sketch", "labels"):
        html = page(task)
        assert re.findall(r"<script[^>]*>", html) == ['<script type="module" src="/page.js">']
        assert not re.search(r"<style|\sstyle=|\son\w+=|https?:|//", html)


def test_a_card_is_shown_one_level_below_the_pages_own_heading():
    assert "<h2>A model</h2>" in page("colorize")
    assert "<h6>deep</h6>" in card_html("###### deep")
    table = card_html("| a | b |\n| --- | ---: |\n| 1 | 2 |\n")
    assert "<table>" in table
    assert '<td class="number">2</td>' in table
    assert "style=" not in table  # which the page's own rules would block


def test_a_strangers_card_runs_nothing_and_links_nowhere():
    html = card_html(HOSTILE)
    assert not re.search(r"<(script|img|a)\b", html)
    assert "&lt;script&gt;" in html


@pytest.mark.parametrize("body", [None, b"\xff card", b"x" * (2 * MAX_CARD_BYTES)])
def test_any_card_is_read_and_a_missing_one_is_said_to_be_missing(tmp_path, body):
    if body is not None:
        (tmp_path / "README.md").write_bytes(body)
    card = read_card(tmp_path)
    assert ("has no model card" in card) == (body is None)
    assert 0 < len(card) <= MAX_CARD_BYTES


def test_a_pipe_in_place_of_a_card_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "README.md")
    assert "has no model card" in read_card(tmp_path)
