"""One fingerprint of code and values, by which every cache knows what it was made with."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType


def fingerprint(code: Iterable[ModuleType | Path], *values: object) -> str:
    """Return 24 hex digits that change with the source of `code` and with any of `values`.

    Args:
        code: Modules, or paths of source files.
        values: Anything whose `repr` says all of it: text, numbers, tuples and dicts of these.
    """
    digest = hashlib.sha256(repr(values).encode())
    for part in code:
        digest.update(Path(getattr(part, "__file__", part)).read_bytes())
    return digest.hexdigest()[:24]
