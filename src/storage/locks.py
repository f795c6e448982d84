"""Folders that one process at a time works in."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from src.errors import UserError


@contextmanager
def alone_in(folder: Path, work: str) -> Iterator[None]:
    """Hold a folder while the block does its `work`; a killed process holds it no longer.

    A missing folder is created.

    Raises:
        UserError: Another process holds the folder, or it cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise UserError(f"cannot write {folder}: {error.strerror}") from None
    try:
        _hold(handle, folder, work)
        yield
    finally:
        os.close(handle)


def _hold(handle: int, folder: Path, work: str) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        message = f"another process is {work} and uses {folder.absolute()}: wait for it, or end it"
        raise UserError(message) from None
    except OSError:  # a file system without locks
        pass
