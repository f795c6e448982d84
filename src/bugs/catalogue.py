"""The known data bugs, as bugs.yaml tells them."""

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field, model_validator

from src.errors import UserError
from src.params import Section

FILE = Path(__file__).with_name("bugs.yaml")
Stage = Literal["scrape", "pair", "evaluate"]


class Bug(Section):
    """One known bug.

    story: what happened, in one sentence.
    context: settings that are no fault, under which the bug shows.
    settings: parameters that make it happen, through the knobs that a user has.
    mutations: by stage, what is done to its artifacts where no honest knob exists: the
        functions of the stage's module in mutations/, and which kind of fault each makes.
    checks: those of the audit that must fire.
    refused: or else words of the error with which a stage refuses to go on.
    scores: what it does to the scores.
    """

    story: str
    context: dict[str, str | int | float | bool] = Field(default_factory=dict)
    settings: dict[str, str | int | float | bool] = Field(default_factory=dict)
    mutations: dict[Stage, dict[str, str]] = Field(default_factory=dict)
    checks: list[str] = Field(default_factory=list)
    refused: str = ""
    scores: str

    def mutate(self, stage: Stage, root: Path) -> None:
        """Change what `stage` has just written below `root`, the project's folder."""
        module = import_module(f"src.bugs.mutations.{stage}")
        for name, kind in self.mutations.get(stage, {}).items():
            getattr(module, name)(root, kind)

    @model_validator(mode="after")
    def _whole(self) -> "Bug":
        if not self.settings and not self.mutations:
            raise ValueError("has neither settings nor mutations")
        if bool(self.checks) == bool(self.refused):
            raise ValueError("needs either checks or refused")
        return self


@cache
def catalogue() -> dict[str, Bug]:
    """All known bugs by name, in the file's order."""
    listed = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return {name: Bug.model_validate(told) for name, told in listed.items()}


def bug(name: str) -> Bug:
    """One bug; UserError that lists the known names where there is none of this name."""
    known = catalogue()
    if name not in known:
        raise UserError(f"no bug is called {name!r}; known are {', '.join(known)}")
    return known[name]
