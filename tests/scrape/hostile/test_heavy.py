"""Memory and time, each case in a process of its own."""

import gzip
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from itertools import repeat

import pytest

from src.scrape.listings import MAX_MARKS
from tests.encoded_pictures import png_chunk
from tests.scrape.hostile.payloads import (
    CHUNKED,
    OK,
    animated,
    bomb,
    encoded,
    endless,
    gallery,
    gif_with,
    jpeg_with,
    next_data,
    person,
    pictures,
    png,
    segment,
    tags,
    webp,
)
from tests.scrape.hostile.runs import PEAK_MB, Answers, assert_statuses
from tests.servers import Answer, Server


@dataclass(frozen=True)
class Heavy:
    """What the server has, what comes of it, and how long that may take."""

    prepare: Callable[[Server], object]
    expected: str | list[str]
    changes: dict = None
    source: str = "gallery"
    seconds: float = 20.0


def one(answer: Callable[[], Answers]) -> Callable[[Server], None]:
    """A list of one hostile picture and a good one."""

    def prepare(server: Server) -> None:
        server["/list"] = Answer(gallery("/1.jpg", "/good.png"))
        server["/1.jpg"] = answer()
        server["/good.png"] = Answer(encoded("PNG", 2))

    return prepare


def many(number: int, make: Callable[[int], bytes]) -> Callable[[Server], None]:
    def prepare(server: Server) -> None:
        pictures(server, number, lambda n: Answer(make(n)))

    return prepare


def page(make: Callable[[], Answers]) -> Callable[[Server], None]:
    def prepare(server: Server) -> None:
        server["/list"] = make()
        server["/1.jpg"] = Answer(encoded())

    return prepare


def wide_bmp(n: int, more: int = 0) -> bytes:
    """A BMP of 19.9 MB, each its own."""
    head = bytearray(encoded("BMP")[:54])
    side = 2570
    head[2:6] = struct.pack("<I", 54 + 2572 * 3 * side)
    head[18:26] = struct.pack("<ii", 2572, side)
    body = bytes([n]) * (2572 * 3 * side)
    return bytes(head) + body + bytes(more)


