"""Errors that the user can fix: one line, no traceback."""

import socket
import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MAX_WORDS = 120  # characters of a library's own words in a message
ABSOLUTE = "with --queue or --temp give an absolute path"


class UserError(Exception):
    """A wrong input. The message names the file, row, URL or parameter, the value, and the remedy."""


def printable(text: str, allowed: str = "") -> str:
    """Return text with question marks for characters that could control a terminal.

    Args:
        text: May come from the web.
        allowed: Control characters that stay, such as this project's own newlines.
    """
    return "".join(c if c.isprintable() or c in allowed else "?" for c in text)


def network_failure(error: BaseException) -> str:
    """Return in a few words why a host cannot be reached.

    Args:
        error: What a network library raised, with the system's own error somewhere inside.
    """
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
    if target.exists():
        return target
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
        raise UserError(f"{key} = {str(path)!r} is a file, expected a folder")
    return target


def existing_file(key: str, path: str | Path) -> Path:
    """Return a file's path as `existing_path`; raise UserError if a folder is there."""
    target = existing_path(key, path)
    if target.is_dir():
        raise UserError(f"{key} = {str(path)!r} is a folder, expected a file")
    return target


def output_folder(key: str, path: str | Path) -> Path:
    """Return the path of a folder to write to, `~` expanded; raise UserError if a file is there."""
    folder = _expanded(path)
    for part in (folder, *folder.parents):
        if part.exists() and not part.is_dir():
            raise UserError(f"{key} = {str(path)!r}: {part} is a file, expected a folder")
    return folder


def output_file(key: str, path: str | Path) -> Path:
    """Return the path of a file to write, `~` expanded; raise UserError if a folder is there."""
    file = _expanded(path)
    if file.is_dir():
        raise UserError(f"{key} = {str(path)!r} is a folder, expected the name of a file")
    output_folder(key, file.parent)
    return file


def _expanded(path: str | Path) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError:  # ~nobody: no such user
        return Path(path)


@contextmanager
def exit_on_user_error(program: str) -> Iterator[None]:
    """Run a program's body; an error of the user's, or Ctrl-C, ends it with one line on stderr.

    Args:
        program: The name that begins the line.

    Raises:
        SystemExit: With status 1 for a `UserError` and 130 for Ctrl-C.
    """
    try:
        yield
    except UserError as error:
        _write_line(printable(f"{program}: {error}", allowed="\n"))
        raise SystemExit(1) from None
    except KeyboardInterrupt as error:
        progress = f" ({error})" if error.args else ""
        _write_line(f"{program}: interrupted{progress}; run the same command to continue")
        raise SystemExit(130) from None


def _write_line(line: str) -> None:
    # in one piece: print would write the line's end separately, and processes share a terminal
    sys.stderr.write(line + "\n")
