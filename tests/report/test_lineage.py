"""Where a picture comes from and what became of it, in full, and safely on a terminal."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from src.errors import UserError, exit_on_user_error
from src.report import lineage
from src.storage.ledger import read_ledger
from tests.conftest import ROOT
from tests.report.test_page import Artifacts, offender

STEERING = "a\x1b[31mred\x07\r\nrow 99\u202e\x9b2J\u200b"


@pytest.fixture
def artifacts(tmp_path) -> Artifacts:
    """Rows 0-2 are validation's, 3-7 training's, 10 and 11 copies of 0, 13 unreadable, 14 missing."""
    return Artifacts(tmp_path)


def told(artifacts: Artifacts, row: int) -> dict[str, str]:
    lines = lineage.lineage(read(artifacts), row)
    assert len(dict(lines)) == len(lines)
    return dict(lines)


def read(artifacts: Artifacts):
    artifacts.write()
    return read_ledger(artifacts.data / "split" / "ledger.parquet", "split")


# --- the lineage of a row


def test_a_kept_row_is_traced_from_its_page_to_its_side(artifacts):
    assert told(artifacts, 6) == {
        "listed": "page 2, position 2",
        "item": "nm6, Zoë Young",
        "page": "https://example.test/list?page=1",
        "picture": "https://example.test/6.png",
        "fetched": "data/raw/images/6.png (32x24 PNG, 1234 bytes)",
        "verdict": "keep",
        "colour": "tone residual 1.50, colorfulness 20.0",
        "side": "train, in the group of row 6",
    }


def test_a_kept_row_names_its_copies(artifacts):
    said = told(artifacts, 0)
    assert said["copies"] == "row 10, row 11"
    assert said["side"] == "val, in the group of row 0"


@pytest.mark.parametrize(("row", "verdict"), [(10, "exact_duplicate"), (11, "near_duplicate")])
def test_a_removed_copy_names_what_was_kept_instead(artifacts, row, verdict):
    said = told(artifacts, row)
    assert said["verdict"] == f"{verdict} of row 0, similarity 0.987"
    assert "side" not in said
    assert "copies" not in said


def test_a_missing_row_says_why_there_is_no_file(artifacts):
    said = told(artifacts, 14)
    assert (said["fetched"], said["verdict"]) == ("no: http_404", "missing")
    assert not {"colour", "side", "copies"} & set(said)


def test_an_unreadable_row_has_a_file_and_no_colour(artifacts):
    said = told(artifacts, 13)
    assert said["fetched"].startswith("data/raw/images/13.png (")
    assert said["verdict"] == "unreadable"
    assert "colour" not in said


def test_a_file_on_disk_has_neither_page_nor_name(artifacts):
    artifacts.table[["page_url", "image_url", "name"]] = None
    said = told(artifacts, 3)
    assert said["page"] == "none, a file on disk"
    assert said["picture"] == "none"
    assert said["item"] == "nm3, without a name"


def test_a_copy_that_was_kept_still_names_its_twin(artifacts):
    artifacts.table.loc[5, ["duplicate_of", "similarity"]] = [4, 0.95]
    assert told(artifacts, 5)["verdict"] == "keep of row 4, similarity 0.950"
    assert told(artifacts, 4)["copies"] == "row 5"


def test_every_row_has_a_lineage_of_text(artifacts):
    table = read(artifacts)
    for row in range(len(table)):
        lines = lineage.lineage(table, row)
        assert all(isinstance(part, str) and part for line in lines for part in line)
        assert not {"nan", "None", "<NA>"} & {part for line in lines for part in line}


# --- what later stages wrote of it


def fate(artifacts: Artifacts, row: int) -> list[tuple[str, str]]:
    artifacts.write()
    return lineage.downstream(artifacts.data, row)


def test_a_validation_row_has_a_neighbour_scores_and_findings(artifacts):
    artifacts.review[0]["offenders"] = [offender(1, "Zoë Young")]
    assert fate(artifacts, 1) == [
        ("nearest in training", "row 7, similarity 0.51"),
        ("scores", "l1 0.11, psnr 20.0, ssim 0.5"),
        ("leaked_pictures (failed)", "is at fault with 1"),
        ("lost_color (passed)", "is at fault with 1"),
    ]


def test_a_training_row_has_neither_neighbour_nor_scores(artifacts):
    artifacts.findings = []
    assert fate(artifacts, 6) == []


def test_a_row_twice_at_fault_is_told_twice(artifacts):
    artifacts.findings[0]["offenders"] = [offender(6, ""), offender(6, "")]
    assert len(fate(artifacts, 6)) == 2


def test_stages_that_did_not_run_are_left_out(artifacts, tmp_path):
    assert lineage.downstream(tmp_path / "nowhere", 1) == []


# --- which row is meant


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("3", [3]),
        ("15", [15]),
        ("000003", [3]),
        ("000003.png", [3]),
        ("data/predictions/000003.png", [3]),
        ("nm3", [3]),
        ("portrait_3.jpeg", [3]),
        ("images/portrait_3.jpeg", [3]),
        ("data/raw/images/portrait_3.jpeg", [3]),
        ("portrait_3", [3]),
        ("nm_twice", [4, 6, 14]),
    ],
)
def test_a_row_is_found_by(artifacts, wanted, expected):
    artifacts.table.loc[3, "file"] = "images/portrait_3.jpeg"
    artifacts.table.loc[[4, 6, 14], "item_id"] = "nm_twice"
    found = lineage.find_rows(read(artifacts), wanted)
    assert found == expected
    assert all(type(row) is int for row in found)


def test_a_file_shared_by_rows_names_them_all(artifacts):
    artifacts.table.loc[[10, 11], "file"] = "images/same.png"
    assert lineage.find_rows(read(artifacts), "same.png") == [10, 11]


def test_a_number_that_is_also_an_item_names_both(artifacts):
    artifacts.table.loc[5, "item_id"] = "3"
    assert lineage.find_rows(read(artifacts), "3") == [3, 5]


@pytest.mark.parametrize(
    "wanted",
    ["16", "-1", "nm", "nm99", "1.5", "²", "9" * 30, "", ".", "/", "images/", "nan"],
    ids=lambda wanted: wanted or "nothing",
)
def test_an_unknown_id_is_refused_with_what_is_known(artifacts, wanted):
    # rows without a file, item or name must not answer to an empty id
    with pytest.raises(UserError, match=r"is no row \(0 to 15\), item id or file of the ledger"):
        lineage.find_rows(read(artifacts), wanted)


# --- the command


@pytest.fixture
def run(artifacts, monkeypatch, capsys):
    """python -m src.trace in the artifacts' folder: run(id) gives the lines it printed."""

    def go(wanted: str) -> list[str]:
        monkeypatch.chdir(artifacts.folder)
        monkeypatch.setattr(sys, "argv", ["trace", wanted])
        with exit_on_user_error("trace"):
            lineage.main()
        return capsys.readouterr().out.removesuffix("\n").split("\n")

    return go


