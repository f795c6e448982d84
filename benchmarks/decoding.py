"""Whether pictures look as Chromium shows them: python -m benchmarks.decoding FOLDER... [--list]

Each picture file is laid on white in sRGB, by this project and by Chromium, and both are compared.
A picture is equal if its mean difference is at most 1.5 levels. Files that Chromium does not show,
such as TIFF, are counted apart. Nothing leaves this machine.
"""

import argparse
import fnmatch
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Page, sync_playwright

from src.imaging import decoding
from tests.browser import CHROMIUM

SUFFIXES = frozenset(
    ".apng .avif .bmp .dib .gif .jfif .jpe .jpeg .jpg .mpo .png .tif .tiff .webp".split()
)
MAX_DIFFERENCE = 1.5  # levels
# Why a file is not as in Chromium, by the ends of paths
EXCEPTIONS = {
    "it breaks off or is damaged: Chromium shows a part, or nothing": (
        *("truncated*.*", "shortfile.bmp", "Bad_shortfile.bmp", "broken_data_stream.png"),
        *("ultrahdr.jpg", "oss-fuzz-36829.jpeg", "Bad_unusual_extend_buffer_usage.bmp"),
        *("mmap_error.bmp", "badrle.bmp", "rle_overflow.bmp", "pal4rlecut.bmp", "issue_2811.gif"),
        *("zero-loop-count.gif", "issue_1455_undersized.gif"),
    ),
    "a damaged animation: Chromium shows nothing, or a later frame": (
        *("chunk_no_fctl.png", "chunk_no_fdat.png", "chunk_repeat_fctl.png"),
        *("sequence_fdat_fctl.png", "sequence_start.png"),
    ),
    "a kind of BMP that is hardly found: Pillow reads none": (
        *("pal2.bmp", "pal2color.bmp", "pal8os2v2-16.bmp", "rgb24rle24.bmp", "rgb16-880.bmp"),
        *("badpalettesize.bmp", "pal8oversizepal.bmp", "rgb24prof2.bmp"),
    ),
    "a BMP with gaps between its run lengths, or with opacity and no mask of it": (
        *("pal?rletrns.bmp", "V5_A8_R8_G8_B8_Rgb.bmp", "V5_A8_R8_G8_B8_Rgb_BadMask.bmp"),
    ),
    "more than 100 megapixels": ("giant-image.jpg",),
    "CMYK: perceptual intent with black point, Chromium relative without": (
        *("Channel_digital_image_CMYK_color.jpg", "icc-cmyk.jpg"),
    ),
    "a profile of tables: another intent": ("hilutite.jpg",),
}

# Chromium's pixels of a file, compared with those of the project that the server holds.
COMPARE = """async number => {
    const image = new Image();
    image.src = `/${number}/file`;
    try { await image.decode(); } catch { return null; }
    const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
    const paint = canvas.getContext("2d", {willReadFrequently: true});
    paint.fillStyle = "white";
    paint.fillRect(0, 0, canvas.width, canvas.height);
    paint.drawImage(image, 0, 0);
    const shown = paint.getImageData(0, 0, canvas.width, canvas.height).data;
    const answer = await fetch(`/${number}/pixels`);
    const size = [canvas.width, canvas.height];
    if (!answer.ok) return {size};
    const [width, height] = answer.headers.get("size").split("x").map(Number);
    if (width !== canvas.width || height !== canvas.height) return {size, own: [width, height]};
    const own = new Uint8Array(await answer.arrayBuffer());
    let sum = 0;
    for (let at = 0, from = 0; at < own.length; at += 3, from += 4)
        for (let c = 0; c < 3; c++) sum += Math.abs(own[at + c] - shown[from + c]);
    return {size, difference: sum / own.length};
}"""


class Comparison(NamedTuple):
    """How a file fared.

    Attributes:
        verdict: equal, different, refused, or hidden if Chromium does not show it.
        detail: The difference in levels, the two sizes, or the refusal.
        exception: Why the difference is meant; empty if it is not.
    """

    file: str
    kind: str
    verdict: str
    detail: str
    exception: str


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.decoding", description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument(
        "--list", action="store_true", help="also print every file that is not equal"
    )
    given = parser.parse_args()
    comparisons = [c for folder in given.folders for c in compare(folder)]
    print_table(comparisons)
    if given.list:
        for c in comparisons:
            if c.verdict in ("different", "refused"):
                print(f"{c.verdict} {c.file} {c.detail} {c.exception}")


