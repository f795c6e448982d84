"""Errors that the user can fix, and ends from outside: one line, no traceback."""

import errno
import io
import os
import signal
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

MAX_WORDS = 120  # characters of a library's own words in a message
REBUILD = "`dvc repro` rebuilds it"  # of a stage's output that is damaged or was edited
# Errors of the disk, the rights and the number of open files, which are no fault of a program.
SYSTEM_ERRORS = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO),
    *(errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE, errno.ENAMETOOLONG),
}
# How torch, oneDNN, OpenCV, Python's threads and the system say that memory is short.
MEMORY_WORDS = (
    "out of memory",
    "can't allocate memory",
    "cannot allocate memory",
    "insufficient memory",
    "failed to allocate",
    "could not create a memory object",
    "can't start new thread",
)
FEWER_WORKERS = "close other programs, or use one processor: put `taskset -c 0` before the command"
TORCHRUN = "TORCHELASTIC_RUN_ID"  # set in a process that torchrun has started and will end


class UserError(Exception):
    """A wrong input. The message names the file, row, URL or parameter, the value, and the remedy."""


class Terminated(KeyboardInterrupt):
    """SIGTERM: it ends the program in the same orderly way as Ctrl-C."""


def printable(text: str, allowed: str = "") -> str:
    """Return text with question marks for characters that could control a terminal.

    Args:
        text: May come from the web.
        allowed: Control characters that stay, such as this project's own newlines.
    """
    return "".join(c if c.isprintable() or c in allowed else "?" for c in text)


def one_line(error: Exception) -> str:
    """Return a library's own words in one line."""
    return " ".join(str(error).split())


def print_on_stderr(text: str) -> None:
    """Print a line for the user, made printable."""
    print(printable(text), file=sys.stderr)


def network_failure(error: BaseException) -> str:
    """Return in a few words why a host cannot be reached, by what a network library raised."""
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, socket.gaierror | UnicodeError):
            why = getattr(cause, "strerror", None) or str(cause)
            return f"unknown host ({why[:MAX_WORDS]}); check its spelling and the network"
        if isinstance(cause, ssl.SSLError):
            why = getattr(cause, "verify_message", "") or cause.strerror or str(cause)
            return f"no secure connection ({why[:MAX_WORDS]})"
    why = getattr(causes[-1], "strerror", None) or str(causes[-1]) or type(causes[-1]).__name__
    return f"no connection ({' '.join(why.split())[:MAX_WORDS]})"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, and what it was raised for, down to the first cause."""
    for _ in range(10):
        yield error
        inner = (getattr(error, "reason", None), error.__cause__, *error.args[:2])
        causes = [part for part in inner if isinstance(part, BaseException)]
        if not causes:
            return
        error = causes[0]


def is_disk_error(error: OSError) -> bool:
    """Return whether an error is a disk's or a system's, and not a network library's own.

    numpy raises an OSError without a number for a full disk: "224 requested and 0 written".
    """
    return error.errno is not None or str(error).endswith(" written")


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory is short, in whichever library's words."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    # OpenCV's error is no RuntimeError
    if isinstance(error, RuntimeError) or type(error).__module__ == "cv2":
        return any(words in str(error).lower() for words in MEMORY_WORDS)
    return isinstance(error, MemoryError)


@contextmanager
def memory_errors_named(place: str, remedy: str) -> Iterator[None]:
    """Raise UserError, with the settings that decide on it, if the block runs out of memory.

    Args:
        place: The setting and its value.
        remedy: What to lower.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:  # torch's own error is a RuntimeError
        if not is_out_of_memory(error):
            raise
        raise UserError(f"out of memory at {place}: {remedy}") from None


@contextmanager
def exit_on_user_error(program: str, continues: bool = True) -> Iterator[None]:
    """Run a program's body; what is no fault of the program ends it with one line on stderr.

    Args:
        program: How the line names it.
        continues: Whether the same command resumes it after Ctrl-C.

    Raises:
        SystemExit: With status 1 for a `UserError`, for memory that is short and for what the
            system refuses, 130 for Ctrl-C, and 143 for SIGTERM.
    """
    _prepare_stdout()
    with _sigterm_raised():
        try:
            yield
        except KeyboardInterrupt as error:
            progress = f" ({error})" if error.args else ""
            word, status = ("ended", 143) if isinstance(error, Terminated) else ("interrupted", 130)
            again = "to continue" if continues else "again"
            if TORCHRUN not in os.environ:  # else the process that started this one says it
                _write_line(f"{program}: {word}{progress}; run the same command {again}")
            raise SystemExit(status) from None
        except Exception as error:
            if not (reason := _reason(error)):
                raise
            _write_line(printable(f"{program}: {reason}", allowed="\n"))
            raise SystemExit(1) from None


def _prepare_stdout() -> None:
    """Let stdout take every text: escapes stand for letters that its encoding lacks."""
    if sys.stdout is None:  # closed by the shell
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    elif isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _reason(error: Exception) -> str | None:
    """Return the message on an error; None if it is a fault of the program."""
    if isinstance(error, UserError):
        return str(error)
    if is_out_of_memory(error):
        return f"out of memory: {FEWER_WORKERS}"
    if isinstance(error, OSError) and error.errno in SYSTEM_ERRORS:
        names = " → ".join(str(n) for n in (error.filename, error.filename2) if n is not None)
        return (
            f"{names or 'a file'}: {error.strerror}: make room, or change the rights, and run again"
        )
    return None


@contextmanager
def _sigterm_raised() -> Iterator[None]:
    """Let SIGTERM raise `Terminated` in the block.

    It stays as it is where it is ignored, and in processes that torchrun ends.
    """
    handled = signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    is_main = threading.current_thread() is threading.main_thread()
    if not (handled and is_main) or TORCHRUN in os.environ:
        yield
        return
    signal.signal(signal.SIGTERM, _raise_terminated)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _raise_terminated(number: int, frame: FrameType | None) -> None:
    raise Terminated


def _write_line(line: str) -> None:
    # in one piece: print would write the line's end separately, and processes share a terminal
    sys.stderr.write(line + "\n")
