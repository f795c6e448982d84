"""Which files of a folder or an archive are pictures, and why the others are none."""

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from src.imaging import decoding
from src.imaging.signatures import APPLE_DOUBLE, HEAD_BYTES, format_of

# Names that promise a picture: a broken one stays in the list, with its fault.
SUFFIXES = (
    *(".apng", ".avif", ".bmp", ".dib", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".mpo"),
    *(".pjp", ".pjpeg", ".png", ".tif", ".tiff", ".webp"),
)
# Of pictures that are not read; those of cameras hold a TIFF with a small preview.
RAW_SUFFIXES = (
    *(".3fr", ".arw", ".cr2", ".dcr", ".dng", ".erf", ".fff", ".iiq", ".kdc", ".mef", ".mos"),
    *(".nef", ".nrw", ".pef", ".rwl", ".sr2", ".srf", ".srw"),
)
OTHER_SUFFIXES = (
    *(".cr3", ".eps", ".exr", ".heic", ".heif", ".ico", ".jp2", ".jxl", ".pcx", ".psd", ".raf"),
    *(".svg", ".svgz", ".tga", ".xcf", *RAW_SUFFIXES),
)
EXPECTED = f"expected {', '.join(decoding.FORMATS)}"
MAX_NAMED = 3  # files of each reason, on the terminal


@dataclass
class Contents:
    """What a folder or an archive holds.

    Attributes:
        pictures: Files by their names in it, with slashes, in the order of the names.
        passed_over: Names of everything else, by the reason: `apple_double`, `other_format`,
            `not_a_picture`, `link` (in an archive), `link_to_folder`, `broken_link`,
            `special_file`, `unreadable` or `unreadable_folder`; of data sets, lists and saves also
            `hidden`, `missing`, `not_in_metadata`, `other_picture` or `other_table`.
    """

    pictures: dict[str, Path] = field(default_factory=dict)
    passed_over: dict[str, list[str]] = field(default_factory=dict)

    def pass_over(self, reason: str, name: str) -> None:
        """Note that a name is no picture to read."""
        self.passed_over.setdefault(reason, []).append(name)


def find_pictures(folder: Path) -> list[Path]:
    """List the picture files in a folder and below, sorted; see `list_folder`."""
    return list(list_folder(folder).pictures.values())


def list_folder(folder: Path) -> Contents:
    """List what is in a folder and below: pictures by their first bytes, and the rest by reason.

    Links to files are followed, links to folders are not. A file that cannot be read counts as a
    picture if it is named like one.
    """
    contents = Contents()
    for path in sorted(walk_files(folder, contents)):
        if reason := _why_passed_over(path):
            contents.pass_over(reason, _name(path, folder))
        else:
            contents.pictures[_name(path, folder)] = path
    return contents


def walk_files(folder: Path, contents: Contents) -> Iterator[Path]:
    """Yield what is no folder in a folder and below; note folders that are not searched."""
    pending = [folder]  # os.walk calls itself, which a deep folder exhausts
    while pending:
        current = pending.pop()
        try:
            paths = sorted(current.iterdir(), reverse=True)
        except OSError:
            contents.pass_over("unreadable_folder", _name(current, folder))
            continue
        for path in paths:
            if not os.path.isdir(path):
                yield path
            elif os.path.islink(path):
                contents.pass_over("link_to_folder", _name(path, folder))
            else:
                pending.append(path)


def reasons_with_names(names: Mapping[str, Sequence[str]]) -> str:
    """Return how many files have each reason, with some names: `2 unreadable (a, b)`."""
    parts = []
    for reason, group in names.items():
        more = ", …" if len(group) > MAX_NAMED else ""
        parts.append(f"{len(group)} {reason} ({', '.join(group[:MAX_NAMED])}{more})")
    return "; ".join(parts)


def why_no_picture(name: str, head: bytes) -> str | None:
    """Return why a file is passed over; None if it is listed as a picture, perhaps a broken one.

    It is known by its name, with slashes, and its first HEAD_BYTES.
    """
    path = PurePosixPath(name)
    suffix, kind = path.suffix.lower(), format_of(head)
    if kind == "TIFF" and suffix in RAW_SUFFIXES:
        return "other_format"
    if kind in decoding.FORMATS:
        return None
    if head.startswith(APPLE_DOUBLE) or path.name.startswith("._") or "__MACOSX" in path.parts:
        return "apple_double"
    if suffix in SUFFIXES:
        return None
    return "other_format" if kind or suffix in OTHER_SUFFIXES else "not_a_picture"


def _why_passed_over(path: Path) -> str | None:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would never end
            return "special_file"
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError:
        if os.path.islink(path) and not os.path.exists(path):
            return "broken_link"
        return None if path.suffix.lower() in SUFFIXES else "unreadable"
    return why_no_picture(path.as_posix(), head)


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()
