"""The pictures in a tar archive, plain or compressed."""

import shutil
import tarfile
import zlib
from pathlib import Path, PurePosixPath

from src.imaging.picture_files import SUFFIXES
from src.scrape.http.cache import Body
from src.scrape.http.fetch_errors import FetchError

SIZE_FACTOR = 50  # an archive holds many pictures: it may have scrape.max_bytes times this
CHUNK_BYTES = 1 << 20


def unpack_pictures(body: Body, folder: Path, max_bytes: int) -> dict[str, Path]:
    """Unpack an archive's pictures.

    Args:
        body: The archive.
        folder: Where the files go. They are numbered, because their names are the archive's.
        max_bytes: The largest size of a picture; all together may have SIZE_FACTOR times as much.

    Returns:
        The files by their names in the archive.

    Raises:
        FetchError: `not_an_archive` or `too_large`.
    """
    files: dict[str, Path] = {}
    remaining = SIZE_FACTOR * max_bytes
    try:
        with tarfile.open(body.path) as archive:
            for number, member in enumerate(archive):
                suffix = PurePosixPath(member.name).suffix.lower()
                if not member.isfile() or suffix not in SUFFIXES:
                    continue
                remaining -= member.size
                if member.size > max_bytes or remaining < 0:
                    raise FetchError(
                        "too_large",
                        f"{member.name} unpacks to {member.size} bytes: allowed are {max_bytes} for "
                        f"a picture (scrape.max_bytes) and {SIZE_FACTOR} times as many for all",
                    )
                # by number: a name may appear twice, and the last one counts
                files[member.name] = folder / f"{number:06d}{suffix}"
                _extract(archive, member, files[member.name])
            _read_to_checksum(archive)
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise FetchError("not_an_archive", f"expected a tar archive: {error}") from None
    return files


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    content = archive.extractfile(member)
    assert content is not None  # it is a file
    with content, path.open("wb") as file:
        shutil.copyfileobj(content, file)


def _read_to_checksum(archive: tarfile.TarFile) -> None:
    """Read what follows the last member: compressed archives are checked at their end."""
    assert archive.fileobj is not None  # it is open
    while archive.fileobj.read(CHUNK_BYTES):
        pass
