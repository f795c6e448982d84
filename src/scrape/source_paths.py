"""The files and folders that a source reads, as params.yaml names them."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from src.errors import UserError
from src.imaging.picture_folders import Contents, walk_files
from src.params import Params
from src.scrape.http.block_pages import LFS_POINTER
from src.user_paths import existing_folder, existing_source

REMEDIES = {
    "folder.path": "set it to a folder of pictures",
    "pairs.path": "set it to a folder, a tar archive or the URL of one, or take the CMP facades: "
    "`python -m src preset facades` prints their settings; source: demo with demo.kind: facades "
    "draws some",
    "urls.path": "set it to a list of URLs, or a folder of lists",
    "saved.path": "set it to a page that you saved in a browser, or a folder of them",
    "hf.path": "set it to the folder of a data set",
    "webdataset.path": "set it to a tar file, or a folder of them",
}
FOLDERS = ("folder.path", "hf.path")  # of REMEDIES, what must be a folder


def require_source(params: Params) -> None:
    """Raise UserError if the source's section names nothing that is there."""
    key = f"{params.source}.path"
    if key in REMEDIES:
        path = getattr(params, params.source).path
        require_path(key, path)
        if key in FOLDERS:
            existing_folder(key, path)
        elif not (key == "pairs.path" and is_url(path)):
            existing_source(key, path)
    if params.source == "demo" and params.demo.portraits:
        existing_folder("demo.portraits", params.demo.portraits)


def require_path(key: str, path: str) -> None:
    """Raise UserError, with the remedy, if the path of a source in params.yaml is empty."""
    if not path:
        raise UserError(f"{key} is empty: {REMEDIES[key]}")


def is_hidden(path: Path, root: Path) -> bool:
    """Return whether a file below a root, or a folder that it is in, is hidden.

    So are the files `._…` that macOS leaves beside others, and what Jupyter and git keep.
    """
    return any(part.startswith(".") for part in path.relative_to(root).parts)


def hidden_reason(name: str) -> str:
    """Return as what a hidden file or folder is passed over, by its name."""
    return "apple_double" if name.rpartition("/")[2].startswith("._") else "hidden"


def visible_files(root: Path, contents: Contents) -> Iterator[tuple[Path, str]]:
    """Yield what is no folder in a folder and below, sorted, without what is hidden.

    Args:
        root: The folder.
        contents: Notes the folders that are not searched, and what is hidden: a folder once.

    Yields:
        A path, and why it cannot be read as a file: `broken_link`, `special_file`, or "" if it can.
    """
    hidden = set()
    for path in sorted(walk_files(root, contents)):
        if name := _hidden_part(path.relative_to(root)):
            hidden.add(name)
        else:
            yield path, why_unreadable(path)
    for name in sorted(hidden):
        contents.pass_over(hidden_reason(name), name)


def _hidden_part(path: Path) -> str:
    """Return a path up to its first part that is hidden, or ""."""
    names = path.parts
    ends = (end for end, name in enumerate(names, 1) if name.startswith("."))
    return "/".join(names[: next(ends, 0)])


def why_unreadable(path: Path) -> str:
    """Return `broken_link`, `special_file` or "", as `visible_files` yields it."""
    if not os.path.exists(path):  # needs no read permission
        return "broken_link"
    return "" if os.path.isfile(path) else "special_file"  # a pipe would never end


def file_below(folder: Path, root: Path, name: str) -> Path | None:
    """Return the file that a name means in a folder, if it is in `root` or below; else None."""
    try:
        path = Path(os.path.realpath(folder / name))
        is_below = path.is_relative_to(os.path.realpath(root))
        return path if is_below and path.is_file() else None
    except (OSError, ValueError):  # too long, or with a zero byte
        return None


def lfs_remedy(path: Path) -> str:
    """Return what helps if a file that cannot be read is a pointer of Git LFS, else ""."""
    with suppress(OSError), path.open("rb") as file:
        if file.read(len(LFS_POINTER)) == LFS_POINTER:
            return "; it is a pointer of Git LFS: run `git lfs pull` in its repository"
    return ""


def is_url(path: str) -> bool:
    """Return whether a source is on the web."""
    return path.startswith(("http://", "https://"))
