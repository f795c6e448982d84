"""Functions mapped over lists: in order, in several processes, and stopped by an error."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from src.parallel import local
from src.parallel.local import map_processes, map_threads, progress
from tests.conftest import ROOT


def _square(number: int) -> tuple[int, int]:
    return number * number, os.getpid()


def _invert(number: int) -> float:
    return 1 / number


def _slowly(number: int) -> tuple[int, int]:
    time.sleep(0.25)
    return _square(number)


@pytest.mark.parametrize("count", [0, 1, 31, 5000])
def test_little_work_is_done_in_this_process(count: int):
    assert map_processes(_square, range(count), "squares") == [
        (n * n, os.getpid()) for n in range(count)
    ]


@pytest.mark.skipif(os.cpu_count() == 1, reason="one core has no use for processes")
def test_much_work_goes_on_in_other_processes_and_in_order(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("src.parallel.local.WORTH_S", 1)
    monkeypatch.setattr("src.parallel.local.cores", lambda: 2)
    results = map_processes(_slowly, range(60), "squares")
    assert [square for square, _ in results] == [n * n for n in range(60)]
    where = [process == os.getpid() for _, process in results]
    assert where[0]
    assert where == sorted(where, reverse=True)
    assert len({process for _, process in results}) == 1 + 2


@pytest.mark.skipif(os.cpu_count() == 1, reason="one core has one thread")
def test_work_begins_in_a_thread_for_each_core_and_takes_no_more_than_it_needs_ahead():
    cores, begun = local.cores(), []
    together = threading.Barrier(cores, timeout=20)

    def wait_for_the_others(number: int) -> int:
        begun.append(number)
        together.wait()
        return number

    results = local.stream_processes(wait_for_the_others, range(100 * cores), "numbers")
    assert next(results) == 0
    time.sleep(0.2)
    assert len(begun) <= local.WINDOW * cores
    assert list(results) == list(range(1, 100 * cores))


def test_who_stops_asking_stops_the_work():
    done = []
    results = local.stream_processes(done.append, range(5000), "numbers")
    next(results)
    results.close()
    time.sleep(0.1)
    assert len(done) <= local.WINDOW * local.cores()


def test_ctrl_c_does_not_wait_for_what_is_being_done():
    program = (
        "import os, time\n"
        "from src import parallel\n"
        "from src.errors import reported\n"
        "def work(_):\n"
        "    os.write(1, b'begun\\n')\n"  # at once: several do
        "    time.sleep(30)\n"
        "with reported('t'): parallel.map_processes(work, range(9), '')\n"
    )
    process = subprocess.Popen(
        # a shell's background job, as which tests may run, has Ctrl-C switched off
        [
            sys.executable,
            "-c",
            f"import signal; signal.signal(2, signal.default_int_handler)\n{program}",
        ],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=10)[1]
    assert process.returncode == 130
    assert "t: interrupted" in said and "Traceback" not in said


def _threads(_: int) -> list[str | None]:
    time.sleep(0.25)
    return [os.environ.get(name) for name in local.THREADS]


@pytest.mark.skipif(os.cpu_count() == 1, reason="one core has no use for processes")
def test_a_process_has_one_thread_for_its_libraries_and_this_one_what_it_had(monkeypatch):
    monkeypatch.setattr("src.parallel.local.WORTH_S", 1)
    monkeypatch.setattr("src.parallel.local.cores", lambda: 2)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    assert map_processes(_threads, range(40), "threads")[-1] == ["1", "1", "1"]
    assert os.environ["OMP_NUM_THREADS"] == "3"
    assert "OPENBLAS_NUM_THREADS" not in os.environ


def test_a_threads_results_come_in_the_items_order():
    def slow_first(number: int) -> tuple[int, str]:
        time.sleep(0.02 if number == 0 else 0)
        return number, threading.current_thread().name

    results = map_threads(slow_first, range(20), "numbers", 4)
    assert [number for number, _ in results] == list(range(20))
    assert threading.current_thread().name not in {name for _, name in results}


def test_no_more_threads_than_asked_for():
    running, most, lock = 0, 0, threading.Lock()

    def count(_: int) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.005)
        with lock:
            running -= 1

    map_threads(count, range(20), "numbers", 3)
    assert 1 < most <= 3


@pytest.mark.parametrize("worth", [10, -1], ids=["here", "processes"])
def test_an_error_is_raised_wherever_it_happens(worth: float, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("src.parallel.local.WORTH_S", worth)
    monkeypatch.setattr("src.parallel.local.TELLING_S", 0)
    with pytest.raises(ZeroDivisionError):
        map_processes(_invert, [1, 0, 2], "inverses")


def test_after_an_error_waiting_work_is_dropped():
    done = []

    def fail_at_once(number: int) -> None:
        if number == 0:
            raise ValueError("stop")
        time.sleep(0.01)
        done.append(number)

    with pytest.raises(ValueError, match="stop"):
        map_threads(fail_at_once, range(500), "numbers", 2)
    assert len(done) < 50


def test_an_error_is_raised_while_others_still_wait():
    release = threading.Event()

    def wait_or_fail(number: int) -> None:
        if number:
            release.wait(20)
        else:
            raise ValueError("stop")

    began = time.monotonic()
    with pytest.raises(ValueError, match="stop"):
        map_threads(wait_or_fail, range(4), "numbers", 4)
    assert time.monotonic() - began < 5
    release.set()


def test_progress_is_silent_in_a_log_file(capfd: pytest.CaptureFixture[str]):
    assert list(progress(iter([1, 2]), 2, "numbers")) == [1, 2]
    assert capfd.readouterr().err == ""