ROOMY = {
    "scrape.workers": 16,
    "scrape.per_host": 16,
    "scrape.timeout_s": 10,
    "scrape.deadline_s": 20,
    "scrape.max_page_bytes": 5_000_000,
}
ALONE = ROOMY | {"scrape.workers": 1}
MEGABYTE = 1_000_000
HEAVY: dict[str, Heavy] = {
    "an_honest_picture": Heavy(one(lambda: Answer(encoded())), ["ok", "ok"], ROOMY),
    "a_bomb_of_a_gigabyte": Heavy(
        one(lambda: Answer(bomb(1000), headers={"Content-Encoding": "gzip"})),
        ["too_large", "ok"],
        ROOMY,
    ),
    "a_bomb_in_a_bomb": Heavy(
        one(lambda: Answer(gzip.compress(bomb(1000)), headers={"Content-Encoding": "gzip, gzip"})),
        ["too_large", "ok"],
        ROOMY,
    ),
    "sixteen_bombs_at_once": Heavy(
        lambda server: pictures(
            server, 16, lambda n: Answer(bomb(100), headers={"Content-Encoding": "gzip"})
        ),
        ["too_large"] * 16,
        ROOMY,
    ),
    "an_endless_body": Heavy(
        one(lambda: endless(OK + b"\r\n", lambda: repeat(bytes(65536)))), ["too_large", "ok"], ROOMY
    ),
    "an_endless_chunked_body": Heavy(
        one(lambda: endless(CHUNKED, lambda: repeat(b"10000\r\n" + bytes(65536) + b"\r\n"))),
        ["too_large", "ok"],
        ROOMY,
    ),
    "endless_headers": Heavy(
        one(lambda: endless(OK, lambda: repeat(b"A: " + b"b" * 60_000 + b"\r\n"))),
        ["bad_answer", "ok"],
        ROOMY,
    ),
    "an_endless_header": Heavy(
        one(lambda: endless(OK + b"A: ", lambda: repeat(b"b" * 65536))), ["bad_answer", "ok"], ROOMY
    ),
    "an_endless_status_line": Heavy(
        one(lambda: endless(b"HTTP/1.1 200 ", lambda: repeat(b"b" * 65536))),
        ["bad_answer", "ok"],
        ROOMY,
    ),
    "endless_trailers": Heavy(
        one(lambda: endless(CHUNKED + b"0\r\n", lambda: repeat(b"A: b\r\n" * 10_000))),
        ["too_slow", "ok"],
        ROOMY | {"scrape.deadline_s": 1, "scrape.max_failed_runs": 1},
    ),
    "sixteen_large_pictures_at_once": Heavy(many(16, wide_bmp), ["ok"] * 16, ROOMY),
    "sixteen_large_pictures_with_more_after_them": Heavy(
        many(16, lambda n: wide_bmp(n, 100_000)), ["ok"] * 16, ROOMY
    ),
    "a_png_of_30000_by_30000": Heavy(
        one(lambda: Answer(png(30_000, 30_000))), ["too_many_pixels", "ok"], ROOMY
    ),
    "a_webp_of_4_gigapixels": Heavy(
        one(lambda: Answer(webp(2**24, 255))), ["too_many_pixels", "ok"], ROOMY
    ),
    "a_gif_of_10000_frames": Heavy(
        one(lambda: Answer(animated("GIF", 10_000, 4))), ["ok", "ok"], ROOMY
    ),
    "a_gif_with_a_comment_of_8_megabytes": Heavy(
        one(lambda: Answer(gif_with(b"\x21\xfe" + (b"\xff" + b"a" * 255) * 31_000 + b"\0"))),
        ["ok", "ok"],
        ROOMY,
        seconds=10,
    ),
    "sixteen_pngs_with_texts_that_unpack": Heavy(
        many(
            16,
            lambda n: png(
                n + 9, 9, png_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(MEGABYTE), 9)) * 60
            ),
        ),
        ["ok"] * 16,
        ROOMY,
    ),
    "a_png_with_a_profile_that_unpacks": Heavy(
        one(
            lambda: Answer(
                png(9, 9, png_chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(500 * MEGABYTE), 9)))
            )
        ),
        ["ok|not_an_image", "ok"],
        ROOMY,
    ),
    "a_tiff_whose_tags_share_a_megabyte": Heavy(
        one(lambda: Answer(tags(400, MEGABYTE))), ["ok|not_an_image", "ok"], ROOMY
    ),
    "a_jpeg_whose_exif_tags_share_their_bytes": Heavy(
        one(lambda: Answer(jpeg_with(segment(0xE1, b"Exif\0\0" + tags(1000, 50_000)[:65_000])))),
        ["ok", "ok"],
        ROOMY,
    ),
    "a_jpeg_of_19_megabytes_of_fill": Heavy(
        one(lambda: Answer(jpeg_with(b"\xff" * 19 * MEGABYTE))),
        ["ok|not_an_image", "ok"],
        ROOMY,
        seconds=6,
    ),
    "a_jpeg_of_19_megabytes_of_stuffing": Heavy(
        one(lambda: Answer(encoded("JPEG")[:-2] + b"\xff\0" * (19 * MEGABYTE // 2) + b"\xff\xd9")),
        ["ok", "ok"],
        ROOMY,
        seconds=15,
    ),
    "a_png_of_1600000_chunks": Heavy(
        one(lambda: Answer(png(9, 9, png_chunk(b"abCd", b"") * 1_600_000))),
        ["not_an_image", "ok"],
        ROOMY,
    ),
    "a_page_of_100_megabytes": Heavy(
        page(lambda: Answer(bytes(100 * MEGABYTE))), "100000000 bytes, allowed are 5000000", ROOMY
    ),
    "an_endless_page": Heavy(
        page(lambda: endless(CHUNKED, lambda: repeat(b"10000\r\n" + b"<li>" * 16384 + b"\r\n"))),
        "bytes, allowed are 5000000",
        ROOMY,
    ),
    "a_page_of_a_million_tags": Heavy(
        page(lambda: Answer(b"<p>" * MEGABYTE + gallery("/1.jpg"))),
        f"at most {MAX_MARKS} tags",
        ALONE,
    ),
    "a_page_of_99000_tags": Heavy(
        page(lambda: Answer(b"<p>" + b"<b>x</b>" * 49_000 + gallery("/1.jpg"))), ["ok"], ALONE
    ),
    "a_page_of_99000_long_tags": Heavy(
        page(
            lambda: Answer(
                ("<p>😀" + ("<i" + "x" * 40 + ">") * 98_000).encode() + gallery("/1.jpg")
            )
        ),
        ["ok"],
        ALONE,
    ),
    "a_page_of_a_million_attributes": Heavy(
        page(lambda: Answer(b"<p " + b" ".join(b"a%d=b" % n for n in range(MEGABYTE // 3)) + b">")),
        f"at most {MAX_MARKS} tags",
        ALONE,
    ),
    "a_page_of_a_million_attributes_without_values": Heavy(
        page(
            lambda: Answer(
                b"<p "
                + b" ".join(b"a%d" % n for n in range(MEGABYTE))
                + b"></p>"
                + gallery("/1.jpg")
            )
        ),
        "",
        ALONE,
    ),
    "a_page_with_a_million_classes": Heavy(
        page(lambda: Answer(b'<p class="' + b"a " * 2 * MEGABYTE + b'"></p>' + gallery("/1.jpg"))),
        "",
        ALONE,
    ),
    "a_page_of_entities": Heavy(
        page(lambda: Answer(b"&lt;" * MEGABYTE + gallery("/1.jpg"))), ["ok"], ALONE
    ),
    "a_page_of_text": Heavy(
        page(lambda: Answer(("😀" + "a" * 4_500_000).encode() + gallery("/1.jpg"))), ["ok"], ALONE
    ),
    "50000_nested_divs": Heavy(
        page(lambda: Answer(b"<div>" * 50_000 + gallery("/1.jpg"))), ["ok"], ALONE
    ),
    "json_of_a_million_objects": Heavy(
        page(lambda: Answer(next_data([person(1, None)], extra="[" + "{}," * MEGABYTE + "0]"))),
        "",
        ALONE,
        "imdb",
    ),
    "a_list_of_9000_items": Heavy(
        page(lambda: Answer(gallery(*["/1.jpg"] * 9_000, ids=repeat(1)))), ["ok"] * 9_000, ALONE
    ),
}


@pytest.mark.parametrize("case", HEAVY)
def test_memory_and_time_are_bounded(place, forker, case, record_property):
    heavy = HEAVY[case]
    heavy.prepare(place.server)
    outcome = place.apart(forker, heavy.changes, heavy.source)
    record_property("peak_mb", round(outcome.peak_mb))
    record_property("seconds", round(outcome.seconds, 1))
    assert_statuses(outcome, heavy.expected)
    assert outcome.seconds < heavy.seconds
    assert outcome.peak_mb < PEAK_MB
