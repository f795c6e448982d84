"""Lists of pictures' URLs in files, as rows of the ledger."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from src.errors import UserError
from src.params import Urls
from src.progress import progress_bar
from src.scrape.addresses import BLANKS, INNER_BLANKS, without_data
from src.scrape.crawl import Crawl, Row, count_passed_over, note_one_id
from src.scrape.http.fetch_errors import without_password
from src.scrape.item_ids import item_id
from src.scrape.source_paths import require_path
from src.scrape.split_names import SPLITS
from src.scrape.spooled_rows import spool_rows
from src.scrape.table_files import LINE, READERS, Record, find_tables, kind, read_records
from src.scrape.value_texts import cell_text
from src.storage.file_names import utf8_name
from src.user_paths import existing_source


def list_urls(urls: Urls, max_items: int, folder: Path) -> Crawl:
    """List the rows of one file, or of all files of a folder.

    A row's page is the number of its file, its position the row in the file, and its page_url the
    file's name. A row without a URL is listed without a picture. The rows are kept in `folder`,
    which must last as long as they are read.

    Raises:
        UserError: There is no list, one cannot be read, lacks a column or holds a wrong value, or
            they have more than `max_items` rows.
    """
    require_path("urls.path", urls.path)
    root = existing_source("urls.path", urls.path)
    files, contents = find_tables(root)
    if not files:
        raise UserError(f"urls.path = {urls.path!r} holds no list ({', '.join(READERS)}, or .gz)")
    counts = count_passed_over(contents.passed_over)
    base = root.parent if root.is_file() else root
    listed = chain.from_iterable(
        _rows(file, utf8_name(file.relative_to(base).as_posix()), page, urls)
        for page, file in enumerate(progress_bar(files, len(files), "reading lists of URLs"), 1)
    )
    rows = spool_rows(listed, folder / "rows.arrow", max_items)
    if not rows:
        raise UserError(f"urls.path = {urls.path!r}: expected URLs, found none")
    note_one_id(rows, f"urls.item = {urls.item!r}")
    return Crawl(rows, pages=len(files), expected=len(rows), passed_over=counts)


def _rows(file: Path, name: str, page: int, urls: Urls) -> Iterator[Row]:
    keys = {
        key: column for key in ("url", "item", "name", "side") if (column := getattr(urls, key))
    }
    if kind(file) == ".txt":
        keys["url"] = LINE  # a URL a line, and nothing else
    settings = {column: f"urls.{key}" for key, column in keys.items()}
    for record in read_records(file, list(keys.values()), settings):
        values = _values(record, keys, file)
        url = without_password(values["url"])
        yield {
            "page": page,
            "position": record.number,
            "item_id": values.get("item") or _item_id(url, name, record.number),
            "name": values.get("name", ""),
            "page_url": name,
            "image_url": without_data(url) or None,
            "given_side": _side(values.get("side", ""), file, record.number),
        }


def _values(record: Record, keys: dict[str, str], file: Path) -> dict[str, str]:
    """Return a record's values as text, by the keys of params.yaml that name their columns."""
    values = {}
    for (key, column), value in zip(keys.items(), record.values, strict=True):
        text = cell_text(value, f"urls.{key}", column, file, record.number)
        values[key] = text.strip(BLANKS)
    values["url"] = INNER_BLANKS.sub("", values["url"])
    return values


def _item_id(url: str, name: str, number: int) -> str:
    """Return the id of a picture that is known by its URL alone: no key of its query is ignored."""
    return without_data(item_id(url, "", ())) if url else f"{name}:{number}"


def _side(value: str, file: Path, number: int) -> str | None:
    side = value.lower()
    if side and side not in SPLITS:
        raise UserError(
            f"{file}: row {number} has the side {value!r} (urls.side), expected "
            f"{', '.join(SPLITS)} or nothing"
        )
    return SPLITS.get(side)