def test_the_command_prints_lineage_and_fate(artifacts, run):
    artifacts.write()
    head, *lines = run("000001.png")
    assert head == "row 1"
    assert [line.strip().partition("  ")[0] for line in lines[:4]] == [
        "listed",
        "item",
        "page",
        "picture",
    ]
    assert lines[-3:] == [
        "    nearest in training  row 7, similarity 0.51",
        "    scores               l1 0.11, psnr 20.0, ssim 0.5",
        "    leaked_pictures (failed) is at fault with 1",
    ]


def test_the_command_prints_every_row_of_an_item(artifacts, run):
    artifacts.table.loc[[2, 12, 15], "item_id"] = "nm_many"
    artifacts.write()
    lines = run("nm_many")
    assert [line for line in lines if line.startswith("row")] == ["row 2", "row 12", "row 15"]


def test_control_characters_from_the_web_do_not_reach_the_terminal(artifacts, run):
    artifacts.table[["name", "item_id", "page_url", "image_url", "status"]] = STEERING
    artifacts.table.loc[14, "file"] = None
    artifacts.findings[0]["offenders"] = [offender(14, "") | {"detail": STEERING}]
    artifacts.write()
    lines = run("14")
    assert all(line.isprintable() for line in lines)
    assert [line for line in lines if not line.startswith("    ")] == ["row 14"]
    assert sum("a?[31mred???row 99??2J?" in line for line in lines) == 5


def test_an_unknown_id_ends_the_command_in_one_line(artifacts, run, capsys):
    artifacts.write()
    with pytest.raises(SystemExit) as caught:
        run(f"nm{STEERING}")
    assert caught.value.code == 1
    line = capsys.readouterr().err.removesuffix("\n")
    assert line.startswith("trace: 'nma\\x1b[31mred")
    assert line.isprintable()


def program(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "src", "lineage", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def test_it_is_a_program(artifacts):
    artifacts.write()
    done = program(artifacts.folder, "nm6")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("row 6\n    listed               page 2, position 2\n")


def test_it_says_in_one_line_that_there_is_no_data(tmp_path):
    done = program(tmp_path, "3")
    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    assert line == "trace: data/split/ledger.parquet is missing: run `dvc repro` to make it"
