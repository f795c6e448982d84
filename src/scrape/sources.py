"""Where pictures come from: one function per source, chosen by params.yaml's `source`."""

import io
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from src import images
from src.demo import site
from src.errors import UserError
from src.params import Facades, Folder, Params
from src.scrape.client import Client
from src.scrape.crawl import Crawl, crawl
from src.scrape.errors import FetchError
from src.scrape.listings import imdb_url, parse_gallery, parse_imdb

CACHE = Path(".cache/http")
ARCHIVE_FACTOR = 50  # an archive holds many pictures: so many times scrape.max_bytes


@dataclass
class Source:
    """What was listed, and how to get a listed image's bytes."""

    crawl: Crawl
    fetch: Callable[[str], bytes]


@contextmanager
def opened(params: Params, folder: Path) -> Iterator[Source]:
    """List the source named by `params.source`; raw pages are kept in `folder`."""
    if params.source == "demo":
        demo = site.Site(params.demo, params.seed)
        with site.served(demo) as port:
            # nothing is kept: the site is made anew from the parameters each time
            client = Client(params.scrape, None, {site.ORIGIN: port})
            parse = partial(_parse_imdb, width=0)
            yield Source(crawl(site.LIST, parse, client, folder), client.get)
        return
    client = Client(params.scrape, CACHE)
    if params.source == "imdb":
        parse = partial(_parse_imdb, width=params.imdb.width)
        yield Source(crawl(imdb_url(params.imdb.list), parse, client, folder), client.get)
    elif params.source == "gallery":
        first = params.gallery.url.replace("{page}", "1")
        parse = partial(parse_gallery, gallery=params.gallery)
        yield Source(crawl(first, parse, client, folder), client.get)
    elif params.source == "folder":
        yield _folder(params.folder)
    else:
        yield _facades(params.facades, client)


def _parse_imdb(html: str, url: str, number: int, width: int):
    return parse_imdb(html, url, width)


def _folder(folder: Folder) -> Source:
    root = _existing("folder.path", folder.path)
    files = {path.relative_to(root).as_posix(): path for path in images.files(root)}
    if not files:
        raise UserError(
            f"folder.path = {folder.path!r} holds no picture ({', '.join(images.SUFFIXES)})"
        )

    def person(name: str) -> str:
        parent = str(PurePosixPath(name).parent)
        return parent if folder.person == "folder" and parent != "." else name

    rows = [_row(name, position, person(name)) for position, name in enumerate(files, 1)]
    return Source(Crawl(rows, 1, 0, len(rows)), lambda name: files[name].read_bytes())


def _facades(facades: Facades, client: Client) -> Source:
    """Side-by-side pairs in folders train, val and test, from a folder, an archive or a URL."""
    read = _archive(facades.path, client) if _is_archive(facades.path) else _tree(facades.path)
    layout = "photo_left" if facades.direction == "BtoA" else "photo_right"
    # test pictures are held back from training just as validation's are
    sides = {"train": "train", "val": "val", "test": "val"}
    rows = []
    for name in sorted(read, key=_natural):
        side = sides.get(PurePosixPath(name).parent.name)
        if side:
            row = _row(name, len(rows) + 1, PurePosixPath(name).with_suffix("").as_posix())
            rows.append({**row, "given_side": side, "layout": layout})
    if not rows:
        raise UserError(
            f"facades.path = {facades.path!r}: expected folders train, val or test with pictures, "
            f"found {', '.join(sorted({PurePosixPath(n).parent.name for n in read})) or 'nothing'}"
        )
    return Source(Crawl(rows, 1, 0, len(rows)), lambda name: read[name]())


def _is_archive(path: str) -> bool:
    return path.startswith(("http://", "https://")) or Path(path).is_file()


def _archive(path: str, client: Client) -> dict[str, Callable[[], bytes]]:
    if path.startswith(("http://", "https://")):
        try:
            data = client.get(path, ARCHIVE_FACTOR * client.scrape.max_bytes)
        except FetchError as error:
            raise UserError(
                f"facades.path could not be fetched: {error}; or set it to the unpacked folder"
            ) from None
    else:
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            raise UserError(f"facades.path = {path!r} cannot be read: {error.strerror}") from None
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            members = {
                m.name: archive.extractfile(m).read()
                for m in archive.getmembers()
                if m.isfile() and PurePosixPath(m.name).suffix.lower() in images.SUFFIXES
            }
            archive.fileobj.read()  # to its checksum
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise UserError(f"facades.path = {path!r}: expected a tar archive: {error}") from None
    return {name: partial(bytes, data) for name, data in members.items()}


def _tree(path: str) -> dict[str, Callable[[], bytes]]:
    root = _existing("facades.path", path)
    return {p.relative_to(root).as_posix(): p.read_bytes for p in images.files(root)}


def _existing(key: str, path: str) -> Path:
    if not path:
        raise UserError(f"{key} is empty: set it to a folder of pictures")
    if not Path(path).is_dir():
        raise UserError(
            f"{key} = {path!r} ({Path(path).resolve()}) is not a folder; "
            "with --queue or --temp give an absolute path"
        )
    return Path(path)


def _natural(name: str) -> tuple:
    path = PurePosixPath(name)
    return path.parent.as_posix(), len(path.stem), path.stem


def _row(name: str, position: int, item_id: str) -> dict:
    return {
        "page": 1,
        "position": position,
        "item_id": item_id,
        "name": PurePosixPath(name).stem,
        "page_url": None,
        "image_url": name,
        "stated_total": None,
    }
