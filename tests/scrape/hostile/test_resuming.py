"""Runs that end early, and the runs after them."""

import re
from collections.abc import Callable
from itertools import repeat

import pytest

from tests.scrape.hostile.payloads import CAPTCHA, encoded, gallery, pictures
from tests.servers import HANG_UP, Answer, Raw


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
    server["/1.jpg"] = Answer(b"no", 404)
    for run in range(1, 5):
        assert place.run({"scrape.max_failed_runs": 3}).statuses == ["http_404"]
        assert server.targets.count("/1.jpg") == min(run, 3)


PASSING: dict[str, tuple[Answer | Raw, str]] = {
    "429": (Answer(b"slower", 429), "http_429"),
    "503": (Answer(b"busy", 503), "http_503"),
    "500": (Answer(b"broken", 500), "http_500"),
    "hangs_up": (HANG_UP, "connection"),
    "breaks_off": (Answer(b"half", length=8), "incomplete"),
    "never_answers": (Raw(lambda: repeat(b""), 0.05), "timeout"),
    "drips": (Answer(encoded(), drip=0.05), "too_slow"),
}


@pytest.mark.parametrize("case", PASSING)
def test_a_failure_that_may_pass_ends_the_run_until_it_counts(place, case):
    """So that DVC does not count the stage as done."""
    answer, status = PASSING[case]
    place.server["/list"] = Answer(gallery("/1.jpg", "/2.jpg", "/good.png"))
    place.server["/1.jpg"] = place.server["/2.jpg"] = answer
    place.server["/good.png"] = Answer(encoded("PNG", 2))
    for _ in range(2):
        outcome = place.run({"scrape.max_failed_runs": 3})
        assert outcome.error.startswith("2 left: http://127.0.0.1:")
        assert "run the same command to continue (after 3 runs" in outcome.error
        assert not (place.folder / "data/raw/ledger.parquet").exists()
    assert place.run({"scrape.max_failed_runs": 3}).statuses == [status, status, "ok"]
    n_requests = len(place.server.targets)
    assert place.run({"scrape.max_failed_runs": 3}).statuses == [status, status, "ok"]
    assert place.server.targets[n_requests:] == []


@pytest.mark.parametrize("case", PASSING)
def test_the_same_command_continues_when_the_failure_has_passed(place, case):
    place.server["/list"] = Answer(gallery("/1.jpg", "/good.png"))
    place.server["/1.jpg"], place.server["/good.png"] = PASSING[case][0], Answer(encoded("PNG", 2))
    assert place.run().error.startswith("1 left: ")
    place.server["/1.jpg"] = Answer(encoded("PNG", 1))
    assert place.run().statuses == ["ok", "ok"]
    assert place.server.targets.count("/good.png") == 1


def test_a_server_that_refuses_everything_is_not_asked_for_each_picture(place):
    pictures(place.server, 20, lambda n: Answer(b"slower", 429))
    outcome = place.run({"scrape.retries": 4})
    assert re.match(r"20 left: .*asked no more: .*HTTP 429", outcome.error)
    assert len(place.server.targets) < 12
    pictures(place.server, 20)
    assert place.run().statuses == ["ok"] * 20


@pytest.mark.parametrize(
    "answer", [HANG_UP, Answer(b"no", 404), Answer(b"no", 500), Answer(CAPTCHA)]
)
def test_a_list_page_is_tried_in_every_run(place, answer):
    place.server["/list"] = answer
    for _ in range(3):
        assert (
            "page 1 of the list cannot be fetched" in place.run({"scrape.max_failed_runs": 1}).error
        )
    place.server["/list"] = Answer(gallery("/1.jpg"))
    place.server["/1.jpg"] = Answer(encoded())
    assert place.run({"scrape.max_failed_runs": 1}).statuses == ["ok"]


def test_a_write_through_a_stored_picture_leaves_the_cache_as_it_is(place):
    """As by root, who may write to a file that is read-only."""
    pictures(place.server, 2)
    table = place.run().table
    stored = place.folder / "data/raw" / table["file"][0]
    assert stored.stat().st_nlink == 1
    with stored.open("r+b") as file:
        file.write(encoded("PNG", 7))
    again = place.run().table
    assert again.equals(table)
    assert place.server.targets.count("/0.png") == 1


@pytest.mark.parametrize("damage", ["truncated", "emptied", "another's", "swapped"])
def test_a_damaged_body_is_fetched_again_and_changes_nothing(place, capsys, damage):
    pictures(place.server, 3)
    table = place.run().table
    bodies = sorted((place.folder / ".cache/http/bodies").iterdir())
    first, second, *_ = [body for body in bodies if body.read_bytes()[:4] == b"\x89PNG"]
    data, other = first.read_bytes(), second.read_bytes()
    first.write_bytes({"truncated": data[:700], "emptied": b""}.get(damage, other))
    if damage == "swapped":
        second.write_bytes(data)
    capsys.readouterr()
    assert place.run().table.equals(table)
    told = [line for line in capsys.readouterr().err.splitlines() if "is damaged" in line]
    assert len(told) == (2 if damage == "swapped" else 1)
    assert f".cache/http/bodies/{first.name} is damaged: http://" in "".join(told)
