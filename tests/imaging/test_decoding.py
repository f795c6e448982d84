"""Every kind of picture is decoded upright on white; anything else is refused with a reason."""

import pickle
import re
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from src.imaging import decoding
from src.imaging.decoding import ImageError
from src.imaging.gif import MAX_BLOCKS
from src.imaging.jpeg import MAX_FILL_BYTES
from src.imaging.picture_bytes import MAX_PARTS
from src.imaging.resizing import resize, thumbnail
from src.storage.encoding import encode_jpeg, encode_png
from tests.encoded_pictures import png_chunk, saved

RED, GREEN, WHITE = (255, 0, 0), (0, 255, 0), (255, 255, 255)


@pytest.fixture(scope="module")
def scene() -> np.ndarray:
    """A picture without any symmetry, (18, 12, 3)."""
    return np.random.default_rng(5).integers(0, 256, (18, 12, 3), np.uint8)


def _reason(data: bytes) -> str:
    with pytest.raises(ImageError) as refused:
        decoding.decode(data)
    return refused.value.reason


def _header_only(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds no pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", b"")


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_a_lossless_picture_is_decoded_exactly(scene: np.ndarray, kind: str):
    decoded = decoding.decode(saved(Image.fromarray(scene), kind))
    assert decoded.dtype == np.uint8
    assert np.array_equal(decoded, scene)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF"])
def test_a_lossy_picture_is_decoded_nearly(kind: str):
    smooth = np.zeros((32, 48, 3), np.uint8)
    smooth[..., 0] = np.linspace(0, 255, 48)
    smooth[..., 2] = np.linspace(255, 0, 32)[:, None]
    decoded = decoding.decode(saved(Image.fromarray(smooth), kind, quality=95))
    assert decoded.shape == smooth.shape
    assert np.abs(decoded.astype(int) - smooth).mean() < 4


def test_gray_becomes_three_equal_channels(scene: np.ndarray):
    decoded = decoding.decode(saved(Image.fromarray(scene[..., 0]), "PNG"))
    assert np.array_equal(decoded, np.repeat(scene[..., :1], 3, axis=2))


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_transparency_is_laid_on_white(mode: str):
    image = Image.new("RGBA", (4, 2), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (2, 0, 4, 2))
    decoded = decoding.decode(saved(image.convert(mode), "PNG"))
    assert (decoded[:, :2] == 255).all()
    assert (decoded[:, 2:] == 0).all()


def test_half_transparency_is_mixed_with_white():
    decoded = decoding.decode(saved(Image.new("RGBA", (2, 2), (255, 0, 0, 128)), "PNG"))
    assert np.abs(decoded[0, 0].astype(int) - (255, 127, 127)).max() <= 1


def test_a_palettes_transparent_colour_is_white():
    image = Image.new("P", (4, 2), 0)
    image.putpalette([*GREEN, *RED])
    image.paste(1, (2, 0, 4, 2))
    decoded = decoding.decode(saved(image, "PNG", transparency=0))
    assert (decoded[:, :2] == WHITE).all()
    assert (decoded[:, 2:] == RED).all()


def test_a_transparent_colour_of_a_picture_without_alpha_is_white():
    image = Image.new("RGB", (4, 2), GREEN)
    image.paste(RED, (2, 0, 4, 2))
    decoded = decoding.decode(saved(image, "PNG", transparency=GREEN))
    assert (decoded[:, :2] == WHITE).all()
    assert (decoded[:, 2:] == RED).all()


def test_one_bit_becomes_black_and_white(scene: np.ndarray):
    bits = scene[..., 0] > 127
    decoded = decoding.decode(saved(Image.fromarray(bits), "PNG"))
    assert np.array_equal(decoded, np.repeat(bits[..., None] * np.uint8(255), 3, axis=2))


def test_sixteen_bits_are_scaled_to_eight():
    levels = np.linspace(0, 65535, 64).round().astype(np.uint16).reshape(8, 8)
    decoded = decoding.decode(saved(Image.fromarray(levels), "PNG"))
    assert np.abs(decoded - levels[..., None] / 257).max() <= 0.5


def test_sixteen_dark_bits_stay_dark():
    levels = np.arange(0, 256, 4, np.uint16).reshape(8, 8)  # at most 255 of 65535
    assert decoding.decode(saved(Image.fromarray(levels), "PNG")).max() <= 1


@pytest.mark.parametrize(
    ("ink", "color"), [((0, 255, 255, 0), RED), ((0, 0, 0, 0), WHITE), ((0, 0, 0, 255), (0, 0, 0))]
)
def test_cmyk_is_not_inverted(ink: tuple, color: tuple):
    decoded = decoding.decode(saved(Image.new("CMYK", (16, 16), ink), "JPEG", quality=95))
    assert np.abs(decoded.astype(int) - color).max() <= 8


@pytest.mark.parametrize("ink", [(0, 255, 255, 0), (200, 30, 60, 40), (0, 0, 0, 255)])
def test_ycck_is_read_as_the_inks_that_it_encodes(ink: tuple):
    """Pillow writes no YCCK: the test replaces the channels, and the transform in the marker."""
    plain = decoding.decode(saved(Image.new("CMYK", (16, 16), ink), "JPEG", quality=95))
    changed = Image.new("RGB", (16, 16), ink[:3]).convert("YCbCr")
    planes = [*(255 - np.asarray(changed)).transpose(2, 0, 1), np.full((16, 16), ink[3], np.uint8)]
    stored = Image.merge("CMYK", [Image.fromarray(plane) for plane in planes])
    data = bytearray(saved(stored, "JPEG", quality=95))
    transform = data.index(b"Adobe") + 11
    assert data[transform] == 0  # CMYK
    data[transform] = 2  # YCCK (Adobe Technical Note 5116)
    assert np.abs(decoding.decode(bytes(data)).astype(int) - plain).max() <= 10


def test_a_progressive_jpeg_is_read_as_the_baseline_one(faces: list[np.ndarray]):
    image = Image.fromarray(faces[0])
    baseline, progressive = (
        decoding.decode(saved(image, "JPEG", quality=90, progressive=p)) for p in (False, True)
    )
    assert np.abs(baseline.astype(int) - progressive).max() <= 1


def test_transparency_is_laid_on_the_given_background():
    clear = saved(Image.new("RGBA", (4, 4), (255, 0, 0, 0)), "PNG")
    assert (decoding.decode(clear, "#102030") == (16, 32, 48)).all()


STORED = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.swapaxes(0, 1),
    6: np.rot90,
    7: lambda upright: upright[::-1, ::-1].swapaxes(0, 1),
    8: lambda upright: np.rot90(upright, -1),
}


