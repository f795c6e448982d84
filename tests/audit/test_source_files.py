"""Files read again by the audit's own decoder show what the pipeline's decoder showed."""

import hashlib
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from src.audit import findings, source_files
from src.audit.source_files import SourceFile
from src.dataset.picture_parts import Face, face_part
from src.imaging import decoding
from src.imaging.resizing import resize
from src.pair.pairing import largest_crop
from src.params import Size
from src.storage.encoding import encode_jpeg, encode_png
from tests.builders import square_crop
from tests.conftest import real
from tests.encoded_pictures import saved

CLOSE = 2.0  # levels of 255, between two decoders and two ways of reducing
SQUARE = (64, 64)  # of pairs
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.fixture(scope="module")
def face(faces) -> np.ndarray:
    return faces[3]


def exif(orientation: int) -> Image.Exif:
    block = Image.Exif()
    block[0x0112] = orientation
    return block


def mistyped() -> bytes:
    """An EXIF block as real photographs have it: to be turned, and a resolution that is text."""
    tags = [(0x0112, 3, struct.pack(">HH", 6, 0)), (0x011A, 2, b"a\0\0\0")]
    directory = b"".join(struct.pack(">HHI", tag, kind, 1) + value for tag, kind, value in tags)
    return b"Exif\0\0MM\0*" + struct.pack(">IH", 8, len(tags)) + directory + bytes(4)


def alpha(pixels: np.ndarray) -> Image.Image:
    ramp = np.linspace(0, 255, pixels.shape[1]).astype(np.uint8)
    return Image.fromarray(np.dstack([pixels, np.broadcast_to(ramp, pixels.shape[:2])]))


def gray(pixels: np.ndarray, kind: type, levels: int) -> Image.Image:
    return Image.fromarray(pixels.mean(axis=2).astype(kind) * kind(levels))


def first_pixel(image: Image.Image) -> int | tuple:
    return image.getpixel((0, 0))


def read_file(
    data: bytes,
    folder: Path,
    layout: str = "single",
    crop: str = "center",
    background: str = "#ffffff",
    shape: tuple[int, int] = SQUARE,
) -> SourceFile:
    (folder / "file").write_bytes(data)
    return source_files.read_files(table([("file", layout)]), folder, shape, crop, background)[
        "file"
    ]


def table(files: list[tuple]) -> pd.DataFrame:
    return pd.DataFrame(files, columns=["file", "layout"]).assign(label_file=None, side="train")


def expected_thumbnail(data: bytes, layout: str = "single", crop: str = "center") -> np.ndarray:
    """Return the thumbnail of what the pipeline makes of a file."""
    photo = decoding.split_pair(decoding.decode(data), layout)[0]
    return source_files.thumbnails(np.stack([square_crop(photo, 64, crop)]))[0]


