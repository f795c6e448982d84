"""The demo site: what it draws, lists and serves, and what is wrong with it on purpose."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import numpy as np
import pytest

from src.demo import portraits
from src.demo.inventory import COPIES, FAULTS, Entry, alter, catalogue, photographs, picture
from src.demo.site import FLAKY_PAGE, LIST, Site, lister, next_data, served
from src.errors import UserError
from src.imaging import decoding
from src.imaging.picture_files import read_photo
from src.imaging.resizing import resize
from src.params import Demo, read_params
from src.scrape.listings import parse_imdb
from src.storage.encoding import encode_jpeg, encode_png
from tests.conftest import ROOT

THOUSAND = catalogue(1000, 0, True)
UNPICTURED = ("missing", "placeholder", "no_image")


def _demo(**changes: object) -> Demo:
    default = read_params(ROOT / "params.yaml").demo
    return default.model_copy(update={"pages": 3, "per_page": 4, "faults": False, **changes})


def _of(kind: str, entries: list[Entry] = THOUSAND) -> list[Entry]:
    return [entry for entry in entries if entry.kind == kind]


# Drawing


def token_of(site: Site, kind: str) -> str:
    """The name of the first picture of a kind in the site's addresses."""
    number = next(entry.number for entry in site.entries if entry.kind == kind)
    return f"MV5B{number:06d}"


def test_a_portrait_is_the_same_each_time(faces: list[np.ndarray]):
    assert np.array_equal(portraits.draw(11, 3), faces[3])
    assert faces[3].shape == (portraits.HEIGHT, portraits.WIDTH, 3)
    assert faces[3].dtype == np.uint8


def test_people_differ(faces: list[np.ndarray]):
    apart = [np.abs(a.astype(int) - b).mean() for n, a in enumerate(faces) for b in faces[n + 1 :]]
    assert min(apart) > 10


@pytest.mark.parametrize("other", [(11, 3, 1), (12, 3, 0)], ids=["shot", "seed"])
def test_another_shot_or_seed_is_another_picture(
    faces: list[np.ndarray], other: tuple[int, int, int]
):
    assert np.abs(portraits.draw(*other).astype(int) - faces[3]).mean() > 10


# Who is listed


def test_of_a_thousand_listed_each_fault_has_its_number():
    counts = Counter(entry.kind for entry in THOUSAND)
    assert counts.pop("portrait") == 1000 - sum(FAULTS.values())
    assert counts == FAULTS


@pytest.mark.parametrize("count", [1, 60, 180, 999])
@pytest.mark.parametrize("faults", [True, False])
def test_as_many_are_listed_as_asked_for_in_order(count: int, faults: bool):
    assert [entry.number for entry in catalogue(count, 3, faults)] == list(range(count))


def test_without_faults_everybody_is_listed_once_with_a_good_portrait():
    entries = catalogue(300, 0, False)
    assert {entry.kind for entry in entries} == {"portrait"}
    assert sorted(entry.person for entry in entries) == list(range(300))
    assert len({entry.item_id for entry in entries}) == 300


def test_the_list_follows_from_the_seed():
    assert catalogue(200, 5, True) == catalogue(200, 5, True)
    assert catalogue(200, 5, True) != catalogue(200, 6, True)


def test_an_id_is_as_the_real_sites_and_goes_with_one_name():
    ids = {entry.item_id for entry in THOUSAND}
    assert all(len(i) == 9 and i.startswith("nm") and i[2:].isdigit() for i in ids)
    assert len({(entry.item_id, entry.name) for entry in THOUSAND}) == len(ids)
    assert len({entry.name for entry in THOUSAND}) == len(ids)


def test_a_person_listed_again_has_the_same_id_and_a_copy_of_a_picture_another():
    original = {entry.person: entry for entry in _of("portrait")}
    for kind in (*COPIES, "second_picture"):
        same = kind in ("exact_copy", "second_picture")
        for entry in _of(kind):
            assert (entry.item_id == original[entry.person].item_id) == same
            assert entry.shot == (kind == "second_picture")


def test_nobody_is_copied_twice():
    copied = Counter(e.person for e in THOUSAND if e.kind in (*COPIES, "second_picture"))
    assert set(copied.values()) == {1}


