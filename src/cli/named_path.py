"""Paths on the command line."""

from pathlib import Path
from typing import Any

import click


class NamedPath(click.Path):
    """A path that is not empty: click would take the empty one of an unset variable for `.`."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the value as a Path; fail if it is empty."""
        if value in ("", b""):
            self.fail("it is empty, expected a path", param, ctx)
        return super().convert(value, param, ctx)
