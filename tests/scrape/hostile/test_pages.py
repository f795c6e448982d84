"""List pages."""

from itertools import repeat

import pytest

from tests.scrape.hostile.payloads import (
    CAPTCHA,
    GONE,
    LOGIN,
    OK,
    encoded,
    endless,
    gallery,
    headers,
    next_data,
    person,
)
from tests.scrape.hostile.runs import SECONDS, Answers, Outcome, Place, assert_statuses
from tests.servers import Answer, saved

Page = tuple[Answers, str | list[str]]  # the answer, and a pattern of the error or the statuses


def sized(data: bytes, size: int) -> bytes:
    return data + b" " * (size - len(data))


NO_LIST = "is not a list in a known layout"
PAGES: dict[str, Page] = {
    "a_captcha": (Answer(CAPTCHA), "proof that a human"),
    "a_saved_challenge": (Answer(saved("challenge").encode()), f"proof that a human|{NO_LIST}"),
    "a_login_page": (Answer(LOGIN), "asks to log in"),
    "a_missing_page": (Answer(GONE), "no such page"),
    "no_item": (Answer(b"<html><p>Nothing here</p></html>"), NO_LIST),
    "nothing_but_text": (Answer(b"hello"), NO_LIST),
    "a_picture": (Answer(encoded()), NO_LIST),
    "a_gigabyte_stated": (headers("Content-Length: 1000000000"), "too_large|bytes, allowed"),
    "nul_bytes": (Answer(gallery("/1.jpg").replace(b"<div", b"\0<div")), ["ok"]),
    "nul_in_a_url": (Answer(gallery("/1\0.jpg", "/1.jpg")), ["http_404|ok", "ok"]),
    "utf16_with_a_mark": (Answer(gallery("/1.jpg").decode().encode("utf-16")), ["ok"]),
    "utf8_with_a_mark": (Answer(b"\xef\xbb\xbf" + gallery("/1.jpg")), ["ok"]),
    "latin1_by_header": (
        Answer(
            gallery("/1.jpg", ids=["Zo\u00eb"]).decode().encode("latin-1"),
            headers={"Content-Type": "text/html; charset=iso-8859-1"},
        ),
        ["ok"],
    ),
    "latin1_by_meta": (
        Answer(
            b'<meta charset="latin-1">'
            + gallery("/1.jpg", ids=["Zo\u00eb"]).decode().encode("latin-1")
        ),
        ["ok"],
    ),
    "utf8_called_latin1": (
        Answer(
            b'<meta charset="latin-1">' + gallery("/1.jpg", ids=["Zo\u00eb"]),
            headers={"Content-Type": "text/html; charset=iso-8859-1"},
        ),
        ["ok"],
    ),
    "a_charset_that_is_none": (Answer(b'<meta charset="zlib">\xff' + gallery("/1.jpg")), ["ok"]),
    "a_charset_with_nul": (Answer(b'<meta charset="a\0b">\xff' + gallery("/1.jpg")), ["ok"]),
    "a_charset_of_a_path": (Answer(b'<meta charset="../../os">\xff' + gallery("/1.jpg")), ["ok"]),
    "a_charset_that_takes_for_ever": (
        Answer(
            b"<meta charset=idna>"
            + gallery("/1.jpg")
            + (b"." + ("ü" * 20 + "a" * 10).encode("idna")) * 100_000
            + b".\xff"
        ),
        ["ok"],
    ),
    "metas_that_do_not_end": (
        Answer(b"<meta " * 25_000 + b">" + gallery("/1.jpg") + b" " * 3_000_000),
        ["ok"],
    ),
    "drips_and_states_no_length": (
        endless(OK + b"\r\n" + gallery("/1.jpg"), lambda: repeat(b" ", 160), 0.05),
        "page 1 of the list cannot be fetched",
    ),
    "a_total_of_5000_digits": (
        Answer(gallery("/1.jpg", more=f'<p class="total">{"9" * 5000}</p>')),
        ["ok"],
    ),
    "a_total_beyond_64_bits": (
        Answer(gallery("/1.jpg", more=f'<p class="total">{10**30}</p>')),
        ["ok"],
    ),
    "a_total_of_nothing": (Answer(gallery("/1.jpg", more='<p class="total">many</p>')), ["ok"]),
    "a_total_of_more_than_is_listed": (
        Answer(gallery("/1.jpg", more='<p class="total">1-50 of 4,000</p>')),
        ["ok"],
    ),
    "next_to_javascript": (
        Answer(gallery("/1.jpg", more='<a class="next" href="javascript:go()">')),
        ["ok"],
    ),
    "next_to_a_file": (
        Answer(gallery("/1.jpg", more='<a class="next" href="file:///etc/passwd">')),
        "page 2 of the list cannot be fetched",
    ),
    "next_to_a_private_address": (
        Answer(gallery("/1.jpg", more='<a class="next" href="http://169.254.169.254/">')),
        "page 2 of the list cannot be fetched.*not on the open internet",
    ),
    "next_to_nonsense": (
        Answer(gallery("/1.jpg", more='<a class="next" href="http://[">')),
        "page 2 of the list cannot be fetched",
    ),
    "next_to_itself": (Answer(gallery("/1.jpg", more='<a class="next" href="/list">')), ["ok"]),
    "items_without_ids": (
        Answer(b'<div class="item"></div>' * 3 + b'<div class="item"><img></div>'),
        "expected pictures at .*: the first image has no attribute",
    ),
    "a_thousand_times_the_same": (
        Answer(gallery(*["/1.jpg"] * 1000, ids=repeat(1))),
        ["ok"] * 1000,
    ),
    "more_items_than_allowed": (
        Answer(gallery(*["/1.jpg"] * 2001)),
        r"more items than scrape\.max_items",
    ),
    "50000_nested_divs": (Answer(b"<div>" * 50_000 + gallery("/1.jpg")), ["ok"]),
    "a_half_letter_in_a_name": (Answer(gallery("/1.jpg", ids=["\ud800"])), ["ok"]),
    "an_entity_of_half_a_letter": (
        Answer(gallery("/1.jpg", ids=["&#xd800;&#0;&#x110000;"])),
        ["ok"],
    ),
    "letters_that_steer_a_terminal": (Answer(gallery("/1.jpg", ids=["\x1b[2J\u202e"])), ["ok"]),
    "items_within_items": (
        Answer(b'<div class="item">' * 200 + gallery("/1.jpg") + b"<b></b>" * 20_000),
        "found 201 inside one another",
    ),
}

