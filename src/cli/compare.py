"""compare: the difference of each score of two experiments, with its interval."""

import tempfile
from pathlib import Path

import click

from src.params import read_params


@click.command(epilog="Example: python -m src compare HEAD unet")
@click.argument("first", metavar="EXP_A")
@click.argument("second", metavar="EXP_B")
def compare(first: str, second: str) -> None:
    """Say which of two experiments is better, and whether that is more than chance.

    EXP_A and EXP_B are experiments, commits, or the word workspace.
    """
    from src.analysis import comparison, revision
    from src.analysis.seed_spread import read_seed_spread
    from src.evaluate import features

    p, spread = read_params(), read_seed_spread()
    extractors = features.build_extractors(
        Path("data/weights"), p.evaluate.batch_size, Path(".cache/features")
    )
    with tempfile.TemporaryDirectory() as temporary:
        revisions = [
            revision.fetch_from_dvc(name, Path(temporary) / side)
            for side, name in (("a", first), ("b", second))
        ]
        a, b = (comparison.load_experiment(r.name, r.folder) for r in revisions)
        for difference in comparison.compare(a, b, extractors, p.seed):
            click.echo(difference.sentence(a.name, b.name, spread))
    click.echo(
        f"{len(a.table)} validation pictures, 95 % intervals by a paired bootstrap over them"
        + (f"; what seeds change: {spread.trainings}" if spread else "")
    )
