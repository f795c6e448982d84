"""app: a page on this machine where a photo is dropped or a sketch is drawn."""

from pathlib import Path

import click

from src.cli.non_empty_path import NonEmptyPath
from src.user_paths import existing_folder

PORT = 7860


@click.command(epilog="Example: python -m src app --model data/release")
@click.option(
    "--model",
    type=NonEmptyPath(),
    default=Path("data/release"),
    show_default=True,
    help="The folder of a trained model; its README.md is the card.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=PORT,
    show_default=True,
    help="Where the page is served; 0: any free port.",
)
def app(model: Path, port: int) -> None:
    """Serve a page where a model answers photos and drawings, with its card.

    The page is for browsers on this machine only, and loads nothing from elsewhere.
    """
    from src.app.app_page import read_card, render_page
    from src.app.page_server import MAX_BYTES, PageServer
    from src.model.device import pick_device
    from src.model.saving import load_generator

    folder = existing_folder("--model", model, "`dvc repro` writes data/release")
    generator = load_generator(folder).to(pick_device("auto", "--device"))
    page = render_page(generator, read_card(folder), MAX_BYTES)
    with PageServer(generator, page, port) as server:
        click.echo(f"{server.origin}/ answers by the model in {folder}; Ctrl-C ends it")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            click.echo("stopped")
