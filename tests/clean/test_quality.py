"""Of several copies the best is kept, wherever it is listed."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from src.clean import copies, measure, quality
from src.clean.measurement import Measurement
from src.demo.inventory import alter
from src.storage.encoding import encode_jpeg
from tests.builders import ledger_table
from tests.conftest import DEFAULTS
from tests.copies import COPIES, HARD_COPIES
from tests.encoded_pictures import png_chunk, saved

CLEAN = DEFAULTS.clean.model_copy(update={"grayscale": "keep"})
Best = Callable[..., int]


@pytest.fixture
def best(tmp_path: Path) -> Best:
    def best_of(*files: bytes) -> int:
        """Return the number of the file that is kept."""
        for number, data in enumerate(files):
            (tmp_path / f"{number}.jpeg").write_bytes(data)
        rows = [{"file": f"{n}.jpeg", "sha256": str(n)} for n in range(len(files))]
        measurements = measure.measure_pictures(ledger_table(rows, "raw"), tmp_path)
        pictures = {n: measurements[f"{n}.jpeg", "single"] for n in range(len(files))}
        pairs = copies.find(pictures, CLEAN)
        assert pairs
        ranks = quality.rank_copies(pictures, pairs, CLEAN)
        return min(ranks, key=ranks.__getitem__)

    return best_of


@pytest.mark.parametrize(
    "kind",
    [
        "caption strip",
        "logo in a corner",
        "gray",
        "cropped by 10 %",
        "polaroid",
        "uneven frame",
        "enlarged to 200 %",
        "blurred",
        "resized to 70 %",
        "recompressed, quality 30",
        "strip below",
        "strip above",
        "watermark",
        "cut by 20 % at a corner",
        "turned by 5 degrees",
        "brighter by a quarter",
    ],
)
def test_the_original_is_better_than_its_copy(best: Best, faces: list[np.ndarray], kind: str):
    change = {**COPIES, **HARD_COPIES}[kind]
    kept = [
        best(change(face, np.random.default_rng(n)), encode_jpeg(face, 95))
        for n, face in enumerate(faces[:5])
    ]
    assert kept.count(1) >= 4


@pytest.mark.parametrize(
    ("kind", "options"), [("WEBP", {"quality": 90}), ("AVIF", {"quality": 90}), ("GIF", {})]
)
def test_a_jpeg_is_better_than_its_copy_in_another_lossy_format(
    best: Best, faces: list[np.ndarray], kind: str, options: dict
):
    kept = [
        best(saved(Image.fromarray(face), kind, **options), encode_jpeg(face, 92))
        for face in faces[:4]
    ]
    assert kept == [1] * 4


def test_a_picture_of_256_colours_is_better_than_its_thumbnail(best: Best, faces: list[np.ndarray]):
    image = Image.fromarray(faces[0])
    thumbnail = encode_jpeg(np.asarray(image.reduce(3)), 92)
    assert best(thumbnail, saved(image, "GIF")) == 1
    assert best(thumbnail, saved(image, "GIF"), encode_jpeg(faces[0], 60)) == 2


def test_a_png_whose_text_is_damaged_is_ranked_as_browsers_show_it(
    best: Best, faces: list[np.ndarray]
):
    png = saved(Image.fromarray(faces[0]), "PNG")
    header_end = 33
    text = png_chunk(b"tEXt", b"Title\0x")[:-4] + b"oops"
    damaged = png[:header_end] + text + png[header_end:]
    assert best(encode_jpeg(faces[0], 92), damaged) == 1


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("WEBP", {"lossless": True})])
def test_a_lossless_picture_is_better_than_its_jpeg(
    best: Best, faces: list[np.ndarray], kind: str, options: dict
):
    lossless = saved(Image.fromarray(faces[0]), kind, **options)
    assert best(encode_jpeg(faces[0], 92), lossless) == 1


def test_of_equals_the_first_listed_is_best(best: Best, faces: list[np.ndarray]):
    file = encode_jpeg(faces[0])
    commented = file[:2] + b"\xff\xfe\x00\x04hi" + file[2:]
    assert best(file, commented) == 0
    assert best(commented, file) == 0


def test_a_mark_is_blamed_on_the_picture_that_differs_from_the_others(
    best: Best, faces: list[np.ndarray]
):
    rng = np.random.default_rng(0)
    marked = alter(faces[0], "captioned", rng)
    assert best(marked, alter(faces[0], "resized", rng), alter(faces[0], "recompressed", rng)) != 0


def test_a_copys_file_is_read_and_opened_once(faces: list[np.ndarray], tmp_path: Path, monkeypatch):
    file = tmp_path / "copy.jpeg"
    file.write_bytes(encode_jpeg(faces[0], 60))
    read, paths = Path.read_bytes, []
    monkeypatch.setattr(Path, "read_bytes", lambda path: paths.append(path) or read(path))
    opened, images = Image.open, []
    monkeypatch.setattr(Image, "open", lambda *a, **k: images.append(a) or opened(*a, **k))
    measured = quality.measure(Measurement(source=(file, "single")), 256)
    assert measured.quantization > 0
    assert paths == [file]
    assert len(images) == 1


@pytest.mark.parametrize(("suffix", "has_palette"), [("png", True), ("gif", True), ("webp", False)])
def test_a_palette_is_told_after_decoding(
    faces: list[np.ndarray], tmp_path: Path, suffix: str, has_palette: bool
):
    file = tmp_path / f"copy.{suffix}"
    Image.fromarray(faces[0]).quantize(64).save(file)
    assert quality.measure(Measurement(source=(file, "single")), 256).has_palette == has_palette


def _enlarged(face: np.ndarray, factor: int) -> Image.Image:
    height, width = face.shape[:2]
    return Image.fromarray(face).resize((factor * width, factor * height), Image.Resampling.LANCZOS)


def test_the_noise_of_encoding_is_no_sharpness(best: Best, faces: list[np.ndarray]):
    for face in faces[:6]:
        first = Image.fromarray(face).filter(ImageFilter.GaussianBlur(0.6))  # as photographs are
        original = saved(first, "JPEG", quality=92)
        decoded = np.asarray(Image.open(io.BytesIO(original)))
        assert best(encode_jpeg(decoded, 88), original) == 1


def test_an_enlarged_picture_is_worse_even_without_loss(best: Best, faces: list[np.ndarray]):
    for face in faces[:4]:
        enlarged = saved(_enlarged(face, 2), "PNG")
        assert best(enlarged, encode_jpeg(face, 92)) == 1


def test_a_larger_picture_that_shows_more_is_better(best: Best, faces: list[np.ndarray]):
    smaller = np.asarray(Image.fromarray(faces[0]).reduce(2))
    assert best(saved(Image.fromarray(smaller), "PNG"), encode_jpeg(faces[0], 85)) == 1
