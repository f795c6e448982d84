"""Runs that end early, and the runs after them."""

import re
from collections.abc import Callable

import pytest

from tests.scrape.hostile.payloads import encoded, gallery, pictures
from tests.servers import HANG_UP, Answer


def test_what_was_fetched_before_the_server_went_is_kept(place):
    server = place.server
    gone = [False]

    def until_the_third(n: int) -> Callable:
        def answer(target: str) -> Answer:
            if sum(t.endswith(".png") for t in server.targets) > 3:
                gone[0] = True
            return HANG_UP if gone[0] else Answer(encoded("PNG", 100 + n))

        return answer

    pictures(server, 12, until_the_third)
    first = place.run({"scrape.workers": 1})
    assert re.search(r"left: .* asked no more.*run the same command to continue", first.error)
    pictures(server, 12)
    server.targets.clear()
    assert place.run().statuses == ["ok"] * 12
    assert sum(target.endswith(".png") for target in server.targets) == 9
    assert "/list" not in server.targets


@pytest.mark.parametrize(("key", "most"), [("max_requests", 5), ("max_total_bytes", 7000)])
def test_a_budget_ends_a_run_and_the_next_one_goes_on(place, key, most):
    pictures(place.server, 8)
    errors = []
    for _ in range(8):
        outcome = place.run({f"scrape.{key}": most})
        if outcome.error is None:
            break
        errors.append(outcome.error)
    assert outcome.statuses == ["ok"] * 8
    assert errors
    assert all(f"scrape.{key} = {most} is used up" in error for error in errors)
    asked = [target for target in place.server.targets if target.endswith(".png")]
    assert len(asked) <= 8 + 2 * len(errors)


def test_a_failed_picture_is_tried_again_in_so_many_runs(place):
    server = place.server
    server["/list"] = Answer(gallery("/1.jpg"))
    server["/1.jpg"] = Answer(b"no", 500)
    for run in range(1, 5):
        assert place.run({"scrape.max_failed_runs": 3}).statuses == ["http_500"]
        assert server.targets.count("/1.jpg") == min(run, 3)
