"""Pictures beside another item's id on a saved page are found, without a site's parser."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from src.audit import saved_pages
from src.demo import site
from src.demo.inventory import list_entries
from src.scrape.gallery import parse_gallery
from src.scrape.imdb import parse_imdb
from src.scrape.listings import Item
from tests.conftest import DEFAULTS, real
from tests.servers import saved

ENTRIES = list_entries(60, 3, faults=False)
HOST = "http://album.test"
URL = f"{HOST}/album?page=1"
PEOPLE = range(1, 7)


def ledger(items: list[Item], page: int = 1) -> pd.DataFrame:
    """What scrape writes of one page's items."""
    rows = [
        {"row": row, "page": page, "item_id": item.item_id, "image_url": item.image_url}
        for row, item in enumerate(items)
    ]
    return pd.DataFrame(rows).astype({"image_url": object}).assign(page_url=URL)


def shifted(items: list[Item]) -> list[Item]:
    """Each picture has the next one's id."""
    after = [*items[1:], items[0]]
    return [Item(b.item_id, b.name, a.image_url) for a, b in zip(items, after, strict=True)]


def misplaced(html: str, items: list[Item], folder: Path) -> dict[int, str]:
    (folder / "0001.html").write_text(html, encoding="utf-8", errors="replace")
    return saved_pages.misplaced(ledger(items), folder)


def with_picture(items: list[Item]) -> set[int]:
    return {row for row, item in enumerate(items) if item.image_url}


@pytest.mark.parametrize("width", [0, 512], ids=["original", "another width"])
@pytest.mark.parametrize("layout", [site.lister, site.next_data])
def test_shifted_names_are_found_in_both_layouts(tmp_path: Path, layout: Callable, width: int):
    html = layout(ENTRIES, 60, 1, True)
    items = parse_imdb(html, site.LIST_URL, width).items
    assert misplaced(html, items, tmp_path) == {}
    assert set(misplaced(html, shifted(items), tmp_path)) == with_picture(shifted(items))


@pytest.mark.parametrize("layout", [site.lister, site.next_data])
def test_one_missing_picture_that_was_skipped_is_found(tmp_path: Path, layout: Callable):
    """All ids are zipped with the pictures that exist: right up to the first gap."""
    html = layout(ENTRIES, 60, 1, True)
    items = parse_imdb(html, site.LIST_URL, 512).items
    items[20] = Item(items[20].item_id, "", None)
    html = html.replace(f"MV5B{ENTRIES[20].number:06d}", "nothing")
    pictures = [item.image_url for item in items if item.image_url]
    wrong = [Item(item.item_id, "", url) for item, url in zip(items, pictures, strict=False)]
    first = next(row for row, item in enumerate(items) if not item.image_url)
    # the ledger does not know the item of the last picture
    assert set(misplaced(html, wrong, tmp_path)) == set(range(first, len(wrong) - 1))


@pytest.mark.parametrize("host", ["bücher.test", "xn--bcher-kva.test", "BÜCHER.test."])
def test_a_host_is_the_same_in_unicode_and_in_punycode(tmp_path: Path, changed, host: str):
    html = "".join(f'<p><a href="http://{host}/{n}"><img src="/{n}.jpg"></a></p>' for n in PEOPLE)
    items = parse_gallery(html, URL, 1, changed({"gallery.item": "p"}).gallery).items
    assert misplaced(html, items, tmp_path) == {}
    assert set(misplaced(html, shifted(items), tmp_path)) == with_picture(items)


def test_the_other_item_is_named(tmp_path: Path):
    items = parse_imdb(html := site.lister(ENTRIES[:5], 5, 1, False), site.LIST_URL, 512).items
    swapped = [*items[:2], *shifted(items[2:4]), items[4]]
    assert misplaced(html, swapped, tmp_path) == {2: items[2].item_id, 3: items[3].item_id}


def test_a_gallery_with_relative_links_and_lazy_pictures_is_read(tmp_path: Path):
    gallery = DEFAULTS.gallery
    html = saved("gallery_1")
    items = parse_gallery(html, URL, 1, gallery).items
    assert misplaced(html, items, tmp_path) == {}
    swapped = shifted([item for item in items if item.image_url])
    assert set(misplaced(html, swapped, tmp_path)) == set(range(len(swapped))) != set()


def album(*lines: str) -> str:
    """A gallery: the lines once for each person, {n} their number."""
    boxes = "".join(f"<li>{''.join(lines)}</li>".replace("{n}", str(n)) for n in PEOPLE)
    return f"<html><body><ul>{boxes}</ul></body></html>"


def people(html: str) -> list[Item]:
    """The items of a page, as scrape reads it."""
    gallery = DEFAULTS.gallery.model_copy(update={"item": "li"})
    return parse_gallery(html, URL, 1, gallery).items


