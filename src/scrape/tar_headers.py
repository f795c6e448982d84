"""Headers of tar archives: tarfile takes a damaged one for the end, and so loses what follows."""

import tarfile
from typing import Self


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
