"""The demo site: its pages and pictures over HTTP, drawn or from a folder."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

from src.demo.facade_archive import archive
from src.demo.inventory import list_entries, photographs
from src.demo.site import (
    ARCHIVE_URL,
    FLAKY_PAGE,
    LIST_URL,
    ArchiveSite,
    Site,
    lister,
    next_data,
    serve,
)
from src.errors import UserError
from src.imaging import decoding
from src.params import Demo
from src.scrape.imdb import parse_imdb
from tests.conftest import DEFAULTS


def _demo(**changes: object) -> Demo:
    default = DEFAULTS.demo
    return default.model_copy(update={"pages": 3, "per_page": 4, "faults": False, **changes})


def _number_of(site: Site, kind: str) -> int:
    """Return the position of the first item of a kind."""
    return next(entry.number for entry in site.entries if entry.kind == kind)


def _token_of(site: Site, kind: str) -> str:
    """Return the name of the first picture of a kind in the site's URLs."""
    return f"MV5B{_number_of(site, kind):06d}"


@pytest.fixture(scope="module")
def faulty() -> Site:
    """126 listed items, the fewest with some of each kind."""
    return Site(_demo(per_page=42, faults=True), 0)


@pytest.fixture(scope="module")
def port(faulty: Site) -> Iterator[int]:
    with serve(faulty) as port:
        yield port


def _get(port: int, path: str) -> tuple[int, dict[str, str], bytes]:
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except HTTPError as error:
        with error:
            return error.code, dict(error.headers), error.read()


def _page(demo_site: Site, number: int) -> str:
    # the flaky page answers the second time
    answers = (demo_site.answer(f"/list/ls000000001/?page={number}") for _ in range(2))
    return next(body.decode() for status, _, body in answers if status == 200)


def test_odd_pages_are_in_the_old_layout_and_even_ones_in_the_new(port: int):
    first, second = (
        _get(port, f"/list/ls000000001/?page={number}")[2].decode() for number in (1, 2)
    )
    assert 'class="lister-list"' in first
    assert "__NEXT_DATA__" not in first
    assert "__NEXT_DATA__" in second
    assert 'class="lister-list"' not in second


@pytest.mark.parametrize(("layout", "old"), [("lister", True), ("next_data", False)])
def test_one_layout_is_kept_to_where_it_is_asked_for(layout: str, old: bool):
    pages = Site(_demo(layout=layout), 0)
    assert [('class="lister-list"' in _page(pages, n)) for n in (1, 2)] == [old, old]


def test_the_first_page_is_the_one_without_a_number(faulty: Site):
    assert faulty.answer("/list/ls000000001/")[2].decode() == _page(faulty, 1)


@pytest.mark.parametrize("layout", ["lister", "next_data"])
def test_the_pages_together_list_everybody_once(layout: str):
    pages = Site(_demo(layout=layout, pages=3), 0)
    listed, following = [], []
    for number in (1, 2, 3):
        url = f"{LIST_URL}?page={number}"
        read = parse_imdb(_page(pages, number), url, 0)
        listed += [(item.item_id, item.name) for item in read.items]
        following.append(read.next_url)
        assert read.total == 12
    assert listed == [(entry.item_id, entry.name) for entry in pages.entries]
    assert following == [f"{LIST_URL}?page=2", f"{LIST_URL}?page=3", None]


@pytest.mark.parametrize("write", [lister, next_data])
def test_a_name_with_markup_in_it_stays_a_name(write):
    name = 'A "B" <C> & </script><script>D'
    [entry] = list_entries(1, 0, False)
    entries = [replace(entry, name=name, number=n) for n in range(3)]
    read = parse_imdb(write(entries, 3, 1, False), LIST_URL, 0)
    assert [item.name for item in read.items] == [name] * 3


