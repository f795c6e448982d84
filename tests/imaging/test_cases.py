"""Odd pictures as they are found: every reader shows them as browsers do."""

import gzip
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from src.audit import source_decoding
from src.audit.source_colors import ColorSpaceError
from src.imaging import color_space, decoding
from src.imaging.avif import with_one_list
from src.imaging.decoding import ImageError
from tests.encoded_pictures import png_chunk, saved, with_a_list_for_each_item

PICTURES = Path(__file__).parent / "pictures"
WHITE = (255, 255, 255)
SCENE = {(10, 10): (250, 20, 20), (50, 32): (70, 171, 77)}
JPEG_SCENE = {(10, 10): (251, 21, 23)}
# By file: colours at columns and rows of its 96x64 pixels, and the mean, as Chromium shows them.
SHOWN: dict[str, tuple[dict, tuple | int | None]] = {
    "png_icc_1200kB.png": (SCENE, None),
    "png_ztxt_1200kB.png": (SCENE, None),
    "png_itxt_1200kB.png": (SCENE, None),
    "png_text_crc.png": (SCENE, None),
    "png_iccp_crc.png": (SCENE, None),
    "png_iccp_method1.png": (SCENE, None),
    "png_rawexif6.png": ({(10, 10): (250, 20, 20)}, None),
    "jpeg_ff_tail.jpg.gz": (JPEG_SCENE, None),
    "jpeg_xmp6.jpg": (JPEG_SCENE, None),
    "jpeg_exifempty_xmp6.jpg": (JPEG_SCENE, None),
    "gray_icc_LA.png": ({(10, 10): (160,) * 3, (50, 32): (189,) * 3}, 175),
    "gray_icc_L_trns.png": ({(10, 10): WHITE, (50, 32): (189,) * 3}, 183),
    "png_gray16_trns.png": ({(10, 10): WHITE}, 127),
    "png_rgb16_trns.png": ({(10, 10): WHITE}, None),
    "png_gray4_trns.png": ({(10, 10): WHITE}, None),
    "png_gama_linear.png": ({(10, 10): (253, 79, 79)}, (175, 170, 161)),
    "png_gama_mac18.png": ({}, (134, 128, 119)),
    "png_chrm_adobe.png": ({(50, 32): (0, 173, 68)}, None),
    "png_cicp_p3.png": ({(50, 32): (0, 174, 62)}, None),
    "avif_linear.avif": ({}, (174, 170, 161)),
    "gif_offset.gif": ({(10, 10): WHITE}, None),
    "tiff_float01.tif": ({}, 114),
}


def _bytes(name: str) -> bytes:
    data = (PICTURES / name).read_bytes()
    return gzip.decompress(data) if name.endswith(".gz") else data


def _with_alpha_on_white(data: bytes) -> np.ndarray:
    colors, alpha, _ = decoding.decode_with_alpha(data)
    if alpha is None:
        return colors
    share = alpha[..., None] / 255
    return np.asarray((colors * share + 255 * (1 - share)).round().astype(np.uint8))


def _by_the_audit(data: bytes) -> np.ndarray:
    return np.asarray(source_decoding.decode(data, "white", 96)[0])


