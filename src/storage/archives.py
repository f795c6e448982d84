"""Many files in one: ZIP archives, uncompressed, whose members are read as if they were files.

Git, DVC and disks need time for each file. A path leads through an archive as through a folder:
images/00001.zip/5f3a.jpeg.
"""

import errno
import zlib
from functools import lru_cache
from pathlib import Path
from zipfile import BadZipFile, ZipFile, ZipInfo

from src.storage.atomic import atomic_write

SUFFIX = ".zip"
MAX_OPEN = 8  # archives, in one process


def read_bytes(path: Path) -> bytes:
    """Return the bytes of a file, or of an archive's member, whose name follows the archive's path.

    Raises:
        OSError: If there is no such file or member, or it is damaged.
    """
    archive = path.parent
    if archive.suffix != SUFFIX or not archive.is_file():
        return path.read_bytes()
    status = archive.stat()
    try:
        return _open_archive(archive, status.st_mtime_ns, status.st_size).read(path.name)
    except KeyError:
        raise FileNotFoundError(errno.ENOENT, "no such file in the archive", str(path)) from None
    except (BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error) as error:
        raise OSError(errno.EIO, f"the archive is damaged: {error}", str(path)) from None


@lru_cache(MAX_OPEN)
def _open_archive(path: Path, modified_ns: int, size: int) -> ZipFile:
    """Open an archive once; another file of the same name differs in one of the arguments."""
    return ZipFile(path)


def pack(names: list[str], folder: Path, number: int) -> dict[str, str]:
    """Move files of one folder into an archive there. Equal files in equal order give equal bytes.

    Args:
        names: Paths of the files, relative to `folder`; no two are the same.
        folder: Where the paths begin.
        number: The archive's name, five digits.

    Returns:
        The files' new paths, relative to `folder`, by their old ones.

    Raises:
        UserError: If the disk refuses; the files then stay.
    """
    archive = Path(names[0]).parent / f"{number:05d}{SUFFIX}"
    with atomic_write(folder / archive) as temporary, ZipFile(temporary, "w") as members:
        for name in names:
            members.writestr(_member(Path(name).name), (folder / name).read_bytes())
    for name in names:
        (folder / name).unlink()
    return {name: (archive / Path(name).name).as_posix() for name in names}


def _member(name: str) -> ZipInfo:
    """Describe a member independently of time and system; readable when it is unpacked."""
    member = ZipInfo(name)
    member.create_system = 3  # Unix
    member.external_attr = 0o644 << 16
    return member