@pytest.mark.parametrize("count", [100, 1000])
def test_however_few_photographs_there_are_they_suffice_for_the_list(count: int):
    lacking = {}
    for pool in range(1, 120):
        entries = catalogue(count, 0, True, pool)
        asked = max(entry.person for entry in entries if entry.kind not in UNPICTURED)
        if asked >= pool:
            lacking[pool] = asked + 1
    assert lacking == {}


def test_stocked_from_a_pool_nobody_has_a_second_picture():
    assert _of("second_picture", catalogue(1000, 0, True, 5000)) == []
    assert len(catalogue(1000, 0, True, 5000)) == 1000
    assert len(catalogue(1000, 0, True, 400)) < 450


# Pictures


def test_a_copied_file_is_the_same_file():
    copy = _of("exact_copy")[0]
    original = next(e for e in _of("portrait") if e.person == copy.person)
    assert picture(copy, 0, None) == picture(original, 0, None)


@pytest.mark.parametrize("kind", ["missing", "no_image"])
def test_there_is_no_file_for_a_missing_picture(kind: str):
    assert picture(_of(kind)[0], 0, None) is None


def test_everybody_without_a_picture_has_the_same_placeholder():
    first, second = _of("placeholder")[:2]
    assert picture(first, 0, None) == picture(second, 0, None)


def test_a_truncated_picture_has_a_header_and_no_end():
    data = picture(_of("truncated")[0], 0, None)
    assert decoding.inspect(data) == ("JPEG", portraits.WIDTH, portraits.HEIGHT, False)
    with pytest.raises(decoding.ImageError) as refused:
        decoding.decode(data)
    assert refused.value.reason == "truncated"


@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        ("recompressed", (256, 192)),
        ("resized", (179, 134)),
        ("cropped", (243, 182)),
        ("mirrored", (256, 192)),
        ("brightened", (256, 192)),
        ("captioned", (256, 192)),
        ("gray", (256, 192)),
        ("gray_rgb", (256, 192)),
        ("sepia", (256, 192)),
    ],
)
def test_an_altered_copy_has_its_size_and_differs(
    faces: list[np.ndarray], kind: str, shape: tuple[int, int]
):
    copy = decoding.decode(alter(faces[0], kind, np.random.default_rng(0)))
    assert copy.shape == (*shape, 3)
    assert not np.array_equal(copy, faces[0])


def test_an_unknown_kind_of_copy_is_refused(faces: list[np.ndarray]):
    with pytest.raises(ValueError, match="blurred"):
        alter(faces[0], "blurred", np.random.default_rng(0))


# Serving


@pytest.fixture(scope="module")
def faulty() -> Site:
    """126 listed items, the fewest with some of each kind."""
    return Site(_demo(per_page=42, faults=True), 0)


@pytest.fixture(scope="module")
def port(faulty: Site) -> Iterator[int]:
    with served(faulty) as port:
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
        url = f"{LIST}?page={number}"
        read = parse_imdb(_page(pages, number), url, 0)
        listed += [(item.item_id, item.name) for item in read.items]
        following.append(read.next_url)
        assert read.total == 12
    assert listed == [(entry.item_id, entry.name) for entry in pages.entries]
    assert following == [f"{LIST}?page=2", f"{LIST}?page=3", None]


@pytest.mark.parametrize("write", [lister, next_data])
def test_a_name_with_markup_in_it_stays_a_name(write):
    name = 'A "B" <C> & </script><script>D'
    entries = [replace(THOUSAND[0], name=name, number=n, kind="portrait") for n in range(3)]
    read = parse_imdb(write(entries, 3, 1, False), LIST, 0)
    assert [item.name for item in read.items] == [name] * 3


