"""python -m src app in a real browser, with every other host blocked and every connection noted."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from src.app.page_server import MAX_BYTES
from src.demo.label_map import COLORS
from src.imaging.picture_files import read_photo
from src.inference.prediction import predict_all, render_inputs
from src.model.saving import save_generator
from src.storage.encoding import encode_png
from tests.conftest import ROOT
from tests.inference.pictures import smooth
from tests.model.generators import variant

CARD = f"""# A model

| {" | ".join(f"score {number}" for number in range(20))} |
| {" --- |" * 20}
| {" 0.12345 |" * 20}

![](https://example.org/picture.png) <img src="https://example.org/other.png">
"""
# Writes a line for whatever the process does with an address, then runs the command line.
WATCHED = """
import signal, sys
EVENTS = {"socket.bind", "socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo",
          "socket.gethostbyname", "socket.gethostbyaddr", "urllib.Request"}

def note(event, arguments):
    if event in EVENTS:
        sys.stderr.write(f"{event} {arguments[1:]}\\n")

sys.addaudithook(note)
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
from src.__main__ import run
run()
"""
DROP = """([name, bytes]) => {
    const files = new DataTransfer();
    files.items.add(new File([new Uint8Array(bytes)], name));
    const event = new DragEvent("drop", {dataTransfer: files, bubbles: true, cancelable: true});
    document.body.dispatchEvent(event);
}"""


class App(NamedTuple):
    """A running app: its process, and its page's address."""

    process: subprocess.Popen[str]
    url: str

    def end(self) -> tuple[str, str]:
        """Press Ctrl-C; return what it wrote since on stdout, and all of stderr."""
        self.process.send_signal(signal.SIGINT)
        return self.process.communicate(timeout=60)


@contextmanager
def running(folder: Path, task: str) -> Iterator[App]:
    """Serve an untrained model of a task, with a card."""
    save_generator(variant(task=task, output="rgb" if task != "colorize" else "chroma"), folder)
    (folder / "README.md").write_text(CARD, encoding="utf-8")
    command = [sys.executable, "-c", WATCHED, "app", "--model", str(folder), "--port", "0"]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        line = process.stdout.readline()
        assert "Ctrl-C ends it" in line, process.communicate()
        yield App(process, line.split()[0])
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def apps(tmp_path_factory) -> Iterator[dict[str, App]]:
    folder = tmp_path_factory.mktemp("models")
    with (
        running(folder / "colorize", "colorize") as colorize,
        running(folder / "sketch", "sketch") as sketch,
        running(folder / "labels", "labels") as labels,
    ):
        yield {"colorize": colorize, "sketch": sketch, "labels": labels}


class Visit:
    """The page of an app, with its complaints and its requests."""

    def __init__(self, browser: Browser, app: App, width: int = 1280, scheme: str = "light"):
        viewport = {"width": width, "height": 800}
        self.context = browser.new_context(viewport=viewport, color_scheme=scheme)
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(app.url)

    def _on_console(self, message) -> None:
        if message.type == "error" and "422" not in message.text:
            self.complaints.append(message.text)


@pytest.fixture
def visit(browser, apps):
    """Visit the page of a task's app, and close it after the test: visit(task, width, scheme)."""
    contexts = []

    def go(task: str, *arguments) -> Visit:
        visit = Visit(browser, apps[task], *arguments)
        contexts.append(visit.context)
        return visit

    yield go
    for context in contexts:
        context.close()


def hand_over(page: Page, name: str, data: bytes) -> None:
    page.set_input_files("#file", {"name": name, "mimeType": "", "buffer": data})


def shown(page: Page, image: str) -> np.ndarray:
    """The pixels of a picture that the page shows."""
    pixels = """image => {
        const canvas = document.createElement("canvas");
        [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
        const context = canvas.getContext("2d");
        context.drawImage(image, 0, 0);
        const {data, width, height} = context.getImageData(0, 0, canvas.width, canvas.height);
        return [width, height, [...data]];
    }"""
    width, height, data = page.locator(image).evaluate(pixels)
    return np.array(data, np.uint8).reshape(height, width, 4)[..., :3]


def assert_alike(found: np.ndarray, expected: np.ndarray) -> None:
    """Two processes may round one sum differently."""
    assert np.abs(found.astype(int) - expected).max() <= 1


def draw(page: Page, *points: tuple[float, float]) -> None:
    """Drag the mouse over the canvas, by shares of its sides, and wait till its answer is shown."""
    with page.expect_response("**/drawing"):
        drag(page, *points)
    expect(page.locator("#answer")).not_to_have_attribute("aria-busy", "true")


def drag(page: Page, *points: tuple[float, float]) -> None:
    """Drag the mouse over the canvas, by shares of its sides."""
    page.locator("canvas").scroll_into_view_if_needed()
    box = page.locator("canvas").bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place)
    page.mouse.up()


def test_a_dropped_photo_is_coloured_and_can_be_saved(visit):
    page, photo = visit("colorize").page, smooth(60, 80)
    page.evaluate(DROP, ["a photo.jpg", list(encode_png(photo))])
    expect(page.locator("#status")).to_have_text("a photo.jpg")
    expected = predict_all(variant(), [photo])[0]
    assert_alike(shown(page, "#result"), expected)
    with page.expect_download() as download:
        page.click("#save")
    assert download.value.suggested_filename == "a photo-answer.png"
    assert_alike(read_photo(download.value.path()), expected)


