"""A thread pool that nobody waits for."""

import threading
import time

import pytest

from src.parallel.daemon_threads import DaemonThreadPool


def test_calls_have_their_arguments_and_results():
    with DaemonThreadPool(2) as pool:
        futures = [pool.submit(int, digits, base=2) for digits in ("1", "10", "11")]
        assert [future.result(5) for future in futures] == [1, 2, 3]


def test_an_error_is_raised_by_the_future():
    with DaemonThreadPool(1) as pool, pytest.raises(ValueError, match="no"):
        pool.submit(int, "no").result(5)


def test_leaving_the_pool_does_not_wait_for_running_calls():
    release = threading.Event()
    start = time.monotonic()
    with DaemonThreadPool(1) as pool:
        pool.submit(release.wait, 60)
    assert time.monotonic() - start < 30
    release.set()


@pytest.mark.parametrize("cancel", [False, True])
def test_a_shutdown_runs_queued_calls_or_cancels_them(cancel):
    started, release, calls = threading.Event(), threading.Event(), []

    def wait() -> bool:
        started.set()
        return release.wait(20)

    pool = DaemonThreadPool(1)
    running = pool.submit(wait)
    assert started.wait(5)
    pool.submit(calls.append, 1)
    pool.shutdown(cancel_futures=cancel)
    release.set()
    assert running.result(5)
    time.sleep(0.1)
    assert calls == ([] if cancel else [1])


def test_its_threads_end_with_it():
    earlier = set(threading.enumerate())
    with DaemonThreadPool(3):
        threads = set(threading.enumerate()) - earlier
    assert len(threads) == 3
    for thread in threads:
        thread.join(5)
        assert not thread.is_alive()


def test_a_call_that_is_cancelled_does_not_end_its_thread():
    started, release, done = threading.Event(), threading.Event(), []

    def wait() -> bool:
        started.set()
        return release.wait(60)

    with DaemonThreadPool(1) as pool:
        running = pool.submit(wait)
        assert started.wait(60)
        queued = pool.submit(done.append, 1)
        assert not running.cancel()
        assert queued.cancel()
        release.set()
        assert pool.submit(abs, -2).result(timeout=60) == 2
    assert running.result() is True
    assert not done
