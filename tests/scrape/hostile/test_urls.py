"""URLs in a list."""

import sqlite3
from contextlib import closing

import pytest

from tests.scrape.hostile.payloads import encoded, gallery, moved
from tests.scrape.hostile.runs import SECONDS
from tests.servers import Answer

URLS: dict[str, tuple[str, str]] = {
    "climbs_out": ("/../../../../etc/passwd", "http_404"),
    "climbs_out_encoded": ("/%2e%2e/%2e%2e/etc/passwd", "http_404"),
    "climbs_out_with_backslashes": ("..\\..\\..\\etc\\passwd", "http_404"),
    "an_absolute_path": ("/etc/passwd", "http_404"),
    "nul": ("/a%00.jpg", "http_404"),
    "a_control_character": ("/a\x07\x1b[31m.jpg", "http_404"),
    "newlines": ("/a\r\nX-Injected: 1\r\n.jpg", "http_404"),
    "newlines_encoded": ("/a%0d%0aX-Injected:%201", "http_404"),
    "5000_characters": ("/" + "a" * 5000, "http_404"),
    "100000_characters": ("/" + "a" * 100_000, "http_414"),
    "a_query_alone": ("?1", "html"),
    "a_fragment_alone": ("#top", "html"),
    "unicode": ("/ünïcödé-照片.jpg", "http_404"),
    "right_to_left": ("/\u202egpj.exe", "http_404"),
    "spaces": ("/a picture of us.jpg", "http_404"),
    "quotes": ("/\"'`<>.jpg", "http_404"),
    "a_space_alone": (" ", "html"),
    "data": ("data:image/png;base64,iVBORw0KGgo=", "unsupported_url"),
    "javascript": ("javascript:alert(1)", "unsupported_url"),
    "blob": ("blob:https://example.test/1", "unsupported_url"),
    "a_file": ("file:///etc/passwd", "unsupported_url"),
    "a_file_on_a_host": ("file://127.0.0.1/etc/passwd", "unsupported_url"),
    "ftp": ("ftp://127.0.0.1/a.jpg", "unsupported_url"),
    "no_host": ("https:///a.jpg", "unsupported_url"),
    "half_an_address": ("http://[::1", "unsupported_url"),
    "an_address_that_is_none": ("http://[not-an-ip]/", "unsupported_url"),
    "decimal_address": ("http://2130706433:PORT/good.png", "private_address"),
    "octal_address": ("http://0177.0.0.1:PORT/good.png", "private_address"),
    "hexadecimal_address": ("http://0x7f000001:PORT/good.png", "private_address"),
    "short_address": ("http://127.1:PORT/good.png", "private_address"),
    "address_zero": ("http://0:PORT/good.png", "private_address"),
    "broadcast": ("http://255.255.255.255/good.png", "private_address"),
    "multicast": ("http://224.0.0.1/good.png", "private_address"),
    "carrier_address": ("http://100.64.0.1/good.png", "private_address"),
    "loopback_v6": ("http://[::1]:PORT/good.png", "private_address"),
    "mapped_v6": ("http://[::ffff:127.0.0.1]:PORT/good.png", "private_address"),
    "mapped_v6_in_hexadecimal": ("http://[::ffff:7f00:1]:PORT/good.png", "private_address"),
    "translated_v6": ("http://[64:ff9b::7f00:1]:PORT/good.png", "private_address"),
    "link_local_v6": ("http://[fe80::1]/good.png", "private_address"),
    "localhost": ("http://localhost:PORT/good.png", "private_address"),
    "fullwidth_digits": (
        "http://\uff11\uff12\uff17.0.0.\uff11:PORT/good.png",
        "private_address|unsupported_url",
    ),
    "circled_digits": ("http://①②⑦.⓪.⓪.①:PORT/good.png", "private_address|unsupported_url"),
    "a_dot_at_the_end": ("http://127.0.0.1.:PORT/good.png", "connection|private_address"),
    "a_label_too_long": (f"http://{'a' * 64}.test/", "connection|unsupported_url"),
    "an_empty_label": ("http://a..test/", "connection|unsupported_url"),
    "bad_punycode": ("http://xn--\u00e9.test/", "connection|unsupported_url"),
    "port_0": ("http://127.0.0.1:0/", "connection|unsupported_url"),
    "port_99999": ("http://127.0.0.1:99999/", "unsupported_url"),
    "port_minus_1": ("http://127.0.0.1:-1/", "unsupported_url"),
    "port_x": ("http://127.0.0.1:x/", "unsupported_url"),
    "a_password": ("http://ada:secret@127.0.0.1:PORT/good.png", "unsupported_url"),
    "a_user": ("http://secret@127.0.0.1:PORT/good.png", "unsupported_url"),
    "a_password_and_no_url": ("http://ada:secret@[broken/good.png", "unsupported_url"),
    "a_password_and_no_host": ("https:///ada:secret@127.0.0.1/good.png", "unsupported_url"),
    "a_password_for_ftp": ("ftp://ada:secret@127.0.0.1/good.png", "unsupported_url"),
    "a_password_at_a_bad_port": ("http://ada:secret@127.0.0.1:x/good.png", "unsupported_url"),
    "a_backslash_before_the_host": (
        "http://127.0.0.1:PORT\\@169.254.169.254/secret",
        "unsupported_url|private_address",
    ),
}


@pytest.mark.parametrize("case", URLS)
def test_a_url_may_be_anything(place, case):
    url, status = URLS[case]
    server = place.server
    page = gallery(url.replace("PORT", str(server.port)), "/good.png")
    server["/list"] = Answer(page)
    server["/good.png"] = Answer(encoded("PNG", 2))
    outcome = place.run({"scrape.max_failed_runs": 1})
    assert outcome.seconds < SECONDS
    first, second = outcome.statuses
    assert first in status.split("|")
    assert second == "ok"
    assert "X-Injected" not in {name for asked in server.headers for name in asked}


@pytest.mark.parametrize("case", [name for name in URLS if "password" in name or "user" in name])
@pytest.mark.parametrize("where", ["picture", "next page", "redirect"])
def test_a_password_in_a_url_is_not_repeated(place, case, where):
    server = place.server
    url = URLS[case][0].replace("PORT", str(server.port))
    link = f'<a class="next" href="{url}"></a>' if where == "next page" else ""
    server["/list"] = Answer(gallery(url if where == "picture" else "/1.jpg", more=link))
    server["/1.jpg"] = moved(url) if where == "redirect" else Answer(encoded())
    outcome = place.run()
    assert "secret" not in (outcome.error or "")
    if outcome.error is None:
        assert "secret" not in "".join(outcome.table["status"])
    with closing(sqlite3.connect(place.folder / ".cache/http/answers.sqlite")) as kept:
        messages = [message for (message,) in kept.execute("SELECT message FROM answers")]
    assert "secret" not in str(messages)
