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

TOLERANCE = 1e-4  # of values in [-1, 1]


class Renderer(nn.Module):
    """A network from inputs (N, C, H, W) to finished pictures (N, 3, H, W), both in [-1, 1]."""

    def __init__(self, generator: Generator):
        super().__init__()
        self.generator = generator

    def forward(self, x: Tensor) -> Tensor:
        return self.generator.render(x)


def export_onnx(generator: Generator, path: Path) -> float:
    """Write a trained model and its config as ONNX, and compare its results with torch's.

    The file takes any number of pictures, with H and W any multiples of the network's. The model
    moves to the CPU.

    Returns:
        The largest difference of a value in [-1, 1].

    Raises:
        UserError: The difference exceeds TOLERANCE. No file is left then.
    """
    renderer = Renderer(generator.cpu()).eval()
    (height, width), channels = generator.size, CHANNELS[generator.config["task"]]
    wider = width + 2 * generator.multiple
    random = torch.Generator().manual_seed(0)
    shapes = [(2, channels, height, width), (1, channels, height, wider)]
    inputs = [torch.rand(shape, generator=random) * 2 - 1 for shape in shapes]
    with torch.no_grad(), atomic_write(path) as temporary:
        program = _program(renderer, inputs[0])
        program.model.metadata_props["config.json"] = json.dumps(generator.config)
        program.save(temporary)
        # by its content: ONNX Runtime takes no path that is no UTF-8
        content = temporary.read_bytes()
        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        difference = 0.0
        for x in inputs:
            [picture] = session.run(None, {"input": x.numpy()})
            error = (torch.from_numpy(picture) - renderer(x)).abs().max()
            difference = max(difference, float(error))
        if not difference <= TOLERANCE:  # also if it is not a number
            raise UserError(
                f"{path}: differs from the model by {difference}, expected at most {TOLERANCE}"
            )
    return difference


def _program(renderer: Renderer, x: Tensor) -> torch.onnx.ONNXProgram:
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch and onnxscript warn of each other's versions
        program = torch.onnx.export(
            renderer,
            (x,),
            dynamo=True,
            dynamic_shapes={"x": {0: Dim.DYNAMIC, 2: Dim.DYNAMIC, 3: Dim.DYNAMIC}},
            input_names=["input"],
            output_names=["picture"],
            verbose=False,
        )
    assert program is not None  # as always with dynamo
    for node in program.model.graph.all_nodes():  # it names folders of this machine
        node.metadata_props.pop("pkg.torch.onnx.stack_trace", None)
    return program
