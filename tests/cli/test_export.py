"""python -m src export: what it says."""

import sys

from src.__main__ import run
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
