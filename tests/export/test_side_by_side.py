"""Pairs as side-by-side pictures: the input left, the photo right."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from src.__main__ import run
from src.dataset import arrays
from src.drawing.sheets import three_channels
from src.export.side_by_side import export_pairs
from src.imaging import decoding
from src.params import read_params
from tests.builders import pairs_of
from tests.conftest import ROOT

SIDES = {"train": range(36), "val": range(36, 40)}
SIZE = 32


def _save_pairs(folder: Path, photos: list[np.ndarray], labels: np.ndarray | None = None) -> None:
    """Write the pairs of forty photos, 36 of training and 4 of validation."""
    for side, rows in SIDES.items():
        side_labels = None if labels is None else labels[rows]
        pairs = pairs_of([photos[row] for row in rows], list(rows), side_labels)
        content = {"photo": pairs.photo, "gray": pairs.gray, "canny": pairs.canny}
        content |= {} if labels is None else {"labels": pairs.labels}
        arrays.save(folder, side, content, pairs.index)


@pytest.fixture
def photos(faces: list[np.ndarray]) -> list[np.ndarray]:
    return [face[64 : 64 + SIZE, 80 : 80 + SIZE] for face in faces]


@pytest.fixture
def pairs_folder(tmp_path: Path, photos: list[np.ndarray]) -> Path:
    _save_pairs(tmp_path / "data/pairs", photos)
    return tmp_path / "data/pairs"


@pytest.mark.parametrize(("task", "name"), [("colorize", "gray"), ("sketch", "canny")])
def test_exported_pairs_stand_side_by_side(
    tmp_path: Path, pairs_folder: Path, task: str, name: str
):
    assert export_pairs(pairs_folder, tmp_path / "out", task) == 40
    for side, rows in SIDES.items():
        pairs = arrays.load(pairs_folder, side)
        files = sorted((tmp_path / "out" / side).iterdir())
        assert [int(file.stem) for file in files] == list(rows)
        for i in (0, len(rows) - 1):
            both = decoding.decode(files[i].read_bytes())
            assert both.shape == (SIZE, 2 * SIZE, 3)
            left = three_channels(np.array(getattr(pairs, name)[i]))
            np.testing.assert_array_equal(both[:, :SIZE], left)
            np.testing.assert_array_equal(both[:, SIZE:], pairs.photo[i])


def test_exported_labels_stand_left_of_their_photo(tmp_path: Path, photos: list[np.ndarray]):
    labels = np.stack(photos[::-1])
    _save_pairs(tmp_path / "pairs", photos, labels)
    assert export_pairs(tmp_path / "pairs", tmp_path / "out", "labels") == 40
    both = decoding.decode((tmp_path / "out/train/000007.png").read_bytes())
    np.testing.assert_array_equal(both[:, :SIZE], labels[7])
    np.testing.assert_array_equal(both[:, SIZE:], photos[7])


def test_the_command_takes_the_task_of_the_parameters(
    tmp_path: Path, pairs_folder: Path, monkeypatch, capsys
):
    shutil.copy(ROOT / "params.yaml", tmp_path)
    assert read_params(tmp_path / "params.yaml").task == "colorize"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["src", "export", "pairs", "out"])
    run()
    assert "40 pairs written to out" in capsys.readouterr().out
    left = decoding.decode(min((tmp_path / "out/val").iterdir()).read_bytes())[:, :SIZE]
    assert len(np.unique(left)) > 2  # gray, not edges


def test_the_command_says_in_one_line_what_is_missing(
    tmp_path: Path, pairs_folder: Path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["src", "export", "pairs", "out", "--task", "labels"])
    with pytest.raises(SystemExit) as raised:
        run()
    assert raised.value.code == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("python -m src: task 'labels' needs labels")
