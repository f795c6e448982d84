"""A trained model on picture files and folders, into PNG files."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from src.drawing.sheets import three_channels
from src.errors import UserError, existing_path
from src.imaging import decoding
from src.imaging.picture_folders import SUFFIXES, find_pictures
from src.inference.prediction import predict_all, task_input
from src.model.generator import Generator
from src.progress import progress
from src.storage.atomic import write_bytes
from src.storage.encoding import encode_png
from src.storage.slices import slices


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


def predict_files(
    generator: Generator,
    sources: list[Path],
    out: Path,
    side: int | None = None,
    batch_size: int = 8,
    side_by_side: bool = False,
) -> tuple[int, list[str]]:
    """Run picture files through the generator, into PNG files below `out`.

    Args:
        generator: A trained model.
        sources: Pictures, and folders of pictures.
        out: A folder; each result has its picture's name.
        side: As for `predict_all`.
        batch_size: Pictures that are in memory at a time.
        side_by_side: Write the task's input beside the result, without transparency.

    Returns:
        How many files were written, and a line for each picture that cannot be read.

    Raises:
        UserError: A source is missing, two results have one name, or a result would overwrite
            an input.
    """
    files = find_inputs(sources)
    refuse_originals(files, out)
    refused: list[str] = []
    with progress(None, len(files), "predicting") as bar:
        for batch in slices(len(files), batch_size):
            pictures = _read_all(files[batch], refused)
            pixels = [picture.pixels for picture in pictures.values()]
            results = predict_all(generator, pixels, side)
            for (name, picture), result in zip(pictures.items(), results, strict=True):
                left = task_input(generator.config, picture.pixels) if side_by_side else None
                _write(out / name, result, picture, left)
            bar.update(len(files[batch]))
    return len(files) - len(refused), refused


def find_inputs(sources: list[Path]) -> list[tuple[Path, Path]]:
    """Return each picture's path, and its result's path below the output folder.

    Args:
        sources: Pictures, and folders, which are searched with all folders in them.

    Raises:
        UserError: A source is missing, a folder holds no picture, or two results have one path.
    """
    files = []
    for given in sources:
        source = existing_path("IN", given, remedy="")
        if source.is_dir():
            inside = find_pictures(source)
            if not inside:
                raise UserError(f"{source} holds no picture ({', '.join(SUFFIXES)})")
            files += [(p, p.relative_to(source).with_suffix(".png")) for p in inside]
        else:
            files.append((source, Path(source.name).with_suffix(".png")))
    names = [name for _, name in files]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UserError(f"two inputs would both become {twice}: run them into different folders")
    return files


def refuse_originals(files: list[tuple[Path, Path]], out: Path) -> None:
    """Raise UserError if a result below `out` would overwrite an input.

    Args:
        files: As `find_inputs` returns them.
        out: The output folder.
    """
    originals = {path.resolve() for path, _ in files}
    for _, name in files:
        target = (out / name).resolve()
        if target in originals:
            raise UserError(f"OUT = {out}: {target} is an input, and would be overwritten")


def _read_all(files: list[tuple[Path, Path]], refused: list[str]) -> dict[Path, Picture]:
    """Return the pictures by their results' names; add a line to `refused` for each broken one."""
    pictures = {}
    for path, name in files:
        try:
            pictures[name] = Picture(*decoding.decode_with_alpha(path.read_bytes()))
        except (decoding.ImageError, OSError) as error:
            refused.append(f"{path}: {error}")
    return pictures


def _write(path: Path, result: np.ndarray, original: Picture, left: np.ndarray | None) -> None:
    """Write a result as PNG, with its original's EXIF.

    It has the original's transparency too, or `left` beside it.
    """
    if left is not None:
        pixels = np.concatenate([three_channels(left), result], axis=1)
    elif original.alpha is not None:
        pixels = np.concatenate([result, original.alpha[..., None]], axis=2)
    else:
        pixels = result
    write_bytes(path, encode_png(pixels, original.exif))
