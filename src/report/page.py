"""The report: one self-contained HTML page about the data, the checks and the scores of a run."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from src.params import Params
from src.report import charts, face_cuts
from src.report.charts import Series
from src.report.figures import MAX_ERROR, Album
from src.report.results import STEPS, Finding, Results, failed_by_severity
from src.report.templates import template_environment

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


def experiment_label(variables: Mapping[str, str]) -> str:
    """Name the experiment by the variables that `dvc exp run` sets.

    Without them the text is the same at every commit, and so are the bytes of the page.
    """
    name, commit = (variables.get(f"DVC_EXP_{key}", "") for key in ("NAME", "BASELINE_REV"))
    return f"experiment {name} on {commit[:10]}" if name else "dvc repro in the workspace"


def render(data: Path, metrics: Path, p: Params, parameters: str, experiment: str) -> str:
    """Return the page's HTML. Names and URLs come from the web and are escaped."""
    results, album = Results.read(data, metrics), Album(data)
    return (
        template_environment()
        .get_template("page.html")
        .render(
            r=results,
            experiment=experiment,
            parameters=parameters,
            aspect=f"{p.pair.crop_size.width / p.pair.crop_size.height:.6g}",
            exclude=p.clean.exclude,
            table=results.table(),
            flattered=p.learns_from_effnet,
            distributions=_distributions(album, results),
            samples=album.samples(p.task),
            max_error=MAX_ERROR,
            plots=_plots(results),
            snapshots=album.snapshots(),
            **_checks(results, album, p.task),
            **_data(results, album),
            **face_cuts.face_sections(album, p.pair),
        )
    )


def _checks(results: Results, album: Album, task: str) -> dict[str, Any]:
    """Return what the page shows of the checks: those that passed, and by severity the others."""
    findings = {
        when: [finding for finding in group if _is_measured(finding, album, task)]
        for when, group in results.findings.items()
    }
    listed = [finding for group in findings.values() for finding in group]
    by_severity = failed_by_severity(listed)
    failed = [finding for group in by_severity.values() for finding in group]
    outputs = findings["after training"]
    return {
        "findings": findings,
        "n_checks": len(listed),
        "n_passed": len(listed) - len(failed),
        "offenders": {f["name"]: album.offenders(f, f in outputs) for f in failed},
        **{f"{severity}s": group for severity, group in by_severity.items()},
    }


def _data(results: Results, album: Album) -> dict[str, Any]:
    """Return what the page shows of the pictures before training."""
    steps = funnel(results.clean, results.split)
    return {
        "funnel": steps,
        "removed": {w: album.removed(w) for step in steps for w in step.lost if w not in COPIES},
        "copies": COPIES,
        "clusters": album.clusters(),
        "n_clusters": album.ledger["duplicate_of"].nunique(),
        "merges": album.merges(),
        "excluded_across": album.excluded_across(),
        "closest": album.closest(),
        "similarities": _similarities(results, album),
        "pairs": album.pairs(),
    }


def _is_measured(finding: Finding, album: Album, task: str) -> bool:
    """Return whether a check had anything to look at; if not, it says nothing of this run."""
    ledger = album.ledger
    online = ledger["page_url"].notna().any()
    has_subject = {
        "blank_edges": task == "sketch",
        "full_edges": task == "sketch",
        "labels_fit_photos": album.val.labels is not None,
        "cut_faces": album.val.faces is not None,
        "missing_from_list": ledger["stated_total"].notna().any(),
        "repeated_pages": online,
        "misplaced_pictures": online,
        "shared_names": online,
    }
    return finding["failed"] or bool(has_subject.get(finding["name"], True))


def funnel(clean: dict[str, int], split: dict[str, int]) -> list[Step]:
    """Return the steps from listed to training and validation; counts and losses add up.

    They come from metrics/clean.json and split.json.
    """
    count = clean["listed"]
    steps = [Step("listed", count, {})]
    for name, keys in STEPS.items():
        lost = {verdict: clean[key] for verdict, key in keys.items()}
        count -= sum(lost.values())
        steps.append(Step(name, count, lost))
    return [*steps, Step("training", split["train"], {}), Step("validation", split["val"], {})]


def _similarities(results: Results, album: Album) -> str:
    findings = results.findings["before training"]
    leak = next(finding for finding in findings if finding["name"] == "leaked_pictures")
    return charts.histogram(
        [nearest["similarity"] for nearest in album.nearest.values()],
        {"limit": leak["thresholds"]["leak_similarity"]},
        "Similarity of each validation picture to its nearest training picture",
        "similarity",
        (0, 1),
    )


def _distributions(album: Album, results: Results) -> dict[str, str]:
    """Return a histogram of the outputs' scores by the score's name."""
    return {
        name: charts.histogram(
            values,
            {**results.baselines(name), "mean": results.scores["val"][name]},
            f"{name} of each validation picture",
            name,
        )
        for name, values in album.score_values().items()
        if values
    }


def _plots(results: Results) -> dict[str, str]:
    """Return the charts over training by their titles, each on one scale."""
    validation = {
        name: _named(results.progress, {name: "validation"}) for name in ("l1", "ssim", "fd_effnet")
    }
    right = {"d_right_on_real": "of photographs", "d_right_on_fake": "of outputs"}
    plots = {
        "L1": charts.curves(
            _named(results.history, {"g_l1": "training"}) | validation["l1"],
            guides=results.baselines("l1"),
        ),
        "Validation SSIM": charts.curves(validation["ssim"], guides=results.baselines("ssim")),
        "Validation fd_effnet": charts.curves(
            validation["fd_effnet"], guides=results.baselines("fd_effnet")
        ),
        "Adversarial losses": charts.curves(
            _named(results.history, {"g_gan": "generator", "d": "discriminator"})
        ),
        "Share of patches the discriminator gets right": charts.curves(
            _named(results.history, right), bounds=(0, 1), guides={"a guess": 0.5}
        ),
    }
    return {title: plot for title, plot in plots.items() if plot}


def _named(columns: Series, words: dict[str, str]) -> Series:
    """Return columns under other names, without those that are missing or empty."""
    return {word: columns[name] for name, word in words.items() if columns.get(name)}
