"""A trained model on picture files and folders, into PNG files."""

import errno
import os
import zlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from src.drawing.sheets import three_channels
from src.errors import UserError, is_out_of_memory, print_on_stderr
from src.imaging import decoding
from src.imaging.picture_folders import (
    EXPECTED,
    SUFFIXES,
    Contents,
    list_folder,
    reasons_with_names,
)
from src.inference.prediction import predict_all, task_input
from src.model.generator import Generator
from src.progress import progress_bar
from src.storage.atomic import write_bytes
from src.storage.encoding import encode_png
from src.storage.slices import slices
from src.user_paths import existing_path, require_bounded

# A disk that refuses one result for these reasons refuses all.
DISK_FAULTS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO}
MEMORY = "memory is short: reduce it by --max-side, or close other programs"
UNREADABLE = ("unreadable", "unreadable_folder")  # of what a folder passes over
# A chunk of text behind a PNG's header says that the picture is a result.
_SOFTWARE = b"tEXtSoftware\0pix2pix-dvc predict"
MARK = (len(_SOFTWARE) - 4).to_bytes(4) + _SOFTWARE + zlib.crc32(_SOFTWARE).to_bytes(4)
HEADER_BYTES = 33  # of a PNG


class Picture(NamedTuple):
    """A decoded file.

    Attributes:
        pixels: (H, W, 3) uint8.
        alpha: (H, W) uint8, or None if nothing is transparent.
        exif: The file's own.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None
    exif: bytes


@dataclass
class Inputs:
    """What a prediction reads.

    Attributes:
        files: Each picture's path, and its result's path below the output folder.
        passed_over: Names of what is no picture in the folders, by the reason.
        refused: A line for each file or folder that cannot be read.
    """

    files: list[tuple[Path, Path]] = field(default_factory=list)
    passed_over: dict[str, list[str]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)


def predict_files(
    generator: Generator,
    sources: list[Path],
    out: Path,
    max_side: int | None = None,
    batch_size: int = 8,
    side_by_side: bool = False,
) -> tuple[int, list[str]]:
    """Run picture files, also those in folders, through a trained model; write PNG files to `out`.

    A batch of pictures is in memory at a time. `side_by_side` puts the task's input beside the result,
    without transparency. See `predict_all` for `max_side`.

    Returns:
        How many files were written, and a line for each picture that cannot be read or written.

    Raises:
        UserError: A source is missing, two results have one name, a result would overwrite an
            input, or the disk refuses every result.
    """
    inputs = find_inputs(sources)
    files, refused = inputs.files, inputs.refused
    refuse_originals(files, out)
    if inputs.passed_over:
        print_on_stderr(f"passed over: {reasons_with_names(inputs.passed_over)}")
    written = 0
    with progress_bar(None, len(files), "predicting") as bar:
        for batch in slices(len(files), batch_size):
            pictures = _read_all(files[batch], refused)
            for name, result in _predict_all(generator, pictures, max_side, refused):
                picture = pictures[name]
                left = task_input(generator.config, picture.pixels) if side_by_side else None
                written += _write(out / name, result, picture, left, refused)
            bar.update(len(files[batch]))
    return written, refused


def find_inputs(sources: list[Path]) -> Inputs:
    """Return the pictures to predict with their results' names; folders are searched to any depth.

    Raises:
        UserError: A source is missing, a folder holds no picture, or two results have one path.
    """
    inputs = Inputs()
    named: list[tuple[Path, Path]] = []  # a picture, and its name below its source
    for path in sources:
        source = existing_path("IN", path, remedy="")
        if source.is_dir():
            inside = _list_originals(source)
            _note(source, inside.passed_over, inputs)
            if not inside.pictures and not inputs.refused:
                reasons = reasons_with_names(inside.passed_over)
                description = f"{EXPECTED}; found {reasons}" if reasons else EXPECTED
                raise UserError(f"{source} holds no picture ({description})")
            named += [(path, Path(name)) for name, path in inside.pictures.items()]
        elif source.is_file():
            named.append((source, Path(source.name)))
        else:  # it might never end
            inputs.refused.append(f"{source}: is a pipe or a device, expected a picture")
    # a picture may be given twice, also in two spellings
    named = list({(os.path.realpath(path), name): (path, name) for path, name in named}.values())
    results = result_names([name for _, name in named])
    inputs.files = [(path, result) for (path, _), result in zip(named, results, strict=True)]
    return inputs


def _list_originals(source: Path) -> Contents:
    """Return a folder's pictures; results of earlier predictions are passed over."""
    inside = list_folder(source)
    results = [name for name, path in inside.pictures.items() if _is_result(path)]
    for name in results:
        del inside.pictures[name]
        inside.pass_over("result", name)
    return inside


