"""Data sets of Hugging Face on disk: saved by `save_to_disk`, in Parquet files, or an ImageFolder."""

import json
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatch
from functools import cached_property
from itertools import chain
from pathlib import Path

from src.errors import UserError
from src.imaging.picture_folders import Contents, list_folder
from src.params import Hf, Scrape
from src.scrape.crawl import Crawl, Row, Rows, count_passed_over, note_one_id
from src.scrape.http.fetch_errors import FetchError
from src.scrape.picture_cells import CellFile, PictureCells
from src.scrape.source_paths import is_hidden, require_path, visible_files
from src.scrape.split_names import folder_side, named_side
from src.scrape.spooled_rows import spool_rows
from src.scrape.table_files import named_columns, read_records
from src.scrape.value_texts import cell_text, value_text
from src.storage.file_names import utf8_name
from src.user_paths import existing_folder

METADATA = ("metadata.jsonl", "metadata.csv", "metadata.parquet")
FILE_NAME = "file_name"
CELL = re.compile(r"(.+)#(\d{8,})#(.*)", re.DOTALL)  # file, row and column
CACHED = "cache-"  # files that datasets leaves beside those of a data set
# The Hub's names of files; older ones have a hash behind.
SHARD = re.compile(r"(.*-)(\d{5})(-of-(\d{5}))(-[0-9a-f]{8,})?(\..+)", re.DOTALL)
URLS = "; URLs are read by `source: urls`"
LISTS = "; a cell holds several: write one in each row"
# What to do about cells that hold something else, by the beginning of their type.
OTHER_CELLS = {
    **dict.fromkeys(("string", "large_string", "string_view"), URLS),
    **dict.fromkeys(("list", "large_list", "fixed_size_list", "list_view"), LISTS),
}