@pytest.mark.parametrize("orientation", STORED)
def test_exif_orientation_is_applied(scene: np.ndarray, orientation: int):
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](scene)))
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert np.array_equal(decoding.decode(saved(stored, "PNG", exif=exif)), scene)


@pytest.mark.parametrize("tag", [0x010A, 0x011E], ids=["an integer", "a fraction"])
def test_a_turned_picture_with_another_tag_of_the_wrong_type_is_turned(scene: np.ndarray, tag: int):
    # cameras and editors write such tags; the pixels are intact
    directory = struct.pack(">HHHI4sHHIHxx", 2, tag, 2, 3, b"hi\0\0", 0x0112, 3, 1, 6)
    exif = b"Exif\0\0MM\0*" + struct.pack(">I", 8) + directory + bytes(4)
    stored = Image.fromarray(np.ascontiguousarray(np.rot90(scene)))
    assert np.array_equal(decoding.decode(saved(stored, "PNG", exif=exif)), scene)


@pytest.mark.parametrize("block", [b"x", b"Exif\0\0MM", b"Exif\0\0garbage"])
def test_a_broken_exif_block_is_ignored(scene: np.ndarray, block: bytes, recwarn):
    assert np.array_equal(decoding.decode(saved(Image.fromarray(scene), "PNG", exif=block)), scene)
    assert not recwarn.list


