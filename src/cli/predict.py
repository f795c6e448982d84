"""predict: pictures of any size through a trained model."""

from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from src.cli.non_empty_path import NonEmptyPath
from src.errors import UserError, printable
from src.params import Task
from src.user_paths import existing_folder, output_folder

if TYPE_CHECKING:
    from src.model.generator import Generator


model_option = click.option(
    "--model",
    type=NonEmptyPath(),
    default=Path("data/model"),
    show_default=True,
    help="The folder of a trained model.",
)


@click.command(epilog="Example: python -m src predict photo.jpg album/ results/")
@click.argument("sources", nargs=-1, required=True, type=NonEmptyPath(str), metavar="IN...")
@click.argument("out", type=NonEmptyPath())
@model_option
@click.option("--task", type=click.Choice(get_args(Task)), help="Refuse a model of another task.")
@click.option(
    "--max-side",
    type=click.IntRange(min=0),
    help="Pixels of the shorter side that the network sees at most; 0: the picture's own. "
    "Default: training's size if the model keeps the input's gray, else 0.",
)
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    default=8,
    show_default=True,
    help="Pictures read at a time.",
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where the network runs; auto: a GPU if there is one.",
)
@click.option(
    "--side-by-side", is_flag=True, help="Show the task's input beside the result, opaque."
)
def predict(
    sources: tuple[str, ...],
    out: Path,
    model: Path,
    task: str | None,
    max_side: int | None,
    batch_size: int,
    device: str,
    side_by_side: bool,
) -> None:
    """Run pictures through a trained model, into the folder OUT as PNG.

    IN are pictures or folders. Each result keeps its picture's name, transparency and EXIF.
    """
    from src.imaging.picture_folders import SUFFIXES
    from src.inference.file_prediction import predict_files
    from src.model.device import pick_device

    if urls := [source for source in sources if "://" in source]:
        raise UserError(f"IN = {urls[0]!r} is a URL: save the picture, and name its file")
    if out.suffix.lower() in SUFFIXES:
        raise UserError(f"OUT = {out}: expected a folder, not the name of a picture")
    out = output_folder("OUT", out)
    generator = load_model(model, task).to(pick_device(device, "--device"))
    written, refused = predict_files(
        generator,
        list(map(Path, sources)),
        out,
        max_side=max_side,
        batch_size=batch_size,
        side_by_side=side_by_side,
    )
    click.echo(printable(f"{written} of {written + len(refused)} pictures written to {out}"))
    if refused:
        raise UserError(printable("refused: " + "; ".join(refused)))


def existing_model(folder: Path) -> Path:
    """Return the path of a model's folder; raise UserError if it is none."""
    return existing_folder("--model", folder, "`dvc repro` trains data/model")


def load_model(folder: Path, task: str | None = None) -> "Generator":
    """Read a model; raise UserError if its task is another one than `task`."""
    from src.model.saving import load_generator

    generator = load_generator(existing_model(folder))
    trained_for = generator.config["task"]
    if task not in (None, trained_for):
        raise UserError(
            f"--task {task}: the model in {folder} was trained for {trained_for}: "
            f"train one by `dvc exp run -S task={task}`"
        )
    return generator
