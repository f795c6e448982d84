"""Servers that misbehave on the wire, or do not want to be asked."""

import gzip
import socket
from itertools import chain, repeat

import pytest

from tests.scrape.hostile.beside import beside_a_good_one
from tests.scrape.hostile.payloads import (
    CHUNKED,
    OK,
    encoded,
    endless,
    gallery,
    headers,
    later,
    packed,
    raw_answer,
)
from tests.scrape.hostile.runs import Answers
from tests.servers import HANG_UP, Answer, Raw

WIRE: dict[str, tuple[Answers, str]] = {
    "hangs_up_before_the_answer": (HANG_UP, "connection"),
    "hangs_up_within_the_headers": (Raw(lambda: [OK + b"Content-Le"]), "empty"),
    "hangs_up_within_the_body": (Answer(encoded()[:50], length=500), "incomplete"),
    "hangs_up_within_a_chunk": (Raw(lambda: [CHUNKED, b"500\r\nhalf"]), "incomplete"),
    "never_answers": (Raw(lambda: repeat(b""), 0.05), "timeout"),
    "stops_after_the_headers": (Answer(encoded(), pause=2), "timeout"),
    "drips_its_status_line": (Raw(lambda: repeat(b"H"), 0.05), "too_slow"),
    "drips_headers_for_ever": (endless(OK, lambda: repeat(b"X"), 0.05), "too_slow"),
    "drips_its_body": (Answer(encoded(), drip=0.05), "too_slow"),
    "drips_its_chunks": (Answer(encoded(), drip=0.05, chunked=True), "too_slow"),
    "drips_a_body_of_unknown_length": (
        endless(OK + b"\r\n" + encoded(), lambda: repeat(b"x", 160), 0.05),
        "too_slow",
    ),
    "drips_and_closes_the_connection": (
        endless(
            OK + b"Connection: close\r\nContent-Length: 999\r\n\r\n",
            lambda: repeat(b"x", 160),
            0.05,
        ),
        "too_slow",
    ),
    "drips_the_size_of_a_chunk": (endless(CHUNKED, lambda: repeat(b"0"), 0.05), "too_slow"),
    "drips_trailers_for_ever": (
        endless(CHUNKED + b"0\r\n", lambda: repeat(b"A: b\r\n"), 0.05),
        "too_slow",
    ),
    "says_continue_for_ever": (
        Raw(lambda: repeat(b"HTTP/1.1 100 Continue\r\n\r\n" * 100), 0.01),
        "too_slow",
    ),
    "sends_header_after_header": (
        Raw(lambda: chain([OK], repeat(b"A: b\r\n" * 1000))),
        "bad_answer",
    ),
    "sends_200_headers": (headers(*[f"X-{n}: y" for n in range(200)]), "bad_answer"),
    "sends_a_header_of_a_megabyte": (headers("X: " + "y" * 1_000_000), "bad_answer"),
    "sends_a_status_line_of_a_megabyte": (
        raw_answer("HTTP/1.1 200 " + "y" * 1_000_000),
        "bad_answer",
    ),
    "sends_a_bad_status_line": (raw_answer("HTTP/1.1 two hundred OK"), "bad_answer"),
    "sends_status_99999": (raw_answer("HTTP/1.1 99999 OK"), "bad_answer"),
    "answers_without_headers": (Raw(lambda: [b"<html>hello</html>\r\n"]), "bad_answer"),
    "answers_in_garbage": (Raw(lambda: [bytes(range(256)) * 20]), "bad_answer"),
    "answers_like_ssh": (Raw(lambda: [b"SSH-2.0-OpenSSH_9.6\r\n"]), "bad_answer"),
    "states_too_short_a_length": (headers("Content-Length: 40"), "not_an_image"),
    "states_too_long_a_length": (headers("Content-Length: 4000"), "incomplete"),
    "states_a_negative_length": (headers("Content-Length: -5"), "ok"),
    "states_a_huge_length": (headers("Content-Length: 99999999999999999999"), "too_large"),
    "states_a_length_of_5000_digits": (headers("Content-Length: " + "9" * 5000), "too_large"),
    "states_a_length_that_is_no_number": (headers("Content-Length: many"), "ok"),
    "states_two_lengths": (headers("Content-Length: 5", "Content-Length: 7"), "bad_answer"),
    "states_a_length_and_sends_chunks": (
        raw_answer(
            "HTTP/1.1 200 OK\nContent-Length: 3\nTransfer-Encoding: chunked",
            b"%x\r\n%s\r\n0\r\n\r\n" % (len(encoded()), encoded()),
        ),
        "ok",
    ),
    "sends_a_chunk_of_no_size": (Raw(lambda: [CHUNKED, b"xyz\r\nhello\r\n"]), "incomplete"),
    "sends_a_chunk_of_negative_size": (Raw(lambda: [CHUNKED, b"-5\r\nhello\r\n"]), "incomplete"),
    "sends_a_chunk_of_a_huge_size": (
        Raw(lambda: [CHUNKED, b"f" * 60_000, b"\r\nhi"]),
        "incomplete",
    ),
    "sends_an_unknown_encoding": (
        Answer(encoded(), headers={"Content-Encoding": "rot13"}),
        "ok",
    ),
    "sends_plain_bytes_as_gzip": (
        Answer(encoded(), headers={"Content-Encoding": "gzip"}),
        "bad_answer",
    ),
    "sends_deflate_garbage": (
        Answer(b"\xff" * 500, headers={"Content-Encoding": "deflate"}),
        "bad_answer",
    ),
    "sends_gzip_that_breaks_off": (
        Answer(gzip.compress(encoded())[:300], headers={"Content-Encoding": "gzip"}),
        "incomplete",
    ),
    "sends_gzip_in_gzip": (packed(encoded(), 2), "ok"),
    "sends_gzip_a_hundred_times_over": (packed(encoded(), 100), "bad_answer"),
    "answers_the_next_question_too": (
        raw_answer(
            f"HTTP/1.1 200 OK\nContent-Length: {len(encoded())}",
            encoded() + b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong" * 50,
        ),
        "ok",
    ),
    "sets_cookies_with_bad_dates": (
        headers(*[f"Set-Cookie: a{n}=b; expires={'1 ' * 20_000}" for n in range(50)]),
        "ok",
    ),
    **{
        f"answers_{status}": (
            Answer(b"" if status in (204, 304) else b"no", status),
            f"http_{status}",
        )
        for status in (
            204,
            205,
            206,
            300,
            304,
            400,
            401,
            403,
            404,
            407,
            410,
            418,
            429,
            451,
            500,
            503,
        )
    },
    "answers_202_as_firewalls_do": (Answer(b"", 202), "waf_challenge"),
    "answers_999": (Answer(b"no", 999), "http_999"),
    "answers_200_with_nothing": (Answer(b""), "empty"),
    "asks_to_come_back_at_once": (later("0"), "http_503"),
    "asks_to_come_back_at_a_negative_time": (later("-100"), "http_503"),
    "asks_to_come_back_at_no_time": (later("soon"), "http_503"),
    "asks_to_come_back_long_ago": (later("Thu, 01 Jan 1970 00:00:00 GMT", 429), "http_429"),
    "asks_to_come_back_on_no_day": (later("Thu, 99 Foo 99999999999 99:99:99 GMT"), "http_503"),
    "forbids_training": (Answer(encoded(), headers={"X-Robots-Tag": "noai"}), "noai"),
}


