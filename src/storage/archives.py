"""Many files in one: ZIP archives, uncompressed, whose members are read as if they were files.

Git, DVC and disks take their time per file. A path leads through a pack as through a folder:
images/00001.zip/5f3a.jpeg.
"""

import errno
import zlib
from functools import lru_cache
from pathlib import Path
from zipfile import BadZipFile, ZipFile, ZipInfo

from src.storage.atomic import atomic_write

SUFFIX = ".zip"
OPEN = 8  # packs that a process keeps open


def read_bytes(path: Path) -> bytes:
    """The bytes of a file or of a pack's member; OSError where there is none or it is damaged."""
    pack = path.parent
    if pack.suffix != SUFFIX or not pack.is_file():
        return path.read_bytes()
    told = pack.stat()
    try:
        return _opened(pack, told.st_mtime_ns, told.st_size).read(path.name)
    except KeyError:
        raise FileNotFoundError(errno.ENOENT, "no such file in the pack", str(path)) from None
    except (BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error) as error:
        raise OSError(errno.EIO, f"the pack is damaged: {error}", str(path)) from None


@lru_cache(OPEN)
def _opened(pack: Path, modified: int, size: int) -> ZipFile:
    """`modified` and `size`: another file of this name is opened anew."""
    return ZipFile(pack)


def pack(names: list[str], folder: Path, number: int) -> dict[str, str]:
    """Move files of one folder below `folder` into its pack of that number; their new names.

    names: different ones, relative to `folder`. Equal files in the same order make equal packs.
    """
    archive = Path(names[0]).parent / f"{number:05d}{SUFFIX}"
    with atomic_write(folder / archive) as temporary, ZipFile(temporary, "w") as made:
        for name in names:
            made.writestr(_member(Path(name).name), (folder / name).read_bytes())
    for name in names:
        (folder / name).unlink()
    return {name: (archive / Path(name).name).as_posix() for name in names}


def _member(name: str) -> ZipInfo:
    """What does not depend on when and where; readable once it is unpacked."""
    told = ZipInfo(name)
    told.create_system = 3
    told.external_attr = 0o644 << 16
    return told
