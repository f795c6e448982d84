"""A trained model on anyone's pictures: any size, gray or colour, files or folders."""

import argparse
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from src import generator as gen
from src import images
from src.errors import UserError, reported
from src.files import write_bytes
from src.generator import Generator
from src.pair import to_canny, to_gray
from src.parallel import progress
from src.params import Canny


def predict(generator: Generator, picture: np.ndarray) -> np.ndarray:
    """Run the generator on a picture, (H, W, 3) uint8 → (H, W, 3) uint8.

    The task's input is made from the picture: its gray, its edges, or the label map itself.
    The sides are padded by reflection to the network's multiple, and cut back.
    """
    x = gen.to_tensor(make_input(generator.config, picture)[None])
    height, width = picture.shape[:2]
    least = smallest(generator)
    down = max(-height % generator.multiple, least - height)
    right = max(-width % generator.multiple, least - width)
    return gen.to_uint8(generator.render(_padded(x, down, right)))[0, :height, :width]


def smallest(generator: Generator) -> int:
    """The smallest side in pixels that the network takes."""
    # instance norm has nothing to normalise over where a bottleneck is a single pixel
    instance = generator.config["network"]["norm"] == "instance"
    alone = instance and generator.config["model"] == "encdec"
    return generator.multiple * (2 if alone else 1)


def make_input(config: dict, picture: np.ndarray) -> np.ndarray:
    """A picture as the model's task takes it, (H, W) or (H, W, 3) uint8."""
    if config["task"] == "colorize":
        return to_gray(picture)
    if config["task"] == "sketch":
        return to_canny(picture, Canny(**config["canny"]))
    return picture


def _padded(x: torch.Tensor, down: int, right: int) -> torch.Tensor:
    # reflection needs more pixels than it adds; a tiny picture is reflected several times
    while down or right:
        now_down, now_right = min(down, x.shape[2] - 1), min(right, x.shape[3] - 1)
        if now_down == now_right == 0:
            return F.pad(x, (0, right, 0, down), mode="replicate")
        x = F.pad(x, (0, now_right, 0, now_down), mode="reflect")
        down, right = down - now_down, right - now_right
    return x


def find(sources: list[Path]) -> list[tuple[Path, Path]]:
    """Each picture with its name below the output folder; folders are searched."""
    found = []
    for source in sources:
        if source.is_dir():
            inside = images.files(source)
            if not inside:
                raise UserError(f"{source} holds no picture ({', '.join(images.SUFFIXES)})")
            found += [(p, p.relative_to(source)) for p in inside]
        elif source.is_file():
            found.append((source, Path(source.name)))
        else:
            raise UserError(f"{source} is neither a file nor a folder")
    names = [name.with_suffix(".png") for _, name in found]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UserError(f"two inputs would both become {twice}: run them into different folders")
    return found


def main() -> None:
    """python -m src.predict IN… OUT: pictures through a trained model, into a folder as PNG."""
    parser = argparse.ArgumentParser(prog="python -m src.predict", description=main.__doc__)
    parser.add_argument("sources", nargs="+", type=Path, metavar="IN", help="pictures or folders")
    parser.add_argument("out", type=Path, metavar="OUT", help="folder for the results")
    parser.add_argument(
        "--model", type=Path, default=Path("data/model"), help="default: data/model"
    )
    arguments = parser.parse_args()
    if arguments.out.suffix.lower() in images.SUFFIXES:
        raise UserError(f"OUT = {arguments.out}: expected a folder, not the name of a picture")
    generator = gen.load(arguments.model)
    found = find(arguments.sources)
    refused = []
    for path, name in progress(found, len(found), "predicting"):
        try:
            picture = images.read(path)
        except (images.ImageError, OSError) as error:
            refused.append(f"{path}: {error}")
            continue
        result = predict(generator, picture)
        write_bytes(arguments.out / name.with_suffix(".png"), images.png(result))
    print(f"{len(found) - len(refused)} of {len(found)} pictures written to {arguments.out}")
    if refused:
        raise UserError("refused: " + "; ".join(refused))


if __name__ == "__main__":
    with reported("predict"):
        main()
