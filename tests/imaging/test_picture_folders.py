"""Pictures are found by their bytes; everything else is counted by its reason."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from src.imaging.picture_folders import SUFFIXES, find_pictures, list_folder, reasons_with_names
from src.storage.encoding import encode_png
from tests.rights import ordinary_user


@pytest.fixture
def picture() -> np.ndarray:
    """A picture of noise, (18, 12, 3)."""
    return np.random.default_rng(5).integers(0, 256, (18, 12, 3), np.uint8)


def test_pictures_are_found_by_their_bytes_in_any_depth(tmp_path: Path, picture: np.ndarray):
    (tmp_path / "deep/er").mkdir(parents=True)
    names = ["a.png", "LOUD.PNG", "b.jpeg_large", "noending", ".hidden", "deep/er/x.txt", "c.DNG"]
    for name in names:
        (tmp_path / name).write_bytes(encode_png(picture))
    (tmp_path / "notes.txt").write_bytes(b"no picture")
    (tmp_path / "folder.png").mkdir()
    contents = list_folder(tmp_path)
    assert list(contents.pictures) == sorted(names, key=lambda name: tmp_path / name)
    assert find_pictures(tmp_path) == sorted(tmp_path / name for name in names)
    assert contents.passed_over == {"not_a_picture": ["notes.txt"]}


def test_a_broken_picture_is_listed_by_its_suffix(tmp_path: Path):
    for number, suffix in enumerate(SUFFIXES):
        (tmp_path / f"{number}{suffix.upper()}").write_bytes(b"")
    assert len(find_pictures(tmp_path)) == len(SUFFIXES)


def tiff() -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (4, 4)).save(buffer, "TIFF")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("._p0.jpg", b"\0\5\x16\7\0\2\0\0Mac OS X", "apple_double"),
        ("._p1.jpg", b"", "apple_double"),
        ("p2.jpg", b"\0\5\x16\7\0\2\0\0Mac OS X", "apple_double"),
        ("__MACOSX/a/p3.jpg", b"anything", "apple_double"),
        ("a.svg", b"<svg/>", "other_format"),
        ("a.ppm", b"P6\n1 1\n255\n\0\0\0", "other_format"),
        ("IMG_1.HEIC", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "other_format"),
        ("IMG_2", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "other_format"),
        ("IMG_3.CR2", tiff(), "other_format"),
        ("a.tga", b"\0\0\2", "other_format"),
        (".DS_Store", b"\0\0\0\1Bud1", "not_a_picture"),
        ("empty", b"", "not_a_picture"),
    ],
)
def test_what_is_no_picture_is_passed_over_with_its_reason(tmp_path: Path, name, data, reason):
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(data)
    contents = list_folder(tmp_path)
    assert (contents.pictures, contents.passed_over) == ({}, {reason: [name]})


def test_a_picture_with_the_name_of_another_kind_is_a_picture(tmp_path: Path, picture: np.ndarray):
    for name in ("._p0.jpg", "a.svg", "IMG_1.heic", "x.dng"):
        (tmp_path / name).write_bytes(encode_png(picture))
    assert list(list_folder(tmp_path).pictures) == ["._p0.jpg", "IMG_1.heic", "a.svg", "x.dng"]


def test_links_and_special_files_are_followed_or_counted(tmp_path: Path, picture: np.ndarray):
    (tmp_path / "in").mkdir()
    (tmp_path / "a.png").write_bytes(encode_png(picture))
    (tmp_path / "in/file.png").symlink_to(tmp_path / "a.png")
    (tmp_path / "in/folder").symlink_to(tmp_path)
    (tmp_path / "in/gone.png").symlink_to(tmp_path / "gone")
    (tmp_path / "in/round.png").symlink_to("round.png")
    os.mkfifo(tmp_path / "in/pipe.png")
    contents = list_folder(tmp_path / "in")
    assert list(contents.pictures) == ["file.png"]
    assert contents.passed_over == {
        "link_to_folder": ["folder"],
        "broken_link": ["gone.png", "round.png"],
        "special_file": ["pipe.png"],
    }


def test_what_may_not_be_read_is_counted_and_a_picture_is_listed(tmp_path: Path):
    for name in ("shut/a.png", "unsearchable/b.png", "unsearchable/notes", "c.png", "d"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    modes = {"shut": 0, "unsearchable": 0o644, "c.png": 0, "d": 0}
    for name, mode in modes.items():
        (tmp_path / name).chmod(mode)
    with ordinary_user():
        contents = list_folder(tmp_path)
    for name in modes:
        (tmp_path / name).chmod(0o755)
    assert list(contents.pictures) == ["c.png", "unsearchable/b.png"]
    assert contents.passed_over == {
        "unreadable": ["d", "unsearchable/notes"],
        "unreadable_folder": ["shut"],
    }


def test_folders_in_folders_in_folders_are_searched(tmp_path: Path, picture: np.ndarray):
    (tmp_path / "notes").touch()
    deepest = tmp_path / Path(*["d"] * 1500)
    for depth in range(1, 1501):
        os.mkdir(tmp_path / Path(*["d"] * depth))
    (deepest / "a.png").write_bytes(encode_png(picture))
    assert find_pictures(tmp_path) == [deepest / "a.png"]
    (deepest / "a.png").unlink()
    os.removedirs(deepest)  # pytest's own way calls itself


KINDS = {
    "a.png": b"\x89PNG\r\n\x1a\n",
    "b": b"\xff\xd8\xff",
    "._b": b"",
    "c.heic": b"",
    "d.txt": b"?",
    "e.jpg": b"?",
}
WHERE = st.lists(st.sampled_from(["x", "y.png", "__MACOSX", "é"]), max_size=2)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(WHERE, st.sampled_from(sorted(KINDS))), max_size=8))
def test_every_file_is_listed_or_counted_once(tmp_path_factory, files):
    root = tmp_path_factory.mktemp("folder")
    names = {"/".join([*folders, name]) for folders, name in files}
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(KINDS[name.rpartition("/")[2]])
    contents = list_folder(root)
    passed_over = [name for group in contents.passed_over.values() for name in group]
    assert sorted([*contents.pictures, *passed_over]) == sorted(names)


def test_reasons_are_counted_with_some_names():
    names = {"unreadable": ["a"], "not_a_picture": ["b", "c", "d", "e"]}
    assert reasons_with_names(names) == "1 unreadable (a); 4 not_a_picture (b, c, d, …)"
