"""python -m src export: what it says."""

import re
import sys

import pytest

from src.__main__ import PROGRAM, run
from src.model.saving import save_generator
from tests.model.generators import generator


def test_the_export_of_a_model_says_how_much_it_differs(tmp_path, monkeypatch, capsys):
    save_generator(generator(), tmp_path / "model")
    path, model = str(tmp_path / "out.onnx"), str(tmp_path / "model")
    monkeypatch.setattr(sys, "argv", ["src", "export", "onnx", path, "--model", model])
    run()
    [line] = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{path}: differs from the model by at most")
    assert (tmp_path / "out.onnx").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["onnx", "."], "OUT = '.' is a folder, expected the name of a file"),
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
    monkeypatch.setattr(sys, "argv", ["src", "export", *words])
    with pytest.raises(SystemExit):
        run()
    [line] = capsys.readouterr().err.splitlines()
    assert re.match(f"{PROGRAM}: {message}", line)
