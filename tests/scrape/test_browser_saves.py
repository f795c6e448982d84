"""Saved pages of every kind: the page's text, its address, and the bytes that the save has."""

import base64
import json
import unicodedata

import pytest

from src.errors import UserError
from src.scrape.browser_saves import inline_data, read_save

UNKNOWN = "https://unknown.invalid/"
PICTURE = b"\x89PNG\r\n"


@pytest.mark.parametrize(
    ("head", "address"),
    [
        ("<!-- saved from url=(0021)http://a.test/l?x=1-2 -->", "http://a.test/l?x=1-2"),
        ("<!--\n Page saved with SingleFile \n url: http://a.test/s \n-->", "http://a.test/s"),
        ('<link rel="canonical" href="https://a.test/c">', "https://a.test/c"),
        ('<meta property="og:url" content="https://a.test/o">', "https://a.test/o"),
        ('<link rel="canonical" href="/c">', ""),
        ("<!-- saved from url=(0014)about:internet -->", ""),
        ("<title>a</title>", ""),
    ],
)
def test_a_page_says_its_own_address_if_the_browser_left_one(tmp_path, head, address):
    file = tmp_path / "a.html"
    file.write_text(f"<!DOCTYPE html>\n{head}<p>Zoë", encoding="utf-8")
    [page] = read_save(file, UNKNOWN).pages
    assert (page.url, page.html[-3:]) == (address, "Zoë")


def test_pictures_of_mhtml_are_found_by_their_number_and_relative_place(tmp_path):
    """RFC 2557 has both beside full addresses."""
    encoded = base64.b64encode(PICTURE).decode()
    kind = "Content-Type: image/png\nContent-Transfer-Encoding: base64\n"
    heads = ["Content-Type: text/html\nContent-Location: http://a.test/d/l.html\n\n<p>x"]
    heads += [f"{kind}Content-ID: <img 1@m>\n\n{encoded}"]
    heads += [f"{kind}Content-Location: x_files/1.png\n\n{encoded}"]
    body = "".join(f"--b\n{head}\n" for head in heads) + "--b--\n"
    file = tmp_path / "a.mht"
    file.write_text(f"Content-Type: multipart/related; boundary=b\n\n{body}")
    save = read_save(file, UNKNOWN)
    assert save.find("cid:img1@m") == save.find("cid:img1%40m") == PICTURE
    assert save.find("http://a.test/d/x_files/1.png") == PICTURE
    assert save.find("cid:2@m") is save.find("http://a.test/x_files/1.png") is None


def test_mhtml_of_a_page_on_a_disk_names_no_folder_of_it(tmp_path):
    encoded = base64.b64encode(PICTURE).decode()
    place = "file:///home/ann/x_files/1.png"
    heads = [
        f'Content-Type: text/html\nContent-Location: file:///home/ann/l.html\n\n<img src="{place}">'
    ]
    heads += [
        f"Content-Type: image/png\nContent-Transfer-Encoding: base64\nContent-Location: {place}\n"
        f"\n{encoded}"
    ]
    body = "".join(f"--b\n{head}\n" for head in heads) + "--b--\n"
    file = tmp_path / "a.mht"
    file.write_text(f"Content-Type: multipart/related; boundary=b\n\n{body}")
    save = read_save(file, UNKNOWN)
    assert (save.pages[0].url, "ann" in save.pages[0].html) == ("", False)
    assert save.find(f"{UNKNOWN}x_files/1.png") == PICTURE


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_an_accent_in_the_name_of_a_pages_folder_may_be_a_letter_of_its_own(tmp_path, form):
    place = tmp_path / unicodedata.normalize(form, "Zoë_files") / "1.png"
    place.parent.mkdir()
    place.write_bytes(PICTURE)
    (tmp_path / "a.html").write_text("<p>x")
    save = read_save(tmp_path / "a.html", UNKNOWN)
    for name in ("Zo%C3%AB_files/1.png", "Zoe%CC%88_files/1.png"):
        assert save.find(UNKNOWN + name) == PICTURE


