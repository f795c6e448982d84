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
        read_params()  # which says where to run it
        names = ", ".join(sorted(path.stem for path in PRESETS.glob("*.yaml")))
        raise UserError(f"{name!r} is no preset: expected one of {names}")
    click.echo(" ".join(f"-S {override}" for override in overrides(file)))


def overrides(preset: Path, params: Path = Path("params.yaml")) -> list[str]:
    """Return a preset's values as KEY=VALUE words that override some keys of `params`.

    Raises:
        UserError: A file is missing, params.yaml would refuse a value, or a value needs quotes.
    """
    read_params(params)
    values, leaves = read_yaml(params), dict(_leaves(read_yaml(preset)))
    added = set()
    for key, value in leaves.items():
        *sections, last = key.split(".")
        section_values = values
        for section in sections:
            section_values = section_values.setdefault(section, {})
            if not isinstance(section_values, dict):
                raise UserError(f"{preset}: {key} = {value!r}: {section} is no section")
        if last not in section_values:
            added.add(key)
        section_values[last] = value
    validate(preset, values)
    return [
        f"{'+' if key in added else ''}{key}={_word(preset, key, value)}"  # DVC's word for a new key
        for key, value in leaves.items()
    ]


def _leaves(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted key and the value of each parameter."""
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _word(preset: Path, key: str, value: Any) -> str:
    """Return a value as one word that neither a shell nor DVC splits."""
    words = [str(item) for item in value] if isinstance(value, list) else [str(value)]
    if any(re.search(r"[^\w.:/+-]", word) for word in words):
        raise UserError(f"{preset}: {key} = {value!r} needs quotes: give it on the command line")
    return f"[{','.join(words)}]" if isinstance(value, list) else words[0]
