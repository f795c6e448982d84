"""Templates of Markdown files."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template


def markdown_template(file: Path) -> Template:
    """Return a template that refuses unknown names; what comes from the web is cleaned before."""
    environment = Environment(
        loader=FileSystemLoader(file.parent),
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(file.name)