STORED: dict[str, Callable[[np.ndarray], bytes]] = {
    "png": lambda p: saved(Image.fromarray(p), "PNG"),
    "jpeg": lambda p: saved(Image.fromarray(p), "JPEG", quality=90),
    "webp": lambda p: saved(Image.fromarray(p), "WEBP"),
    "avif": lambda p: saved(Image.fromarray(p), "AVIF", quality=90),
    "avif with alpha": lambda p: saved(alpha(p), "AVIF", quality=90),
    "turned avif": lambda p: saved(Image.fromarray(p), "AVIF", quality=90, exif=exif(6)),
    "broken exif": lambda p: saved(Image.fromarray(p), "PNG", exif=b"Exif\0\0garbage"),
    "several jpegs": lambda p: saved(
        Image.fromarray(p), "MPO", save_all=True, append_images=[Image.new("RGB", (192, 256))]
    ),
    "large jpeg": lambda p: saved(Image.fromarray(p).resize((1003, 1337)), "JPEG"),
    "gif": lambda p: saved(Image.fromarray(p).convert("P"), "GIF"),
    "palette": lambda p: saved(Image.fromarray(p).convert("P"), "PNG"),
    "one channel": lambda p: saved(Image.fromarray(p).convert("L"), "PNG"),
    "one bit": lambda p: saved(Image.fromarray(p).convert("1"), "PNG"),
    "cmyk jpeg": lambda p: saved(Image.fromarray(p).convert("CMYK"), "JPEG"),
    "cmyk tiff": lambda p: saved(Image.fromarray(p).convert("CMYK"), "TIFF"),
    "ycc tiff": lambda p: saved(Image.fromarray(p).convert("YCbCr"), "TIFF"),
    "alpha": lambda p: saved(alpha(p), "PNG"),
    "gray with alpha": lambda p: saved(alpha(p).convert("LA"), "PNG"),
    "alpha and profile": lambda p: saved(alpha(p), "PNG", icc_profile=SRGB),
    "see-through colour": lambda p: saved(
        Image.fromarray(p), "PNG", transparency=first_pixel(Image.fromarray(p))
    ),
    "see-through palette": lambda p: saved(
        Image.fromarray(p).convert("P"),
        "PNG",
        transparency=first_pixel(Image.fromarray(p).convert("P")),
    ),
    "16 bits": lambda p: saved(gray(p, np.uint16, 257), "PNG"),
    "16 bits in tiff": lambda p: saved(gray(p, np.uint16, 257), "TIFF"),
    "32 bits, 16 in use": lambda p: saved(gray(p, np.int32, 257), "TIFF"),
    "32 bits, 8 in use": lambda p: saved(gray(p, np.int32, 1), "TIFF"),
    "floats": lambda p: saved(gray(p, np.float32, 1), "TIFF"),
    "floats of 16 bits": lambda p: saved(gray(p, np.float32, 257), "TIFF"),
    "profile": lambda p: saved(Image.fromarray(p), "JPEG", icc_profile=SRGB),
    "broken profile": lambda p: saved(Image.fromarray(p), "JPEG", icc_profile=b"junk" * 50),
    "palette and profile": lambda p: saved(
        Image.fromarray(p).convert("P"), "PNG", icc_profile=SRGB
    ),
    "animated gif": lambda p: saved(
        Image.fromarray(p), "GIF", save_all=True, append_images=[Image.new("RGB", (192, 256))]
    ),
    "turned cmyk": lambda p: saved(Image.fromarray(p).convert("CMYK"), "JPEG", exif=exif(6)),
    "turned palette": lambda p: saved(Image.fromarray(p).convert("P"), "PNG", exif=exif(8)),
    "turned large jpeg": lambda p: saved(
        Image.fromarray(p).resize((1003, 1337)), "JPEG", exif=exif(6)
    ),
    "turned, mistyped tags": lambda p: saved(Image.fromarray(p), "JPEG", exif=mistyped()),
}


@pytest.mark.parametrize("kind", STORED)
def test_a_file_shows_what_the_pipeline_made_of_it(face: np.ndarray, tmp_path: Path, kind: str):
    data = STORED[kind](face)
    file = read_file(data, tmp_path)
    assert file.error is None
    assert source_files.difference(file.thumbnail, expected_thumbnail(data)) < CLOSE
    assert file.sha256 == hashlib.sha256(data).hexdigest()
    assert abs(file.cut_px - min(decoding.decode(data).shape[:2])) <= 4


def test_transparency_is_laid_on_the_background_of_the_pairs(face: np.ndarray, tmp_path: Path):
    data, background = saved(alpha(face), "PNG"), "#204060"
    file = read_file(data, tmp_path, background=background)
    photo = square_crop(decoding.decode(data, background), 64, "center")
    expected = source_files.thumbnails([photo])[0]
    assert source_files.difference(file.thumbnail, expected) < CLOSE
    white = read_file(data, tmp_path).thumbnail
    assert source_files.difference(file.thumbnail, white) > CLOSE


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_every_orientation_is_applied(
    face: np.ndarray, tmp_path: Path, kind: str, orientation: int
):
    data = saved(Image.fromarray(face), kind, exif=exif(orientation))
    assert (
        source_files.difference(read_file(data, tmp_path).thumbnail, expected_thumbnail(data))
        < CLOSE
    )


