"""Pairs as the official pix2pix code reads them: the input left, the photo right, in one picture."""

from functools import partial
from pathlib import Path

import numpy as np

from src.dataset.arrays import Pictures
from src.drawing.sheets import three_channels
from src.export.side_content import SideContent
from src.parallel.local import stream_processes
from src.storage.atomic import write_bytes, write_json_lines
from src.storage.encoding import encode_png


def write(sides: list[SideContent], folder: Path, shard_size: int) -> None:
    """Write train/ and val/ with a PNG for each pair, and their facts in metadata.jsonl.

    Each pair is a file, whatever the size of shards. Those that are there already stay.
    """
    for side in sides:
        files = [folder / side.name / f"{key}.png" for key in side.names()]
        missing = [index for index, file in enumerate(files) if not file.exists()]
        encode = partial(_encode, side.inputs, side.photos)
        pictures = stream_processes(encode, missing, f"exporting {side.name}")
        for index, data in zip(missing, pictures, strict=True):
            write_bytes(files[index], data)
    lines = (
        {"file_name": f"{side.name}/{key}.png"} | record
        for side in sides
        for key, record in zip(side.names(), side.records(), strict=True)
    )
    write_json_lines(folder / "metadata.jsonl", lines)


def _encode(inputs: Pictures, photos: Pictures, index: int) -> bytes:
    return encode_png(np.concatenate([three_channels(inputs[index]), photos[index]], axis=1))
