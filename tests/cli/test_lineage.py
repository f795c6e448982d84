"""python -m src lineage, safely on a terminal."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from src.cli.lineage import show_lineage
from src.errors import UserError
from tests.conftest import ROOT
from tests.report.artifacts import Artifacts, offender

CONTROLS = "a\x1b[31mred\x07\r\nrow 99\u202e\x9b2J\u200b"


@pytest.fixture
def artifacts(tmp_path) -> Artifacts:
    """Rows 0-2 are validation's, 3-7 training's, 10 and 11 copies of 0, 13 unreadable, 14 missing."""
    return Artifacts(tmp_path)


@pytest.fixture
def lines_of(artifacts, monkeypatch):
    """The lines that the command prints in the artifacts' folder: lines_of(identifier)."""

    def run(identifier: str) -> list[str]:
        artifacts.write()
        monkeypatch.chdir(artifacts.folder)
        result = CliRunner().invoke(show_lineage, [identifier], catch_exceptions=False)
        return result.output.removesuffix("\n").split("\n")

    return run


def test_the_command_prints_lineage_and_what_later_stages_wrote(lines_of):
    head, *lines = lines_of("000001.png")
    assert head == "row 1"
    labels = [line.strip().partition("  ")[0] for line in lines[:4]]
    assert labels == ["listed", "item", "page", "picture"]
    assert lines[-3:] == [
        "    nearest in training  row 7, similarity 0.51",
        "    scores               l1 0.11, psnr 20.0, ssim 0.5",
        "    leaked_pictures (failed) is at fault with 1",
    ]


def test_the_command_prints_every_row_of_an_item(artifacts, lines_of):
    artifacts.table.loc[[2, 12, 15], "item_id"] = "nm_many"
    rows = [line for line in lines_of("nm_many") if line.startswith("row")]
    assert rows == ["row 2", "row 12", "row 15"]


def test_control_characters_from_the_web_do_not_reach_the_terminal(artifacts, lines_of):
    artifacts.table[["name", "item_id", "page_url", "image_url", "status"]] = CONTROLS
    artifacts.table.loc[14, "file"] = None
    artifacts.findings[0]["offenders"] = [offender(14, "") | {"detail": CONTROLS}]
    lines = lines_of("14")
    assert all(line.isprintable() for line in lines)
    assert [line for line in lines if not line.startswith("    ")] == ["row 14"]
    assert sum("a?[31mred???row 99??2J?" in line for line in lines) == 5


def test_an_unknown_id_is_refused(lines_of):
    with pytest.raises(UserError, match="is no row"):
        lines_of("nm99")


def test_every_kept_picture_is_a_line_of_csv(lines_of):
    head, *lines = lines_of("--csv")
    assert head.startswith("row,item_id,name,page_url,image_url,date,")
    assert [line.split(",")[0] for line in lines] == [str(row) for row in range(8)]
    assert "https://example.test/list?page=1,https://example.test/6.png," in lines[6]


def test_the_pictures_of_one_item_are_printed_as_csv(artifacts, monkeypatch):
    artifacts.table.loc[[2, 6, 15], "item_id"] = "nm_many"
    artifacts.write()
    monkeypatch.chdir(artifacts.folder)
    result = CliRunner().invoke(show_lineage, ["nm_many", "--csv"], catch_exceptions=False)
    assert [line.split(",")[0] for line in result.output.splitlines()] == ["row", "2", "6"]


def test_an_item_without_a_kept_picture_is_said_to_have_none(artifacts, monkeypatch):
    artifacts.write()
    monkeypatch.chdir(artifacts.folder)
    result = CliRunner().invoke(show_lineage, ["12", "--csv"], catch_exceptions=False)
    assert result.stdout.startswith("row,item_id") and result.stdout.count("\n") == 1
    assert result.stderr == "lineage: no picture of 12 is kept\n"


def test_without_an_id_it_says_what_is_missing(tmp_path):
    done = run_program(tmp_path)
    assert done.returncode == 2
    assert "Missing argument 'ID', or --csv for all pictures." in done.stderr


def run_program(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "src", "lineage", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def test_the_program_prints_the_lineage_of_an_item(artifacts):
    artifacts.write()
    done = run_program(artifacts.folder, "nm6")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("row 6\n    listed               page 2, position 2\n")


def test_an_unknown_id_ends_the_program_in_one_printable_line(artifacts):
    artifacts.write()
    done = run_program(artifacts.folder, f"nm{CONTROLS}")
    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    assert line.startswith("python -m src: 'nma\\x1b[31mred")
    assert line.isprintable()


def test_missing_data_ends_the_program_in_one_line(tmp_path):
    done = run_program(tmp_path, "3")
    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    assert "data/split/ledger.parquet is missing: run `dvc repro`" in line