NAME = '<a href="/people/{n}">Somebody</a>'
PICTURE = '<img src="/pictures/face{n}.jpg">'
ALBUMS = {
    "beside": (NAME, PICTURE),
    "inside the link": ('<a href="/people/{n}">', PICTURE, "</a>"),
    "absolute": (f'<a href="{HOST}/people/{{n}}/?ref=list#top">x</a>', PICTURE),
    "tracked": ('<a href="/people/{n}/?ref_=list_pos_{n}">x</a>', PICTURE),
    "tracked query": ('<a href="http://ALBUM.test:80/show?pos={n}&id={n}#x">x</a>', PICTURE),
    "routed": ('<a href="/#/people/{n}">x</a>', PICTURE),
    "relative": ('<a href="people/{n}">x</a>', '<img src="../pictures/face{n}.jpg?w=90">'),
    "two sizes": (NAME, '<img srcset="/s/{n}.jpg 1x, /l/{n}.jpg 2x" src="/l/{n}.jpg">'),
    "lazy": (NAME, '<img src="/blank.png" data-src="/pictures/face{n}.jpg">'),
    "deep": ("<div><p><b>", NAME, "</b></p></div><div><i>", PICTURE, "</i></div>"),
    "without quotes": ("<a href=/people/{n}>", "<img src=/pictures/face{n}.jpg>", "</a>"),
    "numbered pictures": (NAME, '<img src="/pictures/{n}.jpg">'),
    "data in an attribute": ('<b data-id="{n}"></b>', NAME, PICTURE),
}


@pytest.mark.parametrize("kind", ALBUMS)
def test_an_album_of_any_shape_is_read(tmp_path: Path, kind: str):
    items = people(html := album(*ALBUMS[kind]))
    assert misplaced(html, items, tmp_path) == {}
    assert set(misplaced(html, shifted(items), tmp_path)) == set(range(len(PEOPLE)))


NUMBERED = {
    "sizes": (NAME, '<img src="/pictures/face{n}.jpg" width="3" height="4">'),
    "places from 0": (
        NAME,
        "<i data-next='2'></i>",
        '<img src="/pictures/face{n}.jpg" tabindex="1">',
    ),
    "a picture's own page": (NAME, '<a href="/views/3"><img src="/pictures/face{n}.jpg"></a>'),
}


@pytest.mark.parametrize("kind", NUMBERED)
def test_other_numbers_on_a_page_are_not_taken_for_ids(tmp_path: Path, kind: str):
    html = album(*NUMBERED[kind])
    assert misplaced(html, people(html), tmp_path) == {}


def test_items_named_by_handles_are_distinguished(tmp_path: Path):
    items = people(html := album('<a href="/@{n}">x</a>', PICTURE))
    assert misplaced(html, items, tmp_path) == {}
    assert set(misplaced(html, shifted(items), tmp_path)) == set(range(len(PEOPLE)))


SILENT = {
    "addresses by query": ('<a href="/show?id={n}">x</a>', '<img src="/thumb?of={n}">'),
    "one picture for all": (NAME, '<img src="/pictures/nobody.png">'),
    "elements left open": ("<div><a href=/people/{n}>", PICTURE, "<p></b>"),
    "pictures alone": (PICTURE,),
}


@pytest.mark.parametrize("kind", SILENT)
def test_what_cannot_be_decided_raises_no_alarm(tmp_path: Path, kind: str):
    html = album(*SILENT[kind])
    assert misplaced(html, people(html), tmp_path) == {}


def test_a_picture_that_a_teaser_repeats_belongs_to_its_item(tmp_path: Path):
    teaser = '<div><a href="/people/2"></a><img src="/pictures/face1.jpg"></div>'
    html = album(NAME, PICTURE)
    assert misplaced(teaser + html, people(html), tmp_path) == {}


def test_names_and_pictures_in_two_lists_say_nothing(tmp_path: Path):
    items = people(album(NAME, PICTURE))
    assert misplaced(album(NAME) + album(PICTURE), shifted(items), tmp_path) == {}


def test_rows_without_a_picture_a_page_or_a_match_are_left_out(tmp_path: Path):
    html = album(NAME, PICTURE)
    items = shifted(people(html))
    items[0] = Item(items[0].item_id, "", None)
    items[1] = Item(items[1].item_id, "", f"{HOST}/another.jpg")
    assert set(misplaced(html, items, tmp_path)) == {2, 3, 4, 5}
    nowhere = ledger(items).assign(page_url=None)
    assert saved_pages.misplaced(nowhere, tmp_path) == {}
    assert saved_pages.misplaced(ledger(items, page=2), tmp_path) == {}
    assert saved_pages.misplaced(ledger(items)[:0], tmp_path) == {}
    assert saved_pages.misplaced(ledger(items), tmp_path / "absent") == {}


