"""Paths that a user names: those that do not fit are refused in one line."""

import os
from pathlib import Path

import pytest
import yaml

from src.errors import UserError
from src.user_paths import (
    existing_file,
    existing_folder,
    existing_path,
    existing_source,
    output_file,
    output_folder,
    require_bounded,
)
from tests.rights import ordinary_user


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home and working folder, with a folder `album` and a file `a.jpg` in it."""
    (tmp_path / "album").mkdir()
    (tmp_path / "album" / "a.jpg").write_bytes(b"")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_tilde_is_the_home(home: Path):
    assert existing_folder("key", "~/album") == output_folder("key", "~/album") == home / "album"
    assert existing_file("key", "~/album/a.jpg") == output_file("key", "~/album/a.jpg")


@pytest.mark.parametrize("function", [existing_path, output_folder])
def test_a_path_that_the_system_refuses_is_named_with_the_reason(home: Path, function):
    with pytest.raises(UserError, match=r"^key = 'x+' cannot be .*: File name too long$"):
        function("key", "x" * 300)
    (home / "shut" / "in").mkdir(parents=True)
    (home / "shut").chmod(0)
    with ordinary_user(), pytest.raises(UserError, match=r"cannot be .*: Permission denied"):
        function("key", "shut/in")
    (home / "shut").chmod(0o755)


def test_what_is_missing_of_a_path_is_said(home: Path):
    for path, part in (("albun/b/a.jpg", "albun"), (f"{home}/album/b.jpg", "b.jpg")):
        with pytest.raises(UserError) as error:
            existing_path("folder.path", path)
        sentence, _, where = str(error.value).partition(": ")
        assert sentence == f"folder.path = {path!r} does not exist"
        folder = home / "album" if part == "b.jpg" else home
        assert where.startswith(f"{folder} is there, {part!r} in it is not")
        assert ("absolute path" in where) == (not path.startswith("/"))


@pytest.mark.parametrize("path", ["~nobody-of-that-name/album", "album/a.jpg/b"])
def test_odd_paths_do_not_exist(home: Path, path: str):
    with pytest.raises(UserError, match="does not exist"):
        existing_path("key", path)


@pytest.mark.parametrize(
    ("check", "path", "expected"),
    [
        (existing_folder, "album/a.jpg", "is a file, expected a folder"),
        (existing_file, "album", "is a folder, expected a file"),
        (output_folder, "album/a.jpg", "album/a.jpg is a file, expected a folder"),
        (output_folder, "album/a.jpg/new", "album/a.jpg is a file, expected a folder"),
        (output_file, "album", "is a folder, expected the name of a file"),
        (output_file, "album/a.jpg/new.png", "album/a.jpg is a file, expected a folder"),
    ],
)
def test_a_file_is_no_folder_and_a_folder_no_file(home: Path, check, path: str, expected: str):
    with pytest.raises(UserError, match=rf"^key = '.*' ?.*{expected}$"):
        check("key", path)


def test_a_pipe_is_not_replaced_by_a_file(home: Path):
    os.mkfifo(home / "pipe")
    with pytest.raises(UserError, match=r"^key = 'pipe' is a pipe or a device, expected the name"):
        output_file("key", "pipe")


def test_a_pipe_is_no_file_to_read(home: Path):
    os.mkfifo(home / "pipe")
    with pytest.raises(UserError, match=r"^key = 'pipe' is a pipe or a device, expected a file"):
        existing_file("key", "pipe")


def test_a_pipe_is_no_folder_and_no_source(home: Path):
    os.mkfifo(home / "pipe")
    with pytest.raises(UserError, match=r"^key = 'pipe' is a pipe or a device, expected a folder"):
        existing_folder("key", "pipe")
    with pytest.raises(UserError, match=r"'pipe' is a pipe or a device, expected a file or a fol"):
        existing_source("key", "pipe")
    assert existing_source("key", str(home)) == home


def test_what_may_not_end_or_is_too_large_is_not_read(home: Path):
    (home / "device").symlink_to("/dev/null")
    with pytest.raises(OSError, match=r"^it is a pipe or a device, expected a file$"):
        require_bounded(home / "device")
    (home / "file").write_bytes(b"12345")
    require_bounded(home / "file", 5)
    with pytest.raises(OSError, match=r"^it has 5 bytes, allowed are 4$"):
        require_bounded(home / "file", 4)
    require_bounded(home / "missing")  # reading it says so


@pytest.mark.parametrize("function", [output_folder, output_file])
@pytest.mark.parametrize(
    "path", ["data/model", "data/model/a/b.onnx", "link/b.onnx", "metrics/a.json"]
)
def test_nothing_is_written_where_dvc_deletes_it(home: Path, function, path: str):
    stages = {"train": {"outs": ["data/model"], "metrics": [{"metrics/a.json": {"cache": False}}]}}
    Path("dvc.yaml").write_text(yaml.safe_dump({"stages": stages}), encoding="utf-8")
    Path("data/model").mkdir(parents=True)
    Path("link").symlink_to("data/model")
    with pytest.raises(
        UserError, match=r"^key = .* which DVC empties before it runs the stage train"
    ):
        function("key", path)
    assert function("key", "data/models/b.onnx") == Path("data/models/b.onnx")


@pytest.mark.parametrize("stages", ["", "stages:", "stages: [1]", "stages: {a: {outs: [{}]}}"])
def test_a_half_written_pipeline_keeps_nobody_from_writing(home: Path, stages: str):
    Path("dvc.yaml").write_text(stages, encoding="utf-8")
    assert output_file("key", "a.png") == Path("a.png")


def test_what_is_to_be_written_need_not_exist(home: Path):
    assert output_folder("key", "new/one") == Path("new/one")
    assert output_file("key", "new/one.png") == Path("new/one.png")
