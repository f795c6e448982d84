"""The model card: what a model was made from, how good it is, and what it is not."""

from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from src.params import Params
from src.storage.atomic import read_json, write_bytes, write_json, write_text

METRICS = ("audit", "clean", "evaluate", "evaluate_meta", "review", "split", "train")
REMOVED = (
    "missing",
    "unreadable",
    "too_small",
    "grayscale",
    "exact_duplicates",
    "near_duplicates",
)


def release(p: Params, model: Path, metrics: Path, out: Path) -> None:
    """Put the scored model and its card into one folder, `out`, that can be given away."""
    numbers = {name: read_json(metrics / f"{name}.json") for name in METRICS}
    scored = model if numbers["evaluate_meta"]["model"] == "last" else model / "best"
    config = read_json(scored / "config.json")
    write_bytes(out / "generator.safetensors", (scored / "generator.safetensors").read_bytes())
    write_json(out / "config.json", config)
    write_text(out / "README.md", render(p, config, numbers))


def render(p: Params, config: dict[str, Any], numbers: dict[str, Any]) -> str:
    """The card's Markdown, from the parameters, the model's own config and the metrics."""
    evaluated = numbers["evaluate"]
    rows = {
        "validation": evaluated["val"],
        "training": evaluated["train"],
        "input copied": evaluated["floor"]["copy_input"],
        "mean colour": evaluated["floor"]["mean_color"],
        "real against real": evaluated["floor"]["real_real"],
    }
    settings = {
        "train": p.train.model_dump(),
        "pair": p.pair.model_dump(),
        p.model: config["network"],
    }
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        autoescape=False,  # Markdown, and nothing in it comes from the web
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("card.md").render(
        p=p,
        config=config,
        m=numbers,
        removed=[name for name in REMOVED if numbers["clean"][name]],
        verdict=verdict,
        scores=[name for name in evaluated["val"] if name != "n"],
        rows=rows.items(),
        faults=failed(numbers["audit"]),
        settings=yaml.safe_dump(settings, sort_keys=False).strip(),
    )


def verdict(when: str, checked: dict[str, Any]) -> str:
    """A sentence on the checks: how many there were, and which failed."""
    found = failed(checked)
    said = f"{len(found)} failed: {', '.join(found)}" if found else "every one passed"
    return f"{when}: {len(checked['checks'])} checks, {said}."


def failed(checked: dict[str, Any]) -> list[str]:
    """The names of the checks that failed."""
    return [name for name, found in checked["checks"].items() if found["failed"]]
