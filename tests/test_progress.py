"""Progress: lines in a log, and silence for what is short."""

import time

import pytest

from src.progress import progress_bar


def test_what_ends_within_a_minute_is_silent_in_a_log(capfd: pytest.CaptureFixture[str]):
    assert list(progress_bar(iter([1, 2]), 2, "numbers")) == [1, 2]
    assert capfd.readouterr().err == ""


def test_long_work_tells_in_whole_lines_how_far_it_is(capfd: pytest.CaptureFixture[str]):
    bar = progress_bar(range(20), 20, "numbers", line_s=0.05)
    for _ in bar:
        time.sleep(0.02)
        bar.set_postfix({"l1": "0.1"}, refresh=False)
    lines = capfd.readouterr().err.splitlines()
    assert 2 <= len(lines) <= 10
    assert all(line.startswith("numbers: ") and line.endswith("l1=0.1") for line in lines)
    assert "of 20 (" in lines[0]


def test_work_that_goes_on_counts_what_was_done_before(capfd: pytest.CaptureFixture[str]):
    bar = progress_bar(range(90, 100), 100, "numbers", first=90, line_s=0.01)
    for _ in bar:
        time.sleep(0.02)
    assert capfd.readouterr().err.startswith("numbers: 9")


def test_what_has_no_title_is_silent(capfd: pytest.CaptureFixture[str]):
    for _ in progress_bar(range(3), 3, "", line_s=0.01):
        time.sleep(0.02)
    assert capfd.readouterr().err == ""
