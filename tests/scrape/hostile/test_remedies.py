"""The remedy that a message names works, however often the run has failed before."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from src.scrape.store import REMEDIES
from tests.scrape.hostile.payloads import encoded, gallery, later
from tests.scrape.hostile.runs import Answers, Place
from tests.servers import Answer

RUNS = 4  # one more than scrape.max_failed_runs


def with_header(name: str, value: str) -> Callable[[Place], Answers]:
    """A picture for those who send a header that holds a text."""

    def make(place: Place) -> Answers:
        def answer(_: str) -> Answer:
            sent = place.server.headers[-1].get(name, "")
            return Answer(encoded()) if value in sent else Answer(b"no", 403)

        return answer

    return make


@dataclass(frozen=True)
class Refusal:
    """A picture that a setting refuses, and the setting that a message or page names for it."""

    answer: Callable[[Place], Answers]
    status: str
    remedy: dict
    changes: dict = field(default_factory=dict)
    robots: bytes = b""


PICTURE = Answer(encoded())
REFUSALS: dict[str, Refusal] = {
    "max_bytes": Refusal(
        lambda _: Answer(encoded("BMP")), "too_large", {"max_bytes": 100_000}, {"max_bytes": 1024}
    ),
    "respect_noai": Refusal(
        lambda _: Answer(encoded(), headers={"X-Robots-Tag": "noai"}),
        "noai",
        {"respect_noai": False},
    ),
    "deadline_s": Refusal(
        lambda _: Answer(encoded()[:1000], drip=0.002),
        "too_slow",
        {"deadline_s": 8, "timeout_s": 8},
        {"deadline_s": 0.5},
    ),
    "timeout_s": Refusal(
        lambda _: Answer(encoded(), pause=0.5), "timeout", {"timeout_s": 5}, {"timeout_s": 0.2}
    ),
    "retries": Refusal(
        lambda _: [Answer(b"busy", 503)] * 4 + [PICTURE], "http_503", {"retries": 1}
    ),
    "contact": Refusal(with_header("User-Agent", "me@"), "http_403", {"contact": "me@a.example"}),
    "referer": Refusal(
        with_header("Referer", "/list"), "http_403", {"referer": "page"}, {"referer": "none"}
    ),
    "max_failed_runs": Refusal(
        lambda _: [Answer(b"no", 404)] * 3 + [PICTURE], "http_404", {"max_failed_runs": 4}
    ),
    "snapshot": Refusal(
        lambda _: [Answer(b"no", 404)] * 3 + [PICTURE], "http_404", {"snapshot": "another"}
    ),
}


def settings(changes: dict) -> dict:
    return {f"scrape.{key}": value for key, value in changes.items()}


def fail(place: Place, changes: dict) -> list[str]:
    """Run more often than max_failed_runs; return the errors, which end with the picture's status."""
    return [place.run(settings(changes)).error or "" for _ in range(RUNS)]


@pytest.mark.parametrize("case", REFUSALS)
def test_a_picture_that_a_setting_refused_is_had_when_the_setting_changes(place, case):
    refusal = REFUSALS[case]
    place.server["/list"] = Answer(gallery("/1.jpg"))
    place.server["/1.jpg"] = refusal.answer(place)
    errors = fail(place, refusal.changes)
    assert f"1 {refusal.status}" in errors[-1]
    if advice := REMEDIES.get(refusal.status):
        assert advice in errors[-1]
    assert place.server.targets.count("/1.jpg") == 3
    assert place.run(settings(refusal.changes | refusal.remedy)).statuses == ["ok"]


def test_another_setting_does_not_try_again(place):
    place.server["/list"] = Answer(gallery("/1.jpg"))
    place.server["/1.jpg"] = Answer(encoded("BMP"))
    fail(place, {"max_bytes": 1024})
    place.run(
        settings({"max_bytes": 1024, "respect_noai": False, "allow_hosts": ["127.0.0.1", "a"]})
    )
    assert place.server.targets.count("/1.jpg") == 3


@pytest.mark.parametrize("where", ["list", "picture"])
@pytest.mark.parametrize("spelled", ["127.0.0.1", "localhost", "LOCALHOST", "LocalHost"])
def test_the_host_that_a_message_names_is_allowed_by_that_name(place, where, spelled):
    server = place.server
    foreign = server["/1.jpg"].replace("127.0.0.1", spelled)
    server["/list"], server["/1.jpg"] = Answer(gallery(foreign)), Answer(encoded())
    allowed = [] if where == "list" or spelled == "127.0.0.1" else ["127.0.0.1"]
    errors = fail(place, {"allow_hosts": allowed})
    if not allowed:
        [named] = re.findall(r"add '([^']+)' to scrape\.allow_hosts", errors[-1])
        assert named == "127.0.0.1"
        allowed = [named]
    assert server.targets.count("/1.jpg") == 0
    assert place.run(settings({"allow_hosts": [*allowed, spelled]})).statuses == ["ok"]


def test_a_crawl_delay_beyond_the_deadline_is_kept_when_the_deadline_allows_it(place):
    place.server["/robots.txt"] = Answer(b"User-agent: *\nCrawl-delay: 1\n")
    place.server["/list"] = Answer(gallery("/1.jpg"))
    place.server["/1.jpg"] = Answer(encoded())
    errors = fail(place, {"deadline_s": 0.5})
    assert (
        "asks for 1 s between requests, by Crawl-delay or Request-rate (scrape.deadline_s)"
        in errors[-1]
    )
    assert place.run(settings({"deadline_s": 3})).statuses == ["ok"]


def test_a_page_that_was_too_large_is_had_with_a_higher_limit(place):
    place.server["/list"] = Answer(gallery("/1.jpg") + b" " * 3000)
    place.server["/1.jpg"] = Answer(encoded())
    errors = fail(place, {"max_page_bytes": 1024})
    assert "allowed are 1024 (scrape.max_bytes; of a page max_page_bytes)" in errors[-1]
    assert place.run(settings({"max_page_bytes": 10_000})).statuses == ["ok"]


def test_a_page_in_no_known_layout_is_had_again_with_another_snapshot(place):
    place.server["/list"] = [Answer(b"<html>Nobody here</html>"), Answer(gallery("/1.jpg"))]
    place.server["/1.jpg"] = Answer(encoded())
    assert "change scrape.snapshot to fetch it again" in fail(place, {})[-1]
    assert place.server.targets.count("/list") == 1
    assert place.run(settings({"snapshot": "another"})).statuses == ["ok"]


def test_a_host_that_asks_to_wait_is_asked_again_by_the_same_command(place):
    place.server["/list"] = Answer(gallery("/1.jpg"))
    place.server["/1.jpg"] = later("86400")
    assert "run the same command to continue" in place.run().error
    place.server["/1.jpg"] = Answer(encoded())
    assert place.run().statuses == ["ok"]


def test_more_items_than_allowed_are_had_with_a_higher_limit(place):
    place.server["/list"] = Answer(gallery("/1.jpg", "/2.jpg"))
    place.server["/1.jpg"] = place.server["/2.jpg"] = Answer(encoded())
    assert "scrape.max_items = 1 by page 1" in fail(place, {"max_items": 1})[-1]
    assert place.run(settings({"max_items": 2})).statuses == ["ok", "ok"]
