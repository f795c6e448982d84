"""robots.txt of the host of the pictures."""

import pytest

from tests.scrape.hostile.payloads import bomb, encoded, gallery, moved
from tests.scrape.hostile.runs import SECONDS, Answers
from tests.servers import HANG_UP, NOT_FOUND, Answer, served

ROBOTS: dict[str, tuple[Answers, str]] = {
    "disallows_all": (Answer(b"User-agent: *\nDisallow: /\n"), "robots"),
    "is_broken": (Answer(b"", 500), "http_500"),
    "is_a_megabyte": (Answer(b"# no\n" * 200_000), "too_large"),
    "redirects_in_a_loop": (moved("/robots.txt"), "too_many_redirects"),
    "redirects_to_a_file": (moved("file:///etc/passwd"), "unsupported_url"),
    "drips": (Answer(bytes(100), drip=0.05), "too_slow"),
    "hangs_up": (HANG_UP, "connection"),
    "is_a_bomb": (Answer(bomb(100), headers={"Content-Encoding": "gzip"}), "too_large"),
    "is_html": (Answer(b"<!DOCTYPE html><html><body>Welcome</body></html>"), "ok"),
    "is_garbage": (Answer(bytes(range(256)) * 100), "ok"),
    "is_missing": (NOT_FOUND, "ok"),
    "asks_for_a_year": (Answer(b"User-agent: *\nCrawl-delay: 31536000\n"), "robots"),
    "asks_for_a_million_years": (Answer(b"User-agent: *\nCrawl-delay: 31536000000000\n"), "robots"),
    "asks_for_infinity": (Answer(b"User-agent: *\nCrawl-delay: inf\n"), "ok"),  # no number
    "asks_for_no_number": (Answer(b"User-agent: *\nCrawl-delay: nan\nRequest-rate: 0/0\n"), "ok"),
    "asks_for_less_than_nothing": (Answer(b"User-agent: *\nCrawl-delay: -5\n"), "ok"),
    "has_20000_rules": (
        Answer(b"User-agent: *\n" + b"".join(b"Disallow: /%d*$\n" % n for n in range(20_000))),
        "ok",
    ),
    "has_rules_that_take_for_ever": (
        Answer(b"User-agent: *\nDisallow: /" + b"*a" * 9 + b"*b$\n"),
        "ok",
    ),
}


@pytest.mark.parametrize("case", ROBOTS)
def test_robots_may_be_anything(place, case):
    answer, status = ROBOTS[case]
    with served() as other:
        other["/robots.txt"] = answer
        path = "/" + "a" * 60
        other[path] = Answer(encoded())
        place.server["/list"] = Answer(gallery(other[path]))
        outcome = place.run({"scrape.max_failed_runs": 1})
    assert outcome.seconds < SECONDS
    assert outcome.statuses == [status]
    assert (path in other.targets) == (status == "ok")
