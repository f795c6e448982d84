"""Folders and archives of any kind: each file becomes a row, or is counted by its reason."""

import io
import os
import shutil
import tarfile
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from src.errors import UserError
from src.imaging.picture_folders import Contents
from src.scrape import sources
from src.scrape.file_lists import with_utf8_names
from src.storage.encoding import encode_jpeg
from tests.conftest import SCRAPE
from tests.inference.pictures import noise
from tests.rights import ordinary_user
from tests.scrape.scraping import picture, scraped, stored, write

pytestmark = pytest.mark.usefixtures("own_folder")
APPLE_DOUBLE = b"\0\5\x16\7\0\2\0\0Mac OS X        "
SUFFIXES = ["jfif", "JPE", "dib", "apng", "mpo", "jpeg_large", "JPG"]


@pytest.fixture
def mixed(tmp_path) -> Path:
    """Seven pictures with all kinds of names beside four other files."""
    folder = tmp_path / "mixed"
    for number, suffix in enumerate(SUFFIXES):
        write(folder / f"{number}.{suffix}", picture(number))
    write(folder / "none", picture(9))
    write(folder / "._0.jfif", APPLE_DOUBLE)
    write(folder / "a.svg", b"<svg/>")
    write(folder / "b.ppm", b"P6 1 1 255 \0\0\0")
    (folder / "again").symlink_to(folder)
    return folder


PASSED_OVER = {"apple_double": 1, "link_to_folder": 1, "other_format": 2}


@pytest.mark.parametrize("source", ["folder", "pairs"])
def test_files_are_taken_by_their_bytes_and_the_rest_is_counted(
    quick, mixed, tmp_path, capsys, source
):
    table, metrics = scraped(quick(source, {f"{source}.path": str(mixed)}), tmp_path / "raw")
    names = sorted([f"{number}.{suffix}" for number, suffix in enumerate(SUFFIXES)] + ["none"])
    assert sorted(table["image_url"]) == names
    assert set(table["status"]) == {"ok"}
    assert metrics["passed_over"] == PASSED_OVER
    [line] = capsys.readouterr().err.splitlines()[:1]
    assert line.startswith("scrape: 4 files are passed over: ")
    assert "1 apple_double (._0.jfif)" in line
    assert "2 other_format (a.svg, b.ppm)" in line


