"""The files of a side that hold many pairs each: those that are not there yet."""

from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from src.export.side_content import SideContent
from src.storage.atomic import atomic_write
from src.storage.slices import slices

# A pair's name, its input and its photo as PNG files, and its facts.
Sample = tuple[str, bytes, bytes, dict[str, Any]]
WriteShard = Callable[[Path, Iterator[Sample]], None]


def write_shards(
    side: SideContent, path_of: Callable[[int, int], Path], size: int, write: WriteShard
) -> list[Path]:
    """Write the shards of a side that are missing, each complete or not at all.

    The path of a shard follows from its number and from how many there are.

    Returns:
        The paths of all shards.
    """
    parts = slices(len(side), size)
    paths = [path_of(number, len(parts)) for number in range(len(parts))]
    missing = [(path, part) for path, part in zip(paths, parts, strict=True) if not path.exists()]
    indices = chain.from_iterable(range(part.start, part.stop) for _, part in missing)
    pictures = side.encoded(list(indices))
    for path, part in missing:
        with atomic_write(path) as temporary:
            write(temporary, _samples(side, part, pictures))
    next(pictures, None)  # there is none: this ends the bar and the processes
    return paths


def _samples(
    side: SideContent, part: slice, pictures: Iterator[tuple[bytes, bytes]]
) -> Iterator[Sample]:
    """Yield the part's samples, and take their pictures from `pictures`."""
    for record in side.records(part):
        input_, photo = next(pictures)
        yield f"{record['row']:06d}", input_, photo, record
