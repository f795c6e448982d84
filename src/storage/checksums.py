"""Cache files with checksums: a damaged file counts as missing.

A file ends in the SHA-256 of its folder's name, its own name and its content. So a flipped bit, a
missing end and the file of another key are detected.
"""

import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from src.storage.atomic import atomic_write

DIGEST_BYTES = hashlib.sha256().digest_size


@contextmanager
def checked_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path; what the block writes there becomes `path`, with its checksum.

    Raises:
        UserError: As `atomic_write`.
    """
    with atomic_write(path) as temporary:
        yield temporary
        with temporary.open("rb") as file:
            digest = hashlib.file_digest(file, lambda: _named(path))
        with temporary.open("ab") as file:
            file.write(digest.digest())


def checked_read(path: Path, instead: str) -> BytesIO | None:
    """Return the content that `checked_write` gave a file; None if there is none, or it is damaged.

    A damaged one gets a line on stderr, which ends in `instead`; "" prints none.
    """
    try:
        with path.open("rb") as file:
            size = max(0, os.fstat(file.fileno()).st_size - DIGEST_BYTES)
            content, stated = file.read(size), file.read()
        digest = _named(path)
        digest.update(content)
        if stated == digest.digest():
            return BytesIO(content)
        why = "does not match its checksum"
    except FileNotFoundError:
        return None
    except OSError as error:
        why = f"cannot be read: {error.strerror}"
    if instead:
        print(f"{path} {why}: {instead}", file=sys.stderr)
    return None


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content as 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _named(path: Path) -> "hashlib._Hash":
    return hashlib.sha256(f"{path.parent.name}/{path.name}\n".encode())