def test_who_has_no_picture_is_listed_without_one(faulty: Site):
    number = _number_of(faulty, "no_image")
    items = parse_imdb(_page(faulty, number // 42 + 1), LIST_URL, 0).items
    assert [n for n, item in enumerate(items) if item.image_url is None] == [number % 42]


def test_the_flaky_page_fails_once():
    faulty = Site(_demo(faults=True), 0)
    with serve(faulty) as port:
        first, second = (_get(port, f"/list/ls000000001/?page={FLAKY_PAGE}") for _ in "12")
    assert first[0] == 503
    assert int(first[1]["Retry-After"]) >= 1
    assert second[0] == 200
    assert len(faulty.requests) == 2


def test_without_faults_no_page_fails():
    assert Site(_demo(), 0).answer(f"/list/ls000000001/?page={FLAKY_PAGE}")[0] == 200


def test_where_the_page_number_is_ignored_every_page_is_the_first():
    stuck = Site(_demo(paging="ignored"), 0)
    assert len({_page(stuck, number) for number in (1, 2, 3, 60)}) == 1
    assert _page(stuck, 2) == _page(Site(_demo(), 0), 1)


def test_a_page_past_the_end_lists_nobody():
    pages = Site(_demo(layout="next_data"), 0)
    assert parse_imdb(_page(pages, 9), LIST_URL, 0).items == []


def test_a_picture_is_served_as_it_was_made(port: int, faulty: Site):
    token, data = next(iter(faulty.pictures.items()))
    status, headers, body = _get(port, f"/images/M/{token}@._V1_.jpg")
    assert (status, headers["Content-Type"], body) == (200, "image/jpeg", data)


def test_a_thumbnail_is_140_by_209(port: int, faulty: Site):
    for kind in ("portrait", "resized", "gray", "placeholder"):
        token = _token_of(faulty, kind)
        data = _get(port, f"/images/M/{token}@._V1_UX140_CR0,0,140,209_AL_.jpg")[2]
        assert decoding.inspect(data) == ("JPEG", 140, 209, False)


def test_a_broken_pictures_thumbnail_is_answered_too(faulty: Site):
    token = _token_of(faulty, "truncated")
    assert faulty.answer(f"/images/M/{token}@._V1_UX140_CR0,0,140,209_AL_.jpg")[0] in (200, 404)


@pytest.mark.parametrize("path", ["/", "/name/nm1000001/", "/images/M/MV5B999999@._V1_.jpg"])
def test_what_there_is_not_is_answered_with_404(port: int, path: str):
    assert _get(port, path)[0] == 404


def test_a_missing_picture_is_answered_with_404(port: int, faulty: Site):
    token = _token_of(faulty, "missing")
    assert _get(port, f"/images/M/{token}@._V1_.jpg")[0] == 404


def test_robots_may_list_and_fetch(port: int):
    body = _get(port, "/robots.txt")[2].decode()
    assert [line for line in body.splitlines() if line.startswith("Disallow")] == [
        "Disallow: /private/"
    ]


def test_requests_are_counted(port: int, faulty: Site):
    before = len(faulty.requests)
    _get(port, "/robots.txt")
    assert faulty.requests[before:] == ["/robots.txt"]


def test_a_site_that_is_closed_answers_no_more():
    with serve(Site(_demo(pages=1, per_page=1), 0)) as port:
        assert _get(port, "/robots.txt")[0] == 200
    with pytest.raises(OSError, match="refused"):
        _get(port, "/robots.txt")


@pytest.mark.parametrize("faults", [True, False])
def test_a_folder_of_photographs_stocks_the_site(album: Path, faults: bool):
    stocked = Site(_demo(pages=1, per_page=100, portraits=str(album), faults=faults), 0)
    files = {path.read_bytes() for path in photographs(str(album))}
    assert len(files) == 10
    assert len(stocked.entries) == 10
    assert set(stocked.pictures.values()) == files


def test_photographs_that_are_no_folder_are_refused(tmp_path: Path):
    missing = str(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"demo\.portraits = .*nowhere.* does not exist"):
        Site(_demo(portraits=missing), 0)


def test_a_folder_without_photographs_is_refused(tmp_path: Path):
    (tmp_path / "notes.txt").write_text("not a photograph")
    with pytest.raises(UserError, match=r"demo\.portraits = .* holds no"):
        Site(_demo(portraits=str(tmp_path)), 0)


def test_a_broken_photograph_in_the_folder_is_named(album: Path):
    (album / "5.jpg").write_bytes(b"<html>Not Found</html>")
    with pytest.raises(UserError, match=r"5\.jpg"):
        Site(_demo(pages=1, per_page=100, portraits=str(album)), 0)


def test_a_site_of_facades_has_their_archive_and_nothing_else():
    with serve(ArchiveSite(_demo(kind="facades", pairs=10), 0)) as port:
        status, headers, body = _get(port, urlsplit(ARCHIVE_URL).path)
        assert (status, headers["Content-Type"]) == (200, "application/x-tar")
        assert body == archive(10, 0, False)
        assert b"Disallow: /private/" in _get(port, "/robots.txt")[2]
        assert _get(port, "/list/ls000000001/")[0] == 404
