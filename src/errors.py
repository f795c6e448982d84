"""Errors that the user can fix, and ends from outside: one line, no traceback."""

import errno
import io
import os
import signal
import socket
import ssl
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import yaml

MAX_FILE_BYTES = 10**9  # of a picture or a table that a user names, to read at once
MAX_WORDS = 120  # characters of a library's own words in a message
REBUILD = "`dvc repro` rebuilds it"  # of a stage's output that is damaged or was edited
ABSOLUTE = "with --queue or --temp give an absolute path"
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


def existing_path(key: str, path: str | Path, remedy: str = ABSOLUTE) -> Path:
    """Return the path that a user gave for a file or folder, with `~` expanded.

    Args:
        key: The parameter or argument that gave it, for the message.
        path: As the user wrote it.
        remedy: What to do about a relative path with nothing there.

    Raises:
        UserError: There is nothing at the path.
    """
    target = _expanded(path)
    try:
        if target.exists():
            return target
    except OSError as error:  # a folder above may not be searched; a name is too long
        raise UserError(f"{key} = {str(path)!r} cannot be read: {error.strerror}") from None
    absolute = target.absolute()
    above = next(parent for parent in absolute.parents if parent.exists())
    where = f"{above} is there, {absolute.relative_to(above).parts[0]!r} in it is not"
    if remedy and not target.is_absolute():
        where += f"; {remedy}"
    raise UserError(f"{key} = {str(path)!r} does not exist: {where}")


def existing_folder(key: str, path: str | Path, remedy: str = ABSOLUTE) -> Path:
    """Return a folder's path as `existing_path`; raise UserError if a file is there."""
    target = existing_path(key, path, remedy)
    if not target.is_dir():
        what = "a file" if target.is_file() else "a pipe or a device"
        raise UserError(f"{key} = {str(path)!r} is {what}, expected a folder")
    return target


def existing_file(key: str, path: str | Path) -> Path:
    """Return a file's path as `existing_path`; raise UserError if no file is there."""
    target = existing_path(key, path)
    if not target.is_file():
        what = "a folder" if target.is_dir() else "a pipe or a device"
        raise UserError(f"{key} = {str(path)!r} is {what}, expected a file")
    return target


def existing_source(key: str, path: str | Path) -> Path:
    """Return the path of a file or folder as `existing_path`; raise UserError for a pipe or device."""
    target = existing_path(key, path)
    if not (target.is_file() or target.is_dir()):
        raise UserError(f"{key} = {str(path)!r} is a pipe or a device, expected a file or a folder")
    return target


def require_bounded(path: Path, max_bytes: int = MAX_FILE_BYTES) -> None:
    """Raise OSError for what may not be read to its end: a pipe, a device or too large a file."""
    if path.is_file():
        size = path.stat().st_size
        if size > max_bytes:
            raise OSError(f"it has {size} bytes, allowed are {max_bytes}")
    elif path.exists() and not path.is_dir():
        raise OSError("it is a pipe or a device, expected a file")


def output_folder(key: str, path: str | Path) -> Path:
    """Return the path of a folder to write to, `~` expanded.

    Raises:
        UserError: A file is there, or DVC would delete what is written there.
    """
    folder = _expanded(path)
    _require_no_output_of_a_stage(key, path, folder)
    try:
        for part in (folder, *folder.parents):
            if part.exists() and not part.is_dir():
                raise UserError(f"{key} = {str(path)!r}: {part} is a file, expected a folder")
    except OSError as error:
        raise UserError(f"{key} = {str(path)!r} cannot be written: {error.strerror}") from None
    return folder


def output_file(key: str, path: str | Path) -> Path:
    """Return the path of a file to write, `~` expanded.

    Raises:
        UserError: A folder, a pipe or a device is there, or DVC would delete what is written
            there. What is written replaces the file: a device such as /dev/null would be gone.
    """
    file = _expanded(path)
    _require_no_output_of_a_stage(key, path, file)
    if file.is_dir():
        raise UserError(f"{key} = {str(path)!r} is a folder, expected the name of a file")
    if file.exists() and not file.is_file():
        raise UserError(f"{key} = {str(path)!r} is a pipe or a device, expected the name of a file")
    output_folder(key, file.parent)
    return file


def require_no_input(key: str, path: Path, inputs: Iterable[Path]) -> None:
    """Raise UserError if what is written to a path would replace one of the inputs."""
    if os.path.realpath(path) in map(os.path.realpath, inputs):
        raise UserError(
            f"{key} = {str(path)!r} is an input, and would be overwritten: name another"
        )


def _require_no_output_of_a_stage(key: str, path: str | Path, target: Path) -> None:
    """Raise UserError if a path is in an output of this project's stages, or is one."""
    place = Path(os.path.realpath(target))
    try:
        stages = yaml.safe_load(Path("dvc.yaml").read_bytes())["stages"]
        outputs = {
            out if isinstance(out, str) else min(out): name
            for name, stage in stages.items()
            for out in (*stage.get("outs", ()), *stage.get("metrics", ()))
        }
    except (OSError, yaml.YAMLError, LookupError, AttributeError, TypeError, ValueError):
        return  # the command runs elsewhere, or the file is half written
    for output, name in outputs.items():
        if place.is_relative_to(os.path.realpath(output)):
            raise UserError(
                f"{key} = {str(path)!r} is in {output}, which DVC empties before it runs the "
                f"stage {name}: name a place outside it"
            )


def _expanded(path: str | Path) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError:  # ~nobody: no such user
        return Path(path)


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