def test_who_has_no_picture_is_listed_without_one(faulty: Site):
    entry = _of("no_image", faulty.entries)[0]
    items = parse_imdb(_page(faulty, entry.number // 42 + 1), LIST, 0).items
    assert [n for n, item in enumerate(items) if item.image_url is None] == [entry.number % 42]


def test_the_flaky_page_fails_once():
    faulty = Site(_demo(faults=True), 0)
    with served(faulty) as port:
        first, again = (_get(port, f"/list/ls000000001/?page={FLAKY_PAGE}") for _ in "12")
    assert first[0] == 503
    assert int(first[1]["Retry-After"]) >= 1
    assert again[0] == 200
    assert len(faulty.requests) == 2


def test_without_faults_no_page_fails():
    assert Site(_demo(), 0).answer(f"/list/ls000000001/?page={FLAKY_PAGE}")[0] == 200


def test_where_the_page_number_is_ignored_every_page_is_the_first():
    stuck = Site(_demo(paging="ignored"), 0)
    assert len({_page(stuck, number) for number in (1, 2, 3, 60)}) == 1
    assert _page(stuck, 2) == _page(Site(_demo(), 0), 1)


def test_a_page_past_the_end_lists_nobody():
    pages = Site(_demo(layout="next_data"), 0)
    assert parse_imdb(_page(pages, 9), LIST, 0).items == []


def test_a_picture_is_served_as_it_was_made(port: int, faulty: Site):
    token, data = next(iter(faulty.pictures.items()))
    status, headers, body = _get(port, f"/images/M/{token}@._V1_.jpg")
    assert (status, headers["Content-Type"], body) == (200, "image/jpeg", data)


def test_a_thumbnail_is_140_by_209(port: int, faulty: Site):
    for kind in ("portrait", "resized", "gray", "placeholder"):
        token = token_of(faulty, kind)
        data = _get(port, f"/images/M/{token}@._V1_UX140_CR0,0,140,209_AL_.jpg")[2]
        assert decoding.inspect(data) == ("JPEG", 140, 209, False)


def test_a_broken_pictures_thumbnail_is_answered_too(faulty: Site):
    token = token_of(faulty, "truncated")
    assert faulty.answer(f"/images/M/{token}@._V1_UX140_CR0,0,140,209_AL_.jpg")[0] in (200, 404)


@pytest.mark.parametrize("path", ["/", "/name/nm1000001/", "/images/M/MV5B999999@._V1_.jpg"])
def test_what_there_is_not_is_answered_with_404(port: int, path: str):
    assert _get(port, path)[0] == 404


def test_a_missing_picture_is_answered_with_404(port: int, faulty: Site):
    token = token_of(faulty, "missing")
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
    with served(Site(_demo(pages=1, per_page=1), 0)) as port:
        assert _get(port, "/robots.txt")[0] == 200
    with pytest.raises(OSError, match="refused"):
        _get(port, "/robots.txt")


# Stocking the site with photographs


@pytest.fixture
def album(tmp_path: Path, faces: list[np.ndarray]) -> Path:
    """Ten photographs in a folder, one of them deeper, beside a file that is none."""
    (tmp_path / "more").mkdir()
    for n, face in enumerate(faces[:10]):
        name = f"more/{n}.JPG" if n == 0 else f"{n}.png" if n == 1 else f"{n}.jpg"
        small = resize(face, 48, 64)
        (tmp_path / name).write_bytes(encode_png(small) if n == 1 else encode_jpeg(small))
    (tmp_path / "notes.txt").write_text("not a photograph")
    return tmp_path


@pytest.mark.parametrize("faults", [True, False])
def test_a_folder_of_photographs_stocks_the_site(album: Path, faults: bool):
    stocked = Site(_demo(pages=1, per_page=100, portraits=str(album), faults=faults), 0)
    files = {path.read_bytes() for path in photographs(str(album))}
    assert len(files) == 10
    assert len(stocked.entries) == 10
    assert set(stocked.pictures.values()) == files


def test_photographs_are_altered_as_drawn_portraits_are(album: Path):
    entry = Entry(0, "nm1000001", "A", "mirrored", 4)
    files = photographs(str(album))
    copy = decoding.decode(picture(entry, 0, files))
    original = read_photo(files[4])
    assert np.abs(copy[:, ::-1].astype(int) - original).mean() < 6


def test_photographs_that_are_no_folder_are_refused(tmp_path: Path):
    missing = str(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"demo\.portraits = .*nowhere.* is not a folder"):
        Site(_demo(portraits=missing), 0)


def test_a_folder_without_photographs_is_refused(tmp_path: Path):
    (tmp_path / "notes.txt").write_text("not a photograph")
    with pytest.raises(UserError, match=r"demo\.portraits = .* holds no"):
        Site(_demo(portraits=str(tmp_path)), 0)


def test_a_broken_photograph_in_the_folder_is_named(album: Path):
    (album / "5.jpg").write_bytes(b"<html>Not Found</html>")
    with pytest.raises(UserError, match=r"5\.jpg"):
        Site(_demo(pages=1, per_page=100, portraits=str(album)), 0)
