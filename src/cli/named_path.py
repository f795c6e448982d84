"""Paths on the command line."""

from pathlib import Path
from typing import Any

import click


class NamedPath(click.Path):
    """A path. An empty one, such as that of an unset shell variable, is no name of the working folder."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the value as a Path; fail if it is empty."""
        if value in ("", b""):
            self.fail("it is empty, expected a path; `.` is the working folder", param, ctx)
        return super().convert(value, param, ctx)