def test_a_profile_of_other_primaries_is_applied(face: np.ndarray, tmp_path: Path):
    """Red and blue are swapped in the profile, so that a decoder that ignores it is far off."""
    profile = bytearray(SRGB)
    count = struct.unpack(">I", profile[128:132])[0]
    entries = range(132, 132 + 12 * count, 12)
    offsets = {bytes(profile[offset : offset + 4]): offset for offset in entries}
    red, blue = (slice(offsets[name] + 4, offsets[name] + 12) for name in (b"rXYZ", b"bXYZ"))
    profile[red], profile[blue] = profile[blue], profile[red]
    data = saved(Image.fromarray(face), "PNG", icc_profile=bytes(profile))
    plain = source_files.thumbnails(face[None, 32:224])[0]
    file = read_file(data, tmp_path)
    assert source_files.difference(file.thumbnail, expected_thumbnail(data)) < CLOSE
    assert source_files.difference(file.thumbnail, plain) > 5


@pytest.mark.parametrize("crop", ["center", "top"])
@pytest.mark.parametrize("layout", ["photo_left", "photo_right"])
@pytest.mark.parametrize("odd", [0, 1])
def test_the_photographs_half_and_square_are_read(
    faces, tmp_path: Path, layout: str, crop: str, odd: int
):
    both = np.concatenate([faces[1], faces[2]], axis=1)[:, odd:]
    file = read_file(encode_png(both), tmp_path, layout, crop)
    expected = expected_thumbnail(encode_png(both), layout, crop)
    assert source_files.difference(file.thumbnail, expected) < CLOSE
    assert file.cut_px == 192 - odd
    other = {"photo_left": "photo_right", "photo_right": "photo_left"}[layout]
    expected = expected_thumbnail(encode_png(both), other, crop)
    assert file.label_thumbnail is not None
    assert source_files.difference(file.label_thumbnail, expected) < CLOSE


def test_a_high_picture_is_cut_where_the_pair_is(faces, tmp_path: Path):
    high = np.concatenate([faces[1], faces[2]], axis=0)
    files = {crop: read_file(encode_png(high), tmp_path, crop=crop) for crop in ("center", "top")}
    for crop, file in files.items():
        assert (
            source_files.difference(file.thumbnail, expected_thumbnail(encode_png(high), crop=crop))
            < CLOSE
        )
    assert source_files.difference(files["center"].thumbnail, files["top"].thumbnail) > 5


FACES = [
    (0.4, 0.3, 0.6, 0.5),
    (0.0, 0.0, 0.2, 0.25),
    (0.85, 0.7, 1.0, 1.0),
    (0.1, 0.2, 0.9, 0.9),
    (0.48, 0.48, 0.5, 0.5),
]


@pytest.mark.parametrize("kind", ["png", "jpeg"])
@pytest.mark.parametrize("pixels", [(256, 192), (900, 1200)])
@pytest.mark.parametrize("shape", [(64, 64), (48, 96)])
@pytest.mark.parametrize("face", FACES)
def test_a_picture_is_cut_around_the_face_where_the_pair_is(
    faces, tmp_path: Path, face, shape: tuple[int, int], pixels: tuple[int, int], kind: str
):
    data = STORED[kind](resize(faces[3], pixels[1], pixels[0]))
    (tmp_path / "file").write_bytes(data)
    names = table([("file", "single")])
    around = {"faces": {"file": face}, "face_margin": 0.5}
    [file] = source_files.read_files(names, tmp_path, shape, "face", **around).values()
    size = Size(*shape)
    part = face_part(Size(*pixels), size, Face(*face), 0.5, size)
    assert abs(file.cut_px - part.width) <= 8  # a JPEG may be read at an eighth
    pair = resize(part.of(decoding.decode(data)), size.width, size.height)
    assert source_files.difference(file.thumbnail, source_files.thumbnails([pair])[0]) < 2 * CLOSE
    assert source_files.difference(file.thumbnail, source_files.thumbnails([faces[3]])[0]) > 5


def test_a_picture_without_a_face_is_cut_at_its_top(faces, tmp_path: Path):
    high = encode_png(faces[3])
    files = [read_file(high, tmp_path, crop=crop) for crop in ("face", "top")]
    assert [file.cut for file in files] == [(0, 0, 1, 0.75)] * 2
    assert source_files.difference(*(file.thumbnail for file in files)) == 0


SHAPES = [(48, 96), (96, 48), (64, 80), (16, 1024)]


