"""Errors that the user can fix: one line, no traceback."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


class UserError(Exception):
    """A wrong input. The message names the file, row, URL or parameter, the value, and the remedy."""


def printable(text: str, allowed: str = "") -> str:
    """Return text with question marks for characters that could control a terminal.

    Args:
        text: May come from the web.
        allowed: Control characters that stay, such as this project's own newlines.
    """
    return "".join(c if c.isprintable() or c in allowed else "?" for c in text)


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
