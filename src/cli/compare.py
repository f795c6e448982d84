"""compare: the difference of each score of two experiments, with its interval."""

import tempfile
from pathlib import Path

import click

from src.cli.non_empty_path import NonEmptyPath
from src.params import read_params
from src.user_paths import output_file


@click.command(epilog="Example: python -m src compare HEAD unet --html")
@click.argument("first", metavar="EXP_A")
@click.argument("second", metavar="EXP_B")
@click.option(
    "--html",
    "page",
    metavar="[FILE]",
    type=NonEmptyPath(suffix=".html"),
    is_flag=False,
    flag_value=Path("comparison.html"),
    help="Also write a page with pictures, curves and what differs (comparison.html).",
)
def compare(first: str, second: str, page: Path | None) -> None:
    """Say which of two experiments is better, and whether that is more than chance.

    EXP_A and EXP_B are experiments, commits, or the word workspace.
    """
    from src.analysis import compare_page, comparison, revision
    from src.analysis.compare_page import Contender
    from src.analysis.seed_spread import read_seed_spread
    from src.evaluate import features
    from src.storage.atomic import write_text

    p, spread = read_params(), read_seed_spread()
    file = output_file("--html", page) if page else None
    extractors = features.build_extractors(
        Path("data/weights"), p.evaluate.batch_size, Path(".cache/features")
    )
    with tempfile.TemporaryDirectory() as temporary:
        revisions = [
            revision.fetch_from_dvc(name, Path(temporary) / side, with_details=file is not None)
            for side, name in (("a", first), ("b", second))
        ]
        task = compare_page.shared_task(*revisions) if file else ""
        a, b = (comparison.load_experiment(r.name, r.folder) for r in revisions)
        differences = comparison.compare(a, b, extractors, p.seed)
        for difference in differences:
            click.echo(difference.sentence(a.name, b.name, spread))
        click.echo(
            f"{len(a.table)} validation pictures, 95 % intervals by a paired bootstrap over them"
            + (f"; what seeds change: {spread.trainings}" if spread else "")
        )
        if file:
            contenders = (Contender("A", revisions[0], a), Contender("B", revisions[1], b))
            write_text(file, compare_page.render(*contenders, differences, task, spread))
            click.echo(f"shown in {file}")
