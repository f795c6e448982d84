"""python -m src export: what it says."""

import re
import shutil
import sys

import numpy as np
import pytest

from src.__main__ import PROGRAM, run
from src.cli.export import pairs
from src.export.pair_export import WRITERS
from src.imaging import decoding
from src.model.saving import save_generator
from src.params import read_params
from tests.conftest import ROOT
from tests.export.conftest import SIZE, save_pairs
from tests.model.generators import generator


def test_the_export_of_a_model_says_how_much_it_differs(tmp_path, monkeypatch, capsys):
    save_generator(generator(), tmp_path / "model")
    path, model = str(tmp_path / "out.onnx"), str(tmp_path / "model")
    monkeypatch.setattr(sys, "argv", ["src", "export", "onnx", path, "--model", model])
    run()
    [line] = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{path}: differs from the model by at most")
    assert (tmp_path / "out.onnx").exists()


def test_an_export_replaces_no_file_of_the_model(tmp_path, monkeypatch, capsys):
    save_generator(generator(), tmp_path / "model")
    exported = tmp_path / "model" / "generator.onnx"
    exported.write_bytes(before := b"an earlier export")
    words = ["onnx", str(exported), "--model", str(tmp_path / "model")]
    monkeypatch.setattr(sys, "argv", ["src", "export", *words])
    with pytest.raises(SystemExit):
        run()
    assert "is an input, and would be overwritten" in capsys.readouterr().err
    assert exported.read_bytes() == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["onnx", "b.onnx"], r"OUT = 'b\.onnx' is a folder, expected the name of a file"),
        (
            ["onnx", "a.onnx"],
            "--model = 'data/model' does not exist: .*; `dvc repro` trains data/model",
        ),
        (["pairs", "file"], "FOLDER = 'file': file is a file, expected a folder"),
    ],
)
def test_wrong_paths_are_refused_before_any_work(tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "b.onnx").mkdir()
    monkeypatch.setattr(sys, "argv", ["src", "export", *words])
    with pytest.raises(SystemExit):
        run()
    [line] = capsys.readouterr().err.splitlines()
    assert re.match(f"{PROGRAM}: {message}", line)


@pytest.fixture
def project(tmp_path, faces, monkeypatch):
    """A project's folder with forty pairs, in which commands run."""
    save_pairs(tmp_path / "data", [face[64 : 64 + SIZE, 80 : 80 + SIZE] for face in faces])
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def export_pairs(monkeypatch, *words: str) -> None:
    monkeypatch.setattr(sys, "argv", ["src", "export", "pairs", *words])
    run()


def test_pairs_are_written_side_by_side_with_the_inputs_of_the_parameters_task(
    project, monkeypatch, capsys
):
    assert read_params().task == "colorize"
    export_pairs(monkeypatch, "out")
    assert capsys.readouterr().out == (
        "40 pairs written to out; its README.md says how to open them\n"
    )
    left = decoding.decode(min((project / "out/val").iterdir()).read_bytes())[:, :SIZE]
    assert len(np.unique(left)) > 2  # gray, not edges


@pytest.mark.parametrize(
    ("kind", "file"),
    [
        ("imagefolder", "train/metadata.parquet"),
        ("hf", "validation/data-00000-of-00002.arrow"),
        ("webdataset", "train-000011.tar"),
    ],
)
def test_pairs_are_written_in_other_formats(project, monkeypatch, capsys, kind, file):
    export_pairs(monkeypatch, "out", "--format", kind, "--shard-size", "3", "--task", "sketch")
    assert capsys.readouterr().out.startswith("40 pairs written to out; ")
    assert (project / "out" / file).exists()


def test_it_says_in_one_line_which_inputs_are_missing(project, monkeypatch, capsys):
    with pytest.raises(SystemExit) as raised:
        export_pairs(monkeypatch, "out", "--task", "labels")
    assert raised.value.code == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("python -m src: task 'labels' needs labels")


def test_the_formats_of_the_command_are_those_that_are_written():
    kinds = next(option.type.choices for option in pairs.params if option.name == "kind")
    assert list(kinds) == list(WRITERS)
