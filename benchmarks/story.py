"""The project's story, replayed on drawn pictures: what each step changed, with scores and sheets.

Each chapter is a DVC experiment in a clone of the last commit; a finished one does not run again.
Models of people are scored twice: on their own validation pictures, and on those of their task's
last chapter without the people of page 1, the only ones in the list of copies.

    python -m benchmarks.story [--steps 1000] [--sheets docs/story]
"""

import argparse
import shutil
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from benchmarks.experiment_clone import ExperimentClone, experiment_clone
from benchmarks.stage_runs import ROOT, link, run_stage
from src.dataset import arrays
from src.drawing.sheets import grid, three_channels
from src.errors import exit_on_user_error
from src.evaluate.distances import with_error
from src.imaging import decoding
from src.progress import progress_bar
from src.storage.atomic import read_json, write_bytes
from src.vision.colorfulness import colorfulness

FOLDER = ROOT / ".cache/story"
KEPT = ("data/gate", "data/model", "data/pairs", "data/predictions", "metrics", "params.yaml")
SHEET_ROWS = 6
JPEG_QUALITY = 85
COMMON = ["audit.on_failure=report", "evaluate.fid=none", "evaluate.lpips=none", "train.device=cpu"]
COMMON += ["evaluate.device=cpu", "train.adversarial_from=0", "models.unet.ngf=24"]
COMMON += ["pair.crop_size=96", "pair.load_size=106", "train.lr=0.0004", "train.gan_mode=vanilla"]
FACADES = ["demo.kind=facades", "task=labels", "models.encdec.upsample=transposed"]
COPIES = ["demo.paging=ignored", "scrape.on_repeat=keep", "clean.duplicates=keep"]
COPIES += ["split.group_by=image", "model=unet"]


@dataclass(frozen=True)
class Chapter:
    """An experiment of the story.

    Attributes:
        says: What it is, in a table.
        settings: Of params.yaml, beside those of all chapters.
        judge: The chapter whose validation pictures also score this one; empty: none.
    """

    says: str
    settings: list[str]
    judge: str = ""


CHAPTERS = {
    "facades-l1": Chapter("encoder-decoder, L1 alone", [*FACADES, "train.gan_weight=0"]),
    "facades-gan": Chapter("encoder-decoder, PatchGAN", FACADES),
    "facades-unet": Chapter("U-Net, PatchGAN", [*FACADES, "model=unet"]),
    "people-copies": Chapter("ten copies of page 1", COPIES, "people-cleaned"),
    "people-gray": Chapter(
        "ten pages, grayscale kept", ["model=unet", "clean.grayscale=keep"], "people-cleaned"
    ),
    "people-cleaned": Chapter("ten pages, cleaned", ["model=unet"], "people-cleaned"),
    "sketch-copies": Chapter("ten copies of page 1", [*COPIES, "task=sketch"], "sketch-cleaned"),
    "sketch-cleaned": Chapter(
        "ten pages, cleaned", ["model=unet", "task=sketch"], "sketch-cleaned"
    ),
}
# The columns of each sheet between input and target, and whose validation pictures are its rows.
SHEETS = {
    "facades": (["facades-l1", "facades-gan", "facades-unet"], "facades-unet"),
    "people-copies": (["people-copies"], "people-copies"),
    "people": (["people-copies", "people-gray", "people-cleaned"], "people-cleaned"),
    "sketch-copies": (["sketch-copies"], "sketch-copies"),
    "sketch": (["sketch-copies", "sketch-cleaned"], "sketch-cleaned"),
}


def run_chapters(clone: ExperimentClone, results: Path, steps: int) -> None:
    """Run every chapter without a result, and score its model on its judge's pictures."""
    clone.start(ROOT / ".dvc/cache")
    for name, chapter in progress_bar(CHAPTERS.items(), len(CHAPTERS), "chapters"):
        if not (results / name).exists():
            clone.run([*COMMON, f"train.steps={steps}", *chapter.settings], "review")
            _keep(clone.folder, results / name)
    for name, chapter in CHAPTERS.items():
        if chapter.judge and not (results / f"{name}-judged").exists():
            _judge(
                results / name / "data/model", results / chapter.judge, results / f"{name}-judged"
            )


def _keep(workspace: Path, result: Path) -> None:
    half = result.with_name(f"{result.name}.half")
    shutil.rmtree(half, ignore_errors=True)
    for name in KEPT:
        copy = shutil.copytree if (workspace / name).is_dir() else shutil.copy2
        (half / name).parent.mkdir(parents=True, exist_ok=True)
        copy(workspace / name, half / name)
    half.rename(result)


def _judge(model: Path, judge: Path, result: Path) -> None:
    """Score a model on the validation pictures of another chapter."""
    half = result.with_name(f"{result.name}.half")
    shutil.rmtree(half, ignore_errors=True)
    of_judge = ("data/gate", "data/pairs", "metrics/gate.json", "params.yaml")
    link(half, {name: judge / name for name in of_judge})
    link(half, {"data/model": model, "data/weights": ROOT / "data/weights"})
    run_stage("evaluate", half, {})
    half.rename(result)


@dataclass(frozen=True)
class Outcome:
    """The outputs of a result and their targets, (N, H, W, 3) uint8, with rows and ids of people."""

    rows: np.ndarray
    items: pd.Series
    outputs: np.ndarray
    targets: np.ndarray
    inputs: np.ndarray


