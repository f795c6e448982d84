"""Lists of many pages."""

import re
from collections.abc import Callable

import pytest

from tests.scrape.hostile.payloads import CAPTCHA, GONE, LOGIN, encoded, gallery
from tests.scrape.hostile.runs import Outcome, Place
from tests.servers import NOT_FOUND, Answer


def paged(place: Place, make: Callable[[int], Answer], **changes: object) -> Outcome:
    """Scrape a list whose pages are counted; make(number) is one."""
    server = place.server
    server["/list"] = lambda target: make(int(target.partition("page=")[2]))
    server["/1.jpg"] = Answer(encoded())
    settings = {f"scrape.{key}": value for key, value in changes.items()}
    return place.run({"gallery.url": server["/list?page={page}"]} | settings)


def some(number: int, total: str = "") -> Answer:
    ids = range(3 * number, 3 * number + 3)
    return Answer(gallery(*["/1.jpg"] * 3, ids=ids, more=f'<p class="total">{total}</p>'))


def test_items_for_ever_end_at_max_items(place):
    assert re.search(r"scrape\.max_items = 20 by page 7", paged(place, some, max_items=20).error)


def test_a_second_page_that_is_the_first_ends_the_list_and_is_counted(place):
    outcome = paged(place, lambda number: some(1))
    assert (outcome.metrics["repeated_pages"], outcome.metrics["listed"]) == (1, 3)


@pytest.mark.parametrize("end", [Answer(GONE), NOT_FOUND, Answer(b"<html></html>")])
def test_a_second_page_that_is_missing_ends_the_list(place, end):
    outcome = paged(place, lambda number: some(1) if number == 1 else end)
    assert (outcome.metrics["pages"], outcome.metrics["listed"]) == (
        1,
        3,
    ) or end.body == b"<html></html>"
    assert outcome.metrics["listed"] == 3


@pytest.mark.parametrize(
    ("wall", "why"),
    [(Answer(CAPTCHA), "proof that a human"), (Answer(LOGIN), "log in"), (Answer(b"", 500), "500")],
)
def test_a_second_page_that_is_a_wall_is_an_error_and_no_end(place, wall, why):
    outcome = paged(place, lambda number: some(1) if number == 1 else wall)
    assert re.search(rf"page 2 of the list cannot be fetched: .*{why}", outcome.error)


def test_a_total_that_is_not_reached_is_kept_for_the_audit(place):
    outcome = paged(place, lambda number: some(number, "900") if number < 3 else NOT_FOUND)
    assert (outcome.metrics["expected"], outcome.metrics["listed"]) == (900, 6)
