"""The report: one self-contained HTML page about the data, the checks and the scores of a run."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, select_autoescape

from src.params import Params
from src.report import charts
from src.report.charts import Series
from src.report.figures import Album
from src.storage.atomic import read_json

METRICS = ("clean", "evaluate", "evaluate_meta", "split", "train")  # the files that it shows
# The steps of the funnel after "listed"; for each the verdicts that remove pictures there, and
# the keys of metrics/clean.json that count them.
STEPS = {
    "downloaded": {"missing": "missing"},
    "readable": {"unreadable": "unreadable", "too_small": "too_small"},
    "in colour": {"grayscale": "grayscale"},
    "without faults": {
        word: word for word in ("odd_aspect", "low_information", "dark", "bright", "blurred")
    },
    "unique": {"exact_duplicate": "exact_duplicates", "near_duplicate": "near_duplicates"},
}
COPIES = tuple(STEPS["unique"])  # shown beside their survivor


@dataclass(frozen=True)
class Step:
    """A step of the funnel.

    Attributes:
        count: Pictures that are left.
        lost: Pictures removed since the step before, by verdict.
    """

    name: str
    count: int
    lost: dict[str, int]


def render(data: Path, metrics: Path, p: Params, parameters: str, experiment: str) -> str:
    """Return the page's HTML. Names and URLs come from the web and are escaped.

    Args:
        data: The folder data.
        metrics: The folder metrics.
        p: The parameters of the run.
        parameters: Their text, as the page shows it.
        experiment: The name and commit of the experiment, or that it is none.
    """
    numbers = {name: read_json(metrics / f"{name}.json") for name in METRICS}
    findings = {
        "before training": read_json(data / "findings" / "findings.json"),
        "after training": read_json(data / "review" / "findings.json"),
    }
    failed = [finding for group in findings.values() for finding in group if finding["failed"]]
    album = Album(data)
    steps = funnel(numbers)
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=select_autoescape(["html"]),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html").render(
        m=numbers,
        verdict=read_json(data / "review" / "verdict.json"),
        experiment=experiment,
        findings=findings,
        failed=failed,
        offenders={finding["name"]: album.offenders(finding) for finding in failed},
        funnel=steps,
        removed={w: album.removed(w) for step in steps for w in step.lost if w not in COPIES},
        copies=COPIES,
        clusters=album.clusters(),
        n_clusters=album.ledger["duplicate_of"].nunique(),
        merges=album.merges(),
        exclude=p.clean.exclude,
        excluded_across=album.excluded_across(),
        closest=album.closest(),
        similarities=_similarities(album, findings["before training"]),
        pairs=album.pairs(),
        samples=album.samples(p.task),
        parameters=parameters,
        **_curves(metrics),
    )


def funnel(numbers: dict[str, Any]) -> list[Step]:
    """Return the steps from listed to training and validation; counts and losses add up.

    Args:
        numbers: metrics/clean.json and metrics/split.json by their names.
    """
    clean, split = numbers["clean"], numbers["split"]
    count = clean["listed"]
    steps = [Step("listed", count, {})]
    for name, keys in STEPS.items():
        lost = {verdict: clean[key] for verdict, key in keys.items()}
        count -= sum(lost.values())
        steps.append(Step(name, count, lost))
    return [*steps, Step("training", split["train"], {}), Step("validation", split["val"], {})]


def _similarities(album: Album, findings: list[dict[str, Any]]) -> str:
    leak = next(finding for finding in findings if finding["name"] == "leaked_pictures")
    return charts.histogram(
        [nearest["similarity"] for nearest in album.nearest.values()],
        leak["thresholds"]["leak_similarity"],
        "Similarity of each validation picture to its nearest training picture",
    )


def _curves(metrics: Path) -> dict[str, Any]:
    history, progress = metrics / "history.csv", metrics / "progress.csv"
    [l1] = _series(progress, ["l1"]).values()
    right = ["d_right_on_real", "d_right_on_fake"]
    return {
        "best_step": int(min(l1, key=lambda point: point[1])[0]),
        "losses": charts.curves(_series(history, ["g_l1", "g_gan", "d"])),
        "discriminator": charts.curves(_series(history, right)),
        "progress": {
            name: charts.curves(_series(progress, [name])) for name in ("l1", "ssim", "fd")
        },
    }


def _series(path: Path, names: list[str]) -> Series:
    """Return columns of a CSV file over its column step; a column that is missing is left out."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {
        # blank while there was no such loss
        name: [(float(row["step"]), float(row[name])) for row in rows if row[name]]
        for name in names
        if rows and name in rows[0]
    }
