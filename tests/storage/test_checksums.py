"""A damaged file of a cache is told and never believed."""

from pathlib import Path

import numpy as np
import pytest

from src.errors import UserError
from src.storage.checksums import checked_read, checked_write, file_sha256

CONTENT = bytes(range(256)) * 3


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file that `checked_write` has written."""
    path = tmp_path / "key" / "a.bin"
    with checked_write(path) as temporary:
        temporary.write_bytes(CONTENT)
    return path


def test_what_was_written_is_read_without_a_word(file: Path, capsys):
    content = checked_read(file, "it is done again")
    assert content is not None
    assert content.read() == CONTENT
    assert capsys.readouterr().err == ""


def test_a_missing_file_is_none_without_a_word(tmp_path: Path, capsys):
    assert checked_read(tmp_path / "no", "it is done again") is None
    assert capsys.readouterr().err == ""


def test_every_truncation_and_many_flipped_bits_are_told_in_one_line(file: Path, capsys):
    whole = file.read_bytes()
    flips = np.random.default_rng(0).choice(8 * len(whole), 300, replace=False)
    damaged = [whole[:size] for size in range(len(whole))] + [whole + b"\0"]
    for at in flips:
        flipped = bytearray(whole)
        flipped[at // 8] ^= 1 << at % 8
        damaged.append(bytes(flipped))
    for data in damaged:
        file.write_bytes(data)
        assert checked_read(file, "it is done again") is None
        [line] = capsys.readouterr().err.splitlines()
        assert line == f"{file} does not match its checksum: it is done again"
        assert checked_read(file, "") is None
        assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", ["key/b.bin", "other/a.bin"])
def test_a_whole_file_under_the_name_of_another_is_not_believed(file: Path, name: str):
    other = file.parent.parent / name
    other.parent.mkdir(exist_ok=True)
    file.rename(other)
    assert checked_read(other, "") is None


def test_a_folder_in_the_place_of_a_file_is_told(tmp_path: Path, capsys):
    assert checked_read(tmp_path, "it is done again") is None
    assert (
        capsys.readouterr().err == f"{tmp_path} cannot be read: Is a directory: it is done again\n"
    )


def test_a_block_that_fails_leaves_the_earlier_file(file: Path):
    with (
        pytest.raises(UserError, match=r"cannot write .*a\.bin: No space left"),
        checked_write(file),
    ):
        raise OSError(28, "No space left on device")
    assert checked_read(file, "") is not None
    assert [path.name for path in file.parent.iterdir()] == ["a.bin"]


def test_the_sha256_of_a_file_is_that_of_its_content(tmp_path: Path):
    (tmp_path / "a").write_bytes(b"abc")
    assert file_sha256(tmp_path / "a").startswith("ba7816bf8f01cfea")