@pytest.mark.parametrize("crop", ["center", "top"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("pixels", [(256, 192), (100, 190), (61, 400)])
def test_the_part_of_a_file_has_the_proportions_of_the_pairs(
    faces, tmp_path: Path, shape: tuple[int, int], crop: str, pixels: tuple[int, int]
):
    data = encode_png(resize(faces[3], pixels[1], pixels[0]))
    pair = largest_crop(decoding.decode(data), Size(*shape), crop)
    file = read_file(data, tmp_path, crop=crop, shape=shape)
    assert source_files.difference(file.thumbnail, source_files.thumbnails([pair])[0]) < CLOSE
    assert abs(file.cut_px - min(pixels[1], pixels[0] * shape[1] / shape[0])) <= 1


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (2000, 8), (17, 3)])
def test_the_smallest_pictures_are_read(tmp_path: Path, size: tuple):
    for kind in ("PNG", "JPEG"):
        file = read_file(saved(Image.new("RGB", size, (9, 99, 199)), kind), tmp_path)
        assert file.cut_px == min(size)
        assert np.abs(file.thumbnail.astype(int) - (9, 99, 199)).max() <= 3


@pytest.mark.parametrize("side", [4, 8, 16, 32])
def test_a_small_picture_of_noise_is_near_to_its_pair(tmp_path: Path, side: int):
    noise = np.random.default_rng(side).integers(0, 256, (side, side, 3), np.uint8)
    data = encode_png(noise)
    file = read_file(data, tmp_path)
    assert source_files.difference(file.thumbnail, expected_thumbnail(data)) < CLOSE


def test_a_large_page_of_one_bit_is_near_to_its_pair(tmp_path: Path):
    page = np.random.default_rng(0).random((2100, 2100)) < np.linspace(0, 1, 2100)
    data = saved(Image.fromarray(page), "TIFF", compression="group4")
    file = read_file(data, tmp_path)
    assert source_files.difference(file.thumbnail, expected_thumbnail(data)) < CLOSE


def test_a_picture_too_narrow_for_two_halves_is_read_or_refused(tmp_path: Path):
    file = read_file(saved(Image.new("RGB", (1, 5)), "PNG"), tmp_path, "photo_left")
    assert file.error or file.cut_px == 0


@pytest.mark.parametrize(
    "data", [b"", b"<!DOCTYPE html><title>503</title>", b"\x89PNG\r\n\x1a\n", bytes(100)]
)
def test_what_is_no_picture_is_named_with_its_first_bytes(tmp_path: Path, data: bytes):
    file = read_file(data, tmp_path)
    assert repr(data[:12]) in file.error
    assert file.thumbnail is None
    assert file.sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"])
