"""A model's answers to the photos and drawings that a person hands to the page."""

from typing import NamedTuple

import numpy as np

from src.imaging import decoding
from src.inference.prediction import predict_all, reduce_picture, render_inputs, task_input
from src.model.generator import Generator
from src.params import Size
from src.storage.encoding import encode_png

WHITE_LEVEL = 128  # of a drawn sketch: from here on a pixel is an edge


class Answer(NamedTuple):
    """Two PNG files.

    Attributes:
        seen: The task's input.
        result: What the model makes of it, of equal size.
    """

    seen: bytes
    result: bytes


def answer_photo(generator: Generator, data: bytes) -> Answer:
    """Return what the model makes of a picture file.

    A model that keeps its input's gray answers at the picture's size. For other models the picture
    is reduced to training's size, which bounds the memory and is what they know.

    Raises:
        ImageError: As `decode`.
    """
    picture = decoding.decode(data)
    if not generator.predicts_chroma:
        picture = reduce_picture(picture, generator.size)
    [result] = predict_all(generator, [picture])
    return _answer(task_input(generator.config, picture), result)


def answer_drawing(generator: Generator, data: bytes) -> Answer:
    """Return what the model makes of a drawing, which is its input itself.

    Args:
        generator: A trained model of the task sketch or labels, in evaluation mode.
        data: A picture file of training's size: white edges on black, or a label map.

    Raises:
        ImageError: As `decode`, or `wrong_size`.
    """
    expected = generator.size
    header = decoding.inspect(data)
    size = Size(header.height, header.width)
    if size != expected:
        raise decoding.ImageError(
            "wrong_size",
            f"a drawing of {size.width}x{size.height} pixels, "
            f"expected {expected.width}x{expected.height}: draw on the page's own canvas",
        )
    drawing = decoding.decode(data)
    if generator.config["task"] == "sketch":
        drawing = np.where(drawing[..., 0] >= WHITE_LEVEL, 255, 0).astype(np.uint8)
    return _answer(drawing, render_inputs(generator, drawing[None])[0])


def _answer(seen: np.ndarray, result: np.ndarray) -> Answer:
    return Answer(encode_png(seen), encode_png(result))
