"""JSON files of stages, in the shape that the page and the terminal rely on.

`dvc repro` writes edited files and those of other versions again. Commands that a person runs read them
as they are.
"""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model

from src.errors import UserError
from src.storage.atomic import read_json

REMEDY = "it was edited, or is of another version: `dvc repro` writes it again"
MAX_QUOTED = 60  # characters of a value in an error
NO_MATCH = -1  # similarity in nearest.json where no training picture is likely


class _Shape(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow")


class _ValScores(_Shape):
    n: int
    __pydantic_extra__: dict[str, float]


class _Baselines(_Shape):
    copy_input: dict[str, float]
    mean_color: dict[str, float]
    real_real: dict[str, float]


class EvaluateJson(_Shape):
    """metrics/evaluate.json."""

    val: _ValScores
    train: dict[str, float]
    gap: dict[str, float]
    baselines: _Baselines


class EvaluateMeta(_Shape):
    """metrics/evaluate_meta.json."""

    weights_file: str
    scored_step: int | None


class TrainJson(_Shape):
    """metrics/train.json."""

    steps: int


class Config(_Shape):
    """data/model/config.json."""

    model: str
    task: str


class _Offender(_Shape):
    row: int
    detail: str


class FindingJson(_Shape):
    """A finding."""

    name: str
    severity: str
    failed: bool
    offenders: list[_Offender]


class Nearest(_Shape):
    """A row of data/audit/nearest.json."""

    row: int
    train_row: int
    similarity: float
    is_copy: bool = Field(alias="copy")


def counts(*names: str) -> type[BaseModel]:
    """Return the shape of a file that counts pictures by these names."""
    fields: dict[str, Any] = dict.fromkeys(names, (int, ...))
    return create_model("Counts", __base__=_Shape, **fields)


def read_stage_file(path: Path, shape: Any) -> Any:
    """Return what a stage has written to a JSON file, which may have more keys than its shape.

    Raises:
        UserError: The file is missing or broken, or has another shape.
    """
    value = read_json(path)
    try:
        TypeAdapter(shape).validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "its content"
        value_text = "" if first["type"] == "missing" else f" = {repr(first['input'])[:MAX_QUOTED]}"
        message = first["msg"][0].lower() + first["msg"][1:]
        raise UserError(f"{path}: {place}{value_text}: {message}; {REMEDY}") from None
    return value
