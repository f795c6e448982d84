"""One self-contained HTML page: two experiments side by side, in scores, pictures and settings."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from src.analysis.changes import code_changes, parameter_changes
from src.analysis.comparison import Difference, Experiment
from src.analysis.revision import DISTANCES, HISTORY, PARAMETERS, PROGRESS, SCORES, Revision
from src.analysis.seed_spread import SeedSpread
from src.dataset.arrays import INPUTS
from src.errors import UserError
from src.evaluate.scores import summary
from src.params import read_yaml
from src.report import charts
from src.report.charts import Series
from src.report.figures import Figure, uri
from src.report.results import better_direction, decimals, read_columns
from src.report.templates import template_environment
from src.storage.atomic import read_json

N_BEST = 24  # pictures shown from either end
N_MIDDLE = 8
NAME_LENGTH = 40  # characters of a name in a sentence
LEGEND_LENGTH = 18  # in a chart, where a line has no more room
TRAINING = {"g_l1": "Training g_l1"}  # what is drawn of the history, with its title


@dataclass(frozen=True)
class Contender:
    """One of the two that are compared: A or B."""

    letter: str
    revision: Revision
    experiment: Experiment

    def label(self, length: int = NAME_LENGTH) -> str:
        """Return its letter and its name, cut to a number of characters."""
        name = self.revision.name
        short = name if len(name) <= length else f"{name[: length - 1]}…"
        # isolated: a name written right to left must not turn what follows it
        return f"{self.letter} \u2068{short}\u2069"

    @cached_property
    def scores(self) -> dict[str, float]:
        """The mean of each score on validation: as recorded, else of the pictures' scores."""
        means = summary(self.experiment.table.drop(columns="row"))
        recorded = (
            read_json(self._path(SCORES)).get("val", {}) if self._path(SCORES).is_file() else {}
        )
        return {
            name: value
            for name, value in (means | recorded).items()
            if name != "n" and not name.endswith("_se")
        }

    @cached_property
    def curves(self) -> Series:
        """The curves of its training that are recorded, by the chart's title."""
        history = self._columns(HISTORY)
        validation = self._columns(PROGRESS) | self._columns(DISTANCES)
        points_by_title = {title: history.get(name, []) for name, title in TRAINING.items()}
        points_by_title |= {f"Validation {name}": points for name, points in validation.items()}
        return {title: points for title, points in points_by_title.items() if points}

    def missing_curves(self, titles: Sequence[str]) -> str:
        """Return which files and which of some curves it lacks, as a sentence; "" if none."""
        files = [f for f in (HISTORY, PROGRESS, DISTANCES) if not self._path(f).is_file()]
        names = [title for title in titles if title not in self.curves]
        lacks = files + ([f"curve of {', '.join(names)}"] if names else [])
        return f"{self.label()} has no {', no '.join(lacks)}." if lacks else ""

    def _columns(self, file: str) -> Series:
        return read_columns(self._path(file)) if self._path(file).is_file() else {}

    def _path(self, file: str) -> Path:
        return self.revision.folder / file


@dataclass(frozen=True)
class Row:
    """A score of both.

    Attributes:
        best: "lower", "higher", or "" if neither is better.
        values: Of A and of B, as text; "" where it was not recorded.
        difference: B minus A, as text.
        interval: Of the difference, as text; "" where there is none.
        sentence: Which is better.
        winner: "a", "b", or "" if that may be chance.
    """

    name: str
    best: str
    values: list[str]
    difference: str
    interval: str
    sentence: str
    winner: str


@dataclass(frozen=True)
class PictureRow:
    """A validation picture: input, output of A, output of B, target, and how much better B is."""

    row: int
    figures: list[Figure]
    gain: float


@dataclass(frozen=True)
class PictureGroup:
    """Neighbours in the order of how much better B is.

    Attributes:
        left_out: How many pictures are left out before the first.
    """

    title: str
    rows: list[PictureRow]
    left_out: int


def shared_task(a: Revision, b: Revision) -> str:
    """Return the task of both.

    Raises:
        UserError: They have different tasks, or a params.yaml without a known one.
    """
    tasks = [_settings(revision).get("task") for revision in (a, b)]
    for revision, task in zip((a, b), tasks, strict=True):
        if task not in INPUTS:
            raise UserError(
                f"{revision.name}: task in its {PARAMETERS} is {task!r}, expected one of "
                f"{', '.join(INPUTS)}"
            )
    if tasks[0] != tasks[1]:
        raise UserError(
            f"{a.name} has the task {tasks[0]!r}, {b.name} {tasks[1]!r}: expected one task, because "
            "a page shows one input beside both outputs; without --html their scores are compared"
        )
    return str(tasks[0])


def render(
    a: Contender,
    b: Contender,
    differences: Sequence[Difference],
    task: str,
    spread: SeedSpread | None = None,
) -> str:
    """Return the page's HTML. Names come from people and are escaped.

    Raises:
        UserError: A file of either cannot be read, or git cannot compare the two.
    """
    plots, missing = _plots(a, b)
    groups = _picture_groups(a.experiment, b.experiment, task)
    settings = [_settings(contender.revision) for contender in (a, b)]
    return (
        template_environment(Path(__file__).parent)
        .get_template("compare_page.html")
        .render(
            contenders=[a, b],
            task=task,
            count=len(a.experiment.table),
            spread=spread,
            verdict=verdict(a, b, differences, spread),
            table=_rows(a, b, differences, spread),
            groups=groups,
            other_inputs=_have_other_inputs(a.experiment, b.experiment, task, groups),
            plots=plots,
            missing=missing,
            parameters=parameter_changes(*settings),
            code=code_changes(a.revision, b.revision),
        )
    )


