"""Bytes that stand where a picture should."""

import hashlib
import struct

import pytest

from tests.encoded_pictures import png_chunk
from tests.scrape.hostile.beside import beside_a_good_one
from tests.scrape.hostile.payloads import (
    CAPTCHA,
    DOCTYPE,
    EOCD,
    GONE,
    LOGIN,
    SCRIPT,
    SVG,
    animated,
    encoded,
    gallery,
    jpeg_with,
    png,
    segment,
    tags,
    webp,
)
from tests.servers import Answer

CONTENT: dict[str, tuple[bytes, str]] = {
    "html_as_a_picture": (b"<!DOCTYPE html><html><body>Hello</body></html>", "html"),
    "a_login_wall_as_a_picture": (LOGIN, "login_wall"),
    "a_missing_page_as_a_picture": (GONE, "soft_404"),
    "a_captcha_as_a_picture": (CAPTCHA, "waf_challenge"),
    "svg": (SVG, "svg"),
    "svg_with_a_doctype": (DOCTYPE + SVG, "svg"),
    "svg_after_a_comment": (b"<!-- made by hand -->" + SVG, "svg"),
    "one_byte": (b"\xff", "not_an_image"),
    "text_that_says_jpeg": (b"JPEG JFIF \xff\xd8 but not so", "not_an_image"),
    "four_thousand_spaces": (b" " * 5000, "not_an_image"),
    "json": (b'{"error": "not found"}', "not_an_image"),
    "pdf": (b"%PDF-1.7\n" + encoded(), "not_an_image"),
    "a_program": (b"\x7fELF" + bytes(100), "not_an_image"),
    "zip": (EOCD + encoded(), "not_an_image"),
    "postscript_called_a_picture": (
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        "not_an_image",
    ),
    "the_start_of_png": (b"\x89PNG\r\n\x1a\n", "not_an_image"),
    "the_header_of_png": (encoded()[:33], "not_an_image"),
    "half_a_png": (encoded()[:900], "ok"),  # clean decodes it, and says truncated
    "half_a_jpeg": (encoded("JPEG", size=200)[:9000], "ok"),
    "the_start_of_jpeg": (b"\xff\xd8\xff\xe0", "not_an_image"),
    "a_gigapixel_png": (png(30_000, 30_000), "too_many_pixels"),
    "the_largest_png": (png(2**31 - 1, 2**31 - 1), "too_many_pixels"),
    "a_png_of_no_size": (png(0, 0), "not_an_image"),
    "a_gigapixel_webp": (webp(40_000, 25_000), "too_many_pixels"),
    "the_largest_webp": (webp(2**24, 255), "too_many_pixels"),
    "a_gif_of_2000_frames": (animated("GIF", 2000, 4), "ok"),
    "an_animated_png": (animated("PNG", 20), "ok"),
    "a_bmp": (encoded("BMP"), "ok"),
    "a_bmp_upside_down": (
        encoded("BMP")[:22] + struct.pack("<i", -24) + encoded("BMP")[26:],
        "ok",
    ),
    "avif": (encoded("AVIF"), "ok"),
    "a_jpeg_of_junk_segments": (jpeg_with(*[segment(0xE5, b"x" * 9)] * 5000), "ok"),
    "a_jpeg_whose_exif_is_broken": (
        jpeg_with(segment(0xE1, b"Exif\0\0II*\0" + b"\xff" * 99)),
        "ok",
    ),
    "a_png_whose_text_is_broken": (png(9, 9, png_chunk(b"zTXt", b"a\0\0" + b"\xff" * 99)), "ok"),
    "a_png_with_a_wrong_checksum": (encoded()[:29] + b"\0\0\0\0" + encoded()[33:], "not_an_image"),
    "a_png_whose_chunk_is_too_long": (encoded()[:33] + b"\xff\xff\xff\xff" + encoded()[37:], "ok"),
    "a_tiff_that_points_to_itself": (tags(0, 0)[:-4] + struct.pack("<I", 8), "ok"),
}


# what follows the picture, by kind: it is not kept
TRAILING: dict[str, tuple[bytes, bytes]] = {
    "jpeg_then_zip": (encoded("JPEG"), EOCD),
    "jpeg_then_html": (encoded("JPEG"), b"<html>" + SCRIPT),
    "jpeg_then_jpeg": (encoded("JPEG"), encoded("JPEG", 1)),
    "progressive_jpeg_then_zip": (encoded("JPEG", progressive=True), EOCD),
    "png_then_script": (encoded("PNG"), SCRIPT),
    "png_then_png": (encoded("PNG"), encoded("PNG", 1)),
    "gif_then_html": (encoded("GIF", mode="P"), b"<html>" + SCRIPT),
    "gif_then_javascript": (encoded("GIF", mode="P"), b"=1;alert(1)"),
    "webp_then_zip": (encoded("WEBP"), EOCD),
    "bmp_then_program": (encoded("BMP"), b"\x7fELF" + bytes(50)),
}


# no case waits for anything, and a busy machine may be slow
PATIENT = {"timeout_s": 4, "deadline_s": 6}


@pytest.mark.parametrize("case", CONTENT)
def test_a_picture_is_judged_by_its_bytes(place, case):
    data, status = CONTENT[case]
    answer = Answer(data, headers={"Content-Type": "image/jpeg"})
    assert beside_a_good_one(place, answer, **PATIENT).statuses == [status, "ok"]


@pytest.mark.parametrize("case", TRAILING)
def test_what_follows_a_picture_is_not_kept(place, case):
    picture, more = TRAILING[case]
    table = beside_a_good_one(place, Answer(picture + more)).table
    assert list(table["status"]) == ["ok", "ok"]
    assert table["sha256"][0] == hashlib.sha256(picture).hexdigest()
    assert table["bytes"][0] == len(picture)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
def test_a_wrong_name_and_type_do_not_matter(place, kind):
    """A picture that is called a page, and a page that is called a picture."""
    picture = Answer(encoded(kind), headers={"Content-Type": "text/html; charset=nonsense"})
    table = beside_a_good_one(place, picture).table
    assert list(table["format"]) == [kind, "PNG"]
    assert table["file"][0].endswith(f".{kind.lower()}")


def test_animations_are_counted(place):
    outcome = beside_a_good_one(place, Answer(animated("GIF", 3)))
    assert (outcome.statuses, outcome.metrics["animated"]) == (["ok", "ok"], 1)


def test_one_picture_sent_for_three_people_is_none_of_them(place):
    place.server["/list"] = Answer(gallery("/1.jpg", "/2.jpg", "/3.jpg", "/good.png"))
    for path in ("/1.jpg", "/2.jpg", "/3.jpg"):
        place.server[path] = Answer(encoded("PNG", 7))
    place.server["/good.png"] = Answer(encoded("PNG", 2))
    assert place.run().statuses == ["placeholder"] * 3 + ["ok"]
