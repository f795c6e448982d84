"""Where pictures come from: one function per source, chosen by params.yaml's `source`."""

import shutil
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from src.demo import site
from src.errors import UserError
from src.imaging.picture_files import SUFFIXES, find_pictures
from src.params import Facades, Folder, Params
from src.scrape.crawl import Crawl, crawl
from src.scrape.http.cache import Body
from src.scrape.http.client import Client
from src.scrape.http.fetch_errors import FetchError
from src.scrape.listings import imdb_url, parse_gallery, parse_imdb
from src.scrape.store import Fetch

CACHE = Path(".cache/http")
ARCHIVE_FACTOR = 50  # an archive holds many pictures: so many times scrape.max_bytes


@dataclass
class Source:
    """What was listed, and how to get at a listed picture: what a function makes of its body.

    downloaders: that hosts are dealt out to.
    """

    crawl: Crawl
    fetch: Fetch
    downloaders: int = 1


@contextmanager
def open_source(params: Params, raw: Path) -> Iterator[Source]:
    """List the source named by `params.source`; raw pages are kept in `raw`/pages.

    What an earlier run left in `raw` is removed first. Leaving the block raises UserError where
    pictures were left for the next run.
    """
    folders = raw / "pages", raw / "images"
    for left in folders:
        shutil.rmtree(left, ignore_errors=True)
    with ExitStack() as stack:
        stack.callback(_forget_halves, folders)
        if params.source == "folder":
            yield _folder(params.folder)
            return
        if params.source == "demo":
            demo = site.Site(params.demo, params.seed)
            port = stack.enter_context(site.served(demo))
            # nothing is kept: the site is made anew from the parameters each time
            client = Client(params.scrape, _temporary(stack), {site.ORIGIN: port})
        else:
            client = Client(params.scrape, CACHE)
        if params.source == "facades":
            yield _facades(params.facades, client, stack)
        else:
            yield Source(_listed(params, client, raw / "pages"), client.get, client.downloaders)
        client.settle()


def _forget_halves(folders: Iterable[Path]) -> None:
    """Files that a worker of a cluster was writing when it was lost."""
    for half in (path for folder in folders for path in folder.glob(".*")):
        half.unlink()


def _temporary(stack: ExitStack) -> Path:
    CACHE.parent.mkdir(parents=True, exist_ok=True)
    for left in CACHE.parent.glob("scrape-*"):  # by a run that was killed
        shutil.rmtree(left, ignore_errors=True)
    made = TemporaryDirectory(dir=CACHE.parent, prefix="scrape-", ignore_cleanup_errors=True)
    return Path(stack.enter_context(made))


def _listed(params: Params, client: Client, folder: Path) -> Crawl:
    if params.source == "gallery":
        first = params.gallery.url.replace("{page}", "1")
        return crawl(first, partial(parse_gallery, gallery=params.gallery), client, folder)
    first = site.LIST if params.source == "demo" else imdb_url(params.imdb.list)
    width = 0 if params.source == "demo" else params.imdb.width
    return crawl(first, partial(_parse_imdb, width=width), client, folder)


def _parse_imdb(html: str, url: str, number: int, width: int):
    return parse_imdb(html, url, width)


def _folder(folder: Folder) -> Source:
    root = _existing("folder.path", folder.path)
    files = {path.relative_to(root).as_posix(): path for path in find_pictures(root)}
    if not files:
        raise UserError(f"folder.path = {folder.path!r} holds no picture ({', '.join(SUFFIXES)})")

    def person(name: str) -> str:
        parent = str(PurePosixPath(name).parent)
        return parent if folder.item == "folder" and parent != "." else name

    rows = [_row(name, position, person(name)) for position, name in enumerate(files, 1)]
    return Source(Crawl(rows, 1, 0, len(rows)), _from(files))


def _from(files: dict[str, Path]) -> Fetch:
    return lambda name, use: use(Body(files[name]))


def _facades(facades: Facades, client: Client, stack: ExitStack) -> Source:
    """Side-by-side pairs in folders train, val and test, from a folder, an archive or a URL."""
    if _is_archive(facades.path):
        read = _archive(facades.path, client, _temporary(stack))
    else:
        read = _tree(facades.path)
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
    return Source(Crawl(rows, 1, 0, len(rows)), _from(read))


def _is_archive(path: str) -> bool:
    return path.startswith(("http://", "https://")) or Path(path).is_file()


def _archive(path: str, client: Client, folder: Path) -> dict[str, Path]:
    """Unpack a tar archive's pictures into `folder`, numbered: their names are the archive's."""
    each = client.scrape.max_bytes
    most = ARCHIVE_FACTOR * each
    unpack = partial(_unpack, folder=folder, most=most, each=each)
    try:
        if path.startswith(("http://", "https://")):
            return client.get(path, unpack, most)
        return unpack(Body(Path(path)))
    except FetchError as error:
        raise UserError(
            f"facades.path = {path!r} cannot be used: {error}; or set it to the unpacked folder"
        ) from None


def _unpack(body: Body, folder: Path, most: int, each: int) -> dict[str, Path]:
    files: dict[str, Path] = {}
    try:
        with tarfile.open(body.path) as archive:
            for number, member in enumerate(archive):
                suffix = PurePosixPath(member.name).suffix.lower()
                if not member.isfile() or suffix not in SUFFIXES:
                    continue
                most -= member.size
                if member.size > each or most < 0:
                    raise FetchError(
                        "too_large",
                        f"{member.name} unpacks to {member.size} bytes: allowed are {each} for a "
                        f"picture (scrape.max_bytes) and {ARCHIVE_FACTOR} times as many for all",
                    )
                # by number: a name may come twice, and the last one counts
                files[member.name] = folder / f"{number:06d}{suffix}"
                with archive.extractfile(member) as packed, files[member.name].open("wb") as file:
                    shutil.copyfileobj(packed, file)
            archive.fileobj.read()  # to its checksum
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise FetchError("not_an_archive", f"expected a tar archive: {error}") from None
    return files


def _tree(path: str) -> dict[str, Path]:
    root = _existing("facades.path", path)
    return {p.relative_to(root).as_posix(): p for p in find_pictures(root)}


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
