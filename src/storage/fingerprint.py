"""One fingerprint of code and values, by which every cache knows what it was computed from."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

SRC = Path(__file__).parents[1]


def source_files(modules: Mapping[str, str]) -> list[Path]:
    """Return the files of modules of src, given their names by folder: {"vision": "bands forms"}."""
    return [
        SRC / folder / f"{name}.py" for folder, names in modules.items() for name in names.split()
    ]


def fingerprint(code: Iterable[Path], *values: object) -> str:
    """Return 24 hex digits that change with the source of `code` and with any of `values`.

    Args:
        code: Source files; their order counts, their names do not.
        values: Anything that `repr` shows in full: text, numbers, and tuples, lists or dicts of
            these.
    """
    sources = [path.read_bytes() for path in code]
    digests = [hashlib.sha256(source).hexdigest() for source in sources]
    return hashlib.sha256(repr((values, digests)).encode()).hexdigest()[:24]
