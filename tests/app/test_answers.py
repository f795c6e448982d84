"""What a model makes of a photo or a drawing that a person hands to the page."""

import io

import numpy as np
import pytest
from PIL import Image

from src.app.answers import Answer, answer_drawing, answer_photo
from src.dataset.inputs import to_canny, to_gray
from src.imaging.decoding import ImageError, decode
from src.imaging.resizing import resize
from src.inference.prediction import predict_all, render_inputs
from src.storage.encoding import encode_png
from tests.builders import CANNY
from tests.inference.pictures import noise, smooth
from tests.model.generators import variant


def pixels(answer: Answer) -> list[np.ndarray]:
    return [np.asarray(Image.open(io.BytesIO(data))) for data in answer]


def test_a_photo_of_any_size_is_coloured_as_predict_does():
    photo = smooth(70, 90)
    seen, result = pixels(answer_photo(variant(), encode_png(photo)))
    assert np.array_equal(seen, to_gray(photo))
    assert np.array_equal(result, predict_all(variant(), [photo])[0])


def test_a_sketch_is_taken_of_the_photo_at_the_size_of_training():
    generator, photo = variant(task="sketch", output="rgb"), smooth(64, 96)
    seen, result = pixels(answer_photo(generator, encode_png(photo)))
    reduced = resize(photo, 48, 32)
    assert np.array_equal(seen, to_canny(reduced, CANNY))
    assert np.array_equal(result, predict_all(generator, [reduced])[0])


def test_a_label_map_is_shown_to_the_network_as_it_is():
    generator, labels = variant(task="labels", output="rgb"), noise(32, 32)
    seen, result = pixels(answer_photo(generator, encode_png(labels)))
    assert np.array_equal(seen, labels)
    assert np.array_equal(result, render_inputs(generator, labels[None])[0])


def test_a_drawn_sketch_is_the_networks_input_itself():
    generator = variant(task="sketch", output="rgb")
    edges = np.where(noise(32, 32)[..., 0] > 200, 255, 0).astype(np.uint8)
    seen, result = pixels(answer_drawing(generator, encode_png(edges)))
    assert np.array_equal(seen, edges)
    assert np.array_equal(result, render_inputs(generator, edges[None])[0])


def test_a_browsers_soft_pixels_become_edges_or_none():
    levels = np.full((32, 32), 127, np.uint8)
    levels[:, 16:] = 128
    seen, _ = pixels(answer_drawing(variant(task="sketch", output="rgb"), encode_png(levels)))
    assert np.array_equal(np.unique(seen[:, :16]), [0])
    assert np.array_equal(np.unique(seen[:, 16:]), [255])


def test_a_painted_label_map_keeps_its_colours():
    generator, labels = variant(task="labels", output="rgb"), noise(32, 32)
    assert np.array_equal(pixels(answer_drawing(generator, encode_png(labels)))[0], labels)


def test_a_drawing_of_another_size_is_refused_with_the_size_that_fits():
    with pytest.raises(ImageError, match=r"of 30x20 pixels, expected 32x32: draw on"):
        answer_drawing(variant(task="sketch", output="rgb"), encode_png(noise(20, 30)))


def test_transparency_is_laid_on_white_as_for_training():
    clear = np.concatenate([noise(20, 30), np.zeros((20, 30, 1), np.uint8)], axis=2)
    seen, _ = pixels(answer_photo(variant(), encode_png(clear)))
    assert np.array_equal(seen, to_gray(decode(encode_png(clear))))
    assert (seen == 255).all()
