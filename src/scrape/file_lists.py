"""Picture files as rows of the ledger: side-by-side pairs, and pairs of files in A and B."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from src.errors import UserError
from src.imaging.picture_folders import SUFFIXES, Contents
from src.scrape.crawl import Row
from src.scrape.listings import ListingError
from src.scrape.split_names import SPLITS
from src.storage.file_names import utf8_name

HALF_FOLDER = re.compile(
    rf"((?i:{'|'.join(SPLITS)}))?([AB])"
)  # A, trainA: the half after its split
PHOTO = {"AtoB": "B", "BtoA": "A"}  # the half that is the output, by direction
MAX_FOLDERS = 6  # named in an error

ListFiles = Callable[[Iterable[str], str], list[Row]]  # names of files, and the direction


class Half(NamedTuple):
    """A file in A or B; its pair's path is the file's own without that folder."""

    name: str
    pair: PurePosixPath


def with_utf8_names(key: str, contents: Contents) -> Contents:
    """Return contents whose names are UTF-8, as the ledger holds them: other bytes as `\\xe9`.

    Raises:
        UserError: Two files have one name then.
    """
    pictures: dict[str, Path] = {}
    for name, path in contents.pictures.items():
        readable = utf8_name(name)
        if readable in pictures:
            raise UserError(f"{key}: two files have the name {readable}: rename one")
        pictures[readable] = path
    named = {
        why: [utf8_name(name) for name in names] for why, names in contents.passed_over.items()
    }
    return Contents(pictures, named)


def file_row(name: str, position: int, item_id: str) -> Row:
    """Return the row of a picture file, by its path below the source's, with slashes."""
    return {
        "page": 1,
        "position": position,
        "item_id": unicodedata.normalize("NFC", item_id),  # macOS spells accents apart
        "name": _without_suffix(PurePosixPath(name)).name,
        "page_url": None,
        "image_url": name,
        "stated_total": None,
    }


def list_combined(names: Iterable[str], direction: str) -> list[Row]:
    """List pictures that show A in their left half and B in the right one.

    The photograph is what the direction, AtoB or BtoA, leads to. The nearest folder with a split's
    name, such as train or Test, gives a picture's side. Where any picture has a side, one without
    has the status `outside_folders`.

    Raises:
        ListingError: There is no picture, or A and B are folders.
    """
    paths = {name: PurePosixPath(name) for name in names}
    if not paths:
        raise ListingError("expected pictures, found none")
    if _half_depth(paths.values()) is not None:
        raise ListingError(
            "has folders A and B, expected side-by-side pictures: set pairs.layout to folders"
        )
    layout = "photo_left" if PHOTO[direction] == "A" else "photo_right"
    rows = []
    for position, name in enumerate(sorted(paths, key=natural_order), 1):
        path = paths[name]
        row = file_row(name, position, _without_suffix(path).as_posix())
        rows.append({**row, "given_side": _given_side(path), "layout": layout})
    return _outside_marked(rows)


def list_halves(names: Iterable[str], direction: str) -> list[Row]:
    """List pairs of files with equal names in two folders.

    These are A and B, or trainA and trainB, and so on with other splits. Names may differ in their
    suffix, if that leaves one file on either side. A file without partner has the status `no_photo`
    or `no_label`, one in neither folder `outside_folders`; sides are as those of `list_combined`.

    Raises:
        ListingError: There are no such folders.
    """
    paths = {name: PurePosixPath(name) for name in names}
    depth = _half_depth(paths.values())
    if depth is None:
        raise ListingError(
            "expected folders A and B, or trainA and trainB, with pictures, found "
            f"{_folders(paths.values())}; pictures that show both halves side by side need "
            "pairs.layout: combined"
        )
    halves: dict[str, list[Half]] = {"A": [], "B": []}
    outside = []
    for name in sorted(paths, key=natural_order):
        parts = paths[name].parts
        if match := _half_folder(paths[name], depth):
            split = (match[1].lower(),) if match[1] else ()
            # macOS spells accents apart from their letters, other systems do not
            behind = [unicodedata.normalize("NFC", part) for part in parts[depth + 1 :]]
            pair = PurePosixPath(*parts[:depth], *split, *behind)
            halves[match[2]].append(Half(name, pair))
        else:
            outside.append(name)
    rows = [_halves_row(pair, direction) for pair in _matched(halves)]
    rows.sort(key=lambda row: natural_order(row["item_id"]))
    rows += [{**file_row(name, 0, name), "status": "outside_folders"} for name in outside]
    numbered = [{**row, "position": position} for position, row in enumerate(rows, 1)]
    return _outside_marked(numbered)