def verdict(
    a: Contender, b: Contender, differences: Sequence[Difference], spread: SeedSpread | None = None
) -> list[str]:
    """Return sentences on which contender is better in which scores; those for B come first."""
    contenders = {"b": b, "a": a}
    judged = [d for d in differences if d.better]
    sentences = [
        f"{contender.label()} is better in {names}."
        for winner, contender in contenders.items()
        if (names := _names(judged, winner))
    ]
    if not sentences:
        sentences = [f"No score tells {a.label()} from {b.label()}."]
    if spread:
        within = [d.metric for d in judged if d.winner and spread.covers(d.metric, d.value)]
        if within:
            sentences.append(f"Seeds alone change as much in {', '.join(within)}.")
    others = [d for d in differences if not d.better]
    sentences += [
        f"{contender.label()} is higher in {names}, which is not better by itself."
        for winner, contender in contenders.items()
        if (names := _names(others, winner))
    ]
    if chance := _names(differences, ""):
        sentences.append(f"Not distinguishable: {chance}.")
    return sentences


def _names(differences: Sequence[Difference], winner: str) -> str:
    return ", ".join(d.metric for d in differences if d.winner == winner)


def _settings(revision: Revision) -> dict[str, Any]:
    try:
        return read_yaml(revision.folder / PARAMETERS)
    except UserError as error:
        reason = str(error).removeprefix(f"{revision.folder / PARAMETERS} ").partition(":")[0]
        raise UserError(f"{revision.name}: its {PARAMETERS} {reason}") from None


def _rows(
    a: Contender, b: Contender, differences: Sequence[Difference], spread: SeedSpread | None
) -> list[Row]:
    """Return a row for each score of either, those with an interval first."""
    compared = {d.metric: d for d in differences}
    names = list(compared | a.scores | b.scores)
    return [_row(name, a, b, compared.get(name), spread) for name in names]


def _row(
    name: str, a: Contender, b: Contender, d: Difference | None, spread: SeedSpread | None
) -> Row:
    values = [contender.scores.get(name) for contender in (a, b)]
    digits = decimals(values)
    texts = ["" if value is None else f"{value:.{digits}f}" for value in values]
    best = better_direction(name)
    if d:
        interval = f"[{d.low:+.3g}, {d.high:+.3g}]"
        sentence = d.sentence(a.label(), b.label(), spread).removeprefix(f"{name}: ")
        return Row(name, best, texts, f"{d.value:+.3g}", interval, sentence, d.winner)
    if values[0] is None or values[1] is None:
        only = a if values[1] is None else b
        return Row(name, best, texts, "", "", f"only {only.label()} has it", "")
    difference = f"{values[1] - values[0]:+.{digits}f}"
    return Row(name, best, texts, difference, "", "recorded without an interval", "")


def _picture_groups(a: Experiment, b: Experiment, task: str) -> list[PictureGroup]:
    """Return the pictures from the best for B to the best for A; all of them, or three parts."""
    gains = (a.table["l1"] - b.table["l1"]).to_numpy()
    order = np.lexsort((a.table["row"].to_numpy(), -gains))
    count, middle = len(order), len(order) // 2 - N_MIDDLE // 2
    parts = {
        "Best for B": range(N_BEST),
        "The middle": range(middle, middle + N_MIDDLE),
        "Best for A": range(count - N_BEST, count),
    }
    if count <= 2 * N_BEST + N_MIDDLE:
        parts = {f"All {count}, from the best for B to the best for A": range(count)}
    groups, end = [], 0
    for title, places in parts.items():
        rows = [_picture_row(a, b, int(order[place]), task) for place in places]
        groups.append(PictureGroup(title, rows, places.start - end))
        end = places.stop
    return groups


def _picture_row(a: Experiment, b: Experiment, index: int, task: str) -> PictureRow:
    l1 = [float(e.table["l1"].iloc[index]) for e in (a, b)]
    pictures = {
        "input": a.val.inputs(task)[index],
        f"A, L1 {l1[0]:.4f}": a.outputs[index],
        f"B, L1 {l1[1]:.4f}": b.outputs[index],
        "target": a.val.photo[index],
    }
    figures = [Figure(uri(pixels), caption, []) for caption, pixels in pictures.items()]
    return PictureRow(int(a.table["row"].iloc[index]), figures, l1[0] - l1[1])


def _have_other_inputs(
    a: Experiment, b: Experiment, task: str, groups: Sequence[PictureGroup]
) -> bool:
    """Return whether a picture that is shown has another input in B than in A."""
    indices = {int(row): index for index, row in enumerate(a.table["row"])}
    shown = [indices[row.row] for group in groups for row in group.rows]
    inputs = a.val.inputs(task), b.val.inputs(task)
    return any(not np.array_equal(inputs[0][index], inputs[1][index]) for index in shown)


def _plots(a: Contender, b: Contender) -> tuple[dict[str, str], list[str]]:
    """Return the charts of both over training by their titles, and sentences on what is missing."""
    series = a.curves | b.curves
    titles = [title for title in dict.fromkeys((*TRAINING.values(), *series)) if title in series]
    plots = {
        title: charts.curves(
            {
                contender.label(LEGEND_LENGTH): contender.curves.get(title, [])
                for contender in (a, b)
            }
        )
        for title in titles
    }
    return plots, [words for contender in (a, b) if (words := contender.missing_curves(titles))]
