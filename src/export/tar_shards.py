"""Pairs as WebDataset reads them: tar files, whose members of one name are a sample."""

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

from src.export.shard_files import Sample, write_shards
from src.export.side_content import SideContent


def write(sides: list[SideContent], folder: Path, shard_size: int) -> None:
    """Write train-000000.tar and so on. Equal pairs give equal bytes."""
    for side in sides:

        def path_of(number: int, count: int, name: str = side.name) -> Path:
            return folder / f"{name}-{number:06d}.tar"

        write_shards(side, path_of, shard_size, _write_tar)


def _write_tar(path: Path, samples: Iterator[Sample]) -> None:
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for key, input_, photo, record in samples:
            facts = json.dumps(record, allow_nan=False, ensure_ascii=False).encode()
            for suffix, data in (("image.png", photo), ("input.png", input_), ("json", facts)):
                member = tarfile.TarInfo(f"{key}.{suffix}")  # of no date and nobody
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
