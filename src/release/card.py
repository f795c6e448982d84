"""The model card: the data, settings and scores of a model, and its limits."""

from pathlib import Path
from typing import Any

import yaml

from src.params import WITHOUT_EFFECT, Params, Size
from src.storage.markdown_template import markdown_template

METRICS = ("audit", "clean", "evaluate", "evaluate_meta", "review", "split", "train")
REMOVED = (  # keys of metrics/clean.json
    "missing",
    "unreadable",
    "too_small",
    "grayscale",
    "odd_aspect",
    "low_information",
    "dark",
    "bright",
    "blurred",
    "exact_duplicates",
    "near_duplicates",
)


def render(p: Params, config: dict[str, Any], numbers: dict[str, Any]) -> str:
    """Return the card's Markdown; the numbers are those of METRICS and the verdict."""
    evaluated = numbers["evaluate"]
    sets = {
        "validation": evaluated["val"],
        "training": evaluated["train"],
        "input copied": evaluated["baselines"]["copy_input"],
        "mean colour": evaluated["baselines"]["mean_color"],
        "real against real": evaluated["baselines"]["real_real"],
    }
    # of plain dicts: YAML's safe dumper knows no subclass
    settings = {
        "train": p.train.model_dump(exclude=WITHOUT_EFFECT["train"]),
        "pair": p.pair.model_dump(exclude={"canny"}),
        p.model: dict(config["network"]),
    }
    if config["canny"]:
        settings["canny"] = dict(config["canny"])
    return markdown_template(Path(__file__).with_name("card.md")).render(
        source=p.source,
        seed=p.seed,
        config=config,
        size=Size.of(config["size"]).words,
        m=numbers,
        removed=[name for name in REMOVED if numbers["clean"][name]],
        checks_sentence=checks_sentence,
        scores=[n for n in evaluated["val"] if n != "n" and not n.endswith("_se")],
        sets=sets,
        cell=cell,
        settings=settings,
        flattered=p.learns_from_effnet,
        settings_yaml=yaml.safe_dump(settings, sort_keys=False).strip(),
    )


def cell(scores: dict[str, float], name: str) -> str:
    """Return a score with its standard error if it has one; "" for an unknown score."""
    error = f" ± {scores[f'{name}_se']:.2g}" if f"{name}_se" in scores else ""
    return f"{scores[name]}{error}" if name in scores else ""


def checks_sentence(when: str, metrics: dict[str, Any]) -> str:
    """Return a sentence on the checks in metrics/audit.json or review.json, and which failed."""
    failed = failed_checks(metrics)
    outcome = f"{len(failed)} failed: {', '.join(failed)}" if failed else "all passed"
    return f"{when}: {len(metrics['checks'])} checks, {outcome}."


def failed_checks(metrics: dict[str, Any]) -> list[str]:
    """Return the names of the checks that failed, from metrics/audit.json or review.json."""
    return [name for name, check in metrics["checks"].items() if check["failed"]]
