"""WebDataset's tar files: members of one name are a sample, such as 0001.jpg and 0001.json."""

import json
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from src.errors import UserError
from src.imaging.picture_folders import SUFFIXES, Contents, reasons_with_names
from src.params import Scrape, Webdataset
from src.scrape.crawl import Crawl, Row, count_passed_over, note_one_id
from src.scrape.expressions import ExpressionError, find, require_expressions
from src.scrape.http.fetch_errors import FetchError
from src.scrape.source_paths import hidden_reason, lfs_remedy, require_path, visible_files
from src.scrape.split_names import folder_side, named_side
from src.scrape.spooled_rows import spool_rows
from src.scrape.tar_headers import DAMAGE, CheckedMember, open_tar, require_end
from src.scrape.value_texts import id_text, value_text
from src.storage.file_names import utf8_name
from src.user_paths import existing_source

# WebDataset's own rule: the name ends at the first dot behind the folders.
MEMBER = re.compile(r"((?:.*/)?[^./]+)\.([^/]+)")
EXPRESSIONS = ("item", "name")
MAX_FACTS_BYTES = 1 << 20  # of a sample's .json
# Of files beside tar files, which cannot be read where they lie.
PACKED = (".bz2", ".gz", ".tbz2", ".tgz", ".txz", ".xz", ".zip", ".zst")


class Member(NamedTuple):
    """Where a member's bytes are; `fault` says why they are not there."""

    file: Path
    offset: int
    size: int
    fault: str = ""


class TarSamples:
    """The rows of samples in tar files, which are kept in a folder, and their pictures.

    Nothing is unpacked.

    Attributes:
        crawl: The list. A tar file is a page, and a sample's number its position.

    Raises UserError if there are no tar files, or one cannot be read.
    """

    def __init__(self, webdataset: Webdataset, scrape: Scrape, folder: Path):
        require_path("webdataset.path", webdataset.path)
        self._settings, self._max_bytes = webdataset, scrape.max_bytes
        require_expressions("webdataset", webdataset, EXPRESSIONS)
        self._expressions = {key: getattr(webdataset, key) for key in EXPRESSIONS}
        root = existing_source("webdataset.path", webdataset.path)
        base = root.parent if root.is_file() else root
        self._passed_over = Contents()
        files = [root] if root.is_file() else list(_tar_files(root, self._passed_over))
        self._files = {utf8_name(file.relative_to(base).as_posix()): file for file in files}
        self._members: dict[str, Member] = {}
        self._matched: set[str] = set()  # the settings whose expression finds something
        rows = spool_rows(self._rows(), folder / "rows.arrow", scrape.max_items)
        names = self._passed_over.passed_over
        if not rows:
            others = f"; found {reasons_with_names(names)}" if names else ""
            raise UserError(
                f"webdataset.path = {webdataset.path!r} holds no samples: expected unpacked "
                f".tar files with members such as 0001.jpg{others}"
            )
        self._raise_if_unmatched()
        note_one_id(rows, f"webdataset.item = {webdataset.item!r}")
        counts = count_passed_over(names)
        self.crawl = Crawl(rows, pages=len(files), expected=len(rows), passed_over=counts)

    def read(self, place: str) -> bytes:
        """Return a picture's bytes, by the image_url or label_url of its row.

        Raises:
            FetchError: `too_large`, `link` or `special_file`.
            OSError: Its file cannot be read.
        """
        member = self._members[place]
        if member.fault:
            raise FetchError(member.fault, f"{place} is no file of its own")
        if member.size > self._max_bytes:
            raise FetchError("too_large", f"{place} has {member.size} bytes (scrape.max_bytes)")
        with member.file.open("rb") as file:
            file.seek(member.offset)
            return file.read(member.size)

    def _rows(self) -> Iterator[Row]:
        for page, (name, file) in enumerate(self._files.items(), 1):
            for position, (key, members) in enumerate(_samples(file, self._passed_over), 1):
                image, label = self._pictures(members)
                for suffix in filter(_is_picture, members):
                    if suffix not in (image, label):
                        self._passed_over.pass_over("other_picture", f"{key}.{suffix}")
                missing = label is None and self._settings.label
                facts = self._facts(file, key, members)
                yield {
                    "page": page,
                    "position": position,
                    "item_id": facts["item"] or f"{name}#{key}",
                    "name": facts["name"],
                    "page_url": None,
                    "image_url": self._remember(name, key, image, members),
                    "given_side": named_side(name) or folder_side(key.rpartition("/")[0]),
                    "label_url": self._remember(name, key, label, members),
                    "status": "no_label" if missing else None,
                }

    def _raise_if_unmatched(self) -> None:
        """Raise UserError if an expression that is set finds nothing in any sample."""
        for setting, expression in self._expressions.items():
            if expression and setting not in self._matched:
                raise UserError(
                    f"webdataset.{setting} = {expression!r} finds nothing in the .json of any "
                    "sample: correct it by one of them, or leave it empty"
                )

    def _pictures(self, members: dict[str, Member]) -> tuple[str | None, str | None]:
        """Return the suffixes of a sample's picture and label map, None where there is none."""
        image, label = (
            suffix.lstrip(".").lower() for suffix in (self._settings.image, self._settings.label)
        )
        pictures = filter(_is_picture, members)
        if not image:
            image = next((suffix for suffix in pictures if suffix != label), "")
        return image if image in members else None, label if label in members else None

    def _remember(
        self, name: str, key: str, suffix: str | None, members: dict[str, Member]
    ) -> str | None:
        """Note where a picture is, for `read`; return its place, or None if there is no picture."""
        if suffix is None:
            return None
        place = f"{name}#{key}.{suffix}"
        self._members[place] = members[suffix]
        return place

    def _facts(self, file: Path, key: str, members: dict[str, Member]) -> dict[str, str]:
        """Return what the expressions find in a sample's .json."""
        if not any(self._expressions.values()):
            return {"item": "", "name": ""}
        facts = _load(file, key, members["json"]) if "json" in members else {}
        try:
            texts = {
                setting: _text(setting, find(f"webdataset.{setting}", expression, facts))
                for setting, expression in self._expressions.items()
            }
            self._matched |= {setting for setting, text in texts.items() if text}
            return texts
        except ExpressionError as error:
            raise UserError(f"{file}: {key}.json: {error}") from None


