"""Lists on pages that a person saved in a browser; pictures come from the save if they are there."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from src.errors import UserError, print_on_stderr
from src.imaging import decoding
from src.imaging.picture_folders import Contents
from src.params import Saved, Scrape
from src.scrape.addresses import absolute_url, without_data, without_inline_pictures
from src.scrape.browser_saves import READERS, Save, SavedPage, inline_data, local_name, read_save
from src.scrape.crawl import (
    Crawl,
    Repeats,
    Row,
    count_passed_over,
    page_notes,
    page_rows,
    print_note,
)
from src.scrape.file_lists import natural_order
from src.scrape.gallery import parse_gallery, require_selectors
from src.scrape.http import block_pages
from src.scrape.http.fetch_errors import FetchError
from src.scrape.imdb import parse_imdb
from src.scrape.listings import Item, ListingError, ListPage
from src.scrape.source_paths import hidden_reason, is_hidden, require_path, why_unreadable
from src.storage.atomic import write_bytes
from src.storage.file_names import utf8_name
from src.user_paths import existing_source

# Of pages whose save does not say it. The second is reserved (RFC 6761): nothing is fetched of it.
UNKNOWN_URLS = {"imdb": "https://www.imdb.com/list/", "gallery": "https://unknown.invalid/"}
OTHER_SAVES = (
    ".maff",
    ".pdf",
    ".webarchive",
    ".xht",
    ".xhtml",
)  # pages in formats that are not read
# A page that was saved whole has IMDb's pictures under their names, in the width that it shows.
IMDB_PICTURES = "https://m.media-amazon.com/images/M/"
IMDB_PICTURE = re.compile(r"M[A-Z]\w+@*\.[\w.,]+")


class SavedList:
    """The rows of saved pages, and the pictures that the saves hold.

    Args:
        saved: The section `saved` of params.yaml.
        scrape: The section `scrape`; on_repeat and max_… hold for saved pages too.
        pages: The folder for the pages' HTML.
        pictures: The folder for the pictures of the saves, while they are needed.

    Attributes:
        crawl: The list.
        files: The pictures' files by the rows' image_url; what is not in it is to be fetched.

    Raises UserError if there are no saves, or one shows no list.
    """

    def __init__(self, saved: Saved, scrape: Scrape, pages: Path, pictures: Path):
        self._saved, self._scrape = saved, scrape
        self._pages, self._pictures = pages, pictures
        self._rows: list[Row] = []
        self._repeats = Repeats()
        self.crawl = Crawl(self._rows)
        self.files: dict[str, Path] = {}
        require_selectors(saved)
        saves, contents = find_saves(saved.path)
        self.crawl.passed_over = count_passed_over(contents.passed_over)
        if len(saves) > scrape.max_pages:
            note = (
                f"{scrape.max_pages} of {len(saves)} saved pages are read: raise scrape.max_pages"
            )
            print_on_stderr(f"scrape: {note}")
        for file in saves[: scrape.max_pages]:
            save = read_save(file, saved.url or UNKNOWN_URLS[saved.layout])
            for page, listed in self._lists(file, save):
                self._add(file, save, page, listed)

    def _lists(self, file: Path, save: Save) -> Iterator[tuple[SavedPage, ListPage]]:
        """Yield the pages of a save that are lists.

        Raises:
            UserError: None of them is.
        """
        failure = "expected a page with its content, found none: save it with contents"
        has_list = False
        for page in save.pages:
            url = page.url or self._saved.url or UNKNOWN_URLS[self._saved.layout]
            try:
                listed = replace(self._parse(page.html, url), url=url)
            except ListingError as error:
                if kind := block_pages.classify(page.html):
                    failure = f"{kind}: save the page that you see behind it"
                else:
                    failure = str(error)
                continue
            if self._scrape.respect_noai:
                self._raise_if_noai(page, file)
            has_list = True
            yield page, listed
        if not has_list:
            raise UserError(f"{file} is not a list in a known layout: {failure}")

    def _raise_if_noai(self, page: SavedPage, file: Path) -> None:
        try:
            block_pages.raise_if_noai(page.html, file)
        except FetchError as error:
            raise UserError(str(error)) from None

    def _parse(self, html: str, url: str) -> ListPage:
        if self._saved.layout == "gallery":
            listed = parse_gallery(html, url, self.crawl.pages + 1, self._saved)
        else:
            listed = parse_imdb(html, url, self._saved.width)
        if not listed.items:
            raise ListingError("expected items, found none")
        return listed

    def _add(self, file: Path, save: Save, page: SavedPage, listed: ListPage) -> None:
        """Add a page's rows, and the pictures that the save has of them."""
        number = self.crawl.pages = self.crawl.pages + 1
        html = without_inline_pictures(page.html.encode("utf-8", "replace"))
        write_bytes(self._pages / f"{number:04d}.html", html)
        ids = {item.item_id for item in listed.items}
        for note in (*listed.notes, *page_notes(listed, ids, number)):
            print_note(note, str(file))
        if listed.total is not None:
            self.crawl.expected = listed.total
        repeated = self._repeats.add(listed)
        self.crawl.repeated_pages += repeated
        if repeated and self._scrape.on_repeat == "stop":
            return
        items = [self._with_place(item, save, listed.url, file) for item in listed.items]
        shown = page.url or self._saved.url or utf8_name(file.name)
        self._rows += page_rows(replace(listed, items=items), shown, number)
        if len(self._rows) > self._scrape.max_items:
            raise UserError(
                f"the saved pages have more items than scrape.max_items = {self._scrape.max_items} "
                f"by {file}: raise it"
            )

    def _with_place(self, item: Item, save: Save, page_url: str, file: Path) -> Item:
        """Return an item whose image_url names a picture of the save, or one to fetch."""
        url = item.image_url
        if not url:
            return item
        inside = inline_data(url)
        if inside and _is_whole(inside):
            return replace(item, image_url=self._store(url, inside))
        local = local_name(url, absolute_url(page_url, ".")) if _is_html(file) else None
        original = _original(url, local) if self._saved.layout == "imdb" else url
        data = save.find(url)
        # a picture that is known by its file's name alone cannot be fetched: a broken one stays
        if data is not None and (_is_whole(data) or (local and original == url)):
            return replace(item, image_url=self._store(local or url, data))
        if original.startswith(UNKNOWN_URLS["gallery"]):
            raise UserError(
                f"{file} does not say its address, and has no picture {local or url!r}: set "
                "saved.url to the page's address"
            )
        return replace(item, image_url=original)

    def _store(self, place: str, data: bytes) -> str:
        """Write a picture's bytes to a file; return its key in `files`, which its row has."""
        place = without_data(place)
        if place not in self.files:
            self.files[place] = self._pictures / f"{len(self.files):06d}"
            write_bytes(self.files[place], data)
        return place


