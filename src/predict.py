"""A trained model on anyone's pictures: any size, gray or colour, files or folders."""

import argparse
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from src import generator as gen
from src import images, inputs
from src.errors import UserError, reported
from src.files import write_bytes
from src.generator import CHANNELS, Generator, into_gamut
from src.parallel import progress
from src.params import Canny

LONGEST = 16  # times as long as wide a picture may be, and still be seen at full width
STRIP = 1 << 20  # pixels that are colored at a time


class Picture(NamedTuple):
    """A decoded file: pixels (H, W, 3), its transparency (H, W) or None, its EXIF."""

    pixels: np.ndarray
    alpha: np.ndarray | None
    exif: bytes


def predict(generator: Generator, picture: np.ndarray, side: int | None = None) -> np.ndarray:
    """Run the generator on a picture, (H, W, 3) uint8 → (H, W, 3) uint8; see `predict_all`."""
    return predict_all(generator, [picture], side)[0]


def predict_all(
    generator: Generator, pictures: list[np.ndarray], side: int | None = None
) -> list[np.ndarray]:
    """Run the generator on pictures, each (H, W, 3) uint8 → (H, W, 3) uint8.

    The task's input is made from the picture: its gray, its edges, or the label map itself. The
    sides are padded by reflection to the network's multiple, and cut back.
    side: pixels of the shorter side that the network sees at most; 0 for the picture's own. By
    default that of training for a generator that keeps its input's gray, and else the picture's
    own. Such a generator takes its colour from the reduced picture and every detail from the
    picture itself; other outputs are enlarged.
    """
    if side is None:
        side = generator.config["size"] if generator.keeps_gray else 0
    small = [_reduced(picture, side) for picture in pictures]
    alike = defaultdict(list)
    for at, picture in enumerate(small):
        alike[picture.shape].append(at)
    results: dict[int, np.ndarray] = {}
    for places in alike.values():
        made = _run(generator, [make_input(generator.config, small[at]) for at in places])
        for at, output in zip(places, made, strict=True):
            results[at] = _enlarged(generator, output, small[at], pictures[at])
    return [results[at] for at in range(len(pictures))]


def _run(generator: Generator, made: list[np.ndarray]) -> np.ndarray:
    """Inputs of one size through the network: (N, H, W, 3) uint8."""
    x = gen.to_tensor(np.stack(made)).to(next(generator.parameters()).device)
    height, width = x.shape[2:]
    least = smallest(generator)
    down = max(-height % generator.multiple, least - height)
    right = max(-width % generator.multiple, least - width)
    return gen.to_uint8(generator.render(_padded(x, down, right)))[:, :height, :width]


def _reduced(picture: np.ndarray, side: int) -> np.ndarray:
    height, width = picture.shape[:2]
    if not side:
        return picture
    share = min(side / min(height, width), (LONGEST * side**2 / (height * width)) ** 0.5)
    if share >= 1:
        return picture
    return images.resize(picture, max(1, round(width * share)), max(1, round(height * share)))