def _halves_row(pair: Mapping[str, Half], direction: str) -> Row:
    """Return the row of a pair by its halves' letters; one half may be missing."""
    photo = pair.get(PHOTO[direction])
    label = pair.get("A" if PHOTO[direction] == "B" else "B")
    name, path = photo or next(iter(pair.values()))
    row = file_row(name, 0, _without_suffix(path).as_posix())
    row |= {"layout": "single", "given_side": _given_side(path)}
    row |= {"image_url": photo and photo.name, "label_url": label and label.name}
    if photo and label:
        return row
    return {**row, "status": "no_label" if photo else "no_photo"}


def _matched(halves: dict[str, list[Half]]) -> list[dict[str, Half]]:
    """Return pairs by their halves' letters, and each half without partner by itself."""
    # equal names first, so that 1.jpg and 1.png of one folder keep apart
    pairs = _matches(halves, lambda half: half.pair)
    rest = _unmatched(halves, pairs)
    pairs += _matches(rest, lambda half: _without_suffix(half.pair))
    rest = _unmatched(rest, pairs)
    return pairs + [{letter: half} for letter, files in rest.items() for half in files]


def _matches(
    halves: dict[str, list[Half]], key: Callable[[Half], PurePosixPath]
) -> list[dict[str, Half]]:
    """Return the pairs of halves whose key only one file in A and one in B have."""
    groups: dict[PurePosixPath, dict[str, list[Half]]] = defaultdict(lambda: {"A": [], "B": []})
    for letter, files in halves.items():
        for half in files:
            groups[key(half)][letter].append(half)
    return [
        {"A": group["A"][0], "B": group["B"][0]}
        for group in groups.values()
        if len(group["A"]) == len(group["B"]) == 1
    ]


def _unmatched(
    halves: dict[str, list[Half]], pairs: Iterable[dict[str, Half]]
) -> dict[str, list[Half]]:
    names = {half.name for pair in pairs for half in pair.values()}
    return {
        letter: [half for half in files if half.name not in names]
        for letter, files in halves.items()
    }


def _half_folder(path: PurePosixPath, depth: int) -> re.Match[str] | None:
    """Match the folder of a path at a depth, if it is one of a half."""
    folders = path.parts[:-1]
    return HALF_FOLDER.fullmatch(folders[depth]) if depth < len(folders) else None


def _half_depth(paths: Iterable[PurePosixPath]) -> int | None:
    """Return the first depth at which there are folders of A and of B; deeper ones are plain names."""
    letters: dict[int, set[str]] = defaultdict(set)
    for path in paths:
        for depth in range(len(path.parts) - 1):
            if match := _half_folder(path, depth):
                letters[depth].add(match[2])
    return min((depth for depth, names in letters.items() if len(names) == 2), default=None)


def _given_side(path: PurePosixPath) -> str | None:
    """Return the side that the nearest folder with a split's name stands for."""
    folders = map(str.lower, reversed(path.parts[:-1]))
    return next((SPLITS[folder] for folder in folders if folder in SPLITS), None)


def _outside_marked(rows: list[Row]) -> list[Row]:
    """Give rows without side the status `outside_folders`, if there are others."""
    if not any(row.get("given_side") for row in rows):
        return rows
    return [
        row if row.get("given_side") or "status" in row else {**row, "status": "outside_folders"}
        for row in rows
    ]


def _folders(paths: Iterable[PurePosixPath]) -> str:
    names = sorted({path.parent.as_posix() for path in paths})
    more = f" and {len(names) - MAX_FOLDERS} more" if len(names) > MAX_FOLDERS else ""
    return ", ".join(names[:MAX_FOLDERS]) + more or "none"


def _without_suffix(path: PurePosixPath) -> PurePosixPath:
    """Return a path without the suffix of a picture; in `frame.0001` the dot belongs to the name."""
    return path.with_suffix("") if path.suffix.lower() in SUFFIXES else path


def natural_order(name: str) -> tuple[str, int, str, str]:
    """Sort 2 before 10."""
    path = PurePosixPath(name)
    return path.parent.as_posix(), len(path.stem), path.stem, name
