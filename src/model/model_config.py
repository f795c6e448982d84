"""The config.json of a model: every field typed and bounded, because models come from strangers."""

import json
from pathlib import Path
from typing import Any, Literal, TypeVar, get_type_hints

from pydantic import ValidationError, field_validator
from pydantic_core import ErrorDetails

from src.errors import UserError
from src.model.depth import depth
from src.params import Canny, Model, Models, Section, Size, Task
from src.user_paths import require_bounded

MAX_PX = 4096  # of a side of the pictures that a model was trained on
MAX_BYTES = 100_000  # of the file; one has a few hundred
MAX_FAULTS = 5  # in a message
MAX_VALUE = 80  # characters of a wrong value in a message
REMEDY = "take config.json and weights as one training wrote them, such as data/release"

Fields = TypeVar("Fields", bound=Section)


class ModelConfig(Section):
    """What `Generator` takes, and how predict prepares inputs as training did."""

    task: Task
    output: Literal["chroma", "rgb"]
    model: Model
    network: dict[str, Any]
    size: Any
    crop: Literal["center", "top", "face"]
    precision: Literal["auto", "bf16", "fp32"] = "fp32"  # older models do not name it
    canny: dict[str, Any]

    @field_validator("size")
    @classmethod
    def _is_a_size(cls, value: Any) -> Any:
        if max(Size.of(value)) > MAX_PX:
            raise ValueError(f"expected at most {MAX_PX} pixels a side")
        return value


def read_config(path: Path) -> dict[str, Any]:
    """Read and check a config.json.

    Raises:
        UserError: The file is missing, too large or no JSON, or a field has a wrong type or value.
    """
    value = _read_json(path)
    config = _validated(path, ModelConfig, value)
    _validated(path, get_type_hints(Models)[config.model], config.network, "network.")
    if config.canny:
        # older models do not name the kind of thresholds: there was one only
        _validated(path, Canny, {"thresholds": "absolute"} | config.canny, "canny.")
    if why := _misfit(config):
        raise _refusal(path, why)
    return dict(value)


def _misfit(config: ModelConfig) -> str | None:
    """Return in words which field does not fit the others."""
    n_downs = depth(config.model, config.network)
    if n_downs < 1:
        return f"network.n_downs = {n_downs}: expected at least 1"
    if any(side % 2**n_downs for side in Size.of(config.size)):
        return f"size = {config.size}: expected multiples of {2**n_downs}, by the network's depth"
    if config.task == "sketch" and not config.canny:
        return "canny = {}: expected the settings of a sketch's edges"
    return None


def _validated(path: Path, kind: type[Fields], value: Any, prefix: str = "") -> Fields:
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        raise _refusal(path, "; ".join(_sentences(error.errors(), prefix))) from None


def _read_json(path: Path) -> Any:
    try:
        require_bounded(path)
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise ValueError(f"it has more than {MAX_BYTES} bytes")
        return json.loads(data)
    except FileNotFoundError:
        raise UserError(f"{path} is missing: {REMEDY}") from None
    except RecursionError:
        raise _refusal(path, "its brackets are nested too deep") from None
    except (OSError, ValueError) as error:
        raise _refusal(path, str(error)) from None


def _refusal(path: Path, why: str) -> UserError:
    return UserError(f"{path} is no config of a model: {' '.join(why.split())}; {REMEDY}")


def _sentences(errors: list[ErrorDetails], prefix: str) -> list[str]:
    keys = [prefix + ".".join(map(str, error["loc"])) for error in errors]
    lacking = sorted(k for k, error in zip(keys, errors, strict=True) if error["type"] == "missing")
    sentences = [f"it lacks {', '.join(lacking)}"] if lacking else []
    for key, error in zip(keys, errors, strict=True):
        if error["type"] != "missing":
            value = repr(error["input"])[:MAX_VALUE]
            message = error["msg"].removeprefix("Value error, ")
            sentences.append(f"{key} = {value}: {message[0].lower()}{message[1:]}")
    return sentences[:MAX_FAULTS]
