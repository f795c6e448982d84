"""Why a picture was kept or removed, told for one file or two."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from src.clean import measure, verdicts
from src.cli import explain
from src.demo.inventory import alter
from src.imaging.picture_files import read_photo
from src.params import read_params
from src.scrape.store import store
from src.storage.encoding import encode_jpeg
from src.storage.ledger import write_ledger
from tests.conftest import ROOT, SCRAPE, handing

CLEAN = read_params(ROOT / "params.yaml").clean


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.fixture
def pictures(faces, tmp_path: Path) -> dict[str, Path]:
    """A portrait, copies of it and another person's."""
    rng = np.random.default_rng(2)
    made = {"original": encode_jpeg(faces[0]), "other": encode_jpeg(faces[1])}
    for kind in ("recompressed", "resized", "mirrored", "cropped", "captioned", "gray", "sepia"):
        made[kind] = alter(faces[0], kind, rng)
    made["page"] = b"<html>not found</html>"
    return {name: written(tmp_path / f"{name}.jpg", data) for name, data in made.items()}


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
def test_a_copy_is_told_with_what_was_done_to_it(pictures, kind: str, transform: str):
    told = explain.together(pictures[kind], pictures["original"], CLEAN)
    assert told[0] == f"together: copies of each other, {transform}"


def test_two_people_are_told_apart_with_both_numbers(pictures):
    told = explain.together(pictures["original"], pictures["other"], CLEAN)
    assert told[0] == "together: different pictures"
    assert "of 256 bits (compared up to clean.hash_distance 63)" in told[1]
    assert "copies from clean.similarity 0.93" in told[2]


def test_grayscale_is_told_with_its_tone(pictures):
    told = explain.alone(pictures["sepia"], CLEAN)
    assert told[0].endswith("sepia.jpg: grayscale (by itself)")
    assert "grayscale below clean.tone_residual 4.6" in told[2]


def test_what_is_no_picture_is_told_as_such(pictures):
    assert explain.alone(pictures["page"], CLEAN)[0].endswith("page.jpg: unreadable: not_an_image")
    assert explain.together(pictures["page"], pictures["other"], CLEAN) == [
        "they cannot be compared"
    ]
    assert explain.side_by_side([pictures["page"]]).shape == (264, 264, 3)


@pytest.mark.parametrize("pack", [10_000, 2], ids=["files", "packed"])
def test_a_removed_copy_is_shown_beside_the_picture_that_was_kept(
    pictures, tmp_path: Path, monkeypatch, capsys, pack: int
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    names = ["original", "mirrored", "other"]
    rows = [
        {"page": 1, "position": n, "item_id": name, "name": name, "image_url": name}
        for n, name in enumerate(names, 1)
    ]
    fetch = handing(lambda name: pictures[name].read_bytes())
    table = store(
        rows, fetch, tmp_path / "data/raw", SCRAPE.model_copy(update={"shard_size": pack})
    )
    table = verdicts.assign_verdicts(table, measure.measure(table, tmp_path / "data/raw"), CLEAN)
    write_ledger(table, tmp_path / "data/clean/ledger.parquet", "clean")
    assert list(table["verdict"]) == ["keep", "near_duplicate", "keep"]
    assert table["transform"][1] == "mirrored"
    assert table["hash_distance"][1] <= CLEAN.hash_distance
    monkeypatch.setattr(sys, "argv", ["clean", "explain", f"data/raw/{table['file'][1]}"])
    explain.main()
    said = capsys.readouterr().out
    assert "together: copies of each other, mirrored" in said
    assert table["file"][0] in said
    assert read_photo(tmp_path / "explained.png").shape == (264, 524, 3)


def test_a_missing_file_is_one_line(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-m", "src", "explain", str(tmp_path / "gone.jpg")],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert (
        done.stderr == f"clean: {tmp_path / 'gone.jpg'} cannot be read: No such file or directory\n"
    )
