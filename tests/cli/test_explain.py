"""python -m src explain: why a picture is kept or removed, for one file or two."""

import hashlib
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from src.__main__ import run
from src.analysis.explanation import describe_pair, describe_picture, side_by_side
from src.clean import measure, verdicts
from src.cli.explain import explain
from src.demo.inventory import alter
from src.imaging.picture_files import read_photo
from src.storage.encoding import encode_jpeg
from src.storage.ledger import write_ledger
from tests.builders import ledger_table
from tests.conftest import DEFAULTS, ROOT, SCRAPE, handing
from tests.scrape.scraping import stored

CLEAN = DEFAULTS.clean


@pytest.fixture
def pictures(faces: list[np.ndarray], tmp_path: Path) -> dict[str, Path]:
    """A portrait, copies of it, another person's, and a file that is no picture."""
    rng = np.random.default_rng(2)
    files = {"original": encode_jpeg(faces[0]), "other": encode_jpeg(faces[1])}
    for kind in ("recompressed", "resized", "mirrored", "cropped", "captioned", "gray", "sepia"):
        files[kind] = alter(faces[0], kind, rng)
    files["page"] = b"<html>not found</html>"
    for name, data in files.items():
        (tmp_path / f"{name}.jpg").write_bytes(data)
    return {name: tmp_path / f"{name}.jpg" for name in files}


@pytest.mark.parametrize(
    ("kind", "transform"),
    [
        ("original", "exact"),
        ("recompressed", "recompressed"),
        ("resized", "resized"),
        ("mirrored", "mirrored"),
        ("cropped", "cropped"),
        ("captioned", "captioned"),
        ("gray", "recoloured"),
        ("sepia", "recoloured"),
    ],
)
def test_a_copy_is_described_by_its_transform(pictures, kind: str, transform: str):
    first, *_ = describe_pair(pictures[kind], pictures["original"], CLEAN)
    assert first == f"together: copies of each other, {transform}"


def test_two_people_are_different_and_the_numbers_say_so(pictures):
    lines = describe_pair(pictures["original"], pictures["other"], CLEAN)
    first, distance, similarity, agreement, colors, closely = lines
    assert first == "together: different pictures"
    assert "of 256 bits (compared up to clean.hash_distance 63)" in distance
    assert "copies from clean.similarity 0.93" in similarity
    assert "copies from 0.6" in agreement
    assert "copies up to 20" in colors
    assert "copies from 0.2; everywhere from 0.74 among look-alikes, and from 0.6" in closely


def test_a_grayscale_picture_is_described_by_its_tone(pictures):
    lines = describe_picture(pictures["sepia"], CLEAN)
    assert lines[0].endswith("sepia.jpg: grayscale (by itself)")
    assert "grayscale below clean.tone_residual 4.6" in lines[2]


def test_a_file_that_is_no_picture_is_unreadable(pictures):
    [line] = describe_picture(pictures["page"], CLEAN)
    assert line.endswith("page.jpg: unreadable: not_an_image")
    assert describe_pair(pictures["page"], pictures["other"], CLEAN) == ["they cannot be compared"]
    assert side_by_side([pictures["page"]]).shape == (264, 264, 3)