@pytest.mark.parametrize("case", WIRE)
def test_a_server_that_misbehaves_on_the_wire_costs_one_picture(place, case):
    answer, status = WIRE[case]
    # what is sent beyond the length or the last chunk comes as an answer to the next request on the
    # same connection, where it is late: that request then needs its second try
    retries = int(case in ("states_too_short_a_length", "states_a_length_and_sends_chunks"))
    assert beside_a_good_one(place, answer, retries=retries).statuses == [status, "ok"]


def test_nobody_listens(place):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        urls = [f"http://127.0.0.1:{port}/{n}" for n in range(2)]
        place.server["/list"] = Answer(gallery(*urls))
        assert place.run({"scrape.max_failed_runs": 1}).statuses == ["connection"] * 2


def test_an_etag_that_no_header_can_hold_does_no_harm(place):
    server = place.server
    server["/list"] = Answer(gallery("/1.jpg"))
    server["/1.jpg"] = headers('ETag: "a\n b"', "Last-Modified:  \n x")
    assert place.run({"scrape.snapshot": "one"}).statuses == ["ok"]
    assert place.run({"scrape.snapshot": "two"}).statuses == ["ok"]


@pytest.mark.parametrize("after", ["86400", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_server_that_wants_to_be_left_alone_is_left_for_the_next_run(place, after):
    outcome = beside_a_good_one(place, later(after), workers=1, max_failed_runs=3)
    assert "asked no more" in outcome.error
    assert "run the same command to continue" in outcome.error
    place.server["/1.jpg"] = Answer(encoded())
    assert place.run().statuses == ["ok", "ok"]
