"""A trained model on anyone's pictures: any size, gray or colour, files or folders."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from src.dataset import inputs
from src.drawing.sheets import three_channels
from src.errors import UserError
from src.imaging import decoding
from src.imaging.picture_files import SUFFIXES, find_pictures
from src.imaging.resizing import resize
from src.model.device import pick_device
from src.model.generator import Generator, into_gamut
from src.model.saving import load_generator
from src.model.tensors import to_tensor, to_uint8
from src.parallel.local import progress
from src.params import Canny
from src.storage.atomic import write_bytes
from src.storage.encoding import encode_png

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
        side = generator.config["size"] if generator.predicts_chroma else 0
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
    x = to_tensor(np.stack(made)).to(next(generator.parameters()).device)
    height, width = x.shape[2:]
    least = smallest(generator)
    down = max(-height % generator.multiple, least - height)
    right = max(-width % generator.multiple, least - width)
    return to_uint8(generator.render(_padded(x, down, right)))[:, :height, :width]


def _reduced(picture: np.ndarray, side: int) -> np.ndarray:
    height, width = picture.shape[:2]
    if not side:
        return picture
    share = min(side / min(height, width), (LONGEST * side**2 / (height * width)) ** 0.5)
    if share >= 1:
        return picture
    return resize(picture, max(1, round(width * share)), max(1, round(height * share)))


def _enlarged(
    generator: Generator, output: np.ndarray, small: np.ndarray, picture: np.ndarray
) -> np.ndarray:
    height, width = picture.shape[:2]
    if small.shape == picture.shape:
        return output
    if not generator.predicts_chroma:
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
    light = to_tensor(gray[None])
    color = torch.from_numpy(wide).permute(2, 0, 1)[None] / 127.5
    return to_uint8(into_gamut(light, light + color))[0]


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
    return inputs.derive_input(config["task"], picture, canny)


def _padded(x: torch.Tensor, down: int, right: int) -> torch.Tensor:
    # reflection needs more pixels than it adds; a tiny picture is reflected several times
    while down or right:
        now_down, now_right = min(down, x.shape[2] - 1), min(right, x.shape[3] - 1)
        if now_down == now_right == 0:
            return F.pad(x, (0, right, 0, down), mode="replicate")
        x = F.pad(x, (0, now_right, 0, now_down), mode="reflect")
        down, right = down - now_down, right - now_right
    return x


def find_inputs(sources: list[Path]) -> list[tuple[Path, Path]]:
    """Each picture with its result's name below the output folder; folders are searched."""
    found = []
    for source in sources:
        if source.is_dir():
            inside = find_pictures(source)
            if not inside:
                raise UserError(f"{source} holds no picture ({', '.join(SUFFIXES)})")
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


def load_model(folder: Path, task: str | None, device: str) -> Generator:
    """The model, on its device; UserError where it is of another task, or there is no such GPU."""
    generator = load_generator(folder)
    if task not in (None, generator.config["task"]):
        raise UserError(
            f"--task {task}: the model in {folder} was trained for {generator.config['task']}: "
            f"train one by `dvc exp run -S task={task}`"
        )
    return generator.to(pick_device(device, "--device"))


def _batches(found: list[tuple[Path, Path]], size: int) -> Iterator[list[tuple[Path, Path]]]:
    every = progress(found, len(found), "predicting")
    todo = iter(every)
    while batch := list(islice(todo, size)):
        yield batch


def _read(path: Path) -> Picture:
    return Picture(*decoding.decode_with_alpha(path.read_bytes()))


def _write(path: Path, result: np.ndarray, original: Picture, beside: np.ndarray | None) -> None:
    layers = [result] if original.alpha is None else [result, original.alpha[..., None]]
    made = np.concatenate(layers, axis=2)
    if beside is not None:
        shown = three_channels(beside)
        made = np.concatenate([shown, result], axis=1)
    write_bytes(path, encode_png(made, original.exif))


def predict_files(
    generator: Generator,
    sources: list[Path],
    out: Path,
    side: int | None = None,
    batch_size: int = 8,
    side_by_side: bool = False,
) -> tuple[int, list[str]]:
    """Run picture files through the generator, into PNG files below `out`.

    Args:
        generator: A trained model.
        sources: Pictures, and folders of pictures.
        out: A folder; each result has its picture's name.
        side: As for `predict_all`.
        batch_size: Pictures that are in memory at a time.
        side_by_side: Write the task's input beside the result, without transparency.

    Returns:
        How many files were written, and a line for each picture that cannot be read.

    Raises:
        UserError: A source is missing, two results have one name, or a result would overwrite
            an input.
    """
    inputs_and_names = find_inputs(sources)
    refuse_originals(inputs_and_names, out)
    refused = []
    for batch in _batches(inputs_and_names, batch_size):
        pictures = {}
        for path, name in batch:
            try:
                pictures[name] = _read(path)
            except (decoding.ImageError, OSError) as error:
                refused.append(f"{path}: {error}")
        results = predict_all(generator, [picture.pixels for picture in pictures.values()], side)
        for (name, picture), result in zip(pictures.items(), results, strict=True):
            shown = make_input(generator.config, picture.pixels) if side_by_side else None
            _write(out / name, result, picture, shown)
    return len(inputs_and_names) - len(refused), refused
