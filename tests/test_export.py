"""A model as TorchScript."""

import json
import sys

import pytest
import torch

from src import export, predict
from src import generator as gen
from src.errors import UserError, reported
from tests.conftest import untrained
from tests.test_predict import NETWORKS


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize(("task", "output"), [("colorize", "chroma"), ("labels", "rgb")])
def test_an_exported_model_gives_the_same_pictures(tmp_path, network, task, output):
    made = untrained(task, output, *NETWORKS[network], 4)
    path = tmp_path / "generator.pt"
    assert export.export(made, path) <= 1e-4
    extra = {"config.json": ""}
    again = torch.jit.load(path, _extra_files=extra)
    assert json.loads(extra["config.json"]) == made.config
    side = max(predict.smallest(made), 3 * made.multiple)
    x = torch.rand(3, gen.CHANNELS[task], side, 2 * side) * 2 - 1
    assert torch.allclose(again(x), made.render(x), atol=1e-4)


def test_an_export_that_differs_leaves_no_file(tmp_path, monkeypatch):
    made = untrained("colorize", "chroma", *NETWORKS["encdec"], 4)
    monkeypatch.setattr(export, "TOLERANCE", -1.0)
    with pytest.raises(UserError, match=r"generator\.pt: differs from the model by"):
        export.export(made, tmp_path / "generator.pt")
    assert list(tmp_path.iterdir()) == []


def test_the_command_says_how_near_it_is(tmp_path, monkeypatch, capsys):
    gen.save(untrained("colorize", "chroma", *NETWORKS["unet"], 4), tmp_path / "model")
    path = tmp_path / "out.pt"
    monkeypatch.setattr(sys, "argv", ["export", str(path), "--model", str(tmp_path / "model")])
    with reported("export"):
        export.main()
    assert f"{path}: differs from the model by at most" in capsys.readouterr().out
    assert path.exists()
