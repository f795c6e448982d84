"""Maps on this machine: their order, threads and processes, errors and Ctrl-C."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Empty

import pytest

from src.parallel import local
from src.parallel.daemon_threads import DaemonThreadPool
from src.parallel.local import (
    WINDOW,
    cores,
    map_processes,
    map_threads,
    stream_completed,
    stream_threads,
)
from tests.conftest import ROOT


def _square(number: int) -> tuple[int, int]:
    return number * number, os.getpid()


def _invert(number: int) -> float:
    return 1 / number


def _slowly(number: int) -> tuple[int, int]:
    time.sleep(0.1)
    return _square(number)


def prefer_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let two processes take over from threads that have waited for a moment."""
    monkeypatch.setattr("src.parallel.local.SPAWN_COST_S", 0.5)
    monkeypatch.setattr("src.parallel.local.MIN_SAMPLE_S", 0.2)
    monkeypatch.setattr("src.parallel.local.cores", lambda: 2)


@pytest.mark.parametrize("count", [0, 1, 31, 5000])
def test_short_work_stays_in_this_process(count: int):
    assert map_processes(_square, range(count), "squares") == [
        (n * n, os.getpid()) for n in range(count)
    ]


@pytest.mark.skipif(os.cpu_count() == 1, reason="one core has no use for processes")
def test_long_work_moves_to_other_processes_and_keeps_its_order(monkeypatch: pytest.MonkeyPatch):
    prefer_processes(monkeypatch)
    results = map_processes(_slowly, range(60), "squares")
    assert [square for square, _ in results] == [n * n for n in range(60)]
    local_results = [process == os.getpid() for _, process in results]
    assert local_results[0]
    assert local_results == sorted(local_results, reverse=True)
    assert len({process for _, process in results}) == 1 + 2


@pytest.mark.skipif(os.cpu_count() == 1, reason="one core has one thread")
def test_work_starts_in_a_thread_for_each_core_and_runs_a_few_items_ahead():
    cores, started = local.cores(), []
    together = threading.Barrier(cores, timeout=20)

    def wait_for_the_others(number: int) -> int:
        started.append(number)
        together.wait()
        return number

    results = local.stream_processes(wait_for_the_others, range(100 * cores), "numbers")
    assert next(results) == 0
    time.sleep(0.2)
    assert len(started) <= local.WINDOW * cores
    assert list(results) == list(range(1, 100 * cores))


def test_closing_the_results_stops_the_work():
    done = []
    results = local.stream_processes(done.append, range(5000), "numbers")
    next(results)
    results.close()
    time.sleep(0.1)
    assert len(done) <= local.WINDOW * local.cores()


