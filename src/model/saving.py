"""A generator in a folder: weights as safetensors, and config.json.

The folder is complete: no params.yaml is needed to use it.
"""

from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from src.errors import UserError
from src.model.generator import Generator
from src.params import Size
from src.storage.atomic import atomic_write, read_json, write_json

MAX_PX = 4096  # of a side of the pictures that a model was trained on
CONFIG_KEYS = {"task", "output", "model", "network", "size", "crop", "canny"}


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
    """Read a saved generator, in evaluation mode.

    Raises:
        UserError: The folder holds no such generator, or none of this project's.
    """
    config = _read_config(folder / "config.json")
    path = folder / f"{name}.safetensors"
    try:
        generator = Generator(config)
        generator.load_state_dict(load_file(path))
    except (FileNotFoundError, SafetensorError, RuntimeError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise UserError(f"{path} is no generator saved by this project: {reason}") from None
    return generator.eval()


def _read_config(path: Path) -> dict[str, Any]:
    config = read_json(path)
    missing = CONFIG_KEYS - set(config) if isinstance(config, dict) else CONFIG_KEYS
    if missing:
        raise UserError(f"{path} is no config of a model: it lacks {', '.join(sorted(missing))}")
    _require_size(path, config["size"])
    return dict(config)


def _require_size(path: Path, value: Any) -> None:
    try:
        if max(Size.of(value)) <= MAX_PX:
            return
        expected = f"expected at most {MAX_PX} pixels a side"
    except ValueError as error:
        expected = str(error)
    raise UserError(f"{path} is no config of a model: size = {value!r}: {expected}")
