"""Paths on the command line."""

from pathlib import Path
from typing import Any

import click


class NonEmptyPath(click.Path):
    """A path that is not empty: click would take the empty one of an unset variable for `.`.

    Args:
        path_type: What the value becomes. A Path writes `https://` with one slash.
        suffix: Of the file to write, such as `.png`: another file is not replaced by mistake.
    """

    def __init__(self, path_type: type[Path] | type[str] = Path, suffix: str = "") -> None:
        super().__init__(path_type=path_type)
        self.suffix = suffix

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the value as `path_type`; fail if it is empty, or has another suffix."""
        if value in ("", b""):
            self.fail("it is empty, expected a path", param, ctx)
        if self.suffix and Path(value).suffix.lower() != self.suffix:
            self.fail(f"{str(value)!r} does not end in {self.suffix}", param, ctx)
        return super().convert(value, param, ctx)
