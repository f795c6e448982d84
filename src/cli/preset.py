"""preset: a recipe of presets/ as words for `dvc exp run`."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from src.errors import UserError
from src.params import read_params, read_yaml, validate

PRESETS = Path("presets")


@click.command(epilog="Example: dvc exp run -n facades $(python -m src preset facades)")
@click.argument("name")
def preset(name: str) -> None:
    """Print the preset NAME of presets/ as -S KEY=VALUE words for dvc exp run."""
    file = PRESETS / f"{name}.yaml"
    if not file.is_file():
        known = ", ".join(sorted(path.stem for path in PRESETS.glob("*.yaml")))
        raise UserError(f"{name!r} is no preset: expected one of {known}")
    click.echo(" ".join(f"-S {override}" for override in overrides(file)))


def overrides(preset: Path, path: Path = Path("params.yaml")) -> list[str]:
    """Return a preset's values as KEY=VALUE words.

    Raises:
        UserError: A file is missing, or a value would be refused in params.yaml.
    """
    read_params(path)
    values, leaves = read_yaml(path), dict(_leaves(read_yaml(preset)))
    for key, value in leaves.items():
        *sections, last = key.split(".")
        section_values = values
        for section in sections:
            section_values = section_values.setdefault(section, {})
            if not isinstance(section_values, dict):
                raise UserError(f"{preset}: {key} = {value!r}: {section} is no section")
        section_values[last] = value
    validate(preset, values)
    return [f"{key}={_word(preset, key, value)}" for key, value in leaves.items()]


def _word(preset: Path, key: str, value: Any) -> str:
    """A value as one word that neither a shell nor DVC takes apart."""
    words = [str(part) for part in value] if isinstance(value, list) else [str(value)]
    if any(re.search(r"[^\w.:/+-]", word) for word in words):
        raise UserError(f"{preset}: {key} = {value!r} wants quotes: give it on the command line")
    return f"[{','.join(words)}]" if isinstance(value, list) else words[0]


def _leaves(values: dict, before: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value