def compare(folder: Path) -> list[Comparison]:
    """Compare every picture file in a folder and below."""
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    with served(files) as (address, refusals), chromium(address) as page:
        found = []
        for number, file in enumerate(files):
            answer = page.evaluate(COMPARE, number)
            name = str(file.relative_to(folder.parent))
            verdict, detail = _verdict(answer, refusals.get(number, ""))
            found.append(Comparison(name, _kind(file), verdict, detail, _exception(name)))
    return found


def _verdict(answer: dict | None, refusal: str) -> tuple[str, str]:
    if answer is None:
        return "hidden", ""
    if "own" in answer:
        return "different", f"{answer['own']} instead of {answer['size']}"
    if "difference" not in answer:
        return "refused", refusal
    difference = answer["difference"]
    return "equal" if difference <= MAX_DIFFERENCE else "different", f"{difference:.1f}"


def _kind(file: Path) -> str:
    try:
        return decoding.inspect(file.read_bytes()).format
    except decoding.ImageError:
        return file.suffix.lower()[1:].upper().replace("JPG", "JPEG").replace("TIF", "TIFF")[:4]


def _exception(name: str) -> str:
    end = Path(name).name
    found = (why for why, ends in EXCEPTIONS.items() if any(fnmatch.fnmatch(end, e) for e in ends))
    return next(found, "")


@contextmanager
def served(files: list[Path]) -> Iterator[tuple[str, dict[int, str]]]:
    """Serve files and their decoded pixels; yield the address and the refusals by number."""
    refusals: dict[int, str] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            number, _, what = self.path[1:].partition("/")
            if not number.isdigit():
                self.answer(200, b"<!doctype html>", "text/html")
                return
            data = files[int(number)].read_bytes()
            if what == "file":
                self.answer(200, data)
                return
            try:
                pixels = decoding.decode(data)
            except decoding.ImageError as error:
                refusals[int(number)] = f"{error.reason}: {error}"
                self.answer(422, b"")
            else:
                size = f"{pixels.shape[1]}x{pixels.shape[0]}"
                self.answer(200, pixels.tobytes(), size=size)

        def answer(
            self, status: int, body: bytes, kind: str = "application/octet-stream", **headers: str
        ) -> None:
            self.send_response(status)
            for name, value in {"Content-Type": kind, **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", refusals
        server.shutdown()


@contextmanager
def chromium(address: str) -> Iterator[Page]:
    """Open a page of the server in a Chromium that shows sRGB and knows no other host."""
    arguments = ["--no-sandbox", "--disable-gpu", "--force-color-profile=srgb"]
    arguments += ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        page = browser.new_page()
        page.goto(address)
        yield page
        browser.close()


def print_table(comparisons: list[Comparison]) -> None:
    """Print counts by format, and the share that is equal of what Chromium shows."""
    print("| format | files | shown | equal | refused | different | of these, exceptions |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for kind in [*sorted({c.kind for c in comparisons}), "all"]:
        some = [c for c in comparisons if kind in (c.kind, "all")]
        counts = Counter(c.verdict for c in some)
        excepted = sum(bool(c.exception) for c in some if c.verdict in ("refused", "different"))
        shown = len(some) - counts["hidden"]
        print(
            f"| {kind} | {len(some)} | {shown} | {counts['equal']} | {counts['refused']} "
            f"| {counts['different']} | {excepted} |"
        )
    expected = [
        c
        for c in comparisons
        if c.verdict == "equal" or (c.verdict in ("refused", "different") and not c.exception)
    ]
    equal = sum(c.verdict == "equal" for c in expected)
    print(
        f"\nequal: {equal} of {len(expected)} without the exceptions, {equal / len(expected):.1%}"
    )


if __name__ == "__main__":
    main()
