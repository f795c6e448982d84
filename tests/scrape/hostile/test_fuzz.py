"""Any bytes at all, and any text for a URL."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from src.errors import UserError
from src.imaging import decoding
from src.params import Gallery
from src.scrape.crawl import Crawl, _save_and_parse, page_rows
from src.scrape.gallery import parse_gallery
from src.scrape.http.cache import Body
from src.scrape.http.fetch_errors import FetchError
from src.scrape.imdb import parse_imdb
from src.scrape.listings import ListPage
from src.scrape.store import counts, store
from src.scrape.trailing_bytes import image_end
from src.storage.ledger import read_ledger
from tests.conftest import SCRAPE
from tests.scrape.hostile.payloads import animated, encoded, gallery, next_data, person
from tests.scrape.hostile.runs import GALLERY, SECONDS, Place, _whole_pictures
from tests.servers import Answer, Server, saved, served

FEW = settings(max_examples=60, suppress_health_check=list(HealthCheck))
PICTURES = [
    encoded("JPEG"),
    encoded("JPEG", progressive=True),
    encoded("JPEG", mode="L"),
    encoded("JPEG", mode="CMYK"),
    encoded("PNG"),
    encoded("PNG", mode="P"),
    encoded("PNG", mode="1"),
    animated("PNG", 3),
    encoded("GIF", mode="P"),
    animated("GIF", 3),
    encoded("WEBP"),
    encoded("WEBP", lossless=True),
    encoded("WEBP", mode="RGBA"),
    animated("WEBP", 3),
    encoded("BMP"),
    encoded("BMP", mode="L"),
    encoded("BMP", mode="1"),
]
WHOLE = [(data, decoding.inspect(data).format) for data in PICTURES]
OTHERS = [encoded("TIFF"), encoded("AVIF"), encoded("TIFF", mode="1")]
LISTS = [
    gallery("/1.jpg", "/2.jpg", more='<a class="next" href="?2"></a><p class="total">2</p>'),
    next_data([person(1, "/1.jpg"), person(2, None)], 2, more=True),
    saved("gallery_1").encode(),
    b'<div class="lister-list"><div class="lister-item-image"><a href="/name/nm1"><img src="/a.jpg">'
    b'</a></div></div><p class="lister-total-num-results">1,234</p>',
]
STARTS = [
    "",
    "/",
    "//",
    "http:",
    "http://",
    "https://[",
    "?",
    "#",
    "..\\",
    "data:",
    "HTTP://127.0.0.1",
]
URL_TEXTS = st.builds("{}{}".format, st.sampled_from(STARTS), st.text(max_size=60))


@st.composite
def mutated(draw: st.DrawFn, bases: list[bytes]) -> bytes:
    """One of these, with some bytes flipped, cut out or put in."""
    data = bytearray(draw(st.sampled_from(bases)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        new = draw(st.binary(max_size=8))
        gone = draw(st.sampled_from([0, len(new), len(new), 30, 10**6]))
        data[at : at + gone] = new
    return bytes(data)


@pytest.fixture(scope="module")
def lasting() -> Iterator[Server]:
    with served() as server:
        yield server


@FEW
@given(st.lists(URL_TEXTS, min_size=1, max_size=8))
def test_any_text_may_stand_for_a_url(lasting, texts):
    lasting["/list"] = Answer(gallery(*texts))
    with TemporaryDirectory() as folder:
        outcome = Place(lasting, Path(folder)).run({"scrape.max_failed_runs": 1})
        if "expected pictures at" in (outcome.error or ""):
            assert not any(texts)
            return
        assert outcome.metrics["listed"] == len(texts)
        assert "ok" not in outcome.statuses
    assert outcome.seconds < SECONDS


@FEW
@given(st.one_of(st.binary(max_size=300), mutated(LISTS)), st.booleans(), st.sampled_from([1, 2]))
def test_any_bytes_may_stand_for_a_list(data, imdb, number):
    def of_imdb(html: str, url: str, number: int) -> ListPage:
        return parse_imdb(html, url, 512)

    selectors = Gallery(**GALLERY, url="http://127.0.0.1/list")
    parse = of_imdb if imdb else partial(parse_gallery, gallery=selectors)
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "body").write_bytes(data)
        try:
            page = _save_and_parse(
                Body(folder / "body"), parse, selectors.url, number, folder / "0001.html", True
            )
        except (FetchError, UserError):
            return
        if isinstance(page, ListPage):
            kept(page_rows(page, selectors.url, number), folder, lambda url: folder / "gone")


@FEW
@given(st.lists(st.one_of(st.binary(max_size=300), mutated(PICTURES + OTHERS)), max_size=6))
def test_any_bytes_may_stand_for_a_picture(bodies):
    with TemporaryDirectory() as name:
        folder = Path(name)
        own = {"ledger.parquet"}
        for number, data in enumerate(bodies):
            (folder / f"{number}").write_bytes(data)
            own.add(f"{number}")
        kept([row(number) for number in range(len(bodies))], folder, folder.joinpath)
        files = {
            path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
        }
        assert all(re.fullmatch(r"images/[0-9a-f]{24}\.[a-z]+", name) for name in files - own)
        _whole_pictures(folder / "images")


def row(number: int) -> dict:
    return {
        "page": 1,
        "position": number + 1,
        "item_id": f"item{number}",
        "name": f"Item {number}",
        "page_url": "http://127.0.0.1/list",
        "image_url": str(number),
        "stated_total": None,
    }


def kept(rows: list[dict], folder: Path, body: Callable[[str], Path]) -> None:
    """Store pictures, write the ledger, read it back, and see that all are accounted for."""
    ledger = store(rows, lambda url, use: use(Body(body(url))), folder, SCRAPE)
    ledger.write(folder / "ledger.parquet")
    assert len(read_ledger(folder / "ledger.parquet", "raw")) == len(rows)
    counted = counts(ledger, Crawl())
    assert counted["listed"] == len(rows) == counted["downloaded"] + sum(counted["failed"].values())


@FEW
@given(st.sampled_from(WHOLE), st.binary(max_size=200))
def test_a_picture_ends_where_it_ends_whatever_follows(whole, trailing):
    data, kind = whole
    assert image_end(data + trailing, kind) == len(data)


@FEW
@given(st.sampled_from(WHOLE), st.sampled_from(PICTURES))
def test_a_picture_ends_where_it_ends_though_another_follows(whole, other):
    data, kind = whole
    assert image_end(data + other, kind) == len(data)


@FEW
@given(
    st.one_of(st.binary(max_size=200), mutated(PICTURES)),
    st.sampled_from(["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF"]),
)
def test_any_bytes_are_cut_to_a_start_of_themselves(data, kind):
    assert 0 <= image_end(data, kind) <= len(data)
