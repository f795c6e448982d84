"""What each choice of training is worth: variants by `dvc exp`, on several seeds.

The script works in a clone of the last commit under .cache/ablations. For each set and seed it runs
the first variant and commits it on a branch, so that the data stages run once. It queues the other
variants on that branch, and each job runs them with one thread. The budget is a number of steps with
batches of eight, equal for all. A finished variant does not run again.

Checkerboard is the energy of outputs at periods of 2, 4 and 8 pixels, over that of their targets.
Photographs have a value of 1.

    python -m benchmarks.ablations --portraits DIR --facades DIR [--only lsgan hinge] [--jobs 2]
"""

import argparse
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from dvc.api import DVCFileSystem

from benchmarks.experiment_clone import ExperimentClone, experiment_clone
from src.errors import UserError, exit_on_user_error
from src.imaging import decoding

FOLDER = Path(".cache/ablations")
SEEDS = (0, 1, 2)
PERIODS = (2, 4, 8)  # pixels
UNET = ["model=unet"]
# Variants of colorization on portraits: the settings that differ from COMMON.
PORTRAITS = {
    "unet": UNET,
    "encdec": ["model=encdec"],
    "L1 alone": [*UNET, "train.gan_weight=0"],
    "transposed": [*UNET, "models.unet.upsample=transposed"],
    "instance norm": [*UNET, "models.unet.norm=instance"],
    "34x34 discriminator": [*UNET, "train.discriminator.n_layers=2"],
    "rgb output": [*UNET, "train.output=rgb"],
    "average .99": [*UNET, "train.ema_decay=0.99"],
    "L1 alone at first": [*UNET, "train.adversarial_from=0.5"],
    "augmented": [*UNET, "train.discriminator.augment=[color,translation,cutout]"],
    "lsgan": [*UNET, "train.gan_mode=lsgan"],
    "hinge": [*UNET, "train.gan_mode=hinge"],
    "perceptual 10": [*UNET, "train.perceptual_weight=10"],
    "projected": [*UNET, "train.discriminator.projected=true"],
}
# Variants of label maps to facades.
FACADES = {name: PORTRAITS[name] for name in PORTRAITS if name != "rgb output"}
COMMON = ["audit.on_failure=report", "pair.crop_size=64", "pair.load_size=71", "train.snapshots=4"]
COMMON += ["train.checkpoint_every=100000", "evaluate.fid=none", "train.device=cpu"]
COMMON += ["evaluate.lpips=none", "evaluate.device=cpu"]
COMMON += [
    "train.lr=0.0004",
    "train.gan_mode=vanilla",
    "train.adversarial_from=0",
    "models.unet.ngf=24",
    "models.encdec.ngf=24",
    "train.discriminator.ndf=16",
]
SCORES = ("l1", "psnr", "ssim", "fd_effnet", "colorfulness")


@dataclass(frozen=True)
class Plan:
    """A set of pictures and its variants.

    Attributes:
        name: The set's name in tables and experiments.
        source: The settings that select the set.
        variants: The settings of each variant, by its name.
        steps: The training steps of each variant.
        start: The commit that every experiment starts from.
    """

    name: str
    source: list[str]
    variants: dict[str, list[str]]
    steps: int
    start: str

    def settings(self, variant: str, seed: int) -> list[str]:
        """Return the -S options of `dvc exp run`."""
        seeds = [f"seed={seed}", f"train.seed={seed}"]
        common = [*self.source, *COMMON, f"train.steps={self.steps}", *seeds]
        every = [*common, *self.variants[variant]]
        # a setting's last value, because DVC refuses a second one
        last = {setting.split("=")[0]: setting for setting in every}
        return [part for setting in last.values() for part in ("-S", setting)]

    def experiment(self, variant: str, seed: int) -> str:
        """Return a name that depends on the commit and on all settings.

        DVC uses it for the experiment, and git for the branch of the first variant.
        """
        identity = repr([self.start, *self.settings(variant, seed)])
        return f"{self.name}-{seed}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}"


