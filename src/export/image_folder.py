"""Pairs as the ImageFolder of Hugging Face's datasets: files, and a metadata.jsonl in each split."""

from pathlib import Path

from src.export.side_content import SideContent
from src.storage.atomic import write_bytes, write_json_lines


def write(sides: list[SideContent], folder: Path, shard_size: int) -> None:
    """Write train/ and val/ with the folders image and input, and a metadata.jsonl.

    Each picture is a file, whatever the size of shards. Those that are there already stay.
    """
    for side in sides:
        names = [(f"input/{key}.png", f"image/{key}.png") for key in side.names()]
        split = folder / side.name
        missing = [index for index, (_, last) in enumerate(names) if not (split / last).exists()]
        for index, pictures in zip(missing, side.encoded(missing), strict=True):
            for name, data in zip(names[index], pictures, strict=True):
                write_bytes(split / name, data)
        # `file_name` becomes the column image, `input_file_name` the column input
        lines = (
            {"file_name": image, "input_file_name": input_} | record
            for (input_, image), record in zip(names, side.records(), strict=True)
        )
        write_json_lines(split / "metadata.jsonl", lines)
