"""The known data bugs, as bugs.yaml describes them."""

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field, model_validator

from src.errors import UserError
from src.params import Section

FILE = Path(__file__).with_name("bugs.yaml")
Stage = Literal["scrape", "clean", "pair", "evaluate"]
Settings = dict[str, str | int | float | bool]  # parameters by their dotted keys
# In src/bugs/mutations: what changes the artifacts of each stage.
MODULES: dict[Stage, str] = {
    "scrape": "raw_pictures",
    "clean": "survivors",
    "pair": "pair_arrays",
    "evaluate": "predictions",
}


class Bug(Section):
    """A known bug.

    Attributes:
        story: What happened, in a sentence.
        context: Settings that are no fault, under which the bug has an effect.
        settings: Parameters that make it happen.
        mutations: What makes it happen where no parameter does: for each stage, functions of its
            module in src/bugs/mutations, and the kind of fault that each makes.
        checks: The checks of the audit that must fail.
        refused: Words of the error with which a stage refuses the data; a bug has either
            `checks` or this.
        scores: What the bug does to the scores.
    """

    story: str
    context: Settings = Field(default_factory=dict)
    settings: Settings = Field(default_factory=dict)
    mutations: dict[Stage, dict[str, str]] = Field(default_factory=dict)
    checks: list[str] = Field(default_factory=list)
    refused: str = ""
    scores: str

    def mutate(self, stage: Stage, root: Path) -> None:
        """Change what `stage` wrote below `root`, the project's folder."""
        module = import_module(f"src.bugs.mutations.{MODULES[stage]}")
        for function, kind in self.mutations.get(stage, {}).items():
            getattr(module, function)(root, kind)

    @model_validator(mode="after")
    def _check_completeness(self) -> "Bug":
        if not self.settings and not self.mutations:
            raise ValueError("has neither settings nor mutations")
        if bool(self.checks) == bool(self.refused):
            raise ValueError("needs either checks or refused")
        return self


@cache
def catalogue() -> dict[str, Bug]:
    """Return all known bugs by name, in the order of bugs.yaml."""
    bugs = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return {name: Bug.model_validate(values) for name, values in bugs.items()}


def find_bug(name: str) -> Bug:
    """Return the bug of that name.

    Raises:
        UserError: There is none; the message lists the known names.
    """
    bugs = catalogue()
    if name not in bugs:
        raise UserError(f"no bug is called {name!r}; known are {', '.join(bugs)}")
    return bugs[name]