def test_a_sheet_replaces_no_picture_that_it_shows(pictures, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    before = pictures["original"].read_bytes()
    (tmp_path / "original.png").write_bytes(before)
    for words in (["original.png"], ["other.jpg", "original.png"]):
        result = CliRunner().invoke(explain, [*words, "--out", "./original.png"])
        assert "--out = 'original.png' is an input, and would be overwritten" in str(
            result.exception
        )
        assert (tmp_path / "original.png").read_bytes() == before


@pytest.mark.parametrize("shard_size", [10_000, 2], ids=["files", "archives"])
def test_a_removed_copy_is_shown_beside_the_picture_that_was_kept(
    pictures, tmp_path: Path, monkeypatch, shard_size: int
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    rows = [
        {"page": 1, "position": n, "item_id": name, "name": name, "image_url": name}
        for n, name in enumerate(["original", "mirrored", "other"], 1)
    ]
    fetch = handing(lambda name: pictures[name].read_bytes())
    raw = tmp_path / "data/raw"
    table = stored(rows, fetch, raw, SCRAPE.model_copy(update={"shard_size": shard_size}))
    table, _ = verdicts.assign_verdicts(table, measure.measure_pictures(table, raw), CLEAN)
    write_ledger(table, tmp_path / "data/clean/ledger.parquet", "clean")
    assert list(table["verdict"]) == ["keep", "near_duplicate", "keep"]
    assert table["transform"][1] == "mirrored"
    assert table["hash_distance"][1] <= CLEAN.hash_distance
    result = CliRunner().invoke(explain, [f"data/raw/{table['file'][1]}"], catch_exceptions=False)
    assert "together: copies of each other, mirrored" in result.output
    assert table["file"][0] in result.output
    assert read_photo(tmp_path / "explained.png").shape == (264, 524, 3)


@pytest.fixture
def ruled(pictures, tmp_path: Path, monkeypatch) -> None:
    """A cleaned project of the original, the other and a missing picture: a person forced a pair."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    files = {"file": ["original.jpg", "other.jpg", None], "forced": ["1", "0", None]}
    files["status"] = ["ok", "ok", "http_404"]
    rows = [dict(zip(files, values, strict=True)) for values in zip(*files.values(), strict=True)]
    rows[1] |= {"verdict": "near_duplicate", "duplicate_of": 0}
    write_ledger(ledger_table(rows), tmp_path / "data/clean/ledger.parquet", "clean")
    (tmp_path / "data/raw").mkdir()
    for name in ("original.jpg", "other.jpg"):
        (tmp_path / name).rename(tmp_path / "data/raw" / name)


@pytest.mark.parametrize("name", ["1", "other", "other.jpg", "nm0000001", "data/raw/other.jpg"])
def test_a_picture_of_the_ledger_is_explained_with_the_ruling_on_it(ruled, name: str):
    lines = CliRunner().invoke(explain, [name], catch_exceptions=False).output.splitlines()
    assert lines[0].startswith("data/raw/other.jpg: keep (by itself)")
    assert "together: different pictures" in lines
    assert lines[-3:-1] == [
        "in the last run: row 1, near_duplicate of row 0",
        "a person ruled: row 1 is a copy of row 0 (clean.force)",
    ]


@pytest.mark.parametrize("item", ["https://site.test/p/7?id=2", "Familie Müller/a b/7.jpg"])
def test_a_picture_is_explained_by_an_id_that_looks_like_a_path(ruled, item: str):
    ledger = Path("data/clean/ledger.parquet")
    rows = [{"file": "original.jpg"}, {"file": "other.jpg", "item_id": item}]
    write_ledger(ledger_table(rows), ledger, "clean")
    lines = CliRunner().invoke(explain, [item], catch_exceptions=False).output.splitlines()
    assert lines[0].startswith("data/raw/other.jpg: keep (by itself)")
    for more in ("x", "/1"):
        refused = str(CliRunner().invoke(explain, [item + more]).exception)
        reason = "is no item id" if "://" in item else "cannot be read: No such file"
        assert item + more in refused
        assert reason in refused


def test_a_file_of_your_own_is_explained_by_the_row_with_its_bytes(ruled, tmp_path: Path):
    ledger = Path("data/clean/ledger.parquet")
    data = Path("data/raw/other.jpg").read_bytes()
    rows = [{"file": "original.jpg", "sha256": "0" * 64}, {"file": "other.jpg"}]
    rows[1] |= {"sha256": hashlib.sha256(data).hexdigest()}
    rows[1] |= {"verdict": "near_duplicate", "duplicate_of": 0}
    write_ledger(ledger_table(rows), ledger, "clean")
    (tmp_path / "mine.jpg").write_bytes(data)
    lines = CliRunner().invoke(explain, ["mine.jpg"], catch_exceptions=False).output.splitlines()
    assert lines[0].startswith("mine.jpg: keep (by itself)")
    assert any(line.startswith("data/raw/original.jpg: keep") for line in lines)
    assert lines[-2] == "in the last run: row 1, near_duplicate of row 0"


def test_a_file_is_explained_where_the_ledger_is_damaged(ruled, tmp_path: Path):
    (tmp_path / "data/raw/other.jpg").rename("mine.jpg")
    Path("data/clean/ledger.parquet").write_bytes(b"PAR1")
    lines = CliRunner().invoke(explain, ["mine.jpg"], catch_exceptions=False).output.splitlines()
    assert lines[0].startswith("mine.jpg: keep (by itself)")
    assert any("without the last run: data/clean/ledger.parquet" in line for line in lines)


def test_two_rows_are_compared(ruled):
    lines = CliRunner().invoke(explain, ["0", "1"], catch_exceptions=False).output.splitlines()
    assert [line.split(":")[0] for line in lines if line.endswith("(by itself)")] == [
        "data/raw/original.jpg",
        "data/raw/other.jpg",
    ]


def test_a_row_without_a_picture_is_one_line(ruled):
    refused = CliRunner().invoke(explain, ["2"])
    assert "row 2 has no picture: `python -m src lineage 2` says why" in str(refused.exception)


def test_a_missing_file_is_one_line(tmp_path: Path, monkeypatch, capsys):
    file = tmp_path / "gone.jpg"
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", ["src", "explain", str(file)])
    with pytest.raises(SystemExit) as raised:
        run()
    assert raised.value.code == 1
    error = f"python -m src: {file} cannot be read: No such file or directory\n"
    assert capsys.readouterr().err == error


def test_a_row_without_a_ledger_is_one_line_that_names_it(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").symlink_to(ROOT / "params.yaml")
    refused = CliRunner().invoke(explain, ["5"])
    assert str(refused.exception).startswith("5 is no file here, and data/clean/ledger.parquet")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["explain", "a.png", "--out", "params.yaml"], "'params.yaml' does not end in .png"),
        (["compare", "--html", "HEAD", "unet"], "'HEAD' does not end in .html"),
        (["export", "onnx", "params.yaml"], "'params.yaml' does not end in .onnx"),
    ],
)
def test_no_file_of_another_kind_is_replaced(tmp_path: Path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["src", *words])
    with pytest.raises(SystemExit):
        run()
    assert message in capsys.readouterr().err


def test_what_is_no_file_is_never_read(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(ROOT)
    os.mkfifo(tmp_path / "pipe.jpg")
    for path in (tmp_path, tmp_path / "pipe.jpg"):
        refused = CliRunner().invoke(explain, [str(path), "--out", str(tmp_path / "out.png")])
        assert str(refused.exception).startswith(f"{path} is a folder, a pipe or a device")
    with (tmp_path / "huge.jpg").open("wb") as file:
        file.truncate(2**40)  # a sparse file
    refused = CliRunner().invoke(explain, [str(tmp_path / "huge.jpg")])
    assert f"huge.jpg cannot be read: it has {2**40} bytes, allowed" in str(refused.exception)