def test_an_animation_that_breaks_off_in_its_second_frame_is_one_picture():
    frames = [Image.new("RGB", (8, 8), color) for color in (RED, GREEN)]
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    for end in range(len(data) // 2, len(data)):
        assert decoding.inspect(data[:end])[:3] == ("GIF", 8, 8)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_the_first_frame_of_an_animation_is_decoded(kind: str):
    frames = [Image.new("RGB", (8, 8), color) for color in (RED, GREEN, WHITE)]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = saved(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    assert (decoding.decode(data) == RED).all()
    assert decoding.inspect(data).animated


def test_a_jpeg_file_of_several_pictures_is_a_jpeg():
    frames = [Image.new("RGB", (8, 8), color) for color in (RED, GREEN)]
    data = saved(frames[0], "MPO", save_all=True, append_images=frames[1:])
    assert decoding.inspect(data) == ("JPEG", 8, 8, False)
    assert np.abs(decoding.decode(data).astype(int) - RED).max() <= 4


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_a_colour_profile_is_applied(mode: str):
    # sRGB's profile with the tags of its first two primaries exchanged: red means green
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = profile.replace(b"rXYZ", b"?", 1).replace(b"gXYZ", b"rXYZ", 1)
    swapped = swapped.replace(b"?", b"gXYZ", 1)
    image = Image.new("RGB", (4, 4), RED).convert(mode)
    decoded = decoding.decode(saved(image, "PNG", icc_profile=swapped))
    assert np.abs(decoded.astype(int) - GREEN).max() <= 2


def test_a_broken_colour_profile_is_ignored(scene: np.ndarray):
    data = saved(Image.fromarray(scene), "PNG", icc_profile=b"no profile at all")
    assert np.array_equal(decoding.decode(data), scene)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF"])
def test_a_truncated_picture_is_refused(kind: str):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    data = saved(Image.fromarray(noise), kind)
    assert _reason(data[: len(data) * 3 // 5]) in ("truncated", "not_an_image")
    assert decoding.decode(data).shape == (64, 64, 3)


def test_a_truncated_jpeg_is_refused_as_truncated(faces: list[np.ndarray]):
    data = encode_jpeg(faces[0])
    assert decoding.inspect(data) == ("JPEG", 192, 256, False)
    assert _reason(data[: len(data) * 3 // 5]) == "truncated"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"<!DOCTYPE html><html><body>Not Found</body></html>",
        b'<svg xmlns="http://www.w3.org/2000/svg"/>',
        b"%PDF-1.7",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    ],
)
def test_other_files_are_no_images(data: bytes):
    assert _reason(data) == "not_an_image"
    with pytest.raises(ImageError, match="expected one of JPEG") as refused:
        decoding.inspect(data)
    assert refused.value.reason == "not_an_image"


@pytest.mark.parametrize(
    ("head", "content"),
    [
        (b"\0\0\0\x18ftypheic", "HEIC: save it as JPEG"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000: save it as JPEG"),
        (b"\0\0\1\0\1\0", "icon: save it as JPEG"),
        (b"RIFF\x88\t\0\0WEBPVP8 ", "a damaged or incomplete WEBP"),
        (b"%PDF-1.7 of 1999", "bytes starting b'%PDF-1.7 of '"),
    ],
)
def test_a_file_that_is_no_picture_is_named_by_its_bytes(head: bytes, content: str):
    with pytest.raises(ImageError, match=f"found {re.escape(content)}"):
        decoding.decode(head + bytes(40))


def _png(width: int, kind: int, rows: list[bytes], height: int, interlaced: bool = False) -> bytes:
    """A PNG of 8 bits with some rows, and the height that its header claims."""
    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, interlaced)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (png_chunk(b"IHDR", header), png_chunk(b"IDAT", pixels), png_chunk(b"IEND", b""))
    )


@pytest.mark.parametrize("level", [0, 200])
def test_a_png_whose_pixels_end_early_is_refused(level: int):
    row = bytes([level] * 12)
    assert (decoding.decode(_png(4, 2, [row] * 6, 6)) == level).all()
    assert _reason(_png(4, 2, [row] * 5, 6)) == "truncated"


def test_an_interlaced_png_without_its_last_pass_is_refused():
    # of 8x7 gray pixels, the rows of the seven passes; the last pass has no part of the last row
    widths = [1, 1, 2, *[2] * 2, *[4] * 2, *[4] * 4, *[8] * 3]
    rows = [bytes([200] * width) for width in widths]
    assert (decoding.decode(_png(8, 0, rows, 7, interlaced=True)) == 200).all()
    assert _reason(_png(8, 0, rows[:-3], 7, interlaced=True)) == "truncated"


def test_a_webp_is_not_turned_by_exif(scene: np.ndarray):
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved(Image.fromarray(scene), "WEBP", exif=exif, lossless=True)
    assert np.array_equal(decoding.decode(data), scene)


def test_an_animated_png_with_a_still_apart_begins_with_its_first_frame():
    frames = [Image.new("RGB", (8, 8), color) for color in (RED, GREEN, WHITE)]
    options = {"save_all": True, "append_images": frames[1:], "default_image": True}
    data = saved(frames[0], "PNG", **options)
    assert (decoding.decode(data) == GREEN).all()
    assert decoding.inspect(data).animated


@pytest.mark.parametrize(("transfer", "level"), [(13, 128), (8, 188), (16, 114), (18, 92)])
def test_code_points_of_a_png_are_shown_as_in_chromium(transfer: int, level: int):
    source = 120 if transfer in (16, 18) else 128
    data = saved(Image.new("RGB", (4, 4), (source,) * 3), "PNG")
    changed = data[:33] + png_chunk(b"cICP", bytes([1, transfer, 0, 1])) + data[33:]
    assert np.abs(decoding.decode(changed).astype(int) - level).max() <= 2


def test_a_header_that_claims_200_megapixels_is_refused_before_decoding():
    # after decoding the reason would be `truncated`, as there are no pixels
    assert _reason(_header_only(20_000, 10_000)) == "too_many_pixels"
    with pytest.raises(ImageError, match="20000x10000 pixels, allowed are 100000000"):
        decoding.inspect(_header_only(20_000, 10_000))
    assert decoding.inspect(_header_only(8000, 6000)) == ("PNG", 8000, 6000, False)
    assert _reason(_header_only(64, 64)) == "truncated"


def test_padding_is_refused():
    empty = png_chunk(b"IDAT", b"") * (MAX_PARTS + 1)
    fill = b"\xff\xd8" + b"\xff" * (MAX_FILL_BYTES + 1)
    comments = b"GIF89a" + bytes(7) + b"\x21\xfe\1x\0" * MAX_BLOCKS
    segments = b"\xff\xd8" + b"\xff\xe0\0\2" * (MAX_PARTS + 1)
    for data in (fill, b"\x89PNG\r\n\x1a\n" + empty, comments, segments):
        assert _reason(data) == "not_an_image"
        with pytest.raises(ImageError, match="padding"):
            decoding.inspect(data)


def test_an_image_error_can_be_pickled():
    error = pickle.loads(pickle.dumps(ImageError("truncated", "the picture's data is broken")))
    assert error.reason == "truncated"
    assert str(error) == "the picture's data is broken"


def _seeds() -> dict[str, bytes]:
    noise = np.random.default_rng(1).integers(0, 256, (12, 9, 3), np.uint8)
    image = Image.fromarray(noise)
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "text"
    return {
        "jpeg": saved(image, "JPEG", exif=exif),
        "cmyk": saved(image.convert("CMYK"), "JPEG"),
        "png": saved(image.convert("RGBA"), "PNG", exif=exif),
        "palette": saved(image.quantize(8), "PNG", transparency=0),
        "gif": saved(image, "GIF", save_all=True, append_images=[image.rotate(180)]),
        "webp": saved(image, "WEBP"),
        "bmp": saved(image, "BMP"),
        "tiff": saved(image, "TIFF", compression="tiff_lzw"),
    }


SEEDS = _seeds()


@settings(max_examples=200, deadline=None)
@given(
    kind=st.sampled_from(sorted(SEEDS)),
    changes=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=4),
    cut=st.none() | st.integers(0, 400),
)
def test_damaged_bytes_give_pixels_or_an_image_error(
    kind: str, changes: list[tuple[int, int]], cut: int | None
):
    data = bytearray(SEEDS[kind])
    for offset, value in changes:
        data[offset % len(data)] = value
    try:
        decoded = decoding.decode(bytes(data[:cut]))
    except ImageError as error:
        assert error.reason in ("not_an_image", "too_many_pixels", "truncated")
    else:
        assert decoded.dtype == np.uint8
        assert decoded.ndim == 3
        assert decoded.shape[2] == 3
        assert decoded.size > 0


@pytest.mark.parametrize(
    ("bits", "masks", "level"),
    [
        (32, (0xFF << 24, 0xFF << 16, 0xFF << 8, 0), (200, 100, 50)),
        (16, (0xF00, 0xF0, 0xF, 0xF000), (255, 136, 0)),
    ],
)
def test_a_bmp_is_read_by_its_masks(bits: int, masks: tuple, level: tuple):
    shifts = [(mask & -mask).bit_length() - 1 for mask in masks[:3]]
    pixel = masks[3]
    for mask, shift, value in zip(masks[:3], shifts, level, strict=True):
        pixel |= round(value / 255 * (mask >> shift)) << shift
    rows = pixel.to_bytes(bits // 8, "little") * 2  # 2 pixels fill rows of 8 or 4 bytes
    header = struct.pack("<IiiHHIIiiII4I", 56, 2, 3, 1, bits, 3, 0, 0, 0, 0, 0, *masks)
    data = b"BM" + struct.pack("<IHHI", 0, 0, 0, 70) + header + rows * 3
    assert decoding.inspect(data) == ("BMP", 2, 3, False)
    assert (decoding.decode(data) == level).all()
    assert _reason(data[:-1]) == "truncated"


def test_a_single_picture_has_no_labels(scene: np.ndarray):
    photo, labels = decoding.split_pair(scene, "single")
    assert photo is scene
    assert labels is None


@pytest.mark.parametrize("width", [12, 11])
def test_a_side_by_side_pair_is_cut_in_equal_halves(scene: np.ndarray, width: int):
    pixels = scene[:, :width]
    left, right = decoding.split_pair(pixels, "photo_left")
    assert left.shape == right.shape == (18, width // 2, 3)
    assert np.array_equal(left, pixels[:, : width // 2])
    photo, labels = decoding.split_pair(pixels, "photo_right")
    assert np.array_equal(photo, right)
    assert np.array_equal(labels, left)


# Reduced decoding


def _jpeg(pixels: np.ndarray, **options: object) -> bytes:
    return saved(Image.fromarray(pixels), "JPEG", quality=92, **options)


@pytest.fixture
def large(faces: list[np.ndarray]) -> np.ndarray:
    return resize(faces[0], 600, 800)


def _exif(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


def _difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    small_a, small_b = (thumbnail(pixels, 64).astype(int) for pixels in (a, b))
    return np.abs(small_a - small_b)


@pytest.mark.parametrize(("min_side", "width"), [(64, 75), (128, 150), (300, 300), (301, 600)])
def test_a_jpeg_is_reduced_down_to_the_least_side(large: np.ndarray, min_side: int, width: int):
    pixels, *size = decoding.decode_reduced(_jpeg(large), min_side)
    assert pixels.shape == (width * 4 // 3, width, 3)
    assert size == [600, 800]


@pytest.mark.parametrize(
    "options",
    [{}, {"progressive": True}, {"subsampling": 0}, {"exif": _exif(1)}, {"exif": _exif(6)}],
    ids=str,
)
def test_a_reduced_picture_looks_like_the_full_one(large: np.ndarray, options: dict):
    data = _jpeg(large, **options)
    pixels, width, height = decoding.decode_reduced(data, 64)
    full = decoding.decode(data)
    assert (height, width) == full.shape[:2]
    assert pixels.shape[0] == height // 8
    # levels of 255, of the thumbnail that all measures are computed on
    assert _difference(pixels, full).mean() < 1
    assert _difference(pixels, full).max() < 16


@pytest.mark.parametrize("options", [{}, {"exif": _exif(1)}], ids=["by OpenCV", "by Pillow"])
def test_partial_pixels_of_a_reduced_picture_are_left_out(faces: list[np.ndarray], options: dict):
    """As in a thumbnail of the full one: half a pixel more would move all the others."""
    full = resize(faces[0], 607, 805)
    pixels, *size = decoding.decode_reduced(_jpeg(full, **options), 64)
    assert pixels.shape[:2] == (100, 75)
    assert size == [607, 805]
    assert _difference(pixels, full).mean() < 1


def test_gray_cmyk_and_png_are_the_same_picture_when_reduced(large: np.ndarray):
    gray = np.asarray(Image.fromarray(large).convert("L"))
    cmyk = saved(Image.fromarray(large).convert("CMYK"), "JPEG")
    for data in (_jpeg(gray), cmyk, encode_png(large)):
        pixels, *size = decoding.decode_reduced(data, 64)
        assert size == [600, 800]
        assert _difference(pixels, decoding.decode(data)).mean() < 1.5


@pytest.mark.parametrize("cut", [0.3, 0.9, 0.999])
def test_a_broken_jpeg_is_refused_by_both_decoders(large: np.ndarray, cut: float):
    data = _jpeg(large)
    for decode in (decoding.decode, lambda d: decoding.decode_reduced(d, 64)):
        with pytest.raises(ImageError) as refused:
            decode(data[: int(cut * len(data))])
        assert refused.value.reason == "truncated"


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("size", [(513, 514), (514, 513)])
def test_a_nearly_square_picture_has_its_own_width_and_height(
    faces: list[np.ndarray], size: tuple[int, int], orientation: int
):
    data = _jpeg(resize(faces[0], *size), exif=_exif(orientation))
    _, *decoded_size = decoding.decode_reduced(data, 64)
    assert tuple(decoded_size) == (size if orientation == 1 else size[::-1])


def test_colours_transparency_and_exif_are_decoded_upright():
    alpha = np.arange(6, dtype=np.uint8).reshape(2, 3)
    colors = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)
    rgba = np.dstack([colors, alpha])
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 3, "A camera"
    data = saved(Image.fromarray(rgba), "PNG", exif=exif)
    pixels, opacity, block = decoding.decode_with_alpha(data)
    np.testing.assert_array_equal(pixels, colors[::-1, ::-1])  # not laid on white
    np.testing.assert_array_equal(opacity, alpha[::-1, ::-1])
    decoded_exif = Image.Exif()
    decoded_exif.load(block)
    assert dict(decoded_exif) == {0x010F: "A camera"}


def test_an_opaque_picture_has_neither_transparency_nor_exif():
    data = encode_jpeg(np.zeros((4, 4, 3), np.uint8))
    pixels, alpha, exif = decoding.decode_with_alpha(data)
    np.testing.assert_array_equal(pixels, decoding.decode(data))
    assert (alpha, exif) == (None, b"")


def test_tags_of_a_tiffs_layout_are_no_exif():
    data = saved(Image.new("CMYK", (4, 4)), "TIFF", compression="tiff_lzw")
    assert decoding.decode_with_alpha(data)[2] == b""


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_a_broken_picture_with_transparency_is_refused(mode: str):
    noise = np.random.default_rng(0).integers(256, size=(64, 64, 4), dtype=np.uint8)
    picture = Image.fromarray(noise)
    if mode == "P":
        data = saved(picture.convert("RGB").convert("P"), "PNG", transparency=0)
    else:
        data = saved(picture.convert(mode), "PNG")
    with pytest.raises(ImageError):
        decoding.decode_with_alpha(data[: len(data) // 2])
