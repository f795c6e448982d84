"""A folder is worked in by one process at a time."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from src.errors import UserError
from src.storage.locks import alone_in
from tests.conftest import ROOT

HOLD = """
import sys
from pathlib import Path
from src.storage.locks import alone_in
with alone_in(Path(sys.argv[1]), "scraping"):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def held(folder: Path) -> Iterator[subprocess.Popen]:
    """Another process that holds the folder while the block runs."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.stdin.close()


def test_the_second_process_is_told_in_one_line(tmp_path: Path):
    with held(tmp_path / "raw"):
        with (
            pytest.raises(
                UserError, match=r"^another process is scraping and uses .*/raw: wait"
            ) as raised,
            alone_in(tmp_path / "raw", "scraping"),
        ):
            pytest.fail("not alone")
        assert "\n" not in str(raised.value)
    with alone_in(tmp_path / "raw", "scraping"):
        assert list((tmp_path / "raw").iterdir()) == []


def test_a_killed_process_holds_nothing(tmp_path: Path):
    with held(tmp_path) as process:
        process.kill()
        process.wait()
        with alone_in(tmp_path, "scraping"):
            pass


def test_a_folder_that_cannot_be_created_is_an_error(tmp_path: Path):
    (tmp_path / "raw").write_text("a file")
    with (
        pytest.raises(UserError, match=r"cannot write .*raw: File exists"),
        alone_in(tmp_path / "raw", "scraping"),
    ):
        pytest.fail("no folder")
