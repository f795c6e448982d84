"""No picture takes more than ten seconds or 600 MB; memory that runs short is not its fault."""

import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from src.audit import source_decoding, source_png
from src.clean import measure
from src.imaging import decoding, image_error, jpeg, memory
from src.imaging.decoding import ImageError
from tests.encoded_pictures import png_chunk, saved

MEGABYTES = 1_000_000


def _png(
    width: int, height: int, depth: int, kind: int, *chunks: bytes, more: bytes = b""
) -> bytes:
    """A black PNG; `more` are packed bytes after its pixels."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind]
    packing = zlib.compressobj(1)
    row = bytes(1 + (width * channels * depth + 7) // 8)
    pixels = b"".join([packing.compress(row) for _ in range(height)]) + packing.compress(more)
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    idat = png_chunk(b"IDAT", pixels + packing.flush())
    start = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header)
    return start + b"".join(chunks) + idat + png_chunk(b"IEND", b"")


def _scans(count: int, side: int = 64) -> bytes:
    """A progressive JPEG whose last scan is repeated, up to so many."""
    data = saved(Image.new("RGB", (side, side), (9, 99, 199)), "JPEG", progressive=True)
    scan = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + scan * (count - data.count(b"\xff\xda")) + b"\xff\xd9"


def _peak_bytes() -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) * 1024


def _refusal(data: bytes) -> str:
    """The reason for which every function refuses the same bytes."""
    reasons = set()
    for read in (
        decoding.inspect,
        decoding.decode,
        decoding.decode_with_alpha,
        lambda data: decoding.decode_reduced(data, 64),
    ):
        with pytest.raises(ImageError) as refused:
            read(data)
        reasons.add(refused.value.reason)
    (reason,) = reasons
    return reason


def test_a_progressive_jpeg_of_many_scans_is_refused():
    assert decoding.decode(_scans(100)).shape == (64, 64, 3)
    assert _refusal(_scans(101)) == "too_many_scans"


def test_fewer_scans_of_a_large_picture_are_allowed():
    header = bytearray(_scans(80))
    frame = header.index(b"\xff\xc2")
    header[frame + 5 : frame + 9] = struct.pack(">HH", 6000, 6000)
    assert _refusal(bytes(header)) == "too_many_scans"


def test_nothing_is_decoded_after_a_scan_that_holds_all_of_a_picture():
    data = saved(Image.new("RGB", (64, 64), (9, 99, 199)), "JPEG")
    scan = data[data.rindex(b"\xff\xda") : -2]
    assert jpeg.measure(data[:-2] + 200 * scan, needed_only=True).scans == 1
    with pytest.raises(ImageError) as refused:
        decoding.decode(data[:-2] + 200 * scan + b"\xff\xd9")
    assert refused.value.reason == "truncated"


def test_scans_of_one_channel_each_are_all_counted():
    data = saved(Image.new("RGB", (64, 64), (9, 99, 199)), "JPEG", progressive=True)
    assert jpeg.measure(data, needed_only=True) == jpeg.measure(data)


@pytest.mark.parametrize(
    "picture",
    [
        lambda: _png(10_000, 9_000, 8, 2),
        lambda: _png(9_000, 9_000, 16, 6),
        lambda: _png(7_000, 6_000, 16, 2, png_chunk(b"tRNS", bytes(6))),
        lambda: saved(Image.new("RGB", (9_000, 9_000)), "WEBP", lossless=True, method=0),
        lambda: saved(Image.new("F", (7_000, 9_000)), "TIFF", compression="tiff_lzw"),
    ],
    ids=["PNG", "PNG of 16 bits", "PNG with a clear colour", "WebP", "TIFF of floats"],
)
def test_a_picture_that_takes_too_much_memory_is_refused_before_it_is_decoded(picture, monkeypatch):
    data = picture()
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda _: pytest.fail("decoded"))
    assert _refusal(data) == "too_much_memory"


MEASURE = """
import re, sys
from pathlib import Path
from src.clean import measure
file = Path(sys.argv[1]), "single"
print(repr(measure.measure_files([file])[0].error))
status = Path("/proc/self/status").read_text()
peak, libraries = (int(re.search(key + r":\\s+(\\d+) kB", status)[1]) for key in ("VmHWM", "RssFile"))
print(peak - libraries)
"""


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_the_largest_pictures_leave_a_worker_below_450_megabytes(tmp_path: Path, kind: str):
    """Without its libraries' files: 90 to 270 MB are mapped, by how the kernel's cache holds them."""
    side = {"PNG": 7_000, "WEBP": 4_600}[kind]
    file = tmp_path / "large"
    options = {"compress_level": 1} if kind == "PNG" else {"lossless": True, "method": 0}
    file.write_bytes(saved(Image.new("RGB", (side, side), (9, 99, 199)), kind, **options))
    command = [sys.executable, "-c", MEASURE, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    error, peak = done.stdout.split()
    assert error in ("''", "None")
    assert int(peak) * 1024 < 450 * MEGABYTES


def test_packed_bytes_after_the_pixels_are_not_unpacked(monkeypatch):
    data = _png(8, 8, 8, 2, more=bytes(200 * MEGABYTES))
    monkeypatch.setattr(source_png, "LARGE_BYTES", 100_000)
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins again
    before = _peak_bytes()
    assert decoding.decode(data).shape == (8, 8, 3)
    assert decoding.decode(data[:-16] + b"adler" + data[-16:]).shape == (8, 8, 3)
    assert source_decoding.decode(data, "white", 8)[0].size == (8, 8)
    assert _peak_bytes() - before < 50 * MEGABYTES


def test_a_wrong_checksum_of_all_pixels_does_not_matter():
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    data = saved(Image.fromarray(pixels), "PNG")
    start = data.index(b"IDAT") - 4
    length = int.from_bytes(data[start : start + 4], "big")
    packed = data[start + 8 : start + 8 + length]
    changed = data[:start] + png_chunk(b"IDAT", packed[:-4] + b"fake") + data[start + 12 + length :]
    assert np.array_equal(decoding.decode(changed), pixels)
    assert np.array_equal(np.asarray(source_decoding.decode(changed, "white", 99)[0]), pixels)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_memory_that_runs_short_is_not_the_pictures_fault(monkeypatch, tmp_path: Path, kind: str):
    data = saved(Image.new("RGB", (64, 64)), kind)
    (tmp_path / "a").write_bytes(data)

    def load(self: ImageFile.ImageFile) -> None:
        raise MemoryError

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    for read in (
        decoding.decode,
        decoding.decode_with_alpha,
        lambda data: decoding.decode_reduced(data, 64),
    ):
        with pytest.raises(MemoryError):
            read(data)
    with pytest.raises(MemoryError):
        measure.measure_files([(tmp_path / "a", "single")])


def test_a_decoder_that_calls_short_memory_damage_is_not_believed(monkeypatch):
    data = saved(Image.new("RGB", (64, 64)), "JPEG")

    def load(self: ImageFile.ImageFile) -> None:
        raise OSError("broken data stream when reading image file")

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    with pytest.raises(ImageError, match="broken data stream"):
        decoding.decode(data)
    # what the picture takes is not there
    monkeypatch.setattr(memory, "PIXEL_BYTES", {"RGB": 1 << 60})
    monkeypatch.setattr(memory, "MAX_BYTES", 1 << 80)
    with pytest.raises((MemoryError, ValueError)):
        decoding.decode(data)


def test_a_webp_that_finds_no_memory_is_not_refused(monkeypatch):
    data = saved(Image.new("RGB", (4_000, 4_000)), "WEBP", lossless=True, method=0)

    def no_memory(*_: object) -> None:
        raise MemoryError

    assert _refusal(data[:30]) == "not_an_image"
    monkeypatch.setattr(image_error.np, "empty", no_memory)
    with pytest.raises(MemoryError):
        decoding.inspect(data[:30])


def test_floats_that_are_no_numbers_are_black():
    levels = np.full((8, 8), np.nan, np.float32)
    levels[4:] = 1
    data = saved(Image.fromarray(levels), "TIFF")
    pixels = decoding.decode(data)
    assert (pixels[:4] == 0).all()
    assert (pixels[4:] == 255).all()
