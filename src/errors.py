"""Errors that are the user's to mend: one line, no traceback."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


class UserError(Exception):
    """A wrong input. The message names the file, row, URL or parameter, the value, and the remedy."""


def printable(text: str, kept: str = "") -> str:
    """Text as a terminal may show it: what comes from the web must not steer it.

    kept: characters that stay though they are not printable, such as newlines of our own.
    """
    return "".join(c if c.isprintable() or c in kept else "?" for c in text)


def _tell(line: str) -> None:
    # in one piece: print writes the line's end apart, and several processes may share a terminal
    sys.stderr.write(line + "\n")


@contextmanager
def exit_on_user_error(program: str) -> Iterator[None]:
    """Run a program's body; print a `UserError` as one line on stderr and exit with status 1."""
    try:
        yield
    except UserError as error:
        _tell(printable(f"{program}: {error}", "\n"))
        raise SystemExit(1) from None
    except KeyboardInterrupt as error:
        done = f" ({error})" if error.args else ""
        _tell(f"{program}: interrupted{done}; run the same command to go on")
        raise SystemExit(130) from None