def test_ctrl_c_does_not_wait_for_running_work():
    program = (
        "import os, time\n"
        "from src.errors import exit_on_user_error\n"
        "from src.parallel.local import map_processes\n"
        "def work(_):\n"
        "    os.write(1, b'started\\n')\n"  # not print: several threads write
        "    time.sleep(100)\n"
        "with exit_on_user_error('t'): map_processes(work, range(9), '')\n"
    )
    process = subprocess.Popen(
        # tests may run as a shell's background job, which ignores Ctrl-C
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
    assert process.stdout.readline() == "started\n"
    process.send_signal(signal.SIGINT)
    error = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert "t: interrupted" in error and "Traceback" not in error


def run_in_processes(work: str) -> subprocess.Popen:
    """Start a program that maps `work`, which may use `number`, over numbers in two processes."""
    program = (
        "import os, signal, sys, time\n"
        "from src.errors import exit_on_user_error\n"
        "from src.parallel import local\n"
        "parent = os.getppid()\n"
        "def work(number):\n"
        f"    {work}\n"
        "if __name__ == '__main__':\n"
        "    signal.signal(2, signal.default_int_handler)\n"
        "    local.cores, local.SPAWN_COST_S, local.MIN_SAMPLE_S = (lambda: 2), -1, 0\n"
        "    with exit_on_user_error('t'): local.map_processes(work, range(400), '')\n"
    )
    folder = Path(tempfile.mkdtemp())
    (folder / "program.py").write_text(program)
    return subprocess.Popen(
        [sys.executable, str(folder / "program.py")],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


# the processes' own name tells them from the program itself, whose threads begin
IN_PROCESS = "if 'spawn_main' in str(sys.orig_argv): "


WAIT = "os.write(1, b'started\\n'); time.sleep(100)"


def test_processes_hold_ctrl_c_back_before_they_import_anything_of_ours():
    held = "signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])"
    process = run_in_processes(
        f"time.sleep(0.001)\n{IN_PROCESS}os.write(1, b'%r\\n' % ({held})); time.sleep(100)"
    )
    assert process.stdout.readline() == "True\n"
    os.killpg(process.pid, signal.SIGINT)
    error = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert error.count("\n") == 1 and "run the same command to continue" in error


def test_a_process_that_the_system_kills_is_one_line():
    process = run_in_processes(f"time.sleep(0.001)\n    {IN_PROCESS}os.kill(os.getpid(), 9)")
    error = process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert error.startswith("t: a process of this program was killed: was memory short?")
    assert error.count("\n") == 1


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("to_all", [False, True], ids=["the parent", "all processes"])
def test_a_signal_does_not_wait_for_the_work_of_processes(number: int, status: int, to_all: bool):
    process = run_in_processes(f"time.sleep(0.001)\n    {IN_PROCESS}{WAIT}")
    assert process.stdout.readline() == "started\n"
    (os.killpg if to_all else os.kill)(process.pid, number)
    error = process.communicate(timeout=60)[1]
    assert process.returncode == status
    assert error.count("\n") == 1 and "run the same command to continue" in error


def _threads(_: int) -> list[str | None]:
    time.sleep(0.05)
    return [os.environ.get(name) for name in local.THREADS]


@pytest.mark.skipif(os.cpu_count() == 1, reason="one core has no use for processes")
def test_libraries_have_one_thread_in_a_new_process_and_as_many_as_before_in_this_one(monkeypatch):
    prefer_processes(monkeypatch)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    assert map_processes(_threads, range(40), "threads")[-1] == ["1", "1", "1"]
    assert os.environ["OMP_NUM_THREADS"] == "3"
    assert "OPENBLAS_NUM_THREADS" not in os.environ


def test_results_of_threads_keep_the_items_order():
    def slow_first(number: int) -> tuple[int, str]:
        time.sleep(0.02 if number == 0 else 0)
        return number, threading.current_thread().name

    results = map_threads(slow_first, range(20), "numbers", 4)
    assert [number for number, _ in results] == list(range(20))
    assert threading.current_thread().name not in {name for _, name in results}


def test_streamed_results_of_threads_keep_the_order_and_run_a_few_items_ahead():
    started = []

    def start(number: int) -> int:
        started.append(number)
        return number

    results = stream_threads(start, range(100), "")
    assert next(results) == 0
    assert len(started) <= WINDOW * cores() + 1
    assert list(results) == list(range(1, 100))


def test_threads_take_a_long_list_a_few_items_at_a_time():
    taken, most_waiting, finished = 0, 0, []

    def numbers() -> Iterator[int]:
        nonlocal taken, most_waiting
        for number in range(1000):
            taken += 1
            most_waiting = max(most_waiting, taken - len(finished))
            yield number

    completed = stream_completed(finished.append, numbers(), 1000, "numbers", 2)
    assert sorted(number for number, _ in completed) == sorted(finished) == list(range(1000))
    assert 0 < most_waiting <= 2 * WINDOW


def test_no_more_threads_run_than_workers():
    running, peak, lock = 0, 0, threading.Lock()

    def count(_: int) -> None:
        nonlocal running, peak
        with lock:
            running += 1
            peak = max(peak, running)
        time.sleep(0.005)
        with lock:
            running -= 1

    map_threads(count, range(20), "numbers", 3)
    assert 1 < peak <= 3


@pytest.mark.parametrize("one_core", [True, False])
def test_threads_that_wait_for_each_other_share_a_core_if_asked_to(one_core: bool):
    processors = os.sched_getaffinity(0)
    seen = map_threads(lambda _: os.sched_getaffinity(0), range(8), "numbers", 4, one_core)
    assert os.sched_getaffinity(0) == processors
    assert {frozenset(of_thread) for of_thread in seen} == {frozenset(seen[0])}
    assert len(seen[0]) == (1 if one_core else len(processors))


def test_a_core_that_a_thread_may_not_use_does_not_stop_it():
    with DaemonThreadPool(1, {1023}) as pool:
        assert pool.submit(abs, -1).result(timeout=10) == 1


@pytest.mark.parametrize("spawn_cost_s", [10, -1], ids=["threads", "processes"])
def test_an_error_is_raised_from_threads_and_processes(
    spawn_cost_s: float, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("src.parallel.local.SPAWN_COST_S", spawn_cost_s)
    monkeypatch.setattr("src.parallel.local.MIN_SAMPLE_S", 0)
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


@pytest.mark.parametrize("error", [ValueError("stop"), Empty("stop")])
def test_an_error_is_raised_while_other_threads_still_wait(error: Exception):
    release = threading.Event()

    def wait_or_fail(number: int) -> None:
        if number:
            release.wait(60)
        else:
            raise error

    start = time.monotonic()
    with pytest.raises(type(error), match="stop"):
        map_threads(wait_or_fail, range(4), "numbers", 4)
    assert time.monotonic() - start < 30
    release.set()
