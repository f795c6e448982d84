"""A model as ONNX."""

import json
import os

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from src.errors import UserError
from src.export.onnx_model import export_onnx
from src.inference.prediction import min_side
from src.model.generator import CHANNELS
from tests.builders import untrained
from tests.conftest import ROOT
from tests.model.generators import VARIANTS, generator


# every network, and both tasks with each model and each norm; an export takes seconds
@pytest.mark.parametrize(
    ("network", "task", "output"),
    [
        ("encdec", "colorize", "chroma"),
        ("encdec-instance", "labels", "rgb"),
        ("unet", "labels", "rgb"),
        ("unet-instance", "colorize", "chroma"),
        ("pretrained", "colorize", "chroma"),
    ],
)
def test_an_exported_model_gives_the_same_pictures(tmp_path, network, task, output):
    name, settings = VARIANTS[network]
    if network == "pretrained":  # its encoder has learned
        gain = 1.0
    else:
        gain, settings = 2.2, settings | {"n_downs": 3}
    model = untrained(task, output, name, settings, gain)
    path = tmp_path / "generator.onnx"
    assert export_onnx(model, path) <= 1e-4
    assert [file.name for file in tmp_path.iterdir()] == ["generator.onnx"]
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    metadata = session.get_modelmeta().custom_metadata_map
    assert json.loads(metadata["config.json"]) == model.config
    side = max(min_side(model), 3 * model.multiple)
    x = torch.rand(3, CHANNELS[task], side, 2 * side) * 2 - 1
    [pictures] = session.run(None, {"input": x.numpy()})
    assert np.allclose(pictures, model.render(x), atol=1e-4)
    assert np.ptp(pictures) > 0.01
    # convolutions, and not the products that replace them on a CPU
    kinds = {node.op_type for node in onnx.load(path).graph.node}
    assert "Conv" in kinds
    assert not kinds & {"Gather", "MatMul", "Col2Im"}
    assert str(ROOT).encode() not in path.read_bytes()


def test_an_export_that_differs_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr("src.export.onnx_model.TOLERANCE", -1.0)
    path = tmp_path / os.fsdecode(b"caf\xe9.onnx")  # no UTF-8
    with pytest.raises(UserError, match=r"\.onnx: differs from the model by"):
        export_onnx(generator(), path)
    assert list(tmp_path.iterdir()) == []