def _outcome(result: Path, task: str) -> Outcome:
    pairs = arrays.load(result / "data/pairs", "val")
    rows = pairs.index["row"].to_numpy()
    files = (result / f"data/predictions/{row:06d}.png" for row in rows)
    outputs = np.stack([decoding.decode(file.read_bytes()) for file in files])
    items = pairs.index["item_id"]
    return Outcome(rows, items, outputs, np.asarray(pairs.photo), np.asarray(pairs.inputs(task)))


def _strangers(results: Path, name: str, outcome: Outcome) -> np.ndarray:
    """Return which of the people are not on page 1, (N,) bool: not in the task's list of copies."""
    copies = results / f"{name.split('-')[0]}-copies" / "data/pairs"
    on_page_1 = pd.concat([arrays.load(copies, side).index["item_id"] for side in ("train", "val")])
    return (~outcome.items.isin(on_page_1)).to_numpy()


def _tints(pictures: np.ndarray) -> np.ndarray:
    red, green, blue = np.moveaxis(pictures.mean(axis=(1, 2)), -1, 0)
    return np.stack([red - green, blue - green], axis=1)


def _variety(outputs: np.ndarray, targets: np.ndarray) -> float:
    """Return the spread of the outputs' tints over that of the targets', (N, 2) each."""
    return float(outputs.std(axis=0).mean() / targets.std(axis=0).mean())


def _color(outputs: np.ndarray, targets: np.ndarray) -> float:
    """Return the outputs' mean colourfulness over the targets', (N,) each."""
    return float(outputs.mean() / targets.mean())


def _row(says: str, result: Path, outcome: Outcome, chosen: np.ndarray) -> str:
    """Return a table's line about the chosen pictures, a mask of the result's."""
    scores = pd.read_csv(result / "data/predictions/scores.csv").set_index("row")
    scores = scores.loc[outcome.rows[chosen]]
    errors = scores[["l1", "ssim"]].sem()
    cells = [f"{scores[name].mean():.3f} ± {errors[name]:.3f}" for name in ("l1", "ssim")]
    val = read_json(result / "metrics/evaluate.json")["val"]
    whole = chosen.all()
    cells.append(f"{val['fd_effnet']:.1f} ± {val['fd_effnet_se']:.1f}" if whole else "")
    outputs, targets = outcome.outputs[chosen], outcome.targets[chosen]
    variety = with_error(_variety, _tints(outputs), _tints(targets), paired=True)
    color = with_error(_color, colorfulness(outputs), colorfulness(targets), paired=True)
    cells += [f"{share:.2f} ± {error:.2f}" for share, error in (variety, color)]
    return f"| {says} | {chosen.sum()} | {' | '.join(cells)} |"


def _failed_checks(result: Path) -> list[str]:
    checks = [
        read_json(result / f"metrics/{stage}.json")["checks"] for stage in ("audit", "review")
    ]
    return [name for each in checks for name, check in each.items() if check["failed"]]


def _task(name: str) -> str:
    return {"facades": "labels", "people": "colorize", "sketch": "sketch"}[name.split("-")[0]]


def print_tables(results: Path) -> None:
    """Print the scores of every chapter, and the checks that failed."""
    print("| chapter | pictures | l1 | ssim | fd_effnet | variety | colour |")
    print("| --- | ---: | --- | --- | --- | --- | --- |")
    for name, chapter in CHAPTERS.items():
        outcome = _outcome(results / name, _task(name))
        says = f"{name}: {chapter.says}"
        print(_row(says, results / name, outcome, np.full(len(outcome.rows), True)))
        if chapter.judge:
            strangers = results / f"{name}-judged"
            outcome = _outcome(strangers, _task(name))
            chosen = _strangers(results, name, outcome)
            print(_row(f"{name}, strangers", strangers, outcome, chosen))
    print("\n| chapter | training pictures | failed checks |\n| --- | ---: | --- |")
    for name in CHAPTERS:
        n = len(arrays.load(results / name / "data/pairs", "train"))
        print(f"| {name} | {n} | {', '.join(_failed_checks(results / name)) or 'none'} |")


def draw_sheets(results: Path, folder: Path) -> None:
    """Write a sheet of input | outputs of some chapters | target, of pictures spread over a set."""
    for sheet, (names, judge) in SHEETS.items():
        judged = [results / (name if name == judge else f"{name}-judged") for name in names]
        columns = [
            _outcome(each if each.exists() else results / name, _task(sheet))
            for each, name in zip(judged, names, strict=True)
        ]
        candidates = np.arange(len(columns[0].rows))
        if judge.endswith("cleaned"):
            candidates = candidates[_strangers(results, judge, columns[0])]
        picked = candidates[np.linspace(0, len(candidates) - 1, SHEET_ROWS).astype(int)]
        rows = [
            [
                three_channels(columns[0].inputs[i]),
                *(each.outputs[i] for each in columns),
                columns[0].targets[i],
            ]
            for i in picked
        ]
        options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
        encoded = cv2.imencode(".jpg", grid(rows)[..., ::-1], options)[1]
        write_bytes(folder / f"{sheet}.jpg", encoded.tobytes())


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.story", description=__doc__)
    parser.add_argument("--steps", type=int, default=1000, help="of each training, of 8 pictures")
    parser.add_argument("--sheets", type=Path, help="a folder for the sheets")
    arguments = parser.parse_args()
    results = FOLDER / f"{arguments.steps}-steps"
    with experiment_clone(FOLDER) as clone:
        run_chapters(clone, results, arguments.steps)
    print_tables(results)
    if arguments.sheets:
        draw_sheets(results, arguments.sheets)


if __name__ == "__main__":
    with exit_on_user_error("story"):
        main()