def test_an_archive_made_on_a_mac_lists_its_pictures_alone(quick, mixed, tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.add(mixed, "mixed")
    params = quick("pairs", {"pairs.path": str(tmp_path / "a.tar")})
    table, metrics = scraped(params, tmp_path / "raw")
    assert list(table["status"]) == ["ok"] * 8
    assert metrics["passed_over"] == {"apple_double": 1, "link": 1, "other_format": 2}


LATIN = b"caf\xe9.png"


def test_a_name_that_is_no_utf8_is_a_row(quick, tmp_path):
    folder = write(tmp_path / "album" / "a.png", picture(1)).parent
    (folder / os.fsdecode(LATIN)).write_bytes(picture(2))
    (folder / os.fsdecode(b"\xff")).mkdir()
    (folder / os.fsdecode(b"\xff/notes")).write_bytes(b"no picture")
    params = quick("folder", {"folder.path": str(folder), "folder.item": "folder"})
    table, _ = scraped(params, tmp_path / "raw")
    assert list(table["image_url"]) == ["a.png", r"caf\xe9.png"]
    assert list(table["status"]) == ["ok", "ok"]


def test_a_folder_is_one_item_however_its_accents_are_spelled(quick, tmp_path, capsys):
    """Copied from macOS, and from Linux."""
    for n, name in enumerate(["Zoe\u0308/1.png", "Zo\u00eb/2.png"]):
        write(tmp_path / "people" / name, picture(n))
    params = quick("folder", {"folder.path": str(tmp_path / "people"), "folder.item": "folder"})
    table, _ = scraped(params, tmp_path / "raw")
    assert set(table["item_id"]) == {"Zo\u00eb"}
    assert list(table["status"]) == ["ok", "ok"]
    told = "all 2 items have the id 'Zo\u00eb', and count as one (folder.item = 'folder')"
    assert told in capsys.readouterr().err


def test_names_of_an_archive_that_are_no_utf8_are_rows(quick, tmp_path):
    """As in facades_latin1_names.tar, of an old Unix."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", encoding="latin-1", format=tarfile.GNU_FORMAT) as t:
        for number, name in enumerate(["train/Fa\xe7ade 1.png", "train/\xe9.png", "val/\xe9.png"]):
            member = tarfile.TarInfo(name)
            data = picture(number, 16, 8)
            member.size = len(data)
            t.addfile(member, io.BytesIO(data))
    path = write(tmp_path / "a.tar", buffer.getvalue())
    table, _ = scraped(quick("pairs", {"pairs.path": str(path)}), tmp_path / "raw")
    assert sorted(table["image_url"]) == [
        r"train/Fa\xe7ade 1.png",
        r"train/\xe9.png",
        r"val/\xe9.png",
    ]
    assert list(table["status"]) == ["ok"] * 3


NAMES = st.binary(min_size=1, max_size=6).filter(
    lambda name: b"/" not in name and b"\0" not in name
)


@given(st.lists(NAMES, unique=True, max_size=5))
@example([b"\xe9", rb"\xe9"])
@example([b"\xed\xa0\x80", "é".encode()])
def test_any_names_become_utf8_and_none_is_lost(names):
    files = {os.fsdecode(name): Path(str(number)) for number, name in enumerate(names)}
    try:
        contents = with_utf8_names("folder.path", Contents(files, {"unreadable": list(files)}))
    except UserError as error:
        assert "two files have the name" in str(error)
        return
    assert list(contents.pictures.values()) == list(files.values())
    for name in [*contents.pictures, *contents.passed_over.get("unreadable", [])]:
        name.encode()


def test_a_folder_that_may_not_be_read_is_counted_and_the_root_is_an_error(quick, tmp_path, capsys):
    write(tmp_path / "album" / "a.png", picture(1))
    shut = write(tmp_path / "album" / "shut" / "b.png", picture(2)).parent
    params = quick("folder", {"folder.path": str(tmp_path / "album")})
    shut.chmod(0)
    with ordinary_user():
        _, metrics = scraped(params, tmp_path / "raw")
        assert metrics["passed_over"] == {"unreadable_folder": 1}
        assert "1 unreadable_folder (shut)" in capsys.readouterr().err
        shut.parent.chmod(0)
        with pytest.raises(UserError, match=r"folder\.path = .* cannot be read: Permission denied"):
            scraped(params, tmp_path / "raw")
        shut.parent.chmod(0o755)
    shut.chmod(0o755)


def test_files_without_a_picture_are_named(quick, tmp_path, capsys):
    folder = write(tmp_path / "album" / "a.png", picture(1)).parent
    write(folder / "b.jpg", b"<html>")
    scraped(quick("folder", {"folder.path": str(folder)}), tmp_path / "raw")
    assert "scrape: 1 of 2 rows have no picture: 1 html (b.jpg)" in capsys.readouterr().err


@pytest.mark.parametrize("side", [80, 500])  # a file of 5 KB and one of 200 KB
@pytest.mark.parametrize("size", [0, 100, 1_000_000])
def test_a_file_that_changes_while_it_is_read_is_one_rows_fault(
    quick, tmp_path, monkeypatch, size, side
):
    folder = write(tmp_path / "album" / "a.jpg", encode_jpeg(noise(side, side))).parent
    write(folder / "b.png", picture(1))
    open_file = Path.open

    def changing(path: Path, mode: str) -> object:
        if path.name == "a.jpg":
            os.truncate(path, size)
        return open_file(path, mode)

    params = quick("folder", {"folder.path": str(folder)})
    with sources.open_source(params, tmp_path / "raw") as source:
        monkeypatch.setattr(Path, "open", changing)
        table = stored(source.crawl.rows, source.fetch, tmp_path / "raw", SCRAPE)
    assert list(table["status"]) == ["changed", "ok"]


def test_a_file_that_no_picture_needs_is_not_read(quick, tmp_path):
    folder = write(tmp_path / "album" / "a.png", picture(1)).parent
    os.truncate(write(folder / "b.png", picture(2)), 10**12)  # a hole: it takes no room
    params = quick("folder", {"folder.path": str(folder), "scrape.max_bytes": 1024})
    table, _ = scraped(params, tmp_path / "raw")
    assert list(table["status"]) == ["ok", "too_large"]


def test_a_full_disk_is_one_error(quick, tmp_path, monkeypatch):
    folder = tmp_path / "album"
    for number in range(40):
        write(folder / f"{number}.png", picture(number))
    params = quick("folder", {"folder.path": str(folder)})
    open_file = Path.open

    def filling(path: Path, mode: str) -> object:
        full = mode != "rb" and len(list(path.parent.iterdir())) > 20
        return open_file(Path("/dev/full") if full else path, mode)

    expected = r"cannot write .*: No space left .* of 40 pictures are done"
    with (
        pytest.raises(UserError, match=expected),
        sources.open_source(params, tmp_path / "raw") as source,
    ):
        monkeypatch.setattr(Path, "open", filling)
        stored(source.crawl.rows, source.fetch, tmp_path / "raw", SCRAPE)


def test_half_files_that_a_thread_deletes_itself_are_no_error(quick, tmp_path, monkeypatch):
    folder = write(tmp_path / "album" / "a.png", picture(1)).parent
    params = quick("folder", {"folder.path": str(folder)})
    monkeypatch.setattr(Path, "glob", lambda folder, _: iter([folder / ".gone"]))
    with sources.open_source(params, tmp_path / "raw") as source:
        assert len(source.crawl.rows) == 1


@pytest.mark.parametrize("source", ["demo", "pairs"])
def test_a_read_only_cache_is_one_line(quick, tmp_path, source):
    Path(".cache").mkdir()
    Path(".cache").chmod(0o555)
    write(tmp_path / "a.tar", b"")
    changes = {"pairs.path": str(tmp_path / "a.tar"), "demo.pages": 1, "demo.per_page": 8}
    with (
        ordinary_user(),
        pytest.raises(UserError, match=r"cannot write \.cache.*: Permission denied"),
        sources.open_source(quick(source, changes), tmp_path),
    ):
        pass


@pytest.mark.parametrize("key", ["folder.path", "pairs.path", "demo.portraits"])
def test_pictures_inside_data_stay_and_are_refused(quick, tmp_path, key):
    file = write(tmp_path / "data/raw/images/mine.png", picture(1))
    params = quick(key.partition(".")[0], {key: "data/raw/images"})
    with (
        pytest.raises(UserError, match=rf"{key} = 'data/raw/images' is inside data/"),
        sources.open_source(params, Path("data/raw")),
    ):
        pass
    assert file.read_bytes() == picture(1)
    shutil.rmtree("data")
