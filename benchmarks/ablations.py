"""What each choice of training is worth: variants by `dvc exp`, on several seeds.

Runs in the project's folder, on a clean commit: queues one experiment for each variant and seed,
works the queue off with one thread a job, and prints a table of means with the spread over seeds.
The budget is a number of steps of eight, equal for all. An experiment that is there already is not
run again. Checkerboard is measured as the energy at half, a quarter and an eighth of the sampling
frequency in outputs, over the same of their targets: 1 is as in photographs.

    python -m benchmarks.ablations --portraits DIR --facades DIR [--steps 300] [--jobs 2]
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from dvc.api import DVCFileSystem

from src import images
from src.errors import UserError, reported

SEEDS = (0, 1, 2)
UNET = ["model=unet"]
# of colorization on portraits, by name: what differs from the first
PORTRAITS = {
    "unet": UNET,
    "encdec": ["model=encdec"],
    "L1 alone": [*UNET, "train.gan_weight=0"],
    "transposed": [*UNET, "models.unet.upsample=transposed"],
    "instance norm": [*UNET, "models.unet.norm=instance"],
    "34x34 discriminator": [*UNET, "train.discriminator.layers=2"],
    "rgb output": [*UNET, "train.output=rgb"],
    "average .99": [*UNET, "train.average=0.99"],
    "L1 alone at first": [*UNET, "train.l1_alone={half}"],
    "augmented": [*UNET, "train.discriminator.augment=[color,translation,cutout]"],
}
# of label maps to facades
FACADES = {name: PORTRAITS[name] for name in PORTRAITS if name != "rgb output"}
COMMON = ["audit.on_failure=report", "pair.size=64", "pair.margin=7", "train.snapshots=4"]
COMMON += ["train.checkpoint_every=100000", "evaluate.features=random", "train.device=cpu"]
COMMON += ["models.unet.filters=24", "models.encdec.filters=24", "train.discriminator.filters=16"]
SCORES = ("l1", "psnr", "ssim", "fd_random", "colorfulness")


def experiments(name: str, source: list[str], variants: dict, steps: int) -> dict[str, list[str]]:
    """The settings of each experiment, by its name for DVC."""
    made = {}
    for number, changes in enumerate(variants.values()):
        for seed in SEEDS:
            settings = [*source, *COMMON, f"train.steps={steps}", f"seed={seed}"]
            settings += [change.format(half=steps // 2) for change in changes]
            made[f"abl-{name}-{steps}-{number}-{seed}"] = settings
    return made


def dvc(*arguments: str) -> str:
    command = [sys.executable, "-m", "dvc", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"dvc {arguments[0]}: {done.stderr.strip()}")
    return done.stdout


def run(wanted: dict[str, list[str]], jobs: int) -> None:
    """Queue what is not there yet, and work it off."""
    there = set(dvc("exp", "list", "--name-only").split())
    queued = dvc("queue", "status")
    for name, settings in wanted.items():
        if name not in there and name not in queued:
            overrides = [part for setting in settings for part in ("-S", setting)]
            dvc("exp", "run", "--queue", "-n", name, *overrides)
    os.environ["OMP_NUM_THREADS"] = "1"  # jobs side by side would fight for the cores
    dvc("exp", "run", "--run-all", "-j", str(jobs))


def checkerboard(files: DVCFileSystem) -> float:
    """Energy at the upsampling frequencies over the targets', the mean over pictures."""
    energy = []
    names = sorted(name for name in files.ls("data/predictions", detail=False) if "png" in name)
    outputs = [images.decode(files.read_bytes(name)) for name in names]
    with files.open("data/pairs/val/photo.npy", "rb") as file:
        targets = np.load(file)
    for pictures in (outputs, targets):
        energy.append(np.mean([at_upsampling(picture) for picture in pictures]))
    return float(energy[0] / energy[1])


def at_upsampling(picture: np.ndarray) -> float:
    """The power of a square picture's mean over channels at periods of 2, 4 and 8 pixels."""
    gray = picture.astype(np.float64).mean(axis=2)
    window = np.hanning(len(gray))
    spectrum = np.abs(np.fft.fft2((gray - gray.mean()) * np.outer(window, window))) ** 2
    size = len(gray)
    places = [size // 8, size // 4, size // 2]
    # along both axes: a checkerboard has them all
    return float(sum(spectrum[u, 0] + spectrum[0, u] + spectrum[u, u] for u in places))


def table(name: str, variants: dict, steps: int) -> list[str]:
    heads = [*SCORES, "checkerboard"]
    lines = [f"| {name} | {' | '.join(heads)} |", f"| --- |{' ---: |' * len(heads)}"]
    for number, variant in enumerate(variants):
        rows = []
        for seed in SEEDS:
            files = DVCFileSystem(rev=f"abl-{name}-{steps}-{number}-{seed}")
            val = json.loads(files.read_text("metrics/evaluate.json"))["val"]
            rows.append([*(val[score] for score in SCORES), checkerboard(files)])
        means, spread = np.mean(rows, axis=0), np.std(rows, axis=0, ddof=1)
        cells = [f"{m:.3f} ± {s:.3f}" for m, s in zip(means, spread, strict=True)]
        lines.append(f"| {variant} | {' | '.join(cells)} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ablations", description=__doc__)
    parser.add_argument("--portraits", type=Path, help="a folder of photographs, to be colorized")
    parser.add_argument("--facades", type=Path, help="the folder of the facades, of label maps")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    sets = {}
    if arguments.portraits:
        path = f"folder.path={arguments.portraits.resolve()}"
        sets["portraits"] = (["source=folder", path], PORTRAITS)
    if arguments.facades:
        path = f"facades.path={arguments.facades.resolve()}"
        sets["facades"] = (["source=facades", "task=labels", path], FACADES)
    if not sets:
        raise UserError("nothing to do: expected --portraits, --facades or both")
    wanted: dict[str, list[str]] = {}
    for name, (source, variants) in sets.items():
        wanted |= experiments(name, source, variants, arguments.steps)
    run(wanted, arguments.jobs)
    for name, (_, variants) in sets.items():
        print("\n".join(table(name, variants, arguments.steps)), end="\n\n")


if __name__ == "__main__":
    with reported("ablations"):
        main()
