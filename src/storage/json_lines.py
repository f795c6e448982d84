"""JSON Lines: a JSON value on each line."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from src.storage.atomic import atomic_write


def write_json_lines(path: Path, values: Iterable[Any]) -> None:
    """Write a line for each value, atomically; raises as `write_json` of `atomic`."""
    with atomic_write(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for value in values:
            file.write(json.dumps(value, allow_nan=False, ensure_ascii=False) + "\n")
