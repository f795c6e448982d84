"""The pictures in a tar archive, plain or compressed."""

import tarfile
from pathlib import Path
from typing import Self

from src.errors import UserError
from src.imaging.picture_folders import Contents, why_no_picture
from src.imaging.signatures import HEAD_BYTES
from src.scrape.http.cache import Body
from src.scrape.http.fetch_errors import FetchError
from src.scrape.tar_headers import DAMAGE, CheckedMember, open_tar, require_end

SIZE_FACTOR = 50  # an archive holds many pictures: it may have scrape.max_bytes times this
MEMBER_FACTOR = 2  # members per item of scrape.max_items: a picture and its label map
MAX_PADDING_BYTES = 1 << 20  # after the last member
HEADER_TYPES = {
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
}
MAX_HEADER_BYTES = 1 << 20  # of a member's long name or other words about it


class _Member(CheckedMember):
    """A member whose header is bounded: tarfile reads long names into memory as they are."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        member = super().frombuf(buf, encoding, errors)
        if member.size < 0 or (member.type in HEADER_TYPES and member.size > MAX_HEADER_BYTES):
            raise FetchError("too_large", f"{member.name}: a header of {member.size} bytes")
        return member


def unpack_pictures(body: Body, folder: Path, max_bytes: int, max_items: int) -> Contents:
    """Unpack an archive's pictures.

    Args:
        body: The archive.
        folder: Where the files go. They are numbered, because their names are the archive's.
        max_bytes: The largest size of a picture; all members together, of whatever kind, may have
            SIZE_FACTOR times as much.
        max_items: The archive may have MEMBER_FACTOR times as many members, of whatever kind.

    Returns:
        The files by their names in the archive.

    Raises:
        FetchError: `not_an_archive` or `too_large`.
        UserError: The disk refuses.
    """
    contents = Contents()
    unread = SIZE_FACTOR * max_bytes
    try:
        with open_tar(body.path, _Member) as archive:
            for number, member in enumerate(archive):
                # tarfile keeps every member, and a long archive has many
                archive.members = []  # type: ignore[attr-defined]
                # of links some archives state the size of what they lead to
                unread -= 0 if member.islnk() or member.issym() else member.size
                _require_room(member, number, unread, max_bytes, max_items)
                _unpack(archive, member, folder / f"{number:06d}", contents, max_bytes)
            require_end(archive, unread + MAX_PADDING_BYTES)
    except DAMAGE as error:
        raise FetchError("not_an_archive", f"expected a tar archive: {error}") from None
    return contents


def _require_room(
    member: tarfile.TarInfo, number: int, unread: int, max_bytes: int, max_items: int
) -> None:
    if unread < 0:
        raise _too_large(member, max_bytes)
    if number >= MEMBER_FACTOR * max_items:
        raise FetchError(
            "too_large",
            f"more than {MEMBER_FACTOR * max_items} members: allowed are {MEMBER_FACTOR} times "
            f"scrape.max_items ({max_items})",
        )


def _too_large(member: tarfile.TarInfo, max_bytes: int) -> FetchError:
    return FetchError(
        "too_large",
        f"{member.name} unpacks to {member.size} bytes: allowed are {max_bytes} for a picture "
        f"(scrape.max_bytes) and {SIZE_FACTOR} times as many for all",
    )


def _unpack(
    archive: tarfile.TarFile,
    member: tarfile.TarInfo,
    path: Path,
    contents: Contents,
    max_bytes: int,
) -> None:
    """Write a member that is a picture to `path`, and note any other one but folders."""
    if member.isdir():
        return
    if not member.isfile():
        kind = "link" if member.islnk() or member.issym() else "special_file"
        contents.pass_over(kind, member.name)
        return
    content = archive.extractfile(member)
    assert content is not None  # it is a file
    with content:
        head = content.read(HEAD_BYTES)
        if reason := why_no_picture(member.name, head):
            contents.pass_over(reason, member.name)
        elif member.size > max_bytes:
            raise _too_large(member, max_bytes)
        else:
            _write(path, head + content.read())
            if member.name in contents.pictures:
                contents.pass_over("other_picture", member.name)  # the last one counts
            contents.pictures[member.name] = path


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:  # of the disk, and not of the archive
        why = f"{error.strerror}; pictures are unpacked there"
        raise UserError(f"cannot write {path}: {why}") from None