def test_half_a_file_is_no_picture(face: np.ndarray, tmp_path: Path, kind: str):
    data = saved(Image.fromarray(face), kind)
    assert read_file(data[: len(data) // 2], tmp_path).error


def test_a_missing_file_and_a_folder_are_errors(tmp_path: Path):
    (tmp_path / "folder").mkdir()
    names = table([("gone", "single"), ("folder", "single")])
    files = source_files.read_files(names, tmp_path, SQUARE, "center")
    assert files["gone"].error == "No such file or directory"
    assert files["folder"].error == "Is a directory"


def test_each_file_is_read_once_and_rows_without_one_are_left_out(face, tmp_path: Path):
    (tmp_path / "a").write_bytes(encode_png(face))
    rows = [("a", "single"), (None, "single"), ("a", "single"), (float("nan"), None)]
    assert list(source_files.read_files(table(rows), tmp_path, SQUARE, "center")) == ["a"]
    assert source_files.read_files(table(rows)[:0], tmp_path, SQUARE, "center") == {}


def test_a_file_of_a_row_on_no_side_is_not_decoded(face, tmp_path: Path):
    (tmp_path / "a").write_bytes(b"clean refused it")
    rows = table([("a", "single")]).assign(side=None)
    files = source_files.read_files(rows, tmp_path, SQUARE, "center")
    assert files["a"].error is None
    assert files["a"].sha256 == hashlib.sha256(b"clean refused it").hexdigest()


def test_no_pictures_have_no_thumbnails():
    assert source_files.thumbnails(np.zeros((0, 64, 64, 3), np.uint8)).shape == (0, 16, 16, 3)


MISTAKES = [
    ("red and blue are swapped", lambda p: p[..., ::-1]),
    ("it is mirrored", lambda p: p[:, ::-1]),
    ("it is turned:", lambda p: np.rot90(p, 1)),
    ("it is turned:", lambda p: np.rot90(p, 2)),
    ("it is turned:", lambda p: np.rot90(p, 3)),
    ("it is turned and mirrored", lambda p: p[::-1]),
    ("it is turned and mirrored", lambda p: p.swapaxes(0, 1)),
    ("it is turned and mirrored", lambda p: p[::-1, ::-1].swapaxes(0, 1)),
    ("it is a negative", lambda p: 255 - p),
    ("its levels are 0 and 1", lambda p: p // 255),
    ("[0, 1] taken for [-1, 1]", lambda p: 128 + p // 2),
    ("[-1, 1] taken for [0, 1]", lambda p: (2.0 * p - 255).clip(0, 255).astype(np.uint8)),
    ("it shows something else", lambda p: np.roll(p, 60, axis=1)),
]


@pytest.mark.parametrize(("words", "mistake"), MISTAKES)
@pytest.mark.parametrize("who", [1, 3, 17])
def test_a_known_mistake_is_named(faces, who: int, words: str, mistake: Callable):
    photo = square_crop(faces[who], 128, "center")
    actual, expected = source_files.thumbnails([np.ascontiguousarray(mistake(photo)), photo])
    assert words in source_files.explain(actual, expected)


def test_another_person_is_something_else(faces):
    actual, expected = source_files.thumbnails(
        [square_crop(faces[i], 64, "center") for i in (4, 5)]
    )
    assert source_files.explain(actual, expected) == "it shows something else"


def test_a_difference_is_in_levels_either_way_round():
    black, white = np.zeros((16, 16, 3), np.uint8), np.full((16, 16, 3), 255, np.uint8)
    assert source_files.difference(black, white) == source_files.difference(white, black) == 255
    assert source_files.difference(white, white) == 0


def _bmp(width: int, height: int) -> bytes:
    """A bitmap's header that claims a size, and hardly any pixels."""
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + 12, 0, 0, 54) + head + bytes(12)


PICTURES = [
    STORED[kind](np.random.default_rng(2).integers(0, 256, (20, 16, 3), np.uint8))
    for kind in ("png", "jpeg", "gif", "webp", "alpha and profile", "turned cmyk", "cmyk tiff")
] + [_bmp(4, 1)]


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.sampled_from(PICTURES),
    changes=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=6),
    length=st.integers(0, 2000),
)
@example(data=_bmp(0x7FFFFFFF, 1), changes=[], length=2000)
@example(data=_bmp(0x7FFFFFFF, -0x7FFFFFFF), changes=[], length=2000)
def test_a_damaged_file_is_read_or_has_an_error(
    tmp_path: Path, data: bytes, changes: list, length: int
):
    damaged = bytearray(data[:length])
    for offset, value in changes:
        if offset < len(damaged):
            damaged[offset] = value
    file = read_file(bytes(damaged), tmp_path)
    assert (file.error is None) == (file.thumbnail is not None)


@pytest.mark.parametrize(
    ("folder", "layout"), [("portraits", "single"), ("facades/val", "photo_left")]
)
def test_real_files_show_what_the_pipeline_made_of_them(folder: str, layout: str, monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0})  # few files: no processes
    paths = real(folder)[::20]
    names = table([(path.name, layout) for path in paths])
    files = source_files.read_files(names, paths[0].parent, SQUARE, "center")
    for path in paths:
        expected = expected_thumbnail(path.read_bytes(), layout)
        assert source_files.difference(files[path.name].thumbnail, expected) < CLOSE, path.name


@pytest.mark.parametrize("size", [16, 32, 36, 64, 142, 286])
def test_a_square_of_any_size_is_near_to_its_file(faces, tmp_path, size):
    limit = findings.resolve_limits({})["photo_difference"]
    for face in faces[:6]:
        data = encode_jpeg(face)
        square = square_crop(decoding.decode(data), size, "center")
        actual = source_files.thumbnails([square])[0]
        expected = read_file(data, tmp_path).thumbnail
        assert source_files.difference(actual, expected) < limit