class HfDataset:
    """The rows of a data set, which are kept in a folder, and their pictures.

    Attributes:
        crawl: The list. A file is a page, and a row's number its position.

    Raises UserError if there is no data set, or a column is missing.
    """

    def __init__(self, hf: Hf, scrape: Scrape, folder: Path):
        require_path("hf.path", hf.path)
        self._hf, self._root = hf, existing_folder("hf.path", hf.path).resolve()
        self._cells = PictureCells(self._root, scrape.max_bytes)
        self._max_bytes = scrape.max_bytes
        self._others: dict[str, Path] = {}  # files whose names in the ledger are not their own
        self._contents = Contents()
        self._all: list[Path] = []
        for path, fault in visible_files(self._root, self._contents):
            if fault:
                self._contents.pass_over(fault, self._name(path))
            else:
                self._all.append(path)
        self._files = {self._name(path): CellFile(path) for path in self._tables()}
        rows = self._cell_rows() if self._files else self._file_rows()
        spooled = spool_rows(rows, folder / "rows.arrow", scrape.max_items)
        if not spooled:
            raise UserError(
                f"hf.path = {hf.path!r} holds no data set: expected .arrow or .parquet files with "
                f"pictures in them, or pictures with {' or '.join(METADATA)}"
            )
        note_one_id(spooled, f"hf.item = {hf.item!r}")
        counts = count_passed_over(self._unlisted(spooled))
        pages = max(1, len(self._files))
        self.crawl = Crawl(spooled, pages=pages, expected=len(spooled), passed_over=counts)

    def read(self, place: str) -> bytes:
        """Return a picture's bytes, by the image_url or label_url of its row.

        Raises:
            FetchError: `no_image` or `too_large`.
            OSError: Its file cannot be read.
        """
        cell = CELL.fullmatch(place)
        if cell and cell[1] in self._files:
            return self._cells.read(self._files[cell[1]], int(cell[2]), cell[3])
        path = self._others.get(place, self._root / place)
        if path.stat().st_size > self._max_bytes:
            message = f"{path} has {path.stat().st_size} bytes (scrape.max_bytes)"
            raise FetchError("too_large", message)
        return path.read_bytes()

    def _name(self, path: Path) -> str:
        """Return the name of a file below the root, as the ledger has it."""
        file_name = path.relative_to(self._root).as_posix()
        name = utf8_name(file_name)
        if name != file_name:
            self._others[name] = path
        return name

    def _files_called(self, pattern: str) -> list[Path]:
        return [path for path in self._all if fnmatch(path.name.lower(), pattern)]

    def _tables(self) -> list[Path]:
        """Return the files that hold the pictures themselves; an ImageFolder has none."""
        states = self._files_called("state.json")
        if states:
            return [path for state in states for path in _data_files(state)]
        if any(map(self._files_called, METADATA)):
            return []
        files = self._files_called("*.arrow") or self._files_called("*.parquet")
        return [path for path in files if not path.name.startswith(CACHED)]

    def _unlisted(self, rows: Rows) -> dict[str, list[str]]:
        """Return the names of what is in no row, by the reason."""
        if self._files:
            for path in (*self._files_called("*.arrow"), *self._files_called("*.parquet")):
                if not path.name.startswith(CACHED) and self._name(path) not in self._files:
                    self._contents.pass_over("other_table", self._name(path))
            for name in _missing_shards(self._files):
                self._contents.pass_over("missing", name)
            for name in self._loose_pictures():
                self._contents.pass_over("not_in_metadata", name)
            for name in self._pictures_found.passed_over.get("other_format", ()):
                self._contents.pass_over("other_format", name)
            return self._contents.passed_over
        listed = {row[key] for row in rows for key in ("image_url", "label_url")}
        contents = self._pictures_found
        for name in map(self._name, contents.pictures.values()):
            if name not in listed:
                contents.pass_over("not_in_metadata", name)
        for reason in ("apple_double", "hidden"):
            for name in self._contents.passed_over.get(reason, ()):
                contents.pass_over(reason, name)
        return contents.passed_over

    def _loose_pictures(self) -> Iterator[str]:
        """Yield the names of the pictures beside tables that no cell of these names."""
        pictures = {str(path): path for path in self._pictures_found.pictures.values()}
        for file in self._files.values() if pictures else ():
            for column in filter(None, (self._hf.image, self._hf.label)):
                for name in file.file_names(column):
                    # a cell says where its file is from the table or from the root
                    for base in (self._root, file.path.parent):
                        pictures.pop(os.path.normpath(base / name), None)
        yield from map(self._name, pictures.values())

    @cached_property
    def _pictures_found(self) -> Contents:
        """The pictures in the folder, and what else is there but metadata."""
        contents = list_folder(self._root)
        pictures = {
            name: path
            for name, path in contents.pictures.items()
            if not is_hidden(path, self._root)
        }
        others = {
            reason: [name for name in names if not _is_expected(name)]
            for reason, names in contents.passed_over.items()
        }
        return Contents(pictures, {reason: names for reason, names in others.items() if names})

    @property
    def _text_columns(self) -> dict[str, str]:
        """The columns of the items' ids and names, by their keys in params.yaml."""
        return {key: column for key in ("item", "name") if (column := getattr(self._hf, key))}

    def _cell_rows(self) -> Iterator[Row]:
        hf = self._hf
        keys = self._text_columns
        for page, (name, file) in enumerate(self._files.items(), 1):
            for key, column in {"image": hf.image, "label": hf.label, **keys}.items():
                if not column:
                    continue
                if column not in file.names:
                    raise UserError(
                        f"{file.path} has no column {column!r} (hf.{key}): set it to one of its "
                        f"columns, {named_columns(file.names)}"
                    )
                if file.names.count(column) > 1:
                    raise UserError(f"{file.path} has several columns {column!r} (hf.{key})")
                if key in ("image", "label") and (kind := file.other_type(column)):
                    remedy = OTHER_CELLS.get(kind.partition("<")[0], "")
                    raise UserError(
                        f"{file.path} has {kind[:80]} in column {column!r} (hf.{key}), expected "
                        f"pictures as bytes{remedy}"
                    )
            for number, values in enumerate(file.values(list(keys.values()))):
                texts = _texts(keys, values, file.path, number + 1)
                place = f"{name}#{number:08d}"
                row = _row(page, number + 1, texts.get("item") or place, texts.get("name", ""))
                row |= {"image_url": f"{place}#{hf.image}", "given_side": named_side(name)}
                yield row | {"label_url": f"{place}#{hf.label}" if hf.label else None}

    def _file_rows(self) -> Iterator[Row]:
        """Yield the rows of an ImageFolder: as its metadata list them, or else all pictures."""
        tables = sorted(chain.from_iterable(map(self._files_called, METADATA)))
        listed = chain.from_iterable(map(self._records, tables)) if tables else self._pictures()
        for position, (names, texts) in enumerate(listed, 1):
            image, label = names[0], names[1] if len(names) > 1 else None
            item = texts.get("item") or image or f"row {position}"
            row = _row(1, position, item, texts.get("name", ""))
            # folders name a split; a file's own name may hold any word
            row |= {"image_url": image, "given_side": folder_side((image or "").rpartition("/")[0])}
            missing = label is None and self._hf.label
            yield row | {"label_url": label, "status": "no_label" if missing else None}

    def _pictures(self) -> Iterator[tuple[list[str | None], dict[str, str]]]:
        """Yield all pictures; without metadata, a picture's folder is its class.

        Raises:
            UserError: A setting names a column.
        """
        labels = {"label": self._hf.label} if self._hf.label else {}
        for key, column in {**labels, **self._text_columns}.items():
            raise UserError(
                f"hf.{key} = {column!r} is a column of {' or '.join(METADATA)}, and {self._root} has "
                f"none of them: add it, or set hf.{key} to ''"
            )
        for path in self._pictures_found.pictures.values():
            folder = path.parent.name if path.parent != self._root else ""
            yield [self._name(path)], {"name": utf8_name(folder)}

    def _records(self, table: Path) -> Iterator[tuple[list[str | None], dict[str, str]]]:
        """Yield the files that each row of an ImageFolder's metadata names, and its texts."""
        hf = self._hf
        keys = self._text_columns
        pictures = [FILE_NAME, *([hf.label] if hf.label else [])]
        settings = {hf.label: "hf.label"} | {column: f"hf.{key}" for key, column in keys.items()}
        for record in read_records(table, [*pictures, *keys.values()], settings):
            files = map(value_text, record.values[: len(pictures)])
            names = [self._named(table, record.number, name) for name in files]
            yield names, _texts(keys, record.values[len(pictures) :], table, record.number)

    def _named(self, table: Path, row: int, name: str) -> str | None:
        """Return the file that a row of metadata names, as the ledger has it; None for no name.

        Raises:
            UserError: It lies outside the data set.
        """
        if not name:
            return None
        # no file has a zero byte in its name; links are followed, as those of the Hub's cache
        path = Path(os.path.normpath(table.parent / name.replace("\0", "\ufffd")))
        if not path.is_relative_to(self._root):
            raise UserError(f"{table}: row {row} names {name!r}, expected a file in {self._root}")
        return self._name(path)


