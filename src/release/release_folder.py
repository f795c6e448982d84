"""The folder of a model that can be given away: weights, config and card."""

from pathlib import Path

from src.errors import UserError
from src.params import Params
from src.release import card
from src.storage.atomic import read_json, write_bytes, write_json, write_text


def release(p: Params, data: Path, metrics: Path, out: Path) -> None:
    """Put the scored model, its config and its card into a folder that can be given away."""
    numbers = {name: read_json(metrics / f"{name}.json") for name in card.METRICS}
    numbers["verdict"] = read_json(data / "review" / "verdict.json")
    model = data / "model"
    config = read_json(model / "config.json")
    weights = model / numbers["evaluate_meta"]["weights_file"]
    if not weights.is_file():
        raise UserError(f"{weights} is missing: run `dvc repro` to make it")
    write_bytes(out / "generator.safetensors", weights.read_bytes())
    write_json(out / "config.json", config)
    write_text(out / "README.md", card.render(p, config, numbers))
