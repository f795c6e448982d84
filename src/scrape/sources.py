"""Where pictures come from: one function per source, chosen by params.yaml's `source`."""

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from tempfile import NamedTemporaryFile, TemporaryDirectory

from src.demo import site
from src.errors import UserError
from src.imaging.picture_folders import EXPECTED, Contents, list_folder, reasons_with_names
from src.params import Pairs, Params
from src.scrape import json_lists
from src.scrape.crawl import Crawl, Row, count_passed_over, crawl, note_one_id
from src.scrape.expressions import require_expressions
from src.scrape.file_lists import (
    ListFiles,
    file_row,
    list_combined,
    list_halves,
    with_utf8_names,
)
from src.scrape.gallery import parse_gallery, require_selectors
from src.scrape.hf_datasets import HfDataset
from src.scrape.http.cache import Body, ParseBody
from src.scrape.http.client import Client
from src.scrape.http.fetch_errors import FetchError
from src.scrape.imdb import imdb_url, parse_imdb
from src.scrape.listings import ListingError, ListPage
from src.scrape.raw_ledger import StoredPicture
from src.scrape.rendering import open_renderer
from src.scrape.saved_lists import SavedList
from src.scrape.source_paths import is_url, require_path
from src.scrape.store import Fetch
from src.scrape.tar_samples import TarSamples
from src.scrape.tarballs import SIZE_FACTOR, unpack_pictures
from src.scrape.url_lists import list_urls
from src.storage.locks import alone_in
from src.storage.outside_data import require_originals_outside
from src.user_paths import existing_folder, existing_source

CACHE = Path(".cache/http")
LIST_FILES: dict[str, ListFiles] = {"combined": list_combined, "folders": list_halves}


@dataclass
class Source:
    """A list of pictures, and how to get one of them.

    Attributes:
        crawl: The list.
        fetch: Calls a function with a listed picture's body, and returns its result.
        n_downloaders: How many downloaders share the pictures' hosts.
        archive: The URL of the download that holds all pictures, if there is one.
    """

    crawl: Crawl
    fetch: Fetch
    n_downloaders: int = 1
    archive: str | None = None


@contextmanager
def open_source(params: Params, raw: Path) -> Iterator[Source]:
    """List the source named by `params.source`, and let the block fetch its pictures.

    The folders pages and images in `raw` are emptied first. Raw pages go to the first.

    Raises:
        UserError: The list cannot be read, or lies in data/; another process scrapes in this
            checkout; or, at the block's end, pictures are left to the next run.
    """
    require_originals_outside(params.model_dump())
    folders = raw / "pages", raw / "images"
    with ExitStack() as stack:
        # not in `raw`, which DVC may remove while another process scrapes
        stack.enter_context(alone_in(CACHE.parent, "scraping"))
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
        stack.callback(_delete_unfinished, folders)
        if params.source in ON_DISK:
            yield ON_DISK[params.source](params, stack)
            return
        client = _client(params, stack)
        if pairs := _listed_pairs(params):
            archive = pairs.path if params.source == "pairs" and is_url(pairs.path) else None
            yield replace(_pairs(pairs, client, stack), archive=archive)
        elif params.source == "saved":
            pictures = _temporary_folder(stack)
            saves = SavedList(params.saved, params.scrape, raw / "pages", pictures)
            fetch = partial(_fetch_picture, client, _pages(saves.crawl))
            yield Source(
                saves.crawl, partial(_take_or_fetch, saves.files, fetch), client.n_downloaders
            )
        elif params.source == "urls":
            spool = _temporary_folder(stack)
            listed = list_urls(params.urls, params.scrape.max_items, spool)
            yield Source(listed, client.get, client.n_downloaders)
        else:
            listed = _crawl_list(params, client, raw / "pages")
            yield Source(
                listed, partial(_fetch_picture, client, _pages(listed)), client.n_downloaders
            )
        client.raise_if_incomplete()


