"""The files and folders that a source reads, as params.yaml names them."""

from src.errors import UserError, existing_folder, existing_path
from src.params import Params

REMEDIES = {
    "folder.path": "set it to a folder of pictures",
    "pairs.path": "set it to a folder, a tar archive or the URL of one, or take the CMP facades: "
    "`python -m src preset facades` prints their settings; source: demo with demo.kind: facades "
    "draws some",
}


def require_source(params: Params) -> None:
    """Raise UserError if the source's section names nothing that is there."""
    if params.source == "folder":
        require_path("folder.path", params.folder.path)
        existing_folder("folder.path", params.folder.path)
    if params.source == "pairs":
        require_path("pairs.path", params.pairs.path)
        if not is_url(params.pairs.path):
            existing_path("pairs.path", params.pairs.path)
    if params.source == "demo" and params.demo.portraits:
        existing_folder("demo.portraits", params.demo.portraits)


def require_path(key: str, path: str) -> None:
    """Raise UserError, with the remedy, if a source's path is empty.

    Args:
        key: One of REMEDIES.
        path: As params.yaml has it.
    """
    if not path:
        raise UserError(f"{key} is empty: {REMEDIES[key]}")


def is_url(path: str) -> bool:
    """Return whether a source is on the web."""
    return path.startswith(("http://", "https://"))
