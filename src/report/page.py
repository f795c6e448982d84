"""The report: one self-contained HTML page of what happened and how well it went."""

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

SHOWN = ("clean", "evaluate", "evaluate_meta", "split", "train")  # of metrics/*.json
COPIES = ("exact_duplicate", "near_duplicate")  # shown beside what was kept instead


@dataclass(frozen=True)
class Step:
    """One step of the funnel: how many are left, and what was lost since the step before."""

    name: str
    count: int
    lost: dict[str, int]  # by verdict


def render(data: Path, metrics: Path, p: Params, parameters: str, experiment: str) -> str:
    """The page's HTML, from the artifacts in `data` and the numbers in `metrics`.

    parameters: what the page shows of params.yaml, and `p` what it says. experiment: its name and commit, or that it is none.
    All names and URLs come from the web and are escaped.
    """
    numbers = {name: read_json(metrics / f"{name}.json") for name in SHOWN}
    album = Album(data)
    findings = read_json(data / "audit" / "findings.json")
    review = read_json(data / "review" / "findings.json")
    failed = [finding for finding in findings + review if finding["failed"]]
    leak = next(finding for finding in findings if finding["name"] == "leaked_pictures")
    steps = funnel(numbers)
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=select_autoescape(["html"]),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html").render(
        m=numbers,
        experiment=experiment,
        findings={"before training": findings, "after training": review},
        failed=failed,
        offenders={finding["name"]: album.offenders(finding) for finding in failed},
        funnel=steps,
        removed={w: album.removed(w) for step in steps for w in step.lost if w not in COPIES},
        copies=COPIES,
        clusters=album.clusters(),
        closest=album.closest(),
        similarities=charts.histogram(
            [n["similarity"] for n in album.nearest.values()],
            leak["thresholds"]["leak_similarity"],
            "Similarity of each validation picture to its nearest training picture",
        ),
        pairs=album.pairs(),
        samples=album.samples(p.task),
        losses=charts.curves(_columns(metrics / "history.csv", ["g_l1", "g_gan", "d"])),
        discriminator=charts.curves(
            _columns(metrics / "history.csv", ["d_right_on_real", "d_right_on_fake"])
        ),
        progress={
            name: charts.curves(_columns(metrics / "progress.csv", [name]))
            for name in ("l1", "ssim", "fd")
        },
        parameters=parameters,
    )


def funnel(numbers: dict[str, Any]) -> list[Step]:
    """Steps from listed to training and validation; counts and losses add up."""
    clean, split = numbers["clean"], numbers["split"]
    left = clean["listed"]
    steps = [Step("listed", left, {})]
    for name, lost in (
        ("downloaded", {"missing": "missing"}),
        ("readable", {"unreadable": "unreadable", "too_small": "too_small"}),
        ("in colour", {"grayscale": "grayscale"}),
        (
            "unique",
            {"exact_duplicate": "exact_duplicates", "near_duplicate": "near_duplicates"},
        ),
    ):
        counts = {verdict: clean[key] for verdict, key in lost.items()}
        left -= sum(counts.values())
        steps.append(Step(name, left, counts))
    return [*steps, Step("training", split["train"], {}), Step("validation", split["val"], {})]


def _columns(file: Path, names: list[str]) -> Series:
    with file.open(newline="", encoding="utf-8") as opened:
        rows = list(csv.DictReader(opened))
    return {
        # blank where there was no such loss yet
        name: [(float(row["step"]), float(row[name])) for row in rows if row[name]]
        for name in names
        if rows and name in rows[0]
    }