def _texts(
    keys: Mapping[str, str], values: Sequence[object], file: Path, row: int
) -> dict[str, str]:
    """Return an item's id and name as texts, by the settings that name their columns."""
    return {
        key: cell_text(value, f"hf.{key}", column, file, row)
        for (key, column), value in zip(keys.items(), values, strict=True)
    }


def _is_expected(name: str) -> bool:
    """Return whether a file that is no picture is one of an ImageFolder's own, or hidden."""
    return name.rpartition("/")[2].lower() in METADATA or any(
        p.startswith(".") for p in name.split("/")
    )


def _missing_shards(names: Iterable[str]) -> Iterator[str]:
    """Yield the names that are not there of files such as `train-00000-of-00002.parquet`."""
    present: dict[tuple[str, ...], set[int]] = defaultdict(set)
    for match in filter(None, map(SHARD.fullmatch, names)):
        stem, number, count, hashed, suffix = match.group(1, 2, 3, 5, 6)
        present[stem, count, f"-*{suffix}" if hashed else suffix].add(int(number))
    for (stem, count, end), numbers in sorted(present.items()):
        for number in range(int(count.rpartition("-")[2])):
            if number not in numbers:
                yield f"{stem}{number:05d}{count}{end}"


def _data_files(state: Path) -> list[Path]:
    """Return the Arrow files that a saved data set's state.json lists."""
    try:
        names = [
            str(file["filename"]) for file in json.loads(state.read_text("utf-8"))["_data_files"]
        ]
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise UserError(f"{state} is no state of a saved data set: {error!r}") from None
    return [state.parent / Path(name).name for name in names]


def _row(page: int, position: int, item: str, name: str) -> Row:
    return {"page": page, "position": position, "item_id": item, "name": name, "page_url": None}