READERS = {
    "decode": decoding.decode,
    "decode_reduced": lambda data: decoding.decode_reduced(data, 64)[0],
    "decode_with_alpha": _with_alpha_on_white,
    "the audit": _by_the_audit,
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", SHOWN)
def test_an_odd_picture_is_read_as_browsers_show_it(name: str, reader: str):
    colors, mean = SHOWN[name]
    pixels = READERS[reader](_bytes(name))
    assert pixels.shape == (64, 96, 3)
    for (column, row), color in colors.items():
        assert np.abs(pixels[row, column].astype(int) - color).max() <= 2, (column, row)
    if mean is not None:
        assert np.abs(pixels.mean((0, 1)) - mean).max() <= 1.5


@pytest.mark.parametrize("reader", READERS)
def test_a_broken_scan_is_told_by_every_reader(reader: str):
    with pytest.raises((ImageError, OSError), match="broken data stream"):
        READERS[reader](_bytes("jpeg_bitrot_marker.jpg"))


def _exif(kind: int, count: int, value: bytes) -> bytes:
    """An EXIF block of one entry, an orientation."""
    entry = struct.pack("<HHI4s", 0x0112, kind, count, value)
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, 1) + entry + bytes(4)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("file", ["JPEG", "PNG"])
@pytest.mark.parametrize(
    ("kind", "count", "is_turned"), [(3, 1, True), (4, 1, False), (8, 1, False), (3, 2, False)]
)
def test_an_orientation_of_another_type_turns_nothing(kind, count, is_turned, file, reader):
    exif = _exif(kind, count, struct.pack("<HH", 6, 0))
    data = saved(Image.new("RGB", (96, 64)), file, exif=exif)
    assert READERS[reader](data).shape == ((96, 64, 3) if is_turned else (64, 96, 3))


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("file", ["JPEG", "PNG", "AVIF"])
def test_a_profile_of_colours_holds_for_a_gray_picture_too(file: str, reader: str):
    linear = color_space.from_code_points(1, 8)
    data = saved(Image.new("L", (96, 64), 55), file, icc_profile=linear)
    assert np.abs(READERS[reader](data).astype(int) - 128).max() <= 3


LINEAR_GAMMA = png_chunk(b"gAMA", struct.pack(">I", 100_000))
SRGB_CHUNK = png_chunk(b"sRGB", b"\0")
PROFILE = color_space.from_code_points(1, 8)
CLEAR = png_chunk(b"tRNS", struct.pack(">3H", 55, 55, 55))
TURNED = png_chunk(b"eXIf", _exif(3, 1, struct.pack("<HH", 6, 0))[6:])


def _profile_chunk(profile: bytes) -> bytes:
    return png_chunk(b"iCCP", b"x\0\0" + zlib.compress(profile))


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    ("before", "after", "level"),
    [
        (b"", LINEAR_GAMMA, 55),
        (b"", _profile_chunk(PROFILE), 55),
        (LINEAR_GAMMA, SRGB_CHUNK, 128),
        (b"", CLEAR, 55),
        (b"", TURNED, 55),
        (_profile_chunk(b"no profile" * 20) + LINEAR_GAMMA, b"", 128),
        (_profile_chunk(b"") + LINEAR_GAMMA, b"", 128),
        (_profile_chunk(PROFILE[:200]) + LINEAR_GAMMA, b"", 128),
        (png_chunk(b"cICP", bytes([1, 2, 0, 1])) + LINEAR_GAMMA, b"", 128),
        (png_chunk(b"cICP", bytes([2, 8, 0, 1])), b"", 55),
        (png_chunk(b"cICP", bytes([1, 99, 0, 1])) + _profile_chunk(PROFILE), b"", 128),
        (png_chunk(b"eXIf", _exif(3, 1, struct.pack("<HH", 6, 0))), b"", 55),
    ],
)
def test_chunks_that_are_late_or_say_nothing_leave_it_to_the_others(before, after, level, reader):
    data = saved(Image.new("RGB", (96, 64), (55, 55, 55)), "PNG")
    start, end = data.index(b"IDAT") - 4, len(data) - 12
    pixels = READERS[reader](data[:start] + before + data[start:end] + after + data[end:])
    assert pixels.shape == (64, 96, 3)
    assert np.abs(pixels.astype(int) - level).max() <= 2


@pytest.mark.parametrize("reader", READERS)
def test_opacities_before_their_palette_do_not_matter(reader: str):
    picture = Image.new("P", (96, 64), 1)
    picture.putpalette([0, 0, 0, 250, 20, 20])
    data = saved(picture, "PNG", bits=8)
    palette = data.index(b"PLTE") - 4
    early = data[:palette] + png_chunk(b"tRNS", bytes(2)) + data[palette:]
    assert (READERS[reader](early) == (250, 20, 20)).all()


@pytest.mark.parametrize("reader", READERS)
def test_a_wrong_checksum_of_clear_pixels_of_16_bits_does_not_matter(reader: str):
    row = b"\0" + struct.pack(">3H", 3000, 3000, 3000) * 96
    packed = zlib.compress(row * 64)[:-4] + b"sums"
    header = struct.pack(">IIBBBBB", 96, 64, 16, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"tRNS", row[1:7]), (b"IDAT", packed), (b"IEND", b""))
    data = b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)
    assert (READERS[reader](data) == 255).all()


