"""A trained model as TorchScript, for programs that know nothing of this project."""

import argparse
import json
from pathlib import Path

import torch
from torch import Tensor, nn

from src import generator as gen
from src.errors import UserError, reported
from src.files import whole
from src.generator import CHANNELS, Generator

TOLERANCE = 1e-4  # of outputs in [-1, 1]


class Rendered(nn.Module):
    """Inputs (N, C, H, W) to finished pictures (N, 3, H, W), both in [-1, 1]."""

    def __init__(self, generator: Generator):
        super().__init__()
        self.generator = generator

    def forward(self, x: Tensor) -> Tensor:
        return self.generator.render(x)


def export(generator: Generator, path: Path) -> float:
    """Write the model with its config, and read it back; the largest difference from eager.

    H and W may be any multiples of the network's. Raises UserError where the difference exceeds
    1e-4; nothing is left under `path` then.
    """
    rendered = Rendered(generator.cpu().eval())
    size, channels = generator.config["size"], CHANNELS[generator.config["task"]]
    random = torch.Generator().manual_seed(0)
    other = size + 2 * generator.multiple
    shapes = [(1, channels, size, size), (2, channels, size, other)]
    inputs = [torch.rand(shape, generator=random) * 2 - 1 for shape in shapes]
    with torch.no_grad(), whole(path) as temporary:
        traced = torch.jit.trace(rendered, inputs[0], check_trace=False)
        extra = {"config.json": json.dumps(generator.config)}
        torch.jit.save(traced, str(temporary), _extra_files=extra)
        again = torch.jit.load(str(temporary))
        apart = max(float((again(x) - rendered(x)).abs().max()) for x in inputs)
        if not apart <= TOLERANCE:
            raise UserError(f"{path}: differs from the model by {apart}, allowed are {TOLERANCE}")
    return apart


def main() -> None:
    """python -m src.export OUT: a trained model as TorchScript."""
    parser = argparse.ArgumentParser(prog="python -m src.export", description=main.__doc__)
    parser.add_argument("out", type=Path, metavar="OUT", help="a file, such as generator.pt")
    parser.add_argument(
        "--model", type=Path, default=Path("data/model"), help="default: data/model"
    )
    arguments = parser.parse_args()
    apart = export(gen.load(arguments.model), arguments.out)
    print(f"{arguments.out}: differs from the model by at most {apart:.1e}")


if __name__ == "__main__":
    with reported("export"):
        main()
