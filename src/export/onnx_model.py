"""A trained model as ONNX, for programs that know nothing of this project."""

import json
import logging
import warnings
from pathlib import Path

import onnxruntime
import torch
from torch import Tensor, nn
from torch.export import Dim

from src.errors import UserError
from src.model.generator import CHANNELS, Generator
from src.storage.atomic import atomic_write

TOLERANCE = 1e-4  # of pictures in [-1, 1]


class Rendered(nn.Module):
    """Inputs (N, C, H, W) to finished pictures (N, 3, H, W), both in [-1, 1]."""

    def __init__(self, generator: Generator):
        super().__init__()
        self.generator = generator

    def forward(self, x: Tensor) -> Tensor:
        return self.generator.render(x)


def export_onnx(generator: Generator, path: Path) -> float:
    """Write the model with its config, run it by ONNX Runtime; the largest difference from torch.

    Any number of pictures, H and W any multiples of the network's. Raises UserError where the
    difference exceeds 1e-4; nothing is left under `path` then.
    """
    rendered = Rendered(generator.cpu()).eval()
    size, channels = generator.config["size"], CHANNELS[generator.config["task"]]
    other = size + 2 * generator.multiple
    random = torch.Generator().manual_seed(0)
    shapes = [(2, channels, size, size), (1, channels, size, other)]
    inputs = [torch.rand(shape, generator=random) * 2 - 1 for shape in shapes]
    with torch.no_grad(), atomic_write(path) as temporary:
        program = _program(rendered, inputs[0])
        program.model.metadata_props["config.json"] = json.dumps(generator.config)
        program.save(temporary)
        session = onnxruntime.InferenceSession(temporary, providers=["CPUExecutionProvider"])
        apart = 0.0
        for x in inputs:
            [made] = session.run(None, {"input": x.numpy()})
            apart = max(apart, float((torch.from_numpy(made) - rendered(x)).abs().max()))
        if not apart <= TOLERANCE:
            raise UserError(f"{path}: differs from the model by {apart}, allowed are {TOLERANCE}")
    return apart


def _program(rendered: Rendered, x: Tensor) -> torch.onnx.ONNXProgram:
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of how torch and onnxscript see each other
        return torch.onnx.export(
            rendered,
            (x,),
            dynamo=True,
            dynamic_shapes={"x": {0: Dim.DYNAMIC, 2: Dim.DYNAMIC, 3: Dim.DYNAMIC}},
            input_names=["input"],
            output_names=["picture"],
            verbose=False,
        )
