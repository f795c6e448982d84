"""The pairs in a format of other programs: complete under its name, or not there.

It grows in a folder beside it, OUT.partial, and gets its name at the end. After a kill, the files
and shards that are in there count as done if the pairs, the format and the code are the same.
"""

import os
import re
from pathlib import Path
from typing import Any

from src.errors import UserError
from src.export import (
    arrow_dataset,
    data_card,
    image_folder,
    side_by_side,
    tar_shards,
)
from src.export.side_content import SIDES, SideContent, open_side
from src.storage.atomic import read_json, remove, replace_folder, write_json
from src.storage.fingerprint import fingerprint, source_files
from src.storage.ledger import read_ledger
from src.storage.locks import alone_in
from src.user_paths import output_folder

WRITERS = {
    "pix2pix": side_by_side.write,
    "imagefolder": image_folder.write,
    "hf": arrow_dataset.write,
    "webdataset": tar_shards.write,
}
CODE = source_files(
    {
        "drawing": "sheets",
        "export": "arrow_dataset image_folder shard_files side_by_side side_content tar_shards",
        "storage": "encoding",
    }
)
MARKER = ".export.json"  # says what a folder holds; programs that read it pass over such names
UNFINISHED = r"\..+\.[0-9a-f]{8}"  # as atomic writes name a file
OWN = re.compile(  # the paths in an export, and what `datasets` writes beside its files
    rf"README\.md|metadata\.jsonl|dataset_dict\.json|{re.escape(MARKER)}|(train|val)-\d+\.tar"
    r"|train|val|validation|(train|val)/(image|input|metadata\.(jsonl|parquet))"
    r"|(train|val)/((image|input)/)?\d+\.png"
    r"|(train|validation)/(state\.json|dataset_info\.json|(data-\d+-of-\d+|cache-.+)\.arrow)"
    rf"|(.+/)?{UNFINISHED}"
)


def export_pairs(data: Path, out: Path, task: str, kind: str, shard_size: int) -> int:
    """Write the pairs of both sides, with the inputs of a task, their facts and a data card.

    The folder is new, empty, or an earlier export, which is replaced.

    Returns:
        How many pairs were written.

    Raises:
        UserError: The pairs or the ledger are missing, the source has no inputs for this task, or
            the folder holds something else, or another process is exporting to it.
    """
    out = _target(out)
    ledger = read_ledger(data / "split" / "ledger.parquet", "split")
    sides = [open_side(data / "pairs", name, task, ledger) for name in SIDES]
    partial = _partial(out)
    content = _content(data / "pairs", sides, task, kind, shard_size)
    with alone_in(partial, "exporting"):
        _resume(partial, content)
        WRITERS[kind](sides, partial, shard_size)
        data_card.write(partial / "README.md", ledger, sides, task, kind)
        _require_nothing_else(out)  # which may have come meanwhile
        replace_folder(partial, out)
    return sum(map(len, sides))


def _target(out: Path) -> Path:
    """Return the folder's real path; raise UserError if what is there must not be replaced."""
    target = Path(os.path.realpath(out))
    if target.is_symlink():
        raise UserError(f"FOLDER = '{out}' is a link to itself, expected another name")
    if Path.cwd().is_relative_to(target):
        raise UserError(
            f"FOLDER = '{out}' is the working folder or one above it, expected another name"
        )
    if target.is_mount():  # it can be emptied, and not replaced
        raise UserError(f"FOLDER = '{out}' is a mounted disk, expected a name in it")
    _require_nothing_else(target)
    _require_nothing_else(_partial(target), is_ours=True)
    return target


def _partial(target: Path) -> Path:
    return target.with_name(f"{target.name}.partial")


def _require_nothing_else(folder: Path, is_ours: bool = False) -> None:
    """Raise UserError if a folder has anything but an export, at any depth.

    One of ours may have been broken off before it had a marker.
    """
    output_folder("FOLDER", folder)
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))
    is_export = (folder / MARKER).exists()
    own = OWN if is_export else re.compile(UNFINISHED if is_ours else "")
    foreign = [name for name in names if not own.fullmatch(name)]
    if foreign:
        raise UserError(
            f"{folder} holds {foreign[0]!r}, expected nothing or an earlier export of pairs, which "
            "is replaced: name a new folder"
        )


def _content(
    pairs: Path, sides: list[SideContent], task: str, kind: str, shard_size: int
) -> dict[str, str]:
    """Return what identifies an export, for MARKER: an array's file by its date and size."""
    files = [(file, file.stat()) for file in sorted(pairs.rglob("*.npy"))]
    arrays = [
        (str(file.relative_to(pairs)), status.st_size, status.st_mtime_ns) for file, status in files
    ]
    facts = [side.digest() for side in sides]
    return {
        "format": kind,
        "task": task,
        "fingerprint": fingerprint(CODE, task, kind, shard_size, arrays, facts),
    }


def _resume(partial: Path, content: dict[str, str]) -> None:
    """Leave in the folder what an earlier run of the same export has finished, and no more."""
    marker = partial / MARKER
    if _content_of(marker) != content:
        # the marker is the last to change, else what is left would count as somebody's own
        for earlier in set(partial.iterdir()) - {marker}:
            remove(earlier)
        write_json(marker, content)
    for unfinished in set(partial.rglob(".*")) - {marker}:
        unfinished.unlink()


def _content_of(marker: Path) -> Any:
    """Return what a marker says; None if it is missing or damaged."""
    try:
        return read_json(marker)
    except UserError:
        return None