def _enlarged(
    generator: Generator, output: np.ndarray, small: np.ndarray, picture: np.ndarray
) -> np.ndarray:
    height, width = picture.shape[:2]
    if small.shape == picture.shape:
        return output
    if not generator.keeps_gray:
        return cv2.resize(output, (width, height), interpolation=cv2.INTER_CUBIC)
    chroma = output.astype(np.float32) - inputs.to_gray(small)[..., None]
    chroma -= chroma.mean(axis=2, keepdims=True)
    made = np.empty((height, width, 3), np.uint8)
    rows = max(1, STRIP // width)
    for top in range(0, height, rows):
        part = slice(top, min(top + rows, height))
        made[part] = _colored(inputs.to_gray(picture[part]), chroma, top, height)
    return made


def _colored(gray: np.ndarray, chroma: np.ndarray, top: int, height: int) -> np.ndarray:
    """Rows of a picture from `top` on, (R, W) uint8, in the colour of a smaller (h, w, 3)."""
    across, down = chroma.shape[1] / gray.shape[1], chroma.shape[0] / height
    # where each pixel's middle lies in the small picture
    place = np.array(
        [[across, 0, across / 2 - 0.5], [0, down, (top + 0.5) * down - 0.5]], np.float64
    )
    wide = cv2.warpAffine(
        chroma,
        place,
        gray.shape[::-1],
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    light = gen.to_tensor(gray[None])
    color = torch.from_numpy(wide).permute(2, 0, 1)[None] / 127.5
    return gen.to_uint8(into_gamut(light, light + color))[0]


def smallest(generator: Generator) -> int:
    """The smallest side in pixels that the network takes."""
    # instance norm has nothing to normalise over where a bottleneck is a single pixel
    instance = generator.config["network"]["norm"] == "instance"
    alone = instance and generator.config["model"] == "encdec"
    return generator.multiple * (2 if alone else 1)


def make_input(config: dict, picture: np.ndarray) -> np.ndarray:
    """A picture as the model's task takes it, (H, W) or (H, W, 3) uint8."""
    # models saved before there was a choice do not say which
    canny = Canny(**({"thresholds": "absolute"} | config["canny"]))
    return inputs.make(config["task"], picture, canny)


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
    """Each picture with its result's name below the output folder; folders are searched."""
    found = []
    for source in sources:
        if source.is_dir():
            inside = images.files(source)
            if not inside:
                raise UserError(f"{source} holds no picture ({', '.join(images.SUFFIXES)})")
            found += [(p, p.relative_to(source).with_suffix(".png")) for p in inside]
        elif source.is_file():
            found.append((source, Path(source.name).with_suffix(".png")))
        else:
            raise UserError(f"{source} is neither a file nor a folder")
    names = [name for _, name in found]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UserError(f"two inputs would both become {twice}: run them into different folders")
    return found


def refuse_originals(found: list[tuple[Path, Path]], out: Path) -> None:
    """Raise UserError where a result would take the place of an input."""
    inputs_ = {path.resolve() for path, _ in found}
    for _, name in found:
        target = (out / name).resolve()
        if target in inputs_:
            raise UserError(f"OUT = {out}: {target} is an input, and would be overwritten")


def load(folder: Path, task: str | None, device: str) -> Generator:
    """The model, on its device; UserError where it is of another task, or there is no such GPU."""
    generator = gen.load(folder)
    if task not in (None, generator.config["task"]):
        raise UserError(
            f"--task {task}: the model in {folder} was trained for {generator.config['task']}: "
            f"train one by `dvc exp run -S task={task}`"
        )
    return generator.to(gen.pick_device(device, "--device"))


def _batches(found: list[tuple[Path, Path]], size: int) -> Iterator[list[tuple[Path, Path]]]:
    every = progress(found, len(found), "predicting")
    todo = iter(every)
    while batch := list(islice(todo, size)):
        yield batch


def _read(path: Path) -> Picture:
    return Picture(*images.layers(path.read_bytes()))


def _write(path: Path, result: np.ndarray, original: Picture, beside: np.ndarray | None) -> None:
    layers = [result] if original.alpha is None else [result, original.alpha[..., None]]
    made = np.concatenate(layers, axis=2)
    if beside is not None:
        shown = images.three_channels(beside)
        made = np.concatenate([shown, result], axis=1)
    write_bytes(path, images.png(made, original.exif))


def main() -> None:
    """python -m src.predict IN… OUT: pictures through a trained model, into a folder as PNG.

    Each keeps its name, transparency and EXIF.
    """
    parser = argparse.ArgumentParser(prog="python -m src.predict", description=main.__doc__)
    parser.add_argument("sources", nargs="+", type=Path, metavar="IN", help="pictures or folders")
    parser.add_argument("out", type=Path, metavar="OUT", help="folder for the results")
    parser.add_argument(
        "--model", type=Path, default=Path("data/model"), help="default: data/model"
    )
    parser.add_argument("--task", choices=sorted(CHANNELS), help="refuse a model of another task")
    parser.add_argument(
        "--side",
        type=int,
        help="pixels of the shorter side that the network sees at most, 0: the picture's own "
        "(default: training's where the input's gray is kept, else 0)",
    )
    parser.add_argument("--batch", type=int, default=8, help="pictures read at a time (default: 8)")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument(
        "--side-by-side", action="store_true", help="the task's input beside the result, opaque"
    )
    arguments = parser.parse_args()
    if arguments.out.suffix.lower() in images.SUFFIXES:
        raise UserError(f"OUT = {arguments.out}: expected a folder, not the name of a picture")
    if arguments.batch < 1 or (arguments.side or 0) < 0:
        raise UserError("--batch: expected at least 1, --side: at least 0")
    generator = load(arguments.model, arguments.task, arguments.device)
    found = find(arguments.sources)
    refuse_originals(found, arguments.out)
    refused = []
    for batch in _batches(found, arguments.batch):
        read = {}
        for path, name in batch:
            try:
                read[name] = _read(path)
            except (images.ImageError, OSError) as error:
                refused.append(f"{path}: {error}")
        results = predict_all(generator, [p.pixels for p in read.values()], arguments.side)
        for (name, picture), result in zip(read.items(), results, strict=True):
            beside = (
                make_input(generator.config, picture.pixels) if arguments.side_by_side else None
            )
            _write(arguments.out / name, result, picture, beside)
    print(f"{len(found) - len(refused)} of {len(found)} pictures written to {arguments.out}")
    if refused:
        raise UserError("refused: " + "; ".join(refused))


if __name__ == "__main__":
    with reported("predict"):
        main()
