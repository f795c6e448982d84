"""Errors of the user end a program with one line; its own faults do not."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import cv2
import pytest

from src.errors import TORCHRUN, UserError, exit_on_user_error

PRINT_A_NAME = f"""{sys.executable} -c '
import sys
from src.errors import exit_on_user_error
with exit_on_user_error("lineage"):
    sys.stdout.write("Zo\\xeb \\u2603\\n")
'"""


def run_shell(command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, shell=True, capture_output=True, encoding="utf-8", check=False)


def test_a_program_reports_a_user_error_as_one_line(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as stopped, exit_on_user_error("clean"):
        raise UserError("data/raw/ledger.parquet is missing")
    assert stopped.value.code == 1
    assert capsys.readouterr().err == "clean: data/raw/ledger.parquet is missing\n"


@pytest.mark.parametrize(
    ("shell", "printed"),
    [("PYTHONIOENCODING=ascii", "Zo\\xeb \\u2603\n"), ("PYTHONIOENCODING=utf-8", "Zoë ☃\n")],
)
def test_a_terminal_without_a_letter_gets_an_escape(shell: str, printed: str):
    done = run_shell(f"{shell} {PRINT_A_NAME}")
    assert (done.returncode, done.stdout, done.stderr) == (0, printed, "")


def test_a_closed_stdout_ends_no_program():
    done = run_shell(f"{PRINT_A_NAME} >&-")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_program_that_is_interrupted_says_so(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as stopped, exit_on_user_error("scrape"):
        raise KeyboardInterrupt
    assert stopped.value.code == 130
    assert capsys.readouterr().err.startswith("scrape: interrupted")


@pytest.fixture
def default_sigterm(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """SIGTERM as a program begins with it; Ray and torchrun leave other handlers behind."""
    monkeypatch.delenv(TORCHRUN, raising=False)
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


@pytest.mark.usefixtures("default_sigterm")
def test_a_program_that_is_terminated_says_so_and_leaves_the_signal_as_it_was(
    capsys: pytest.CaptureFixture[str],
):
    with pytest.raises(SystemExit) as stopped, exit_on_user_error("scrape"):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
    assert stopped.value.code == 143
    assert capsys.readouterr().err == "scrape: ended; run the same command to continue\n"
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


@pytest.mark.usefixtures("default_sigterm")
def test_a_signal_that_is_ignored_stays_ignored():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with exit_on_user_error("scrape"):
        os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize(
    "error", [ZeroDivisionError(), FileNotFoundError(2, "gone"), RuntimeError("x"), OSError("x")]
)
def test_a_program_does_not_hide_its_own_faults(error: Exception):
    with pytest.raises(type(error)), exit_on_user_error("clean"):
        raise error


SHORT_MEMORY = [
    MemoryError(),
    OSError(errno.ENOMEM, "Cannot allocate memory"),
    RuntimeError(
        "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate"
    ),
    RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB"),
    RuntimeError("unable to mmap 4096 bytes: Cannot allocate memory (12)"),
    RuntimeError("could not create a memory object"),
    RuntimeError("can't start new thread"),
    cv2.error("OpenCV(4.13.0) error: (-4:Insufficient memory) Failed to allocate 400 bytes"),
]


@pytest.mark.parametrize("error", SHORT_MEMORY, ids=str)
def test_memory_that_is_short_is_one_line_with_a_remedy(
    error: Exception, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit) as stopped, exit_on_user_error("clean"):
        raise error
    assert stopped.value.code == 1
    message = capsys.readouterr().err
    assert message.startswith("clean: out of memory: ") and "taskset -c 0" in message
    assert message.count("\n") == 1


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EMFILE])
def test_what_the_system_refuses_is_one_line_with_the_file(
    number: int, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit) as stopped, exit_on_user_error("clean"):
        raise OSError(number, os.strerror(number), ".cache/x")
    assert stopped.value.code == 1
    message = capsys.readouterr().err
    assert message.startswith(f"clean: .cache/x: {os.strerror(number)}: ")
    assert message.count("\n") == 1
