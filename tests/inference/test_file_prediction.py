"""A trained model on picture files: which are read, how results are written, what is refused."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from src.dataset.inputs import to_gray
from src.errors import UserError
from src.imaging.picture_files import read_photo
from src.inference.file_prediction import predict_files
from src.model.saving import save_generator
from src.storage.encoding import encode_jpeg
from tests.conftest import ROOT
from tests.inference.pictures import noise, predict, smooth
from tests.model.generators import variant


@pytest.fixture
def run(tmp_path):
    """Predict files into tmp_path/out: run(sources…)."""
    return lambda *sources, **options: predict_files(
        variant(), list(sources), tmp_path / "out", **options
    )


def result_names(tmp_path: Path) -> list[str]:
    out = tmp_path / "out"
    return sorted(p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file())


def save(path: Path, picture: Image.Image | None = None) -> Path:
    """Write a picture, by default one of 8 pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    (picture or Image.fromarray(noise(8, 8))).save(path)
    return path


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P", "1", "CMYK", "I;16"])
def test_gray_colour_and_transparent_pictures_are_read(run, tmp_path, mode):
    base = Image.fromarray(noise(21, 13))
    picture = Image.new(mode, base.size) if mode == "I;16" else base.convert(mode)
    path = save(tmp_path / f"a{'.tif' if mode in ('CMYK', 'I;16') else '.png'}", picture)
    assert run(path) == (1, [])
    assert read_photo(tmp_path / "out" / "a.png").shape == (21, 13, 3)


def test_folders_are_searched_and_their_structure_stays(run, tmp_path):
    for name in ("in/a.jpg", "in/deep/er/b.PNG", "in/deep/c.webp", "alone.bmp"):
        save(tmp_path / name)
    (tmp_path / "in" / "notes.txt").write_text("no picture")
    run(tmp_path / "in", tmp_path / "alone.bmp")
    assert result_names(tmp_path) == ["a.png", "alone.png", "deep/c.png", "deep/er/b.png"]


def test_a_folder_with_a_pictures_name_is_no_input(run, tmp_path):
    save(tmp_path / "in" / "album.png" / "a.jpg")
    run(tmp_path / "in")
    assert result_names(tmp_path) == ["album.png/a.png"]


def test_originals_do_not_change(run, tmp_path):
    path = save(tmp_path / "a.png")
    before = path.read_bytes()
    run(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("names", [("one/a.jpg", "two/a.jpg"), ("one/a.jpg", "one/a.png")])
def test_two_inputs_of_one_name_are_refused_before_anything_is_written(run, tmp_path, names):
    paths = [save(tmp_path / name) for name in names]
    with pytest.raises(UserError, match=r"two inputs would both become a\.png"):
        run(*paths)
    assert result_names(tmp_path) == []


@pytest.mark.parametrize("kind", ["text", "empty", "truncated"])
def test_a_broken_file_is_named_and_the_others_are_written(run, tmp_path, kind):
    jpeg = encode_jpeg(noise(64, 64))
    data = {"text": b"<html>", "empty": b"", "truncated": jpeg[: len(jpeg) // 2]}[kind]
    folder = tmp_path / "in"
    save(folder / "a.png")
    (folder / "b.jpg").write_bytes(data)
    save(folder / "c.png")
    count, [line] = run(folder)
    assert count == 2
    assert line.startswith(f"{folder / 'b.jpg'}: ")
    assert result_names(tmp_path) == ["a.png", "c.png"]


@pytest.mark.parametrize("name", ["missing.jpg", "empty"])
def test_a_source_without_pictures_is_refused_by_name(run, tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError) as refused:
        run(tmp_path / name)
    assert str(tmp_path / name) in str(refused.value)


def test_an_original_is_never_overwritten(run, tmp_path):
    path, sibling = save(tmp_path / "out" / "a.png"), save(tmp_path / "out" / "b.png")
    before = path.read_bytes()
    for sources in ([path], [tmp_path / "out"], [sibling, path]):
        with pytest.raises(UserError, match=r"OUT = .*would be overwritten"):
            run(*sources)
    assert path.read_bytes() == before


def test_results_have_transparency_and_exif(run, tmp_path):
    alpha = noise(20, 30)[..., :1]
    exif = Image.Exif()
    exif[0x010F] = "A camera"
    exif[0x0112] = 6  # rotated by a quarter
    picture = Image.fromarray(np.concatenate([noise(20, 30), alpha], axis=2))
    picture.save(tmp_path / "a.png", exif=exif)
    run(tmp_path / "a.png")
    with Image.open(tmp_path / "out" / "a.png") as result:
        assert (result.mode, result.size) == ("RGBA", (20, 30))
        assert np.array_equal(np.asarray(result)[..., 3], np.rot90(alpha[..., 0], -1))
        gray = np.rot90(noise(20, 30), -1).mean(axis=2)
        difference = np.asarray(result)[..., :3].mean(axis=2) - gray
        assert np.abs(difference).max() <= 1  # the colours are those under the transparency
        assert dict(result.getexif()) == {0x010F: "A camera"}


def test_broken_exif_does_not_lose_the_picture(run, tmp_path):
    data = encode_jpeg(noise(20, 30))
    broken = b"Exif\0\0II*\0" + b"\xff" * 90
    block = b"\xff\xe1" + (len(broken) + 2).to_bytes(2, "big") + broken
    (tmp_path / "a.jpg").write_bytes(data[:2] + block + data[2:])
    run(tmp_path / "a.jpg")
    assert result_names(tmp_path) == ["a.png"]


def test_input_and_result_stand_side_by_side(run, tmp_path):
    run(save(tmp_path / "a.png", Image.fromarray(noise(20, 30))), side_by_side=True)
    both = read_photo(tmp_path / "out" / "a.png")
    assert both.shape == (20, 60, 3)
    assert np.array_equal(both[:, :30, 0], to_gray(noise(20, 30)))
    assert np.array_equal(both[:, 30:], predict(variant(), noise(20, 30)))


@pytest.mark.parametrize("batch_size", [1, 2, 9])
def test_batches_of_any_size_write_every_picture(run, tmp_path, batch_size):
    for number in range(5):
        save(tmp_path / "in" / f"{number}.png", Image.fromarray(noise(8 + number, 8)))
    run(tmp_path / "in", batch_size=batch_size)
    assert result_names(tmp_path) == [f"{number}.png" for number in range(5)]


PROGRAM = """
import sys
from pathlib import Path
from src.inference.file_prediction import predict_files
from src.model.saving import load_generator

def peak_kb():  # getrusage's starts at that of the parent process
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

before = peak_kb()
source, out, model = map(Path, sys.argv[1:])
predict_files(load_generator(model), [source], out)
print(peak_kb() - before)
"""


def test_twelve_megapixels_take_bounded_memory(tmp_path):
    """A few times the decoded picture, with any network."""
    save_generator(variant("unet"), tmp_path / "model")
    (tmp_path / "in.jpg").write_bytes(encode_jpeg(smooth(3000, 4000)))
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            PROGRAM,
            *(str(tmp_path / name) for name in ("in.jpg", "out", "model")),
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout.split()[-1]) < 400 * 1024  # KB; the picture has 36 MB
    assert read_photo(tmp_path / "out" / "in.png").shape == (3000, 4000, 3)