def _listed_pairs(params: Params) -> Pairs | None:
    """Return where the source's pairs of pictures are; None if it lists single pictures."""
    if params.draws_facades:
        return Pairs(path=site.ARCHIVE_URL, layout="combined", direction="BtoA")
    return params.pairs if params.source == "pairs" else None


def _pages(listed: Crawl) -> dict[str, str]:
    """Return the first page of a list that shows a picture, by the picture's URL."""
    shown = reversed([row for row in listed.rows if row["image_url"]])
    return {row["image_url"]: row["page_url"] for row in shown}


def _fetch_picture(
    client: Client, pages: Mapping[str, str], url: str, parse: ParseBody[StoredPicture]
) -> StoredPicture:
    return client.get(url, parse, page_url=pages.get(url))


def _take_or_fetch(
    files: Mapping[str, Path], fetch: Fetch, url: str, parse: ParseBody[StoredPicture]
) -> StoredPicture:
    """Take a picture from its file, if there is one, or else from the web."""
    return parse(Body(files[url])) if url in files else fetch(url, parse)


def _delete_unfinished(folders: Iterable[Path]) -> None:
    """Delete files that a worker of a cluster was writing when it was lost."""
    for folder in folders:
        for path in folder.glob(".*"):
            with suppress(OSError):  # threads delete their own, and the disk may be read-only
                path.unlink()


def _client(params: Params, stack: ExitStack) -> Client:
    """Return a client; if the source is the demo site, serve that until `stack` closes."""
    if params.source != "demo":
        return Client(params.scrape, CACHE)
    kind = site.ArchiveSite if params.draws_facades else site.Site
    port = stack.enter_context(site.serve(kind(params.demo, params.seed)))
    # nothing is kept: each run draws the site again from the parameters
    return Client(params.scrape, _temporary_folder(stack), {site.ORIGIN: port})


def _temporary_folder(stack: ExitStack) -> Path:
    """Return a folder that lasts until `stack` closes."""
    try:
        CACHE.parent.mkdir(parents=True, exist_ok=True)
        for leftover in CACHE.parent.glob("scrape-*"):  # of a run that was killed
            shutil.rmtree(leftover, ignore_errors=True)
        folder = TemporaryDirectory(dir=CACHE.parent, prefix="scrape-", ignore_cleanup_errors=True)
    except OSError as error:
        raise UserError(f"cannot write {CACHE.parent}: {error.strerror}") from None
    return Path(stack.enter_context(folder))


def _crawl_list(params: Params, client: Client, folder: Path) -> Crawl:
    if params.source == "gallery":
        require_selectors(params.gallery)
        first_url = params.gallery.url.replace("{page}", "1")
        read = partial(parse_gallery, gallery=params.gallery)
        if not params.gallery.render:
            return crawl(first_url, read, client, folder)
        with open_renderer(client) as drawing:
            return crawl(first_url, read, drawing, folder)
    if params.source == "json":
        require_expressions("json", params.json, json_lists.EXPRESSIONS)
        parse = partial(json_lists.parse_json, settings=params.json)
        return crawl(json_lists.first_url(params.json), parse, client, folder, "json")
    if params.source == "demo":
        return crawl(site.LIST_URL, partial(_parse_imdb, width=0), client, folder)
    parse_page = partial(_parse_imdb, width=params.imdb.width)
    return crawl(imdb_url(params.imdb.list), parse_page, client, folder)


def _parse_imdb(html: str, url: str, number: int, width: int) -> ListPage:
    return parse_imdb(html, url, width)


def _hf(params: Params, stack: ExitStack) -> Source:
    folder = _temporary_folder(stack)
    dataset = HfDataset(params.hf, params.scrape, folder)
    return Source(dataset.crawl, partial(_read, dataset.read, folder))


def _webdataset(params: Params, stack: ExitStack) -> Source:
    folder = _temporary_folder(stack)
    samples = TarSamples(params.webdataset, params.scrape, folder)
    return Source(samples.crawl, partial(_read, samples.read, folder))


