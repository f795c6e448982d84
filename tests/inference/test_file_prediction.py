"""A trained model on picture files: which are read, how results are written, what is refused."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from src.dataset.inputs import to_gray
from src.errors import UserError
from src.imaging.picture_files import read_photo
from src.inference.file_prediction import predict_files, result_names
from src.model.saving import save_generator
from src.storage.encoding import encode_jpeg, encode_png
from tests.conftest import ROOT
from tests.inference.pictures import noise, predict, smooth
from tests.model.generators import variant
from tests.rights import ordinary_user


@pytest.fixture
def run(tmp_path):
    """Predict files into tmp_path/out: run(sources…)."""
    return lambda *sources, **options: predict_files(
        variant(), list(sources), tmp_path / "out", **options
    )


def result_name_list(tmp_path: Path) -> list[str]:
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
    assert result_name_list(tmp_path) == ["a.png", "alone.png", "deep/c.png", "deep/er/b.png"]


def test_a_folder_with_a_pictures_name_is_no_input(run, tmp_path):
    save(tmp_path / "in" / "album.png" / "a.jpg")
    run(tmp_path / "in")
    assert result_name_list(tmp_path) == ["album.png/a.png"]


def test_originals_do_not_change(run, tmp_path):
    path = save(tmp_path / "a.png")
    before = path.read_bytes()
    run(path)
    assert path.read_bytes() == before


def test_two_inputs_of_one_name_are_refused_before_anything_is_written(run, tmp_path):
    paths = [save(tmp_path / name) for name in ("one/a.jpg", "two/a.jpg")]
    with pytest.raises(UserError, match=r"two inputs would both become a\.png"):
        run(*paths)
    assert result_name_list(tmp_path) == []


@pytest.mark.parametrize(
    ("names", "results"),
    [
        (["a.jpg", "b.png"], ["a.png", "b.png"]),
        (["a.jpg", "a.png"], ["a.jpg.png", "a.png.png"]),
        (["a.jpg", "a.png", "a.jpg.png"], ["a.jpg.png", "a.png.png", "a.jpg.png.png"]),
        (["a.2021", "a.2022", "a"], ["a.2021.png", "a.2022.png", "a.png"]),
        (["x/a.jpg", "a.jpg"], ["x/a.png", "a.png"]),
        (["a.jpg", "a.png/b.jpg"], ["a.jpg.png", "a.png/b.png"]),
    ],
)
def test_each_picture_of_a_folder_has_a_result_of_its_own(run, tmp_path, names, results):
    for name in names:
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(encode_png(noise(8, 8)))
    assert run(tmp_path / "in") == (len(names), [])
    assert result_name_list(tmp_path) == sorted(results)


STEMS = st.sampled_from(["a", "a.jpg", "a.png", "b.2021", ".a", "x/a"])
ENDINGS = st.sampled_from(["", ".jpg", ".png", ".PNG", ".jpg.png", ".jpg_large", "."])


@given(st.lists(st.builds("{}{}".format, STEMS, ENDINGS), unique=True, max_size=12))
def test_results_of_one_folder_never_collide(names):
    results = result_names([Path(name) for name in names])
    assert len(set(results)) == len(names)
    assert all(result.suffix == ".png" for result in results)
    assert [r.parent for r in results] == [Path(name).parent for name in names]


def test_a_picture_that_is_given_twice_is_predicted_once(run, tmp_path):
    path = save(tmp_path / "in" / "a.png")
    other_spelling = Path(os.path.relpath(path))
    assert run(path.parent, path, path, other_spelling) == (1, [])


def test_pictures_are_taken_by_their_bytes_and_the_rest_is_told(run, tmp_path, capsys):
    folder = save(tmp_path / "in" / "a.png").parent
    for name in ("b.jfif", "c.JPE", "d", "e.jpeg_large"):
        (folder / name).write_bytes(encode_jpeg(noise(8, 8)))
    (folder / "._a.png").write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X        ")
    (folder / "notes.txt").write_bytes(b"no picture")
    assert run(folder) == (5, [])
    names = ["a.png", "b.png", "c.png", "d.png", "e.jpeg_large.png"]
    assert result_name_list(tmp_path) == names
    note = "passed over: 1 apple_double (._a.png); 1 not_a_picture (notes.txt)"
    assert note in capsys.readouterr().err


LONG = ["b" * 246 + ".jpg", "中" * 83 + ".jpg", "c" * 255]


def test_long_and_odd_names_never_end_a_batch(run, tmp_path):
    names = [*map(os.fsencode, LONG), b"caf\xe9.jpg", b"new\nline.jpg", b"a.png"]
    (tmp_path / "in").mkdir()
    for name in names:
        (tmp_path / "in" / os.fsdecode(name)).write_bytes(encode_png(noise(8, 8)))
    count, [line] = run(tmp_path / "in", batch_size=2)
    assert count == 5
    assert line.endswith(f"{'c' * 255}.png: File name too long")  # with its ending
    results = [os.fsencode(name) for name in result_name_list(tmp_path)]
    assert sorted(results) == sorted(n[:-4] + b".png" for n in names if n != LONG[2].encode())


def test_a_folder_that_may_not_be_read_is_told_and_the_others_are_written(run, tmp_path):
    folder = save(tmp_path / "in" / "a.png").parent
    shut = save(folder / "shut" / "b.png").parent
    shut.chmod(0)
    with ordinary_user():
        count, [line] = run(folder)
    shut.chmod(0o755)
    assert (count, line) == (1, f"{shut}: cannot be read")


def test_a_pipe_is_told_and_never_read(run, tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    count, [line] = run(save(tmp_path / "a.png"), tmp_path / "pipe.png")
    assert (count, line) == (
        1,
        f"{tmp_path / 'pipe.png'}: is a pipe or a device, expected a picture",
    )


def test_a_file_too_large_for_a_picture_is_told_and_never_read(run, tmp_path):
    with (tmp_path / "huge.png").open("wb") as file:
        file.truncate(2**40)  # a sparse file
    count, [line] = run(save(tmp_path / "a.png"), tmp_path / "huge.png")
    assert count == 1
    assert line.startswith(f"{tmp_path / 'huge.png'}: it has {2**40} bytes, allowed are ")


def test_every_file_is_written_refused_or_passed_over(run, tmp_path, capsys):
    folder = save(tmp_path / "in" / "a.png").parent
    for name, data in {"b.jpg": b"<html>", "c.heic": b"", "d": b"", "e.gif": b"GIF89a"}.items():
        (folder / name).write_bytes(data)
    count, lines = run(folder)
    assert (count, len(lines)) == (1, 2)
    assert "passed over: 1 other_format (c.heic); 1 not_a_picture (d)" in capsys.readouterr().err


def test_a_full_disk_ends_the_batch(run, tmp_path, monkeypatch):
    folder = save(tmp_path / "in" / "a.png").parent

    open_file = Path.open

    def full(path: Path, mode: str) -> object:
        return open_file(Path("/dev/full") if mode != "rb" else path, mode)

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(UserError, match=r"cannot write .*a\.png: No space left on device"):
        run(folder)


def test_a_picture_that_takes_too_much_memory_is_told_and_the_others_are_written(
    run, tmp_path, monkeypatch
):
    for width in (8, 9, 10):
        save(tmp_path / "in" / f"{width}.png", Image.fromarray(noise(8, width)))

    def short(generator, pictures, side):
        if any(picture.shape[1] == 9 for picture in pictures):
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return pictures

    monkeypatch.setattr("src.inference.file_prediction.predict_all", short)
    count, [line] = run(tmp_path / "in")
    assert count == 2
    assert line.startswith("9.png: memory is short")
    assert result_name_list(tmp_path) == ["10.png", "8.png"]


def test_a_fault_that_speaks_of_memory_is_no_lack_of_it(run, tmp_path, monkeypatch):
    save(tmp_path / "in" / "a.png")

    def broken(generator, pictures, side):
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr("src.inference.file_prediction.predict_all", broken)
    with pytest.raises(RuntimeError, match="illegal memory access"):
        run(tmp_path / "in")


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
    assert result_name_list(tmp_path) == ["a.png", "c.png"]


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


def test_a_picture_beside_an_input_is_never_overwritten_and_a_result_is(run, tmp_path):
    photo = save(tmp_path / "out" / "a.jpg")
    run(photo)
    run(photo)
    result = tmp_path / "out" / "a.png"
    with Image.open(result) as written:
        assert written.info["Software"] == "pix2pix-dvc predict"
    own = save(result).read_bytes()
    with pytest.raises(
        UserError, match=r"a\.png is not marked as a result of predict, .*another folder"
    ):
        run(photo)
    assert result.read_bytes() == own


def test_a_persons_own_picture_in_the_output_folder_is_never_overwritten(run, tmp_path):
    photo, own = save(tmp_path / "in" / "a.jpg"), save(tmp_path / "out" / "a.png")
    before = own.read_bytes()
    with pytest.raises(UserError, match=r"a\.png is not marked as a result of predict"):
        run(photo)
    assert own.read_bytes() == before


def test_results_in_a_folder_are_passed_over_and_replaced(run, tmp_path, capsys):
    save(tmp_path / "a.jpg")
    assert run(tmp_path) == run(tmp_path) == (1, [])
    assert result_name_list(tmp_path) == ["a.png"]
    assert "passed over: 1 result (out/a.png)" in capsys.readouterr().err


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
    assert result_name_list(tmp_path) == ["a.png"]


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
    assert result_name_list(tmp_path) == [f"{number}.png" for number in range(5)]


PROGRAM = """
import sys
from pathlib import Path
from src.inference.file_prediction import predict_files, result_names
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
