"""Jinja's environment of the pages: a layout and macros that they share."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, select_autoescape


@cache  # which keeps the compiled templates
def template_environment(*folders: Path) -> Environment:
    """Return an environment that escapes what it fills in; this folder's templates count too."""
    return Environment(
        loader=FileSystemLoader([*folders, Path(__file__).parent]),
        autoescape=select_autoescape(["html"]),
        trim_blocks=True,
        lstrip_blocks=True,
    )
