"""Files are complete or absent, and errors name them."""

import os
import pickle
import tempfile
from pathlib import Path

import pytest

from src.errors import UserError
from src.storage.atomic import (
    atomic_folder,
    atomic_write,
    read_json,
    remove,
    write_bytes,
    write_json,
    write_text,
)


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_successful_block_leaves_only_the_file(tmp_path: Path):
    with atomic_write(tmp_path / "new" / "a.txt") as temporary:
        assert temporary.parent == tmp_path / "new"
        temporary.write_text("done")
    assert (tmp_path / "new" / "a.txt").read_text() == "done"
    assert _names(tmp_path / "new") == ["a.txt"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, UserError])
def test_a_failing_block_leaves_nothing(tmp_path: Path, error: type[BaseException]):
    with pytest.raises(error), atomic_write(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        raise error("stop")
    assert _names(tmp_path) == []


def test_a_failing_block_leaves_the_old_file_unchanged(tmp_path: Path):
    write_text(tmp_path / "a.txt", "old")
    with pytest.raises(ValueError, match="stop"), atomic_write(tmp_path / "a.txt") as temporary:
        temporary.write_text("half of the new one")
        raise ValueError("stop")
    assert (tmp_path / "a.txt").read_text() == "old"
    assert _names(tmp_path) == ["a.txt"]


def test_the_old_file_is_there_until_the_block_ends(tmp_path: Path):
    write_text(tmp_path / "a.txt", "old")
    with atomic_write(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")
        assert (tmp_path / "a.txt").read_text() == "old"
    assert (tmp_path / "a.txt").read_text() == "new"


def test_a_written_file_is_readable_by_others(tmp_path: Path):
    write_bytes(tmp_path / "a.bin", b"\x00\xff")
    assert (tmp_path / "a.bin").stat().st_mode & 0o777 == 0o644


def test_a_replaced_link_leaves_its_target_unchanged(tmp_path: Path):
    # an artifact may be a link into DVC's cache, which must never change
    write_text(tmp_path / "cached", "cached")
    (tmp_path / "a.txt").symlink_to(tmp_path / "cached")
    write_text(tmp_path / "a.txt", "new")
    assert (tmp_path / "cached").read_text() == "cached"
    assert not (tmp_path / "a.txt").is_symlink()


def test_a_file_in_place_of_the_folder_is_named(tmp_path: Path):
    (tmp_path / "data").write_text("a file")
    path = tmp_path / "data" / "clean" / "ledger.parquet"
    with pytest.raises(UserError, match=f"cannot write {path}: Not a directory"):
        write_bytes(path, b"x")


def test_a_folder_in_place_of_the_file_is_named(tmp_path: Path):
    (tmp_path / "a.json" / "inside").mkdir(parents=True)
    with pytest.raises(UserError, match=f"cannot write {tmp_path / 'a.json'}"):
        write_json(tmp_path / "a.json", {})
    assert _names(tmp_path) == ["a.json"]


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_read_only_folder_is_named(tmp_path: Path):
    tmp_path.chmod(0o555)
    with pytest.raises(UserError, match=f"cannot write {tmp_path / 'a.txt'}: Permission denied"):
        write_text(tmp_path / "a.txt", "x")


def test_an_os_error_without_a_number_is_not_the_disks(tmp_path: Path):
    class NetworkError(OSError):
        """requests raises such an OSError."""

    with pytest.raises(NetworkError), atomic_write(tmp_path / "a.bin"):
        raise NetworkError("the server hung up")
    assert _names(tmp_path) == []


def test_a_full_disk_in_numpys_words_is_named(tmp_path: Path):
    path = tmp_path / "a.npy"
    reason = "224 requested and 0 written"
    with pytest.raises(UserError, match=f"cannot write {path}: {reason}"), atomic_write(path):
        raise OSError(reason)
    assert _names(tmp_path) == []


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_nan_and_infinity_are_refused_and_not_written(tmp_path: Path, number: float):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"fid": [number]})
    assert _names(tmp_path) == []


def test_json_has_the_order_and_the_letters_of_the_value(tmp_path: Path):
    value = {"b": 1, "a": {"name": "Dvořák", "share": 0.25}}
    write_json(tmp_path / "a.json", value)
    assert list(read_json(tmp_path / "a.json")) == ["b", "a"]
    assert read_json(tmp_path / "a.json") == value
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert "Dvořák" in text
    assert text.endswith("}\n")


def test_missing_json_is_named_with_the_remedy(tmp_path: Path):
    with pytest.raises(UserError, match=r"scrape\.json is missing: run `dvc repro`"):
        read_json(tmp_path / "scrape.json")


@pytest.mark.parametrize("data", [b"", b"{", b'{"a": }', b"<html>", b"\xff\xfe\x00"])
def test_broken_json_is_named(tmp_path: Path, data: bytes):
    (tmp_path / "scrape.json").write_bytes(data)
    with pytest.raises(UserError, match=r"scrape\.json cannot be read as JSON.*`dvc repro`") as e:
        read_json(tmp_path / "scrape.json")
    assert "\n" not in str(e.value)
    with pytest.raises(UserError, match=r"scrape\.json cannot be read as JSON.*; delete it$"):
        read_json(tmp_path / "scrape.json", "delete it")


def test_a_key_that_was_removed_from_json_is_named_at_every_depth(tmp_path: Path):
    path = tmp_path / "scores.json"
    write_json(path, {"val": {"l1": 0.5}, "rows": [{"row": 1}]})
    content = pickle.loads(pickle.dumps(read_json(path)))
    assert content == {"val": {"l1": 0.5}, "rows": [{"row": 1}]}
    assert content.get("train") is None
    for look_up in (
        lambda: content["psnr"],
        lambda: content["val"]["psnr"],
        lambda: content["rows"][0]["psnr"],
    ):
        with pytest.raises(UserError, match=r"scores.json lacks the key 'psnr': `dvc repro`"):
            look_up()


def test_a_folder_replaces_whatever_is_at_its_path(tmp_path: Path):
    path = tmp_path / "a"
    write_text(path, "a file")
    for name in ("first", "second"):
        with atomic_folder(path) as folder:
            (folder / name).write_text(name)
        assert _names(path) == [name]
    assert _names(tmp_path) == ["a"]


def test_a_folder_that_is_being_replaced_is_never_half_removed(tmp_path: Path, monkeypatch):
    write_text(tmp_path / "a/old", "old")
    seen = []
    rmtree = tempfile.TemporaryDirectory._rmtree
    monkeypatch.setattr(
        tempfile.TemporaryDirectory,
        "_rmtree",
        classmethod(lambda cls, *a, **k: (seen.append(_names(tmp_path / "a")), rmtree(*a, **k))),
    )
    with atomic_folder(tmp_path / "a") as folder:
        (folder / "new").write_text("new")
    assert seen and set(map(tuple, seen)) == {("new",)}


def test_a_failing_block_leaves_the_old_folder_unchanged(tmp_path: Path):
    write_text(tmp_path / "a/old", "old")
    with pytest.raises(ValueError, match="stop"), atomic_folder(tmp_path / "a") as folder:
        (folder / "new").write_text("half")
        raise ValueError("stop")
    assert (_names(tmp_path), _names(tmp_path / "a")) == (["a"], ["old"])


def test_files_folders_and_links_are_removed(tmp_path: Path):
    write_text(tmp_path / "folder/file", "x")
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    remove(tmp_path / "link")
    assert _names(tmp_path / "folder") == ["file"]
    remove(tmp_path / "folder")
    remove(tmp_path / "absent")
    assert _names(tmp_path) == []