def _note(source: Path, passed_over: dict[str, list[str]], inputs: Inputs) -> None:
    for reason, names in passed_over.items():
        if reason in UNREADABLE:
            inputs.refused += [f"{source / name}: cannot be read" for name in names]
        else:
            inputs.passed_over.setdefault(reason, []).extend(names)


def result_names(names: list[Path]) -> list[Path]:
    """Return each picture's result: `a.png` for `a.jpg`; beside `a.png` it is `a.jpg.png`.

    Raises:
        UserError: Pictures of two sources have one path.
    """
    short = [_short_result(name) for name in names]
    folders = {folder for name in names for folder in name.parents}
    results, earlier = short, None
    while results != earlier:
        earlier, uses = results, Counter(results)
        pairs = zip(names, results, strict=True)
        results = [
            _whole_result(name) if uses[result] > 1 or result in folders else result
            for name, result in pairs
        ]
    duplicate = next(
        (first for first, last in zip(short, results, strict=True) if uses[last] > 1), None
    )
    if duplicate is not None:
        raise UserError(
            f"two inputs would both become {duplicate}: run them into different folders"
        )
    return results


def _short_result(name: Path) -> Path:
    return name.with_suffix(".png") if name.suffix.lower() in SUFFIXES else _whole_result(name)


def _whole_result(name: Path) -> Path:
    return name.with_name(f"{name.name}.png")


def refuse_originals(files: list[tuple[Path, Path]], out: Path) -> None:
    """Raise UserError if a result below `out` would overwrite an input, or what is no result."""
    originals = {Path(os.path.realpath(path)) for path, _ in files}
    for _, name in files:
        target = Path(os.path.realpath(out / name))
        if target in originals:
            raise UserError(
                f"OUT = {out}: {target} is an input, and would be overwritten: name another"
            )
        if target.is_file() and not _is_result(target):
            raise UserError(
                f"OUT = {out}: {target} is not marked as a result of predict, and would be "
                "overwritten: remove it, or name another folder"
            )


def _is_result(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            return opened.read(HEADER_BYTES + len(MARK)).endswith(MARK)
    except OSError:  # reading it later says why
        return False


def _read_all(files: list[tuple[Path, Path]], refused: list[str]) -> dict[Path, Picture]:
    """Return the pictures by their results' names; add a line to `refused` for each broken one."""
    pictures = {}
    for path, name in files:
        try:
            require_bounded(path)
            pictures[name] = Picture(*decoding.decode_with_alpha(path.read_bytes()))
        except (decoding.ImageError, OSError) as error:
            refused.append(f"{path}: {error}")
        except MemoryError:
            refused.append(f"{path}: {MEMORY}")
    return pictures


def _predict_all(
    generator: Generator, pictures: dict[Path, Picture], max_side: int | None, refused: list[str]
) -> list[tuple[Path, np.ndarray]]:
    """Return results with their names; where memory is short, of each picture by itself."""
    try:
        pixels = [picture.pixels for picture in pictures.values()]
        return list(zip(pictures, predict_all(generator, pixels, max_side), strict=True))
    except Exception as error:
        if not is_out_of_memory(error):
            raise
    if len(pictures) == 1:
        refused.append(f"{next(iter(pictures))}: {MEMORY}")
        return []
    parts = ({name: picture} for name, picture in pictures.items())
    return [each for part in parts for each in _predict_all(generator, part, max_side, refused)]


def _write(
    path: Path, result: np.ndarray, original: Picture, left: np.ndarray | None, refused: list[str]
) -> bool:
    """Write a result as PNG, with its original's EXIF, and return whether it could be written.

    It has the original's transparency too, or `left` beside it. What the disk refuses for this
    result alone, such as a name that is too long, is added to `refused`.
    """
    if left is not None:
        pixels = np.concatenate([three_channels(left), result], axis=1)
    elif original.alpha is not None:
        pixels = np.concatenate([result, original.alpha[..., None]], axis=2)
    else:
        pixels = result
    try:
        png = encode_png(pixels, original.exif)
        write_bytes(path, png[:HEADER_BYTES] + MARK + png[HEADER_BYTES:])
    except UserError as error:
        if getattr(error.__cause__, "errno", None) in DISK_FAULTS:
            raise
        refused.append(str(error))
        return False
    return True