def test_a_row_whose_own_id_is_nowhere_on_the_page_is_left_out(tmp_path: Path):
    html = album(NAME, PICTURE).replace("/people/3", "/moved")
    items = people(album(NAME, PICTURE))
    assert misplaced(html, items, tmp_path) == {}


def test_each_page_is_read_for_its_own_rows(tmp_path: Path):
    """Page 2 lists the same items, and its pictures alone are shifted."""
    items = people(html := album(NAME, PICTURE))
    for page in (1, 2):
        (tmp_path / f"{page:04d}.html").write_text(html, encoding="utf-8")
    second = ledger(shifted(items), page=2)
    second["row"] += len(PEOPLE)
    both = pd.concat([ledger(items), second], ignore_index=True).convert_dtypes()
    assert set(saved_pages.misplaced(both, tmp_path)) == set(range(6, 12))


def test_objects_nested_in_json_are_read(tmp_path: Path):
    listed = [
        {"node": {"id": {"link": f"/people/{n}"}, "media": [{"urls": [f"/pictures/face{n}.jpg"]}]}}
        for n in PEOPLE
    ]
    text = json.dumps({"props": [{"list": {"edges": listed, "total": 6, "more": None}}]})
    html = f'<script type="application/ld+json">{text}</script>'
    items = people(album(NAME, PICTURE))
    assert misplaced(html, items, tmp_path) == {}
    assert len(misplaced(html, shifted(items), tmp_path)) == len(PEOPLE)


HOSTILE = {
    "nothing": "",
    "deep elements": "<div>" * 20_000 + PICTURE,
    "deep links": '<a href="/people/1">' * 3_000 + PICTURE,
    "deep JSON": f'<script type="application/json">{"[" * 100_000}{"]" * 100_000}</script>',
    "rather deep JSON": f'<script type="application/json">{"[" * 900}"x"{"]" * 900}</script>',
    "half JSON": '<script type="application/json">{"id": "/people/1", </script>',
    "no numbers in JSON": '<script type="application/json">[NaN, 1e999, -Infinity]</script>',
    "a long number": f'<script type="application/json">[{"9" * 5000}]</script>',
    "half a surrogate": '<script type="application/json">["\\ud800"]</script>',
    "zeros": "\0<a href='\0'>\0",
    "no address": "<a href='http://[bad'><img src='%zz%'><a href><img src='//'>",
    "no character": "<img src='&#xD800;&#1114112;'>",
    "frames": "<frameset><frame src=x>",
    "svg": "<svg><image xlink:href='/pictures/face1.jpg'/></svg>",
    "cut off": "<html><li><a href='/people/1'><img src='/pictures/fa",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_page_is_read_without_an_alarm(tmp_path: Path, kind: str):
    assert misplaced(HOSTILE[kind], people(album(NAME, PICTURE))[:1], tmp_path) == {}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.sampled_from(["<li>", "</li>", NAME, PICTURE, "<a", ">", '"', "&", "<script>", "{n}"])
    )
)
@example([])
def test_any_page_is_read(tmp_path: Path, parts: list[str]):
    items = people(album(NAME, PICTURE))
    assert set(misplaced(album(*parts), items, tmp_path)) <= set(range(len(PEOPLE)))


def test_bytes_of_another_encoding_are_read(tmp_path: Path):
    html = album('<a href="/people/{n}">Zoë</a>', PICTURE)
    items = people(html)
    (tmp_path / "0001.html").write_bytes(html.encode("latin-1"))
    assert saved_pages.misplaced(ledger(items), tmp_path) == {}
    assert len(saved_pages.misplaced(ledger(shifted(items)), tmp_path)) == len(PEOPLE)


IMDB = "https://www.imdb.com/list/ls058011111/"


@pytest.mark.parametrize("width", [0, 512])
def test_saved_pages_of_imdb_have_no_misplaced_picture(tmp_path: Path, width: int):
    for file in real("imdb", "*.html"):
        html = file.read_text(encoding="utf-8")
        items = parse_imdb(html, IMDB, width).items
        assert misplaced(html, items, tmp_path) == {}, file.name


@pytest.mark.parametrize("width", [0, 512])
def test_shifted_names_are_found_on_saved_pages_of_imdb(tmp_path: Path, width: int):
    for file in real("imdb", "*list_ls*.html"):
        html = file.read_text(encoding="utf-8")
        items = shifted(parse_imdb(html, IMDB, width).items)
        assert len(misplaced(html, items, tmp_path)) > 0.9 * len(items), file.name
