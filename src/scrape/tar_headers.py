"""Tar archives read to their end: tarfile alone takes a damaged header, or zeros, for the end."""

import tarfile
import zlib
from lzma import LZMAError
from pathlib import Path
from typing import Literal, Self

from src.scrape.http.fetch_errors import FetchError

CHUNK_BYTES = 1 << 20
# What tarfile raises for damaged archives.
DAMAGE = (
    *(tarfile.TarError, OSError, EOFError, zlib.error, LZMAError),
    *(ValueError, OverflowError, RecursionError),
)


class CheckedMember(tarfile.TarInfo):
    """A member of an archive that ends where it says so, and at no damaged or cut header."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Return the member that a header describes.

        Raises:
            tarfile.ReadError: The header is damaged, or cut short.
        """
        try:
            return super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if any(buf):
                raise tarfile.ReadError(f"a damaged header: {error}") from None
            raise  # zeros, or nothing at all: the end


def open_tar(
    path: Path, member: type[CheckedMember], mode: Literal["r", "r:"] = "r"
) -> tarfile.TarFile:
    """Open an archive; with the mode `r:` none that is compressed.

    Raises:
        tarfile.ReadError: It is another kind of file; in one line, where tarfile writes several.
    """
    try:
        return tarfile.open(path, mode, tarinfo=member)
    except tarfile.ReadError as error:
        if "\n" not in str(error):
            raise
        with path.open("rb") as file:
            raise tarfile.ReadError(f"found a file that begins with {file.read(8)!r}") from None


def require_end(archive: tarfile.TarFile, max_bytes: int) -> None:
    """Read what follows an archive's last member: zeros, and the checksum of a compressed one.

    Raises:
        FetchError: `too_large`: more than `max_bytes` follow.
        tarfile.ReadError: More than zeros follows, which would be lost.
    """
    assert archive.fileobj is not None  # it is open
    while chunk := archive.fileobj.read(CHUNK_BYTES):
        max_bytes -= len(chunk)
        if max_bytes < 0:
            raise FetchError("too_large", "more follows its last member than all pictures may have")
        if chunk.strip(b"\0"):
            why = "more follows its end: it is damaged, or several archives in one"
            raise tarfile.ReadError(why)