def _read(
    read: Callable[[str], bytes], folder: Path, place: str, parse: ParseBody[StoredPicture]
) -> StoredPicture:
    """Read a picture's bytes, and parse them as a body."""
    with NamedTemporaryFile(dir=folder) as file:
        file.write(read(place))
        file.flush()
        return parse(Body(Path(file.name)))


def _folder(params: Params, stack: ExitStack) -> Source:
    """List the pictures of a folder; an item is a file, or a folder of files."""
    folder = params.folder
    contents = _pictures("folder.path", folder.path)
    files = contents.pictures
    if not files:
        raise UserError(f"folder.path = {folder.path!r} holds no picture ({_found(contents)})")

    def item(name: str) -> str:
        parent = str(PurePosixPath(name).parent)
        return parent if folder.item == "folder" and parent != "." else name

    rows = [file_row(name, position, item(name)) for position, name in enumerate(files, 1)]
    note_one_id(rows, f"folder.item = {folder.item!r}")
    return _on_disk(rows, contents, params.scrape.max_bytes)


def _pairs(pairs: Pairs, client: Client, stack: ExitStack) -> Source:
    """List the pairs of pictures in a folder, an archive or a URL."""
    require_path("pairs.path", pairs.path)
    if is_url(pairs.path) or existing_source("pairs.path", pairs.path).is_file():
        contents = _unpacked(pairs.path, client, _temporary_folder(stack))
    else:
        contents = _pictures("pairs.path", pairs.path)
    try:
        rows = LIST_FILES[pairs.layout](contents.pictures, pairs.direction)
    except ListingError as error:
        reason = "" if contents.pictures else f" ({_found(contents)})"
        raise UserError(f"pairs.path = {pairs.path!r}: {error}{reason}") from None
    note_one_id(rows, "pairs.path")
    return _on_disk(rows, contents, client.scrape.max_bytes)


def _unpacked(path: str, client: Client, folder: Path) -> Contents:
    """Unpack the pictures of a tar archive, a file or a URL, into `folder`."""
    max_bytes, max_items = client.scrape.max_bytes, client.scrape.max_items
    unpack = partial(unpack_pictures, folder=folder, max_bytes=max_bytes, max_items=max_items)
    try:
        if is_url(path):
            contents = client.get(path, unpack, SIZE_FACTOR * max_bytes, insist=True)
        else:
            contents = unpack(Body(existing_source("pairs.path", path)))
    except FetchError as error:
        raise UserError(
            f"pairs.path = {path!r} cannot be used: {error}; or set it to the unpacked folder"
        ) from None
    return with_utf8_names("pairs.path", contents)


def _pictures(key: str, path: str) -> Contents:
    """Return what is in a folder; `key` is the parameter of `path`."""
    require_path(key, path)
    root = existing_folder(key, path)
    try:
        next(root.iterdir(), None)
    except OSError as error:
        raise UserError(f"{key} = {path!r} cannot be read: {error.strerror}") from None
    return with_utf8_names(key, list_folder(root))


def _found(contents: Contents) -> str:
    """Return in words what was expected, and what is there instead."""
    reasons = reasons_with_names(contents.passed_over)
    return f"{EXPECTED}; found {reasons}" if reasons else EXPECTED


def _on_disk(rows: list[Row], contents: Contents, max_bytes: int) -> Source:
    """Return a source of files on disk, and name what it passes over on the terminal."""
    counts = count_passed_over(contents.passed_over)
    crawl = Crawl(rows, pages=1, expected=len(rows), passed_over=counts)
    return Source(crawl, partial(_read_file, contents.pictures, SIZE_FACTOR * max_bytes))


def _read_file(
    files: Mapping[str, Path], max_bytes: int, name: str, parse: ParseBody[StoredPicture]
) -> StoredPicture:
    if files[name].stat().st_size > max_bytes:
        limit = f"{SIZE_FACTOR} times scrape.max_bytes"
        raise FetchError("too_large", f"{name} has more than {max_bytes} bytes, {limit}")
    return parse(Body(files[name]))


ON_DISK: dict[str, Callable[[Params, ExitStack], Source]] = {
    "folder": _folder,
    "hf": _hf,
    "webdataset": _webdataset,
}
