"""The search for the presets of small machines: trainings with one setting changed each.

Each is a DVC experiment on real pictures in a clone of the last commit; a finished one does not run
again. The search has a split of its own. `--preset` runs the preset, as the last commit has it, on
the split of `seed: 0`, so that the pictures that score it are mostly others than those that chose it.

    python -m benchmarks.presets portraits --pictures /path/to/portraits [--preset]
    python -m benchmarks.presets sketch --pictures /path/to/portraits [--preset]
    python -m benchmarks.presets facades-128 --pictures /path/to/facades [--preset]
"""

import argparse
import hashlib
import json
import time
from pathlib import Path

import pandas as pd

from benchmarks.experiment_clone import ExperimentClone, experiment_clone
from src.cli.preset import overrides
from src.errors import exit_on_user_error
from src.progress import progress_bar
from src.storage.atomic import read_json, write_json

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / ".cache/presets"
COMMON = ["audit.on_failure=report", "evaluate.fid=none", "evaluate.lpips=none", "model=unet"]
COMMON += ["train.lr=0.0004", "train.gan_mode=vanilla"]
PRESET = "the preset"
OWN_SPLIT = ["seed=1", "split.use_source_split=false"]
FOLDERS = {"portraits": "folder", "sketch": "folder", "facades-128": "pairs"}  # params of `path`
PORTRAITS = ["train.steps=500", "models.unet.ngf=24", "train.lr=0.001"]
SKETCH = ["task=sketch", "train.steps=500", "models.unet.ngf=24", "train.adversarial_from=0.25"]
FACADES = ["task=labels", "train.steps=500", "models.unet.ngf=24", "train.adversarial_from=0"]
# What each search tries. All change the settings of the row that begins.
SEARCHES: dict[str, dict[str, list[str]]] = {
    "portraits": {
        "as `portraits` begins": PORTRAITS,
        "`adversarial_from` 0.9": [*PORTRAITS, "train.adversarial_from=0.9"],
        "`adversarial_from` 0.9, `ngf` 48": [
            *PORTRAITS,
            "train.adversarial_from=0.9",
            "models.unet.ngf=48",
        ],
        "`adversarial_from` 0.9, `perceptual_weight` 10": [
            *PORTRAITS,
            "train.adversarial_from=0.9",
            "train.perceptual_weight=10",
        ],
        "the same with `model` pretrained": [
            *PORTRAITS,
            "train.adversarial_from=0.9",
            "train.perceptual_weight=10",
            "model=pretrained",
        ],
    },
    "sketch": {
        "as `sketch` begins": SKETCH,
        "`augment` color, translation, cutout": [
            *SKETCH,
            "train.discriminator.augment=[color,translation,cutout]",
        ],
        "`perceptual_weight` 10": [*SKETCH, "train.perceptual_weight=10"],
        "`augment` and `perceptual_weight` 10": [
            *SKETCH,
            "train.discriminator.augment=[color,translation,cutout]",
            "train.perceptual_weight=10",
        ],
        "`l1_weight` 30": [*SKETCH, "train.l1_weight=30"],
        "`perceptual_weight` 10, `model` pretrained": [
            *SKETCH,
            "train.perceptual_weight=10",
            "model=pretrained",
        ],
    },
    "facades-128": {
        "150 steps by default": ["task=labels", "train.steps=150"],
        "as `facades-128` begins": FACADES,
        "`augment` color, translation, cutout": [
            *FACADES,
            "train.discriminator.augment=[color,translation,cutout]",
        ],
        "`perceptual_weight` 10": [*FACADES, "train.perceptual_weight=10"],
        "`perceptual_weight` 30": [*FACADES, "train.perceptual_weight=30"],
        "`perceptual_weight` 100": [*FACADES, "train.perceptual_weight=100"],
        "`perceptual_weight` 10, `gan_mode` lsgan": [
            *FACADES,
            "train.perceptual_weight=10",
            "train.gan_mode=lsgan",
        ],
        "`l1_weight` 30": [*FACADES, "train.l1_weight=30"],
    },
}


def run(clone: ExperimentClone, settings: list[str], result: Path) -> None:
    """Run an experiment and keep its scores; its data come first, apart from the time it takes."""
    clone.run(settings, "gate")
    start = time.perf_counter()
    clone.run(settings, "review")
    seconds = time.perf_counter() - start
    scores = pd.read_csv(clone.folder / "data/predictions/scores.csv")  # of validation
    metrics = clone.folder / "metrics"
    write_json(
        result,
        {
            "seconds": seconds,
            "val": read_json(metrics / "evaluate.json")["val"],
            "errors": scores[["l1", "psnr", "ssim"]].sem().to_dict(),
            "checks": read_json(metrics / "review.json")["checks"],
            "training": read_json(clone.folder / "data/model/computed_on.json"),
        },
    )


def line(name: str, result: Path) -> str:
    """Return a table's line: scores with standard errors, and colours as shares of the targets'."""
    run = read_json(result)
    val, errors, checks = run["val"], run["errors"], run["checks"]
    cells = [
        name,
        str(val["n"]),
        f"{run['seconds'] / 60:.1f}",
        *(f"{val[score]:.4f} ± {errors[score]:.4f}" for score in ("l1", "ssim")),
        f"{val['psnr']:.2f} ± {errors['psnr']:.2f}",
        f"{val['fd_effnet']:.1f} ± {val['fd_effnet_se']:.1f}",
        *(f"{checks[check]['value']:.2f}" for check in ("lost_variety", "lost_color")),
        ", ".join(name for name, check in checks.items() if check["failed"]) or "none",
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.presets", description=__doc__)
    parser.add_argument("search", choices=sorted(SEARCHES))
    parser.add_argument("--pictures", type=Path, required=True, help="a folder of real pictures")
    parser.add_argument("--preset", action="store_true", help="run the preset, too")
    arguments = parser.parse_args()
    folder = FOLDERS[arguments.search]
    data = [f"source={folder}", f"{folder}.path={arguments.pictures.resolve()}"]
    variants = dict(SEARCHES[arguments.search])
    if arguments.preset:
        variants[PRESET] = overrides(ROOT / f"presets/{arguments.search}.yaml")
    with experiment_clone(FOLDER) as clone:
        tabulate(clone, variants, data)


def tabulate(clone: ExperimentClone, variants: dict[str, list[str]], data: list[str]) -> None:
    """Run every variant without a result and print the table of all.

    Args:
        clone: Where they run.
        variants: Settings by name.
        data: Settings of the pictures.
    """
    clone.start(ROOT / ".dvc/cache")
    lines = []
    for name, settings in progress_bar(variants.items(), len(variants), "trainings"):
        split = [] if name == PRESET else OWN_SPLIT
        every = [*COMMON, *data, *split, *settings, *data]  # also where a preset has its own path
        # the last value of each setting, as DVC takes it
        of_run = [*{setting.split("=")[0]: setting for setting in every}.values()]
        digest = hashlib.sha256(json.dumps(of_run).encode()).hexdigest()[:16]
        result = FOLDER / f"{digest}.json"
        if not result.exists():
            run(clone, of_run, result)
        lines.append(line(name, result))
    columns = "settings pictures minutes l1 ssim psnr fd_effnet variety colour checks"
    print(f"| {' | '.join(columns.split())} |\n|{' --- |' * len(columns.split())}")
    print("\n".join(lines))


if __name__ == "__main__":
    with exit_on_user_error("presets"):
        main()