def run(clone: ExperimentClone, plan: Plan, jobs: int) -> None:
    """Run every variant on every seed that has no result yet."""
    first, *others = plan.variants
    for seed in SEEDS:
        branch = plan.experiment(first, seed)
        if branch not in clone.call("git", "branch", "--format=%(refname:short)").split():
            clone.call("git", "checkout", "-q", "-f", "-B", "working", plan.start)
            clone.dvc("exp", "run", *plan.settings(first, seed), "evaluate")
            clone.call("git", "commit", "-qam", branch)
            clone.call("git", "branch", branch)
        clone.call("git", "checkout", "-q", "-f", branch)
        finished = clone.dvc("exp", "list", "--all-commits", "--name-only").split()
        experiments = {variant: plan.experiment(variant, seed) for variant in others}
        missing = {variant: name for variant, name in experiments.items() if name not in finished}
        for variant, name in missing.items():
            clone.dvc(
                "exp", "run", "--queue", "-n", name, *plan.settings(variant, seed), "evaluate"
            )
        if missing:
            clone.dvc("exp", "run", "--run-all", "-j", str(jobs))


def checkerboard(files: DVCFileSystem, chroma: bool) -> float:
    """Return the outputs' mean energy at the upsampling frequencies, over that of the targets.

    Args:
        files: The files of one experiment's commit.
        chroma: Measures what is left without the mean of the channels.
    """
    energy = []
    names = sorted(name for name in files.ls("data/predictions", detail=False) if "png" in name)
    outputs = [decoding.decode(files.read_bytes(name)) for name in names]
    with files.open("data/pairs/photo/val/photo.npy", "rb") as file:
        targets = np.load(file)
    for pictures in (outputs, targets):
        energy.append(np.mean([at_upsampling(picture, chroma) for picture in pictures]))
    return float(energy[0] / energy[1])


def at_upsampling(picture: np.ndarray, chroma: bool) -> float:
    """Return the power of a square picture's channels at periods of 2, 4 and 8 pixels.

    Args:
        picture: (S, S, 3) uint8.
        chroma: Subtracts the mean of the channels, because colorization paints only the rest.
    """
    planes = picture.astype(np.float64).transpose(2, 0, 1)
    planes -= planes.mean(axis=(1, 2), keepdims=True)
    planes -= planes.mean(axis=0) if chroma else 0
    size = planes.shape[1]
    window = np.outer(np.hanning(size), np.hanning(size))
    power = (np.abs(np.fft.fft2(planes * window)) ** 2).sum(axis=0)
    # A checkerboard has power along both axes and along the diagonal.
    return float(sum(power[u, 0] + power[0, u] + power[u, u] for u in (size // p for p in PERIODS)))


def table(plan: Plan) -> list[str]:
    """Return the lines of a table: mean and standard deviation over seeds, by variant."""
    heads = [*SCORES, "checkerboard"]
    lines = [f"| {plan.name} | {' | '.join(heads)} |", f"| --- |{' ---: |' * len(heads)}"]
    for variant in plan.variants:
        rows = []
        for seed in SEEDS:
            files = DVCFileSystem(url=str(FOLDER / "clone"), rev=plan.experiment(variant, seed))
            val = json.loads(files.read_text("metrics/evaluate.json"))["val"]
            rows.append(
                [*(val[score] for score in SCORES), checkerboard(files, plan.name == "portraits")]
            )
        means, spread = np.mean(rows, axis=0), np.std(rows, axis=0, ddof=1)
        cells = [f"{m:.3f} ± {s:.3f}" for m, s in zip(means, spread, strict=True)]
        lines.append(f"| {variant} | {' | '.join(cells)} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ablations", description=__doc__)
    parser.add_argument("--portraits", type=Path, help="a folder of photographs for colorization")
    parser.add_argument("--facades", type=Path, help="the folder of facades and label maps")
    parser.add_argument("--only", nargs="+", choices=PORTRAITS, help="these and the first")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    sets = []
    if arguments.portraits:
        path = f"folder.path={arguments.portraits.resolve()}"
        sets.append(("portraits", ["source=folder", path], PORTRAITS))
    if arguments.facades:
        source = ["source=pairs", "task=labels"]
        source.append(f"pairs.path={arguments.facades.resolve()}")
        sets.append(("facades", source, FACADES))
    if not sets:
        raise UserError("there is nothing to do: expected --portraits, --facades or both")
    os.environ["OMP_NUM_THREADS"] = "1"  # parallel jobs would compete for the cores
    with experiment_clone(FOLDER) as clone:
        start = clone.fetch()
        for name, source, variants in sets:
            names = ["unet", *(arguments.only or variants)]
            chosen = {each: variants[each] for each in variants if each in names}
            plan = Plan(name, source, chosen, arguments.steps, start)
            run(clone, plan, arguments.jobs)
            print("\n".join(table(plan)), end="\n\n", flush=True)


if __name__ == "__main__":
    with exit_on_user_error("ablations"):
        main()