def har(entries: list[tuple[str, int, dict]]) -> str:
    """Return a HAR file's text: URL, status and content of each answer."""
    listed = [
        {"request": {"url": url}, "response": {"status": status, "content": content}}
        for url, status, content in entries
    ]
    return json.dumps({"log": {"entries": listed}})


def test_a_har_file_has_pages_and_whole_bodies_only(tmp_path):
    encoded = {"text": base64.b64encode(PICTURE).decode(), "encoding": "base64"}
    html = {"mimeType": "text/html; charset=gbk"}
    entries = [
        ("http://a.test/", 200, html | {"text": "Zoë", "size": 4}),
        ("http://a.test/gbk", 200, html | {"text": "1tA=", "encoding": "base64"}),
        ("http://a.test/moved", 302, html | {"text": "moved"}),
        ("http://a.test/1.png", 200, encoded | {"size": len(PICTURE)}),
        ("http://a.test/cut.png", 200, encoded | {"size": 99}),
        ("http://a.test/wrong.png", 200, {"text": "?", "encoding": "base64"}),
        ("http://a.test/none.png", 200, {"size": 9}),
        ("http://a.test/beside.png", 200, {"_file": "abc.png"}),
        ("http://a.test/outside.png", 200, {"_file": "../abc.png"}),
    ]
    folder = tmp_path / "saves"
    folder.mkdir()
    for path in (folder / "abc.png", tmp_path / "abc.png"):
        path.write_bytes(PICTURE)
    (folder / "a.har").write_text(har(entries), encoding="utf-8-sig")
    save = read_save(folder / "a.har", UNKNOWN)
    assert save.pages == [("Zoë", "http://a.test/"), ("中", "http://a.test/gbk")]
    found = {url[14:]: save.find(url) for url, *_ in entries if url.endswith("png")}
    assert {name for name, data in found.items() if data == PICTURE} == {"1.png", "beside.png"}
    assert sum(data is not None for data in found.values()) == 2
    assert save.find("http://a.test/2.png") is None


def test_an_mhtml_file_has_its_page_and_parts_by_their_addresses(tmp_path):
    file = tmp_path / "a.mht"
    file.write_bytes(
        b'MIME-Version: 1.0\nContent-Type: multipart/related; boundary="b"\n\n'
        b"--b\nContent-Type: text/html; charset=windows-1252\nContent-Location: http://a.test/\n"
        b"Content-Transfer-Encoding: quoted-printable\n\nZo=EB\n"
        b"--b\nContent-Type: image/png\nContent-Location: http://a.test/a\n /1.png\n"
        b"Content-Transfer-Encoding: base64\n\niVBORw0K\n--b--\n"
    )
    save = read_save(file, UNKNOWN)
    assert save.pages == [("Zoë", "http://a.test/")]
    assert save.find("http://a.test/a/1.png") == PICTURE
    assert save.find("http://a.test/2.png") is None
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(
        UserError, match="breaks off before the end of its last part; save the page"
    ):
        read_save(file, UNKNOWN)


@pytest.mark.parametrize("log", [None, [], {"entries": None}, {"entries": [None]}])
def test_a_har_file_of_another_form_is_an_error_in_plain_words(tmp_path, log):
    (tmp_path / "a.har").write_text(json.dumps({"log": log}), encoding="utf-16")
    with pytest.raises(UserError, match="it has another form than a browser's save; save the page"):
        read_save(tmp_path / "a.har", UNKNOWN)


@pytest.mark.parametrize("name", ["a.har", "a.mhtml"])
@pytest.mark.parametrize("data", [b"", b"[]", b"\xff\x00", b'{"log": 1}', b"[" * 100_000])
def test_what_is_no_save_is_an_error_that_names_the_file(tmp_path, name, data):
    file = tmp_path / name
    file.write_bytes(data)
    with pytest.raises(UserError, match=rf"{name} cannot be read as a saved page: .*save the"):
        read_save(file, UNKNOWN)


