"""A fingerprint changes with each value and with each source file, and with nothing else."""

import re
from pathlib import Path

import pytest

from src.storage import fingerprint as module
from src.storage.fingerprint import fingerprint, source_files

VALUES = ("text", 3, 0.25, ("a", 1), {"seed": 1, "lr": 2e-4})


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "computing.py"
    path.write_text("LIMIT = 1\n")
    return path


def test_modules_are_named_by_their_folders():
    files = source_files({"storage": "fingerprint slices", "vision": "bands"})
    assert files[0] == Path(module.__file__)
    assert [f"{file.parent.name}/{file.name}" for file in files[1:]] == [
        "storage/slices.py",
        "vision/bands.py",
    ]
    assert all(file.is_file() for file in files)


def test_it_is_24_hex_digits_and_equal_twice(source: Path):
    first = fingerprint([source], *VALUES)
    assert re.fullmatch("[0-9a-f]{24}", first)
    assert fingerprint([source], *VALUES) == first


@pytest.mark.parametrize("position", range(len(VALUES)))
def test_it_changes_with_each_value(source: Path, position: int):
    others = ("other", 4, 0.26, ("a", 2), {"seed": 1, "lr": 3e-4})
    values = [*VALUES]
    values[position] = others[position]
    assert fingerprint([source], *values) != fingerprint([source], *VALUES)


def test_it_changes_with_a_values_type_and_with_the_values_order():
    prints = {fingerprint([], *values) for values in [(1,), ("1",), (1.0,), (1, 2), (2, 1), ()]}
    assert len(prints) == 6


def test_it_changes_with_the_source_of_a_file(source: Path):
    other = Path(module.__file__)
    before = fingerprint([source]), fingerprint([other, source])
    source.write_text("LIMIT = 2\n")
    after = fingerprint([source]), fingerprint([other, source])
    assert all(old != new for old, new in zip(before, after, strict=True))


def test_a_line_that_moves_to_the_next_file_changes_it(tmp_path: Path):
    first, second = tmp_path / "first.py", tmp_path / "second.py"
    prints = set()
    for sources in (("a = 1\nb = 2\n", "c = 3\n"), ("a = 1\n", "b = 2\nc = 3\n")):
        for path, text in zip((first, second), sources, strict=True):
            path.write_text(text)
        prints.add(fingerprint([first, second]))
    assert len(prints) == 2
