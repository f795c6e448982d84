"""A trained model on anyone's pictures: sizes, kinds of files, and what is refused."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from src.dataset.inputs import to_canny, to_gray
from src.errors import exit_on_user_error
from src.imaging.picture_files import read_photo
from src.imaging.resizing import resize
from src.inference import prediction
from src.model.saving import save_generator
from src.model.tensors import to_tensor, to_uint8
from src.params import Canny
from src.storage.encoding import encode_jpeg
from tests.conftest import ROOT
from tests.builders import untrained

CANNY = {"low": 60, "high": 140, "aperture": 3, "blur": 3, "thresholds": "absolute"}
ENCDEC = {"ngf": 4, "n_downs": 4, "n_blocks": 1, "upsample": "resize", "norm": "batch"}
UNET = {"ngf": 4, "n_downs": 5, "upsample": "transposed", "norm": "batch", "dropout": 0.5}
NETWORKS = {
    "encdec": ("encdec", ENCDEC),
    "encdec-instance": ("encdec", ENCDEC | {"norm": "instance"}),
    "unet": ("unet", UNET),
    "unet-instance": ("unet", UNET | {"norm": "instance"}),
}
FEW = settings(max_examples=15, deadline=None)


def generator(network: str = "encdec", task: str = "colorize", output: str = "chroma"):
    return untrained(task, output, *NETWORKS[network], 4)


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("network", sorted(NETWORKS))
@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 1), (17, 31), (16, 16), (200, 300)])
def test_a_picture_of_any_size_keeps_its_size(network, height, width):
    result = prediction.predict(generator(network), noise(height, width))
    assert result.shape == (height, width, 3)
    assert result.dtype == np.uint8


@pytest.mark.parametrize(
    ("task", "output"), [("colorize", "rgb"), ("sketch", "rgb"), ("labels", "rgb")]
)
def test_each_task_takes_a_colour_picture(task, output):
    made = generator(task=task, output=output)
    assert prediction.predict(made, noise(33, 20)).shape == (33, 20, 3)


@FEW
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**31))
def test_chroma_keeps_the_gray_of_the_picture(height, width, seed):
    picture = noise(height, width, seed)
    result = prediction.predict(generator(), picture)
    apart = result.mean(axis=2) - picture.mean(axis=2)
    assert np.abs(apart).max() <= 1


def test_chroma_adds_colour_to_gray():
    gray = np.repeat(noise(20, 20)[:, :, :1], 3, axis=2)
    assert np.ptp(prediction.predict(generator(), gray), axis=2).max() > 0


def test_a_picture_of_the_networks_multiple_is_not_padded():
    made, picture = generator(), noise(32, 48)
    direct = to_uint8(made.render(to_tensor(to_gray(picture)[None])))[0]
    assert np.array_equal(prediction.predict(made, picture), direct)


def test_the_same_picture_gives_the_same_result():
    for network in ("encdec", "unet"):
        made, picture = generator(network), noise(19, 23)
        assert np.array_equal(prediction.predict(made, picture), prediction.predict(made, picture))


def test_the_input_is_made_as_in_training(faces):
    face = faces[0]
    for task, expected in (
        ("colorize", to_gray(face)),
        ("sketch", to_canny(face, Canny(**CANNY))),
        ("labels", face),
    ):
        config = {"task": task, "canny": CANNY}
        assert np.array_equal(prediction.make_input(config, face), expected)


def smooth(height: int, width: int) -> np.ndarray:
    """Broad colours under fine detail."""
    y, x = np.mgrid[:height, :width] / max(height, width)
    colour = np.stack([np.sin(5 * x), np.cos(4 * y), np.sin(3 * (x + y))], axis=-1) * 50
    detail = np.random.default_rng(0).normal(0, 20, (height, width, 1))
    return (128 + colour + detail).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize(("height", "width"), [(200, 300), (333, 64), (97, 1200)])
def test_a_large_picture_keeps_its_detail_and_takes_colour_at_network_size(height, width):
    picture = smooth(height, width)
    result = prediction.predict(generator(), picture)
    apart = result.mean(axis=2) - picture.mean(axis=2)
    assert result.shape == picture.shape
    assert np.abs(apart).max() <= 1
    share = 32 / min(height, width)
    small = resize(picture, round(width * share), round(height * share))
    at_size = prediction.predict(generator(), small, 0).astype(float)
    back = resize(result, small.shape[1], small.shape[0]).astype(float)
    tint, expected = (p - p.mean(axis=2, keepdims=True) for p in (back, at_size))
    # enlarging and reducing again takes from an untrained network's speckles, but moves nothing
    alike = [
        np.corrcoef(tint.ravel(), np.roll(expected, k, axis=1).ravel())[0, 1] for k in range(2)
    ]
    assert alike[0] > 0.95
    assert alike[1] < alike[0] - 0.02


def test_strips_have_no_seams(monkeypatch):
    picture = smooth(120, 90)
    whole = prediction.predict(generator(), picture)
    monkeypatch.setattr("src.inference.prediction.STRIP", 7 * 90)
    assert np.abs(whole.astype(int) - prediction.predict(generator(), picture)).max() <= 1


def test_the_side_that_the_network_sees_can_be_chosen():
    picture = smooth(64, 64)
    own, less = (prediction.predict(generator(), picture, side) for side in (0, 32))
    assert np.array_equal(prediction.predict(generator(), picture), less)
    assert np.array_equal(prediction.predict(generator(), picture, 100), own)
    assert not np.array_equal(own, less)


def test_other_outputs_are_made_at_the_pictures_size_or_enlarged():
    made, picture = generator(task="sketch", output="rgb"), smooth(64, 96)
    assert np.array_equal(prediction.predict(made, picture), prediction.predict(made, picture, 0))
    assert prediction.predict(made, picture, 32).shape == (64, 96, 3)


def test_pictures_together_are_as_each_alone():
    pictures = [smooth(40, 40), smooth(32, 48), smooth(40, 40)[::-1].copy(), smooth(64, 96)]
    together = prediction.predict_all(generator(), pictures)
    for result, picture in zip(together, pictures, strict=True):
        assert np.abs(result.astype(int) - prediction.predict(generator(), picture)).max() <= 1


def test_twelve_megapixels_take_bounded_memory(tmp_path):
    """A few times the decoded picture, whatever the network."""
    save_generator(generator("unet"), tmp_path / "model")
    (tmp_path / "in.jpg").write_bytes(encode_jpeg(smooth(3000, 4000)))
    program = (
        "from src import predict\n"
        "def peak():\n"  # getrusage's begins at that of whoever started the process
        "    lines = open('/proc/self/status').read().splitlines()\n"
        "    return next(int(line.split()[1]) for line in lines if line.startswith('VmHWM'))\n"
        "before = peak()\n"
        "predict.main()\n"
        "print(peak() - before)\n"
    )
    arguments = [tmp_path / "in.jpg", tmp_path / "out", "--model", tmp_path / "model"]
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout.split()[-1]) < 400 * 1024  # KB; the picture has 36 MB
    assert read_photo(tmp_path / "out" / "in.png").shape == (3000, 4000, 3)


# --- the command


@pytest.fixture
def model(tmp_path) -> Path:
    save_generator(generator(), tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def run(monkeypatch, model, tmp_path):
    """python -m src.predict: run(sources…), into tmp_path/out."""

    def go(*sources: Path, model: Path = model, options: tuple[str, ...] = ()) -> None:
        out = [str(tmp_path / "out"), "--model", str(model), *options]
        monkeypatch.setattr(sys, "argv", ["predict", *map(str, sources), *out])
        with exit_on_user_error("predict"):
            prediction.main()

    return go


def refused(run, capsys, *sources: Path, **arguments: object) -> str:
    """The one line on stderr of a run that exits with status 1."""
    with pytest.raises(SystemExit) as caught:
        run(*sources, **arguments)
    assert caught.value.code == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("predict: ")
    return lines[0]


def written(tmp_path: Path) -> list[str]:
    out = tmp_path / "out"
    return sorted(p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file())


def put(path: Path, picture: Image.Image) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path)
    return path


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P", "1", "CMYK", "I;16"])
def test_gray_colour_and_transparent_pictures_are_taken(run, tmp_path, mode):
    base = Image.fromarray(noise(21, 13))
    picture = Image.new(mode, base.size) if mode == "I;16" else base.convert(mode)
    path = put(tmp_path / f"a{'.tif' if mode in ('CMYK', 'I;16') else '.png'}", picture)
    run(path)
    assert read_photo(tmp_path / "out" / "a.png").shape == (21, 13, 3)


def test_folders_are_searched_and_their_names_kept(run, tmp_path):
    picture = Image.fromarray(noise(8, 8))
    for name in ("in/a.jpg", "in/deep/er/b.PNG", "in/deep/c.webp", "alone.bmp"):
        put(tmp_path / name, picture)
    (tmp_path / "in" / "notes.txt").write_text("no picture")
    run(tmp_path / "in", tmp_path / "alone.bmp")
    assert written(tmp_path) == ["a.png", "alone.png", "deep/c.png", "deep/er/b.png"]


def test_the_originals_stay_as_they_are(run, tmp_path):
    path = put(tmp_path / "a.png", Image.fromarray(noise(8, 8)))
    before = path.read_bytes()
    run(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("names", [("one/a.jpg", "two/a.jpg"), ("one/a.jpg", "one/a.png")])
def test_two_inputs_of_one_name_are_refused_before_anything_is_written(
    run, capsys, tmp_path, names
):
    paths = [put(tmp_path / name, Image.fromarray(noise(8, 8))) for name in names]
    assert "two inputs would both become a.png" in refused(run, capsys, *paths)
    assert written(tmp_path) == []


@pytest.mark.parametrize("kind", ["text", "empty", "truncated"])
def test_a_broken_file_is_named_after_the_others_are_done(run, capsys, tmp_path, kind):
    whole = encode_jpeg(noise(64, 64))
    data = {"text": b"<html>", "empty": b"", "truncated": whole[: len(whole) // 2]}[kind]
    folder = tmp_path / "in"
    put(folder / "a.png", Image.fromarray(noise(8, 8)))
    (folder / "b.jpg").write_bytes(data)
    put(folder / "c.png", Image.fromarray(noise(8, 8)))
    assert str(folder / "b.jpg") in refused(run, capsys, folder)
    assert written(tmp_path) == ["a.png", "c.png"]


def test_a_folder_that_is_called_like_a_picture_is_no_input(run, tmp_path):
    put(tmp_path / "in" / "album.png" / "a.jpg", Image.fromarray(noise(8, 8)))
    run(tmp_path / "in")
    assert written(tmp_path) == ["album.png/a.png"]


@pytest.mark.parametrize("name", ["missing.jpg", "empty"])
def test_an_input_that_is_none_is_refused_by_name(run, capsys, tmp_path, name):
    (tmp_path / "empty").mkdir()
    assert str(tmp_path / name) in refused(run, capsys, tmp_path / name)


@pytest.mark.parametrize(
    "config", [None, "", "{}", "[]", '{"task": "colorize", "model": "vgg"}', '{"model": 5}']
)
def test_what_is_no_model_folder_is_refused_in_one_line(run, capsys, tmp_path, config):
    other = tmp_path / "other"
    other.mkdir()
    if config is not None:
        (other / "config.json").write_text(config)
    path = put(tmp_path / "a.png", Image.fromarray(noise(8, 8)))
    assert str(other) in refused(run, capsys, path, model=other)


@pytest.mark.parametrize("data", [None, b"", b"not safetensors at all", bytes(100)])
def test_a_model_without_its_weights_is_refused_in_one_line(run, capsys, tmp_path, model, data):
    weights = model / "generator.safetensors"
    weights.unlink()
    if data is not None:
        weights.write_bytes(data)
    path = put(tmp_path / "a.png", Image.fromarray(noise(8, 8)))
    line = refused(run, capsys, path, model=model)
    assert str(weights) in line
    assert "no generator saved by this project" in line


def test_weights_of_another_network_are_refused_in_one_line(run, capsys, tmp_path, model):
    save_generator(generator("unet"), tmp_path / "unet")
    (model / "config.json").write_bytes((tmp_path / "unet" / "config.json").read_bytes())
    path = put(tmp_path / "a.png", Image.fromarray(noise(8, 8)))
    assert str(model) in refused(run, capsys, path, model=model)


def test_what_was_done_is_said(run, capsys, tmp_path):
    run(put(tmp_path / "a.png", Image.fromarray(noise(8, 8))))
    assert "1 of 1 pictures written to" in capsys.readouterr().out


@pytest.mark.parametrize("network", NETWORKS)
def test_a_picture_of_the_training_size_is_predicted_as_evaluation_does(network):
    made = generator(network)
    picture = noise(32, 32)
    rendered = to_uint8(made.render(to_tensor(to_gray(picture)[None])))[0]
    assert np.array_equal(prediction.predict(made, picture), rendered)


def test_a_picture_as_output_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["predict", "in.jpg", "out.png"])
    with pytest.raises(SystemExit) as exit_, exit_on_user_error("predict"):
        prediction.main()
    assert exit_.value.code == 1
    assert "OUT = out.png" in capsys.readouterr().err


def test_transparency_and_exif_are_kept(run, tmp_path):
    alpha = noise(20, 30)[..., :1]
    exif = Image.Exif()
    exif[0x010F] = "A camera"
    exif[0x0112] = 6  # lies on its side
    picture = Image.fromarray(np.concatenate([noise(20, 30), alpha], axis=2))
    picture.save(tmp_path / "a.png", exif=exif)
    run(tmp_path / "a.png")
    with Image.open(tmp_path / "out" / "a.png") as made:
        assert (made.mode, made.size) == ("RGBA", (20, 30))
        assert np.array_equal(np.asarray(made)[..., 3], np.rot90(alpha[..., 0], -1))
        apart = np.asarray(made)[..., :3].mean(axis=2) - np.rot90(noise(20, 30), -1).mean(axis=2)
        assert np.abs(apart).max() <= 1  # colours are those under the transparency
        assert dict(made.getexif()) == {0x010F: "A camera"}


def test_broken_exif_costs_no_picture(run, tmp_path):
    data = encode_jpeg(noise(20, 30))
    broken = b"Exif\0\0II*\0" + b"\xff" * 90
    block = b"\xff\xe1" + (len(broken) + 2).to_bytes(2, "big") + broken
    (tmp_path / "a.jpg").write_bytes(data[:2] + block + data[2:])
    run(tmp_path / "a.jpg")
    assert written(tmp_path) == ["a.png"]


def test_input_and_result_stand_side_by_side(run, tmp_path):
    path = put(tmp_path / "a.png", Image.fromarray(noise(20, 30)))
    run(path, options=("--side-by-side",))
    made = read_photo(tmp_path / "out" / "a.png")
    assert made.shape == (20, 60, 3)
    assert np.array_equal(made[:, :30, 0], to_gray(noise(20, 30)))
    assert np.array_equal(made[:, 30:], prediction.predict(generator(), noise(20, 30)))


def test_a_model_of_another_task_is_refused_with_the_reason(run, capsys, tmp_path):
    path = put(tmp_path / "a.png", Image.fromarray(noise(8, 8)))
    line = refused(run, capsys, path, options=("--task", "sketch"))
    assert "was trained for colorize" in line
    assert "dvc exp run -S task=sketch" in line
    run(path, options=("--task", "colorize"))


def test_a_gpu_that_is_not_there_is_refused(run, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    path = put(tmp_path / "a.png", Image.fromarray(noise(8, 8)))
    assert "--device = 'cuda'" in refused(run, capsys, path, options=("--device", "cuda"))


@pytest.mark.parametrize("options", [("--batch", "0"), ("--side", "-1")])
def test_senseless_numbers_are_refused(run, capsys, tmp_path, options):
    path = put(tmp_path / "a.png", Image.fromarray(noise(8, 8)))
    assert "expected at least" in refused(run, capsys, path, options=options)


@pytest.mark.parametrize("batch", ["1", "2", "9"])
def test_batches_of_any_size_write_every_picture(run, tmp_path, batch):
    for number in range(5):
        put(tmp_path / "in" / f"{number}.png", Image.fromarray(noise(8 + number, 8)))
    run(tmp_path / "in", options=("--batch", batch))
    assert written(tmp_path) == [f"{number}.png" for number in range(5)]


def test_an_original_is_never_overwritten(run, capsys, tmp_path):
    path = put(tmp_path / "out" / "a.png", Image.fromarray(noise(8, 8)))
    other = put(tmp_path / "out" / "b.png", Image.fromarray(noise(8, 8)))
    before = path.read_bytes()
    for sources in ([path], [tmp_path / "out"], [other, path]):
        assert "would be overwritten" in refused(run, capsys, *sources)
    assert path.read_bytes() == before


def test_a_long_strip_is_reduced_further(monkeypatch):
    seen = []
    real = prediction.make_input
    monkeypatch.setattr(
        "src.inference.prediction.make_input", lambda c, p: seen.append(p.shape) or real(c, p)
    )
    assert prediction.predict(generator(), smooth(40, 3000)).shape == (40, 3000, 3)
    [(height, width, _)] = seen
    assert height * width <= 16 * 32 * 32 * 1.05
    assert width / height == pytest.approx(75, rel=0.1)


@pytest.mark.parametrize("key", ["task", "output", "size", "canny", "network"])
def test_a_config_that_lacks_something_is_refused_by_name(run, capsys, tmp_path, model, key):
    config = json.loads((model / "config.json").read_text())
    del config[key]
    (model / "config.json").write_text(json.dumps(config))
    path = put(tmp_path / "a.png", Image.fromarray(noise(8, 8)))
    assert f"it lacks {key}" in refused(run, capsys, path)
