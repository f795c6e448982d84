"""Files that are complete or absent: written beside their final name, synced, then renamed."""

import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from src.errors import REBUILD, UserError, is_disk_error

CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL
NAME_LETTERS = 32  # of a file's name that its temporary name shows, of up to 4 bytes each


@contextmanager
def atomic_write(path: Path, sync: bool = True) -> Iterator[Path]:
    """Yield a temporary path in the same folder, which becomes `path` if the block succeeds.

    Without `sync` the file may not survive a power cut, and costs a tenth of the time.

    Raises:
        UserError: If the disk refuses (full, read-only); it names `path`.
    """
    temporary = _create_beside(path)
    try:
        yield temporary
        if sync:
            _sync(temporary)
        os.replace(temporary, path)
    except BaseException as error:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        # one without a number is a network library's, raised inside the block
        if isinstance(error, OSError) and is_disk_error(error):
            raise UserError(f"cannot write {path}: {error.strerror or error}") from error
        raise


def _create_beside(path: Path) -> Path:
    """Create an empty file with a name of its own in a file's folder, and the folder if need be."""
    # a name may have no room left for more letters
    name = f".{path.name[:NAME_LETTERS]}.{secrets.token_hex(4)}"
    temporary = Path(os.path.abspath(path.parent), name)  # stays if the working folder changes
    try:
        try:
            handle = os.open(temporary, CREATE)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(temporary, CREATE)
        os.fchmod(handle, 0o644)  # whatever the umask says
        os.close(handle)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error
    return temporary


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder, which replaces whatever is at `path` if the block succeeds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _folder_beside(path) as name:
        temporary = Path(name) / path.name
        temporary.mkdir()
        yield temporary
        replace_folder(temporary, path)


def replace_folder(new: Path, path: Path) -> None:
    """Give a folder the name of what is at `path`, of which nothing is left half removed."""
    with _folder_beside(path) as aside:
        if os.path.lexists(path):
            path.replace(Path(aside) / "earlier")
        new.replace(path)


def _folder_beside(path: Path) -> tempfile.TemporaryDirectory[str]:
    # a name may have no room left for more letters
    return tempfile.TemporaryDirectory(prefix=f".{path.name[:NAME_LETTERS]}.", dir=path.parent)


def remove(path: Path) -> None:
    """Remove a file, or a folder and everything in it; do nothing if there is neither."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes | memoryview, sync: bool = True) -> None:
    """Write `data` to `path` atomically; arguments and UserError are those of `atomic_write`."""
    # Path.write_bytes would hold a view of the data in the traceback of a full disk; "wb" would
    # truncate the new file, and ext4 writes a truncated file to the disk as soon as it is closed
    with atomic_write(path, sync) as temporary, temporary.open("r+b") as file:
        file.write(data)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` as UTF-8, atomically; raises UserError as `atomic_write`."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON in its own key order, atomically.

    Raises:
        UserError: As `atomic_write`.
        ValueError: If the value holds NaN or infinity.
    """
    write_text(path, json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def write_json_lines(path: Path, values: Iterable[Any]) -> None:
    """Write a line of JSON for each value, atomically; raises as `write_json`."""
    with atomic_write(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for value in values:
            file.write(json.dumps(value, allow_nan=False, ensure_ascii=False) + "\n")


class FileObject(dict[str, Any]):
    """An object in a JSON file, which names the file if a key that it lacks is looked up."""

    def __init__(self, path: Path, remedy: str, pairs: dict[str, Any]) -> None:
        super().__init__(pairs)
        self._path, self._remedy = path, remedy

    def __missing__(self, key: str) -> Any:
        raise UserError(f"{self._path} lacks the key {key!r}: {self._remedy}")


def read_json(path: Path, remedy: str = REBUILD) -> Any:
    """Read a JSON file that an earlier stage has written; another one has its own `remedy`.

    Returns:
        The file's content; to look up a key that one of its objects lacks raises UserError.

    Raises:
        UserError: If the file is missing or broken.
    """
    try:
        text = path.read_text(encoding="utf-8")
        return json.loads(text, object_hook=partial(FileObject, path, remedy))
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run `dvc repro` to make it") from None
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} cannot be read as JSON: {error}; {remedy}") from error
