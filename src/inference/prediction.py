"""A trained model on pictures of any size, gray or colour."""

from collections import defaultdict
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from src.dataset import inputs
from src.imaging.resizing import resize
from src.model.generator import Generator, into_gamut, rendering_dtype
from src.model.tensors import to_tensor, to_uint8
from src.params import Canny, Size
from src.storage.slices import slices

MAX_ASPECT = 16  # a picture more elongated than this is reduced further, to bound the memory
STRIP_PIXELS = 1 << 20  # that get their colour at a time


def predict_all(
    generator: Generator, pictures: list[np.ndarray], max_side: int | None = None
) -> list[np.ndarray]:
    """Return the generator's results, each (H, W, 3) uint8 like its picture.

    The task's input is derived from the picture: its gray, its edges, or the label map itself. It
    is padded by reflection to the network's multiple, and the result is cropped again.

    A generator that keeps its input's gray takes the colour from the reduced picture, and all
    detail from the picture itself. Other outputs are enlarged.

    Args:
        generator: A trained model, in evaluation mode.
        pictures: (H, W, 3) uint8 each, of any sizes.
        max_side: Pixels of the shorter side that the network sees at most; 0 for the picture's own.
            Default: as large as training's for a generator that keeps its input's gray, else 0.
    """
    size = _reduced_size(generator, max_side)
    reduced = [reduce_picture(picture, size) for picture in pictures]
    by_shape = defaultdict(list)
    for index, picture in enumerate(reduced):
        by_shape[picture.shape].append(index)
    results = list(pictures)
    for indices in by_shape.values():
        task_inputs = [task_input(generator.config, reduced[i]) for i in indices]
        for i, output in zip(indices, render_inputs(generator, np.stack(task_inputs)), strict=True):
            results[i] = _enlarge(generator, output, reduced[i], pictures[i])
    return results


def min_side(generator: Generator) -> int:
    """Return the smallest side in pixels that the network takes."""
    # instance normalisation needs more than one pixel in the bottleneck
    instance = generator.config["network"].get("norm") == "instance"
    needs_two = instance and generator.config["model"] == "encdec"
    return int(generator.multiple) * (2 if needs_two else 1)


def task_input(config: dict[str, Any], picture: np.ndarray) -> np.ndarray:
    """Return what a model's task takes of a picture, (H, W) or (H, W, 3) uint8."""
    # older models do not name the kind of thresholds: there was one only
    canny = Canny(**({"thresholds": "absolute"} | config["canny"])) if config["canny"] else None
    return inputs.derive_input(config["task"], picture, canny)


def _reduced_size(generator: Generator, max_side: int | None) -> Size | None:
    """Return the size that a picture is reduced to cover, None for its own; see `predict_all`."""
    if max_side is None:
        return generator.size if generator.predicts_chroma else None
    return Size(max_side, max_side) if max_side else None


def reduce_picture(picture: np.ndarray, size: Size | None) -> np.ndarray:
    """Return a picture reduced to just cover a size, as training did; None leaves it as it is.

    MAX_ASPECT bounds its area.
    """
    height, width = picture.shape[:2]
    if not size:
        return picture
    covering = max(size.height / height, size.width / width)
    share = min(covering, (MAX_ASPECT * size.height * size.width / (height * width)) ** 0.5)
    if share >= 1:
        return picture
    return resize(picture, max(1, round(width * share)), max(1, round(height * share)))


def render_inputs(generator: Generator, task_inputs: np.ndarray) -> np.ndarray:
    """Return the network's outputs, (N, H, W, 3) uint8, for inputs (N, H, W[, 3]) uint8."""
    x = to_tensor(task_inputs).to(next(generator.parameters()).device)
    height, width = x.shape[2:]
    smallest = min_side(generator)
    down = max(-height % generator.multiple, smallest - height)
    right = max(-width % generator.multiple, smallest - width)
    dtype = rendering_dtype(generator.config, x.device)
    return to_uint8(generator.render(_pad(x, down, right), dtype))[:, :height, :width]


def _pad(x: Tensor, down: int, right: int) -> Tensor:
    """Reflect a batch over its lower and right edges by some pixels."""
    # one reflection adds less than the side: a tiny picture needs several
    while down or right:
        by_down, by_right = min(down, x.shape[2] - 1), min(right, x.shape[3] - 1)
        if by_down == by_right == 0:
            return F.pad(x, (0, right, 0, down), mode="replicate")
        x = F.pad(x, (0, by_right, 0, by_down), mode="reflect")
        down, right = down - by_down, right - by_right
    return x


def _enlarge(
    generator: Generator, output: np.ndarray, reduced: np.ndarray, picture: np.ndarray
) -> np.ndarray:
    """Return an output at its picture's size, strip by strip if it takes colour alone."""
    height, width = picture.shape[:2]
    if reduced.shape == picture.shape:
        return output
    if not generator.predicts_chroma:
        return np.asarray(cv2.resize(output, (width, height), interpolation=cv2.INTER_CUBIC))
    chroma = output.astype(np.float32) - inputs.to_gray(reduced)[..., None]
    chroma -= chroma.mean(axis=2, keepdims=True)
    result = np.empty((height, width, 3), np.uint8)
    for rows in slices(height, max(1, STRIP_PIXELS // width)):
        result[rows] = _color(inputs.to_gray(picture[rows]), chroma, rows.start, height)
    return result


def _color(gray: np.ndarray, chroma: np.ndarray, top: int, height: int) -> np.ndarray:
    """Return rows of a picture in the colours of a smaller one, (R, W, 3) uint8.

    Args:
        gray: The rows, (R, W) uint8.
        chroma: The smaller picture's colours without their mean, (h, w, 3) float32 in levels.
        top: The first row's index.
        height: All rows of the picture.
    """
    across, down = chroma.shape[1] / gray.shape[1], chroma.shape[0] / height
    # maps each pixel's centre into the smaller picture
    to_small = np.array([[across, 0, across / 2 - 0.5], [0, down, (top + 0.5) * down - 0.5]])
    enlarged = cv2.warpAffine(
        chroma,
        to_small,
        gray.shape[::-1],
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    light = to_tensor(gray[None])
    color = torch.from_numpy(enlarged).permute(2, 0, 1)[None] / 127.5
    rows: np.ndarray = to_uint8(into_gamut(light, light + color))[0]
    return rows