def test_a_har_file_keeps_the_body_that_the_browsers_cache_has_not_sent_again(tmp_path):
    page = {"mimeType": "Application/XHTML+xml", "text": "Zoë"}
    bare = {"mimeType": "application/xhtml+xml", "size": 0}
    picture = {"text": base64.b64encode(PICTURE).decode(), "encoding": "base64"}
    urls = ("http://a.test/", "http://a.test/1.png")
    entries = [(url, 200, content) for url, content in zip(urls, (page, picture), strict=True)]
    entries += [(url, 200, bare) for url in urls]
    (tmp_path / "a.har").write_text(har(entries), encoding="utf-8")
    save = read_save(tmp_path / "a.har", UNKNOWN)
    assert save.pages == [("Zoë", "http://a.test/")]
    assert save.find("http://a.test/1.png") == PICTURE


def test_a_har_file_has_what_a_browser_kept_of_an_earlier_visit(tmp_path):
    """Chrome writes HTTP 304 with the body, and requests that were blocked without anything."""
    page = {"mimeType": "text/html", "text": "Zoë"}
    picture = {"text": base64.b64encode(PICTURE).decode(), "encoding": "base64"}
    entries = [("http://a.test/", 304, page), ("http://a.test/1.png", 304, picture)]
    log = json.loads(har([*entries, ("http://a.test/ad.js", 0, {})]))
    del log["log"]["entries"][-1]["response"]["content"]
    (tmp_path / "a.har").write_text(json.dumps(log), encoding="utf-8")
    save = read_save(tmp_path / "a.har", UNKNOWN)
    assert save.pages == [("Zoë", "http://a.test/")]
    assert save.find("http://a.test/1.png") == PICTURE


def test_pages_that_were_posted_for_are_pages_of_their_own(tmp_path):
    """A list may be turned over by a form, as ASP.NET's are; a browser asks for leave before."""
    visits = [
        ("GET", {"mimeType": "", "params": [], "text": ""}),  # as older Firefox writes it
        ("POST", {"text": "p=2"}),
        ("POST", {"text": "p=3"}),
        ("OPTIONS", None),
    ]
    html = [{"mimeType": "text/html", "text": f"page {n}"} for n in range(1, 5)]
    log = json.loads(har([("http://a.test/", 200, content) for content in html]))
    for entry, (method, posted) in zip(log["log"]["entries"], visits, strict=True):
        entry["request"] |= {"method": method} | ({"postData": posted} if posted else {})
    (tmp_path / "a.har").write_text(json.dumps(log), encoding="utf-8")
    save = read_save(tmp_path / "a.har", UNKNOWN)
    assert [page.html for page in save.pages] == ["page 1", "page 2", "page 3"]
    assert save.find("http://a.test/") == b"page 1"


@pytest.mark.parametrize(
    ("url", "data"),
    [
        ("data:image/png;base64,iVBORw0K%0AGgo=", b"\x89PNG\r\n\x1a\n"),
        ("DATA:;Base64,iVBORw0KGgo=", b"\x89PNG\r\n\x1a\n"),
        ("data:image/svg+xml,%3Csvg/>", b"<svg/>"),
        ("data:image/png;base64,iVB", None),
        ("data:image/png", None),
        ("http://a.test/data:,x", None),
    ],
)
def test_what_a_page_holds_itself_is_read(url, data):
    assert inline_data(url) == data


def test_a_picture_is_found_by_any_spelling_of_its_address(tmp_path):
    picture = {"text": base64.b64encode(PICTURE).decode(), "encoding": "base64"}
    entries = [("http://a.test/Zo%C3%AB%20b.png?a=1%202", 200, picture)]
    (tmp_path / "a.har").write_text(har(entries), encoding="utf-8")
    find = read_save(tmp_path / "a.har", UNKNOWN).find
    assert find("HTTP://a.test:80/Zoë b.png?a=1%202#top") == PICTURE
    assert find("http://a.test/Zoë.png") is None


@pytest.mark.parametrize("name", ["%00.png", "x" * 5000])
def test_a_link_that_can_be_no_file_finds_nothing(tmp_path, name):
    (tmp_path / "a.html").write_text("<p>")
    assert read_save(tmp_path / "a.html", UNKNOWN).find(UNKNOWN + name) is None
