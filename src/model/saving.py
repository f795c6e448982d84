"""A generator in a folder: weights as safetensors, and config.json."""

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from src.errors import UserError
from src.model.generator import Generator
from src.storage.atomic import atomic_write, read_json, write_json

REQUIRED_KEYS = {"task", "output", "model", "network", "size", "crop", "canny"}  # of a config


def save_generator(generator: Generator, folder: Path, name: str = "generator") -> None:
    """Write NAME.safetensors and config.json."""
    write_json(folder / "config.json", generator.config)
    state = {k: v.detach().cpu().contiguous() for k, v in generator.state_dict().items()}
    path = folder / f"{name}.safetensors"
    try:
        with atomic_write(path) as temporary:
            save_file(state, temporary)
    except SafetensorError as error:  # what safetensors makes of a full disk
        raise UserError(f"cannot write {path}: {error}") from None


def load_generator(folder: Path, name: str = "generator") -> Generator:
    """Read a saved generator, ready to render; UserError where the folder holds none."""
    config = read_json(folder / "config.json")
    missing = REQUIRED_KEYS - set(config) if isinstance(config, dict) else REQUIRED_KEYS
    if missing:
        raise UserError(
            f"{folder / 'config.json'} is no model's: it lacks {', '.join(sorted(missing))}"
        )
    path = folder / f"{name}.safetensors"
    try:
        generator = Generator(config)
        generator.load_state_dict(load_file(path))
    except (FileNotFoundError, SafetensorError, RuntimeError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise UserError(f"{path} is no generator saved by this project: {reason}") from None
    return generator.eval()
