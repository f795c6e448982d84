"""Files of the user's stay out of data/: DVC deletes a stage's outputs before it runs the stage."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from src.errors import UserError

DATA = "data"
PIPELINE = "dvc.yaml"  # beside the folder data of a project
REMEDY = "move it out of the project, and name its new place"
# The parameters that name files of the user's.
PATHS = (
    *("demo.portraits", "folder.path", "pairs.path", "urls.path", "saved.path", "hf.path"),
    *("webdataset.path", "scrape.forget", "clean.exclude", "clean.force"),
    *("evaluate.inception_weights", "evaluate.lpips_weights"),
)


def require_originals_outside(params: Mapping[str, Any]) -> None:
    """Raise UserError if a path of params.yaml is in the folder data of a project, or holds one."""
    for key in PATHS:
        section, name = key.split(".")
        require_outside_data(key, params[section][name])


def require_outside_data(key: str, path: str) -> None:
    """Raise UserError if a path of the user's is in the folder data of a project, or holds one.

    Args:
        key: The parameter that gave it, for the message.
        path: As the user wrote it; it may be empty, a URL, or lead nowhere.
    """
    if not path or "\0" in path or path.startswith(("http://", "https://")):
        return
    expanded = os.path.abspath(os.path.expanduser(path))
    # a link is followed, and judged by its own place too
    for place in (Path(expanded), Path(os.path.realpath(expanded))):
        if any(_is_data(part) for part in (place, *place.parents)):
            why = "is inside data/, which is emptied whenever the pipeline runs"
            raise UserError(f"{key} = {path!r} {why}: {REMEDY}")
        if Path.cwd().is_relative_to(place):
            why = "holds this project, whose own pictures would be listed too"
            raise UserError(f"{key} = {path!r} {why}: name a folder beside it")


def _is_data(folder: Path) -> bool:
    """Return whether a folder is the folder data of a project, this one or another."""
    if folder == Path(DATA).absolute() or folder == Path(os.path.realpath(DATA)):
        return True
    try:
        return folder.name == DATA and (folder.parent / PIPELINE).exists()
    except OSError:  # it may not be searched
        return False