def find_saves(path: str) -> tuple[list[Path], Contents]:
    """Return the saved pages of a folder, in the natural order of their names, or the only one.

    Saves in the folder that cannot be read come second. Other files there may belong to a save.

    Raises:
        UserError: There is none.
    """
    require_path("saved.path", path)
    root = existing_source("saved.path", path)
    contents, saves = Contents(), []
    for file in [root] if root.is_file() else sorted(root.iterdir()):
        suffix, fault = file.suffix.lower(), why_unreadable(file)
        if file.is_dir():
            continue
        if file != root and is_hidden(file, root):
            fault = hidden_reason(file.name)
        if suffix in READERS and not fault:
            saves.append(file)
        elif suffix in (*READERS, *OTHER_SAVES):
            contents.pass_over(fault or "other_format", file.name)
    if not saves:
        raise UserError(f"saved.path = {path!r} holds no saved page ({', '.join(READERS)})")
    return sorted(saves, key=lambda file: natural_order(file.name)), contents


def _is_html(file: Path) -> bool:
    return file.suffix.lower() in (".html", ".htm")


def _original(url: str, local: str | None) -> str:
    """Return where IMDb has a picture that a save may have under its own name."""
    name = (local or "").rpartition("/")[2]
    return IMDB_PICTURES + name if IMDB_PICTURE.fullmatch(name) else url


def _is_whole(data: bytes) -> bool:
    """Return whether bytes are a picture that can be decoded to its end."""
    try:
        decoding.decode(data)
    except decoding.ImageError:
        return False
    return True
