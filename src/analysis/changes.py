"""What differs between two revisions in parameters and in code."""

import math
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from src.analysis.revision import Revision
from src.errors import UserError

CODE = ("src", "stages", "dvc.yaml", ":(glob)requirements*.txt")  # as git names paths
UNSET = "not set"


@dataclass(frozen=True)
class ParameterChange:
    """A leaf of params.yaml with another value; UNSET where there is none."""

    key: str
    old: str
    new: str


@dataclass(frozen=True)
class CodeChange:
    """A changed file with its added and removed lines; None for a binary file."""

    file: str
    added: int | None
    removed: int | None


def parameter_changes(a: dict[str, Any], b: dict[str, Any]) -> list[ParameterChange]:
    """Return the leaves that differ from params.yaml a to b, in the order of b; then a's own."""
    old, new = _leaves(a), _leaves(b)
    for mine, others in ((old, new), (new, old)):
        for key in [key for key, value in mine.items() if value == "{}"]:
            if any(other.startswith(f"{key}.") for other in others):
                del mine[key]  # a section without a value of its own
    return [
        ParameterChange(key, old.get(key, UNSET), new.get(key, UNSET))
        for key in new | old
        if old.get(key) != new.get(key)
    ]


def _leaves(values: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """Return each value that is no section as YAML, by its dotted key."""
    leaves: dict[str, str] = {}
    for key, value in values.items():
        if isinstance(value, dict) and value:
            leaves |= _leaves(value, f"{prefix}{key}.")
        else:
            text = yaml.safe_dump(
                value, default_flow_style=True, allow_unicode=True, width=math.inf
            )
            leaves[f"{prefix}{key}"] = text.removesuffix("...\n").strip()
    return leaves


def code_changes(a: Revision, b: Revision) -> list[CodeChange]:
    """Return the files of CODE that differ; the working folder counts what is not committed.

    Raises:
        UserError: git cannot compare the two.
    """
    if a.commit == b.commit:
        return []
    if a.commit and b.commit:
        listed = _git("diff", *_numstat_arguments(a.commit, b.commit))
    else:
        reverse = [] if a.commit else ["-R"]
        with _index_of_all_files() as index:
            listed = _git("diff", *reverse, *_numstat_arguments(a.commit or b.commit), index=index)
    entries = (entry.split("\t", 2) for entry in listed.split("\0") if entry)
    return [
        CodeChange(file, *(None if n == "-" else int(n) for n in (added, removed)))
        for added, removed, file in entries
    ]


def _numstat_arguments(*commits: str) -> list[str]:
    """Return git's arguments for the changed lines of each file, independent of a user's settings."""
    plain = ["--no-ext-diff", "--no-textconv", "--no-renames", "--no-color", "--relative"]
    return [*plain, "--numstat", "-z", *commits, "--", *CODE]


@contextmanager
def _index_of_all_files() -> Iterator[Path]:
    """Yield a copy of git's index that also lists untracked files."""
    with tempfile.TemporaryDirectory() as folder:
        index = Path(folder) / "index"
        shutil.copyfile(_git("rev-parse", "--git-path", "index").rstrip("\n"), index)
        _git("add", "--intent-to-add", ".", index=index)
        yield index


def _git(*arguments: str, index: Path | None = None) -> str:
    """Return what a command of git prints."""
    variables = os.environ | ({"GIT_INDEX_FILE": str(index)} if index else {})
    try:
        done = subprocess.run(["git", *arguments], check=True, capture_output=True, env=variables)
    except (OSError, subprocess.CalledProcessError) as error:
        words = (getattr(error, "stderr", None) or str(error).encode()).decode(errors="replace")
        reason = " ".join(words.split())
        raise UserError(
            f"git {arguments[0]} failed ({reason}): expected a git repository"
        ) from None
    return done.stdout.decode(errors="replace")
