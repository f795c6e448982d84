"""A model as ONNX."""

import json
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from src.errors import UserError, exit_on_user_error
from src.export import onnx_model
from src.inference import prediction
from src.model.generator import CHANNELS
from src.model.saving import save_generator
from tests.inference.test_prediction import NETWORKS
from tests.builders import untrained


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize(("task", "output"), [("colorize", "chroma"), ("labels", "rgb")])
def test_an_exported_model_gives_the_same_pictures(tmp_path, network, task, output):
    made = untrained(task, output, *NETWORKS[network], 2.2)
    path = tmp_path / "generator.onnx"
    assert onnx_model.export_onnx(made, path) <= 1e-4
    assert [file.name for file in tmp_path.iterdir()] == ["generator.onnx"]
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    told = session.get_modelmeta().custom_metadata_map
    assert json.loads(told["config.json"]) == made.config
    side = max(prediction.smallest(made), 3 * made.multiple)
    x = torch.rand(3, CHANNELS[task], side, 2 * side) * 2 - 1
    [found] = session.run(None, {"input": x.numpy()})
    assert np.allclose(found, made.render(x), atol=1e-4)
    assert np.ptp(found) > 0.01
    # convolutions and not what they are made of here for speed
    kinds = {node.op_type for node in onnx.load(path).graph.node}
    assert "Conv" in kinds
    assert not kinds & {"Gather", "MatMul", "Col2Im"}


def test_an_export_that_differs_leaves_no_file(tmp_path, monkeypatch):
    made = untrained("colorize", "chroma", *NETWORKS["encdec"], 1.5)
    monkeypatch.setattr("src.export.onnx_model.TOLERANCE", -1.0)
    with pytest.raises(UserError, match=r"generator\.onnx: differs from the model by"):
        onnx_model.export_onnx(made, tmp_path / "generator.onnx")
    assert list(tmp_path.iterdir()) == []


def test_the_command_says_how_near_it_is(tmp_path, monkeypatch, capsys):
    save_generator(untrained("colorize", "chroma", *NETWORKS["unet"], 1.5), tmp_path / "model")
    path = tmp_path / "out.onnx"
    monkeypatch.setattr(sys, "argv", ["export", str(path), "--model", str(tmp_path / "model")])
    with exit_on_user_error("export"):
        onnx_model.main()
    said = capsys.readouterr().out
    assert said.startswith(f"{path}: differs from the model by at most")
    assert len(said.splitlines()) == 1
    assert path.exists()