def test_a_chosen_photo_is_answered_and_the_card_stands_beside_it(visit):
    page = visit("sketch").page
    hand_over(page, "face.png", encode_png(smooth(64, 64)))
    expect(page.locator("#status")).to_have_text("face.png")
    assert shown(page, "#seen").shape == shown(page, "#result").shape == (32, 32, 3)
    assert page.locator("aside h2").text_content() == "A model"
    work, card = page.locator("main").bounding_box(), page.locator("aside").bounding_box()
    assert card["x"] > work["x"] + work["width"]


def test_a_drawn_sketch_is_answered_after_each_stroke(visit):
    page = visit("sketch").page
    draw(page, (0.2, 0.2), (0.8, 0.2), (0.8, 0.8))
    edges = shown(page, "#seen")[..., 0]
    assert set(np.unique(edges)) == {0, 255}
    assert (edges[6, 7:25] == 255).all()
    assert 30 < (edges == 255).sum() < 50  # lines of one pixel
    expected = render_inputs(variant(task="sketch", output="rgb"), edges[None])[0]
    assert_alike(shown(page, "#result"), expected)
    page.get_by_label("eraser").check()
    draw(page, (0.5, 0.1), (0.5, 0.3))
    assert (shown(page, "#seen")[6, 14:19, 0] == 0).all()


def test_a_stroke_is_undone_and_a_drawing_cleared(visit):
    page = visit("sketch").page
    expect(page.locator("#undo")).to_be_disabled()
    drag(page, (0.1, 0.5), (0.9, 0.5))
    drag(page, (0.5, 0.1), (0.5, 0.9))
    white = (
        "canvas => canvas.getContext('2d').getImageData(0, 0, 32, 32).data"
        ".filter((level, i) => i % 4 === 0 && level === 255).length"
    )
    canvas = page.locator("canvas")
    counts = [canvas.evaluate(white)]
    for button in ("#undo", "#clear", "#undo", "#undo"):
        page.click(button)
        counts.append(canvas.evaluate(white))
    assert counts == [counts[0], counts[1], 0, counts[1], 0]
    assert counts[0] > counts[1] > 20
    expect(page.locator("#undo")).to_be_disabled()


def test_a_label_map_is_painted_by_rectangles(visit):
    page = visit("labels").page
    page.get_by_label("window").check()
    draw(page, (0.77, 0.77), (0.3, 0.2), (0.27, 0.27))
    labels = np.full((32, 32, 3), COLORS["background"], np.uint8)
    labels[8:25, 8:25] = COLORS["window"]
    assert np.array_equal(shown(page, "#seen"), labels)


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"<html>", r"^bomb\.png: expected one of JPEG, PNG"),
        (encode_png(smooth(64, 64))[:5000], r"^bomb\.png: the picture's data is broken"),
        (b"\0" * (MAX_BYTES + 1), r"^bomb\.png: the file has more than 50000000 bytes"),
    ],
    ids=["text", "truncated", "large"],
)
def test_a_refused_file_is_one_line_on_the_page_and_the_next_one_is_answered(
    visit, tmp_path, data, line
):
    visited = visit("colorize")
    file = tmp_path / "bomb.png"
    file.write_bytes(data)
    visited.page.set_input_files("#file", file)
    status = visited.page.locator("#status")
    expect(status).to_have_text(re.compile(line))
    expect(status).to_have_class("bad")
    hand_over(visited.page, "photo.png", encode_png(smooth(20, 20)))
    expect(status).to_have_text("photo.png")
    expect(status).not_to_have_class("bad")
    assert visited.complaints == []


@pytest.mark.parametrize("task", ["colorize", "sketch", "labels"])
def test_every_request_of_the_page_goes_to_this_machine(visit, apps, task):
    visited = visit(task)
    hand_over(visited.page, "photo.png", encode_png(smooth(40, 40)))
    expect(visited.page.locator("#status")).to_have_text("photo.png")
    if task != "colorize":
        draw(visited.page, (0.2, 0.2), (0.8, 0.8))
    visited.page.wait_for_load_state("networkidle")
    asked = [url for url in visited.requests if not url.startswith(("blob:", "data:"))]
    assert {url.removeprefix(apps[task].url) for url in asked} == {
        "",
        "page.css",
        "page.js",
        "photo",
        *(["drawing"] if task != "colorize" else []),
    }
    assert apps[task].url.startswith("http://127.0.0.1:")
    assert visited.complaints == []


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("task", ["colorize", "sketch", "labels"])
def test_nothing_is_wider_than_the_window(visit, task, width):
    page = visit(task, width).page
    hand_over(page, f"{'W' * 200}.png", encode_png(smooth(40, 400)))
    expect(page.locator("#answer")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_photo_is_chosen_by_keyboard(visit):
    page = visit("sketch").page
    file = {"name": "a.png", "mimeType": "", "buffer": encode_png(smooth(9, 9))}
    page.on("filechooser", lambda chooser: chooser.set_files(file))
    page.keyboard.press("Tab")
    expect(page.locator("#file")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_have_text("a.png")


def test_ctrl_c_ends_it_with_one_line_and_no_connection_was_opened(browser, tmp_path):
    with running(tmp_path / "model", "colorize") as app:
        visited = Visit(browser, app)
        hand_over(visited.page, "a.png", encode_png(smooth(20, 20)))
        expect(visited.page.locator("#status")).to_have_text("a.png")
        written, noted = app.end()
        hand_over(visited.page, "a.png", encode_png(smooth(20, 20)))
        expect(visited.page.locator("#status")).to_have_text(
            re.compile("^no answer: start `python")
        )
        visited.context.close()
    assert written == "stopped\n"
    assert app.process.returncode == 0
    assert noted.splitlines() == ["socket.bind (('127.0.0.1', 0),)"]