def _tar_files(root: Path, contents: Contents) -> Iterator[Path]:
    """Yield the tar files in a folder and below, and note the others but hidden ones."""
    for file, fault in visible_files(root, contents):
        suffix = file.suffix.lower()
        if _describes_a_tar(file):
            continue
        if suffix == ".tar" and not fault:
            yield file
        else:
            reason = fault or ("other_format" if suffix in PACKED else "not_a_picture")
            contents.pass_over(reason, file.relative_to(root).as_posix())


def _describes_a_tar(file: Path) -> bool:
    """Return whether img2dataset writes such a file beside each tar file."""
    name = file.name.removesuffix(".parquet").removesuffix("_stats.json")
    return name != file.name and file.with_name(f"{name}.tar").is_file()


def _is_picture(suffix: str) -> bool:
    return f".{suffix}".endswith(SUFFIXES)


def _samples(file: Path, contents: Contents) -> Iterator[tuple[str, dict[str, Member]]]:
    """Yield a tar file's samples: their name, and their members by the rest of their names.

    What is a member of no sample is noted in the contents.

    Raises:
        UserError: The file is none of tar or damaged, or a sample's members are not side by side.
    """
    sample, members = "", dict[str, Member]()
    begun: set[str] = set()
    try:
        with open_tar(file, CheckedMember, "r:") as tar:
            for member in tar:
                name = utf8_name(member.name)
                match = MEMBER.fullmatch(name)
                if not match or member.isdir():
                    if not member.isdir():
                        is_hidden = name.rpartition("/")[2].startswith(".")
                        contents.pass_over(
                            hidden_reason(name) if is_hidden else "not_a_picture", name
                        )
                    continue
                if match[1] != sample and members:
                    yield sample, members
                    members = {}
                sample = match[1]
                if not members and sample in begun:
                    raise UserError(
                        f"{file}: the members of the sample {sample!r} are not side by side: pack "
                        "them in the order of their names, as `tar --sort=name` does"
                    )
                begun.add(sample)
                suffix = match[2].lower()
                if suffix in members and _is_picture(suffix):
                    contents.pass_over("other_picture", name)  # the last one counts
                place = member.offset_data, member.size
                members[suffix] = Member(file, *place, _fault(member))
            require_end(tar, file.stat().st_size)
    except DAMAGE as error:
        raise UserError(
            f"{file} cannot be read as a tar file: {error}; unpack a compressed one, as gunzip does, and "
            f"copy or download a damaged one again{lfs_remedy(file)}"
        ) from None
    if members:
        yield sample, members


def _fault(member: tarfile.TarInfo) -> str:
    """Return why a member has no bytes of its own in one piece; "" if it has."""
    if member.islnk() or member.issym():
        return "link"
    return "" if member.isreg() and not member.issparse() else "special_file"


def _load(file: Path, key: str, member: Member) -> Any:
    try:
        if member.fault:
            raise ValueError("it is no file of its own: pack files, no links")
        if member.size > MAX_FACTS_BYTES:
            raise ValueError(f"it has {member.size} bytes, allowed are {MAX_FACTS_BYTES}")
        with file.open("rb") as tar:
            tar.seek(member.offset)
            return json.loads(tar.read(member.size))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{file}: {key}.json cannot be read: {error}") from None


def _text(setting: str, value: object) -> str:
    text = id_text if setting == "item" else value_text
    return text(json.dumps(value) if isinstance(value, bool | dict | list) else value)