@pytest.mark.parametrize("reader", READERS)
def test_more_opacities_than_colours_do_not_matter(reader: str):
    picture = Image.new("P", (96, 64), 1)
    picture.putpalette([0, 0, 0, 250, 20, 20])
    data = saved(picture, "PNG", bits=8)
    palette_end = data.index(b"PLTE") + 14
    opacities = png_chunk(b"tRNS", bytes([255, 0, 255]))
    pixels = READERS[reader](data[:palette_end] + opacities + data[palette_end:])
    assert (pixels == 255).all()


@pytest.mark.parametrize("reader", READERS)
def test_a_palette_that_is_missing_is_told_by_every_reader(reader: str):
    data = saved(Image.new("P", (96, 64)), "PNG")
    start = data.index(b"PLTE") - 4
    end = start + 12 + int.from_bytes(data[start : start + 4], "big")
    with pytest.raises((ImageError, ValueError)):
        READERS[reader](data[:start] + data[end:])


@pytest.mark.parametrize("reader", READERS)
def test_sampling_factors_of_zero_are_told_by_every_reader(reader: str):
    data = saved(Image.new("RGB", (96, 64)), "JPEG", progressive=True)
    start = data.index(b"\xff\xc2")
    samplings = {start + 11 + 3 * component for component in range(3)}
    broken = bytes(0 if place in samplings else byte for place, byte in enumerate(data))
    with pytest.raises((ImageError, OSError)):
        READERS[reader](broken)


JFIF = b"\xff\xe0\0\7JFIF\0"


