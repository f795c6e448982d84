"""One fingerprint of code and values, by which every cache knows what it was computed from."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType

SRC = Path(__file__).parents[1]


def source_files(modules: Mapping[str, str]) -> list[Path]:
    """Return the files of modules of src, given their names by folder: {"vision": "bands forms"}."""
    return [
        SRC / folder / f"{name}.py" for folder, names in modules.items() for name in names.split()
    ]


def fingerprint(code: Iterable[ModuleType | Path], *values: object) -> str:
    """Return 24 hex digits that change with the source of `code` and with any of `values`.

    Args:
        code: Modules, or paths of source files; their order counts, their names do not.
        values: Anything that `repr` shows in full: text, numbers, and tuples, lists or dicts of
            these.
    """
    sources = [Path(getattr(part, "__file__", part)).read_bytes() for part in code]
    digests = [hashlib.sha256(source).hexdigest() for source in sources]
    return hashlib.sha256(repr((values, digests)).encode()).hexdigest()[:24]
