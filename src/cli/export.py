"""export: a trained model, or the pairs, in other programs' formats."""

from pathlib import Path
from typing import get_args

import click

from src.cli.non_empty_path import NonEmptyPath
from src.cli.predict import existing_model, load_model, model_option
from src.params import Task, read_params
from src.user_paths import output_file, output_folder, require_no_input


@click.group(epilog="Example: python -m src export onnx generator.onnx")
def export() -> None:
    """Write the model or the pairs in other programs' formats."""


@export.command(
    short_help="Write the model as ONNX.",
    epilog="Example: python -m src export onnx generator.onnx --model data/model",
)
@click.argument("out", type=NonEmptyPath(suffix=".onnx"))
@model_option
def onnx(out: Path, model: Path) -> None:
    """Write the model to OUT as ONNX, and check it against torch by ONNX Runtime."""
    from src.export.onnx_model import export_onnx

    out, folder = output_file("OUT", out), existing_model(model)
    require_no_input("OUT", out, folder.iterdir())
    difference = export_onnx(load_model(folder), out)
    click.echo(f"{out}: differs from the model by at most {difference:.1e}")


@export.command(
    short_help="Write the pairs for other programs.",
    epilog="Example: python -m src export pairs portraits/ --format hf",
)
@click.argument("folder", type=NonEmptyPath())
@click.option(
    "--format",
    "kind",
    type=click.Choice(["pix2pix", "imagefolder", "hf", "webdataset"]),
    default="pix2pix",
    show_default=True,
    help="Side by side for the official code, or as Hugging Face's datasets or WebDataset read them.",
)
@click.option(
    "--task",
    type=click.Choice(get_args(Task)),
    help="Whose inputs are written; default: the task of params.yaml.",
)
@click.option(
    "--shard-size",
    type=click.IntRange(1),
    default=1000,
    show_default=True,
    help="Pairs in a file of hf and webdataset.",
)
def pairs(folder: Path, kind: str, task: str | None, shard_size: int) -> None:
    """Write the pairs to FOLDER, by split, with their origin and a data card.

    A killed export continues where it was. FOLDER appears when all of it is written.
    """
    from src.export.pair_export import export_pairs

    folder = output_folder("FOLDER", folder)
    count = export_pairs(Path("data"), folder, task or read_params().task, kind, shard_size)
    click.echo(f"{count} pairs written to {folder}; its README.md says how to open them")