def _png(depth: int, kind: int, *chunks: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", 96, 64, depth, kind, 0, 0, 0)
    return b"".join(
        (b"\x89PNG\r\n\x1a\n", png_chunk(b"IHDR", header), *chunks, png_chunk(b"IEND", b""))
    )


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(("depth", "level"), [(8, 0xFF), (4, 0x77)])
def test_a_level_beyond_the_palette_has_its_last_colour(depth: int, level: int, reader: str):
    palette = png_chunk(b"PLTE", bytes([0, 0, 0, 250, 20, 20]))
    pixels = zlib.compress((b"\0" + bytes([level]) * (96 * depth // 8)) * 64)
    data = _png(depth, 3, palette, png_chunk(b"IDAT", pixels))
    assert (READERS[reader](data) == (250, 20, 20)).all()


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    ("palette", "opacities", "shown"),
    [
        ([250, 20, 20, 9, 8], b"", (250, 20, 20)),
        ([0, 0, 0, 250, 20, 20], b"\xff\0", (255, 255, 255)),
        ([0, 0, 0, 250, 20, 20], b"\0", (250, 20, 20)),
        ([0, 0, 0, 250, 20, 20], b"\xff\xff\0\0\0", (250, 20, 20)),
        ([250, 20, 20] * 20, b"\xff" * 19 + b"\0", (250, 20, 20)),
    ],
    ids=["part of a colour", "clear", "clear first", "more opacities", "more colours"],
)
def test_beyond_the_palette_its_whole_colours_and_their_opacities_count(
    palette: list[int], opacities: bytes, shown: tuple[int, int, int], reader: str
):
    chunks = [png_chunk(b"PLTE", bytes(palette)), png_chunk(b"tRNS", opacities)]
    pixels = png_chunk(b"IDAT", zlib.compress((b"\0" + b"\x77" * 48) * 64))
    assert (READERS[reader](_png(4, 3, *chunks[: 1 + bool(opacities)], pixels)) == shown).all()


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("palette", [b"", b"\1", b"\1\2"])
def test_a_palette_without_a_colour_is_refused(palette: bytes, reader: str):
    pixels = png_chunk(b"IDAT", zlib.compress((b"\0" + bytes(96)) * 64))
    with pytest.raises((ImageError, ValueError)):
        READERS[reader](_png(8, 3, png_chunk(b"PLTE", palette), pixels))


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("depth", [3, 16, 29, 255])
def test_a_palette_of_impossible_depth_is_refused_without_filling_memory(depth: int, reader: str):
    pixels = png_chunk(b"IDAT", zlib.compress((b"\0" + bytes(96)) * 64))
    data = _png(depth, 3, png_chunk(b"PLTE", bytes(3)), pixels)
    tracemalloc.start()
    with pytest.raises((ImageError, ValueError)):
        READERS[reader](data)
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("reader", READERS)
def test_pixels_end_before_the_first_other_chunk(reader: str):
    pixels = zlib.compress((b"\0" + bytes(96)) * 64)
    parts = [png_chunk(b"IDAT", part) for part in (pixels[:20], pixels[20:])]
    assert (READERS[reader](_png(8, 0, *parts)) == 0).all()
    text = png_chunk(b"tEXt", b"a\0b")
    for between in (text, text[:-1] + b"?"):  # sound, or damaged
        with pytest.raises((ImageError, ValueError)):
            READERS[reader](_png(8, 0, parts[0], between, parts[1]))


def _unless_the_audit_leaves_it_out(reader: str, data: bytes) -> np.ndarray | None:
    """What a reader shows of a file that Pillow does not read as it is; None of the audit."""
    if reader != "the audit":
        return READERS[reader](data)
    with pytest.raises(ColorSpaceError):
        READERS[reader](data)
    return None


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    "segment",
    [
        JFIF,
        b"\xff\xee\0\7Adobe",
        b"\xff\xe2\0\x0eICC_PROFILE\0",
        JFIF + b"\xff\xfe\0\x0a" + JFIF + JFIF,
        b"\xff\xfe\xff\xff" + bytes(65_533) + JFIF,
    ],
    ids=["JFIF", "Adobe", "ICC", "several, one in a comment", "late"],
)
def test_a_segment_that_is_too_short_does_not_matter(segment: bytes, reader: str):
    data = saved(Image.new("RGB", (96, 64), (251, 21, 23)), "JPEG")
    shown = _unless_the_audit_leaves_it_out(reader, data[:2] + segment + data[20:])
    if shown is not None:
        assert np.array_equal(shown, READERS[reader](data))


@pytest.mark.parametrize("reader", READERS)
def test_bytes_like_a_short_segment_do_not_matter_elsewhere(reader: str):
    data = saved(Image.new("RGB", (96, 64), (251, 21, 23)), "JPEG", comment=JFIF)
    assert np.array_equal(READERS[reader](data + JFIF), READERS[reader](data))
    assert (abs(READERS[reader](data).astype(int) - (251, 21, 23)) <= 2).all()


def test_lists_of_an_avif_end_with_the_file_and_where_boxes_do():
    avif = saved(Image.new("RGBA", (96, 64), (250, 20, 20, 100)), "AVIF")
    two = with_a_list_for_each_item(avif)
    second = two.index(b"ipma", two.index(b"ipma") + 4) - 4
    huge = two[:second] + b"\xff\xff\xff\xff" + two[second + 4 :]
    assert with_one_list(huge) == huge
    boxes = bytes(12) + b"ftyp" + (b"\0\0\0\x10ipma" + bytes(8)) * 100_000
    assert len(with_one_list(boxes)) == len(boxes)
    assert with_one_list(boxes)[1_000_100:] == boxes[1_000_100:]


@pytest.mark.parametrize("reader", READERS)
def test_properties_of_an_avif_may_be_listed_in_several_boxes(reader: str):
    picture = Image.new("RGBA", (96, 64), (250, 20, 20, 100))
    data = saved(picture, "AVIF")
    shown = _unless_the_audit_leaves_it_out(reader, with_a_list_for_each_item(data))
    if shown is not None:
        assert np.array_equal(shown, READERS[reader](data))


@pytest.mark.parametrize("reader", [name for name in READERS if name != "the audit"])
def test_a_lossless_jpeg_is_told_by_every_reader(reader: str):
    data = saved(Image.new("L", (96, 64)), "JPEG").replace(b"\xff\xc0", b"\xff\xc3", 1)
    with pytest.raises(ImageError, match="lossless JPEG"):
        READERS[reader](data)
