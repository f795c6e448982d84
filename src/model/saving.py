"""A generator in a folder: weights as safetensors, and config.json.

The folder is complete: no params.yaml is needed to use it.
"""

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from src.errors import UserError, one_line
from src.model.generator import Generator
from src.model.model_config import REMEDY, read_config
from src.storage.atomic import atomic_write, write_json
from src.user_paths import require_bounded

DTYPES = {torch.float32: "F32", torch.int64: "I64"}  # as safetensors names them
LOADING_ERRORS = (OSError, SafetensorError, RuntimeError, KeyError, TypeError, ValueError)
MAX_HEADER_BYTES = 1_000_000  # of a file of weights; one has some thousands
MAX_REASON = 300  # characters of a library's own words


def save_generator(generator: Generator, folder: Path, name: str = "generator") -> None:
    """Write NAME.safetensors and config.json.

    Raises:
        UserError: The disk refuses.
    """
    write_json(folder / "config.json", generator.config)
    state = {k: v.detach().cpu().contiguous() for k, v in generator.state_dict().items()}
    path = folder / f"{name}.safetensors"
    try:
        with atomic_write(path) as temporary:
            save_file(state, temporary)
    except SafetensorError as error:  # its word for a full disk
        raise UserError(f"cannot write {path}: {error}") from None


def load_generator(folder: Path, name: str = "generator") -> Generator:
    """Read a saved generator, in evaluation mode; the folder may be a stranger's.

    It takes no more memory than in proportion to the files: the weights are compared with the config
    before a network is created.

    Raises:
        UserError: The folder holds no such generator, or none of this project's.
    """
    config = read_config(folder / "config.json")
    path = folder / f"{name}.safetensors"
    try:
        generator = _shapes(config)
        _require_fitting_weights(generator, path)
        state = load_file(path)
        if broken := [key for key, value in state.items() if not value.isfinite().all()]:
            raise ValueError(f"{broken[0]} holds values that are not finite")
        # copied: a map would end this process by a signal when another program cuts the file
        generator.to_empty(device="cpu").load_state_dict(state)
    except LOADING_ERRORS as error:
        reason = one_line(error)[:MAX_REASON] or type(error).__name__
        raise UserError(
            f"{path} is no generator saved by this project: {reason}; {REMEDY}"
        ) from None
    return generator.eval()


def _shapes(config: dict[str, Any]) -> Generator:
    """Return a generator of shapes, without memory for its weights."""
    with torch.device("meta"):
        return Generator(config)


def _require_fitting_weights(generator: Generator, path: Path) -> None:
    """Raise ValueError if the weights in a file are not those of the network."""
    expected = generator.state_dict()
    require_bounded(path, sum(value.nbytes for value in expected.values()) + MAX_HEADER_BYTES)
    with safe_open(path, framework="pt") as weights:
        if missing := sorted(expected.keys() ^ set(weights.keys())):
            raise ValueError(f"config.json and the weights differ in {', '.join(missing)}")
        for key, value in expected.items():
            part = weights.get_slice(key)
            dtype, shape = part.get_dtype(), tuple(part.get_shape())
            if (dtype, shape) != (DTYPES.get(value.dtype), tuple(value.shape)):
                raise ValueError(
                    f"{key} is {dtype} {list(shape)}, expected {DTYPES.get(value.dtype)} "
                    f"{list(value.shape)} by config.json"
                )