IMDB: dict[str, Page] = {
    "an_unknown_layout": (
        Answer(b"<html><title>IMDb</title><ul></ul></html>"),
        "expected div.lister-item",
    ),
    "deeply_nested_json": (Answer(next_data([person(1, "/1.jpg")], extra="[" * 100_000)), NO_LIST),
    "json_that_is_deep_and_whole": (
        Answer(next_data([person(1, "/1.jpg")], extra="[" * 100_000 + "]" * 100_000)),
        NO_LIST,
    ),
    "json_that_breaks_off": (Answer(next_data([person(1, "/1.jpg")])[:-60]), NO_LIST),
    "a_total_of_nan": (Answer(next_data([person(1, "URL")], float("nan"))), NO_LIST),
    "a_total_of_infinity": (Answer(next_data([person(1, "URL")], float("inf"))), NO_LIST),
    "a_total_in_words": (Answer(next_data([person(1, "URL")], "many")), NO_LIST),
    "a_total_beyond_64_bits": (Answer(next_data([person(1, "URL")], 10**30)), NO_LIST),
    "a_total_of_5000_digits": (Answer(next_data([person(1, "URL")], extra="9" * 5000)), NO_LIST),
    "a_negative_total": (Answer(next_data([person(1, "URL")], -7)), ["ok"]),
    "nan_beside_the_list": (Answer(next_data([person(1, "URL")], extra="NaN")), ["ok"]),
    "half_a_letter_in_a_name": (Answer(next_data([person(1, "URL", "\ud800")])), ["ok"]),
    "half_a_letter_in_a_url": (
        Answer(next_data([person(1, "URL?\udfff"), person(2, "URL")])),
        ["ok|unsupported_url|http_404", "ok"],
    ),
    "half_a_letter_in_an_id": (
        Answer(next_data([person(1, "URL") | {"id": "nm\udc80"}, person(2, "URL")])),
        ["ok", "ok"],
    ),
    "nul_in_everything": (
        Answer(next_data([person(1, "URL\0", "A\0da") | {"id": "\0"}])),
        ["ok|http_404"],
    ),
    "an_id_that_is_a_number": (Answer(next_data([person(1, "URL") | {"id": 7}])), NO_LIST),
    "an_id_that_is_missing": (Answer(next_data([{"nameText": {"text": "Ada"}}])), NO_LIST),
    "a_url_that_is_a_number": (
        Answer(next_data([person(1, None) | {"primaryImage": {"url": 7}}])),
        NO_LIST,
    ),
    "a_url_that_is_a_list": (
        Answer(next_data([person(1, None) | {"primaryImage": {"url": ["a"]}}])),
        NO_LIST,
    ),
    "an_image_that_is_a_word": (
        Answer(next_data([person(1, None) | {"primaryImage": "no"}])),
        NO_LIST,
    ),
    "a_name_that_is_an_object": (
        Answer(next_data([person(1, "URL") | {"nameText": {"text": {"a": 1}}}])),
        ["ok"],
    ),
    "an_item_that_is_null": (Answer(next_data([None])), NO_LIST),
    "a_url_that_takes_for_ever": (
        Answer(next_data([person(1, "._V1_" * 12_000 + "!")])),
        ["http_404"],
    ),
    "a_lister_without_links": (Answer(b'<div class="lister-item-image"><img></div>'), NO_LIST),
    "a_lister_without_items": (Answer(b'<div class="lister-list"></div>'), NO_LIST),
}


def listed(place: Place, answer: Answers, source: str) -> Outcome:
    server = place.server
    if isinstance(answer, Answer):
        body = answer.body.replace(b"URL", server["/1.jpg"].encode())
        answer = Answer(body, answer.status, answer.headers)
    server["/list"] = answer
    server["/1.jpg"] = lambda target: Answer(encoded("PNG", 5))
    return place.run({"scrape.max_items": 2000}, source)


@pytest.mark.parametrize("case", PAGES)
def test_a_list_page_may_be_anything(place, case):
    answer, expected = PAGES[case]
    outcome = listed(place, answer, "gallery")
    assert_statuses(outcome, expected)
    assert outcome.seconds < SECONDS


@pytest.mark.parametrize("case", IMDB)
def test_a_page_of_imdb_may_be_anything(place, case):
    answer, expected = IMDB[case]
    outcome = listed(place, answer, "imdb")
    assert_statuses(outcome, expected)
    assert outcome.seconds < SECONDS


@pytest.mark.parametrize("case", [name for name in PAGES if "latin1" in name])
def test_a_name_is_read_in_its_own_charset(place, case):
    assert list(listed(place, PAGES[case][0], "gallery").table["name"]) == ["Zoë"]
