"""Paths that a user names: refused in one line where they do not fit."""

import os
from collections.abc import Iterable
from pathlib import Path

import yaml

from src.errors import UserError

MAX_FILE_BYTES = 10**9  # of a picture or a table that a user names, to read at once
ABSOLUTE = "with --queue or --temp give an absolute path"


def existing_path(key: str, path: str | Path, remedy: str = ABSOLUTE) -> Path:
    """Return the path that a user gave for a file or folder, with `~` expanded.

    Args:
        key: The parameter or argument that gave it, for the message.
        path: As the user wrote it.
        remedy: What to do about a relative path with nothing there.

    Raises:
        UserError: There is nothing at the path.
    """
    target = _expanded(path)
    try:
        if target.exists():
            return target
    except OSError as error:  # a folder above may not be searched; a name is too long
        raise UserError(f"{key} = {str(path)!r} cannot be read: {error.strerror}") from None
    absolute = target.absolute()
    above = next(parent for parent in absolute.parents if parent.exists())
    where = f"{above} is there, {absolute.relative_to(above).parts[0]!r} in it is not"
    if remedy and not target.is_absolute():
        where += f"; {remedy}"
    raise UserError(f"{key} = {str(path)!r} does not exist: {where}")


def existing_folder(key: str, path: str | Path, remedy: str = ABSOLUTE) -> Path:
    """Return a folder's path as `existing_path`; raise UserError if a file is there."""
    target = existing_path(key, path, remedy)
    if not target.is_dir():
        what = "a file" if target.is_file() else "a pipe or a device"
        raise UserError(f"{key} = {str(path)!r} is {what}, expected a folder")
    return target


def existing_file(key: str, path: str | Path) -> Path:
    """Return a file's path as `existing_path`; raise UserError if no file is there."""
    target = existing_path(key, path)
    if not target.is_file():
        what = "a folder" if target.is_dir() else "a pipe or a device"
        raise UserError(f"{key} = {str(path)!r} is {what}, expected a file")
    return target


def existing_source(key: str, path: str | Path) -> Path:
    """Return the path of a file or folder as `existing_path`; raise UserError for a pipe or device."""
    target = existing_path(key, path)
    if not (target.is_file() or target.is_dir()):
        raise UserError(f"{key} = {str(path)!r} is a pipe or a device, expected a file or a folder")
    return target


def require_bounded(path: Path, max_bytes: int = MAX_FILE_BYTES) -> None:
    """Raise OSError for what may not be read to its end: a pipe, a device or too large a file."""
    if path.is_file():
        size = path.stat().st_size
        if size > max_bytes:
            raise OSError(f"it has {size} bytes, allowed are {max_bytes}")
    elif path.exists() and not path.is_dir():
        raise OSError("it is a pipe or a device, expected a file")


def output_folder(key: str, path: str | Path) -> Path:
    """Return the path of a folder to write to, `~` expanded.

    Raises:
        UserError: A file is there, or DVC would delete what is written there.
    """
    folder = _expanded(path)
    _require_no_output_of_a_stage(key, path, folder)
    try:
        for part in (folder, *folder.parents):
            if part.exists() and not part.is_dir():
                raise UserError(f"{key} = {str(path)!r}: {part} is a file, expected a folder")
    except OSError as error:
        raise UserError(f"{key} = {str(path)!r} cannot be written: {error.strerror}") from None
    return folder


def output_file(key: str, path: str | Path) -> Path:
    """Return the path of a file to write, `~` expanded.

    Raises:
        UserError: A folder, a pipe or a device is there, or DVC would delete what is written
            there. What is written replaces the file: a device such as /dev/null would be gone.
    """
    file = _expanded(path)
    _require_no_output_of_a_stage(key, path, file)
    if file.is_dir():
        raise UserError(f"{key} = {str(path)!r} is a folder, expected the name of a file")
    if file.exists() and not file.is_file():
        raise UserError(f"{key} = {str(path)!r} is a pipe or a device, expected the name of a file")
    output_folder(key, file.parent)
    return file


def require_no_input(key: str, path: Path, inputs: Iterable[Path]) -> None:
    """Raise UserError if what is written to a path would replace one of the inputs."""
    if os.path.realpath(path) in map(os.path.realpath, inputs):
        raise UserError(
            f"{key} = {str(path)!r} is an input, and would be overwritten: name another"
        )


def _require_no_output_of_a_stage(key: str, path: str | Path, target: Path) -> None:
    """Raise UserError if a path is in an output of this project's stages, or is one."""
    place = Path(os.path.realpath(target))
    try:
        stages = yaml.safe_load(Path("dvc.yaml").read_bytes())["stages"]
        outputs = {
            out if isinstance(out, str) else min(out): name
            for name, stage in stages.items()
            for out in (*stage.get("outs", ()), *stage.get("metrics", ()))
        }
    except (OSError, yaml.YAMLError, LookupError, AttributeError, TypeError, ValueError):
        return  # the command runs elsewhere, or the file is half written
    for output, name in outputs.items():
        if place.is_relative_to(os.path.realpath(output)):
            raise UserError(
                f"{key} = {str(path)!r} is in {output}, which DVC empties before it runs the "
                f"stage {name}: name a place outside it"
            )


def _expanded(path: str | Path) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError:  # ~nobody: no such user
        return Path(path)
