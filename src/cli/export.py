"""export: a trained model, or the pairs, in other programs' formats."""

from pathlib import Path
from typing import get_args

import click

from src.errors import existing_folder, output_file, output_folder
from src.params import Task, read_params


@click.group(
    epilog="Example: python -m src export onnx generator.onnx",
)
def export() -> None:
    """Write the model or the pairs in other programs' formats."""


@export.command(
    short_help="Write the model as ONNX.",
    epilog="Example: python -m src export onnx generator.onnx --model data/model",
)
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--model",
    type=click.Path(path_type=Path),
    default=Path("data/model"),
    show_default=True,
    help="The folder of a trained model.",
)
def onnx(out: Path, model: Path) -> None:
    """Write the model to OUT as ONNX, and check it against torch by ONNX Runtime."""
    from src.export.onnx_model import export_onnx
    from src.model.saving import load_generator

    out = output_file("OUT", out)
    difference = export_onnx(
        load_generator(existing_folder("--model", model, "`dvc repro` trains data/model")), out
    )
    click.echo(f"{out}: differs from the model by at most {difference:.1e}")


@export.command(
    short_help="Write the pairs side by side.",
    epilog="Example: python -m src export pairs side_by_side/ --task sketch",
)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--task",
    type=click.Choice(get_args(Task)),
    help="Whose inputs stand left; default: the task of params.yaml.",
)
def pairs(folder: Path, task: str | None) -> None:
    """Write the pairs to FOLDER/train and FOLDER/val side by side, as the official code reads them."""
    from src.export.side_by_side import export_pairs

    folder = output_folder("FOLDER", folder)
    count = export_pairs(Path("data/pairs"), folder, task or read_params().task)
    click.echo(f"{count} pairs written to {folder} (train on them with --direction AtoB)")
