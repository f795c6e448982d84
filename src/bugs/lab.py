"""The bug lab: runs every known bug as a DVC experiment on a small demo and records its scores.

No other module of src calls DVC, which the lab does as a user would. It works in a clone of the
last commit, because a mutation changes a command in dvc.yaml. The experiments come back to this
repository under their own names. A finished result is reused while the code stays the same.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from src.bugs.catalogue import Bug, Settings, Stage, find_bug
from src.errors import UserError
from src.progress import progress_bar
from src.storage.atomic import read_json, write_json, write_text
from src.storage.fingerprint import fingerprint
from src.storage.locks import alone_in

# Small enough for a run in half a minute, large enough for scores to move.
DEMO_SETTINGS: Settings = {
    "demo.pages": 6,
    "demo.per_page": 50,
    "demo.pairs": 250,
    "split.val_fraction": 0.2,
    "pair.crop_size": 64,
    "pair.load_size": 72,
    "train.steps": 300,
    "train.lr": 0.0004,
    "train.gan_mode": "vanilla",
    "train.snapshots": 1,
    "models.encdec.ngf": 16,
    "audit.on_failure": "report",
}
CACHE = Path(".cache/bugs")
DVC = [sys.executable, "-m", "dvc"]
SIDES = ("val", "train")
SCORES = ("l1", "psnr", "ssim", "fd_effnet", "colorfulness", "n")
OUTPUT_CHARS = 3000  # of a failed experiment's output that the error shows

Entry = dict[str, Any]  # a bug in metrics/bugs.json


def run(
    names: Iterable[str], root: Path, settings: Mapping[str, Any] = DEMO_SETTINGS
) -> dict[str, Entry]:
    """Run the named bugs, and for comparison the demo without them.

    Returns:
        For each bug: the checks that caught or missed it, and the scores with and without it.

    Raises:
        UserError: A bug is unknown, another process runs bugs here, or an experiment fails in
            another way than it should.
    """
    bugs = {name: find_bug(name) for name in names}
    entries = {}
    with alone_in(root / CACHE, "running bugs"):
        lab = Lab(root, settings)
        for name, bug in progress_bar(bugs.items(), len(bugs), "bugs"):
            with_bug = lab.result(name, bug.context | bug.settings, bug)
            context = [f"{key}-{value}" for key, value in bug.context.items()]
            without_bug = lab.result("-".join(["none", *context]), bug.context)
            entries[name] = _entry(bug, with_bug, without_bug)
    return entries


def write(entries: dict[str, Entry], metrics: Path) -> None:
    """Write bugs.json and bugs.md into the folder `metrics`."""
    write_json(metrics / "bugs.json", {"settings": DEMO_SETTINGS, "bugs": entries})
    write_text(metrics / "bugs.md", table(entries))


def table(entries: dict[str, Entry]) -> str:
    """Return the entries as a Markdown table; scores in brackets are those without the bug."""
    lines = [
        "| bug | caught by | fails too | when | n | val L1 | train L1 | val PSNR | val colour |",
        "| --- | --- | --- | --- | ---: | --- | --- | --- | --- |",
    ]
    for name, entry in entries.items():
        caught, also = (", ".join(entry[key]) for key in ("caught_by", "also_failed"))
        n = entry["with"]["val"]["n"] if "with" in entry else 0
        cells = [name.replace("_", " "), caught, also, entry["when"], str(n)]
        columns = [("val", "l1"), ("train", "l1"), ("val", "psnr"), ("val", "colorfulness")]
        cells += [_score_cell(entry, side, score) for side, score in columns]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def command(name: str) -> str:
    """Return the command that a user types to see a bug happen."""
    bug = find_bug(name)
    if bug.mutations:
        return f"python -m src bugs run {name}"
    settings = bug.context | bug.settings | {"audit.on_failure": "report"}
    return f"dvc exp run -n bug-{name} " + " ".join(_overrides(settings))


class Lab:
    """A clone of the last commit, with this repository's DVC cache."""

    def __init__(self, root: Path, settings: Mapping[str, Any]):
        self.root = root.resolve()
        # no run downloads weights, and mutations overwrite single files
        offline = {"evaluate.fid": "none", "evaluate.lpips": "none"}
        self.settings = {**settings, **offline, "scrape.shard_size": 10_000}
        self.commit = _call(["git", "rev-parse", "HEAD"], self.root)[1].strip()
        self.clone = self.root / CACHE / "clone"
        self.results = self.root / CACHE / self._fingerprint()
        if not self.clone.exists():
            _check_call(["git", "clone", "-q", str(self.root), str(self.clone)], self.root)
        _check_call(["git", "fetch", "-q", "origin"], self.clone)
        _check_call(["git", "checkout", "-q", "-f", "-B", "lab", self.commit], self.clone)
        cache = str(self.root / ".dvc/cache")
        _check_call([*DVC, "cache", "dir", "--local", cache], self.clone)

    def _fingerprint(self) -> str:
        """Return what results depend on: the commit's code, parameters and rulings, and the settings."""
        names = ("src", "stages", "rulings", "dvc.yaml", "params.yaml")
        versions = _call(["git", "rev-parse", *(f"HEAD:{name}" for name in names)], self.root)[1]
        return fingerprint((), versions, self.settings)

    def result(self, name: str, settings: Settings, bug: Bug | None = None) -> Entry:
        """Return the failed checks and the scores of an experiment; run it if it is new.

        Raises:
            UserError: The experiment fails in another way than the bug says.
        """
        file = self.results / f"{name}.json"
        if not file.exists():
            write_json(file, self._run_experiment(name, settings, bug))
        entry: Entry = read_json(file, "delete it")
        return entry

    def _run_experiment(self, name: str, settings: Settings, bug: Bug | None) -> Entry:
        experiment = f"bug-{name}"
        _check_call(["git", "checkout", "-q", "-f", "."], self.clone)
        # DVC would look for what the recorded run wrote, which a fresh clone's cache does not have
        (self.clone / "dvc.lock").unlink(missing_ok=True)
        self._append_mutations(name, list(bug.mutations) if bug else [])
        _call([*DVC, "exp", "remove", "-q", experiment], self.clone)  # an earlier commit's
        overrides = _overrides(self.settings | settings)
        code, output = _call([*DVC, "exp", "run", "-n", experiment, *overrides], self.clone)
        if code != 0:
            if bug and bug.refused and bug.refused in output:
                return {"refused": bug.refused, "failed": []}
            raise UserError(f"{experiment} failed:\n{output[-OUTPUT_CHARS:]}")
        push = ["exp", "push", "-q", "-f", "--no-cache", "origin", experiment]
        _check_call([*DVC, *push], self.clone)
        return self._read_result()

    def _append_mutations(self, name: str, stages: list[Stage]) -> None:
        """Let the stages' commands apply the bug; DVC records that with the experiment."""
        path = self.clone / "dvc.yaml"
        pipeline = yaml.safe_load(path.read_text(encoding="utf-8"))
        for stage in stages:
            definition = pipeline["stages"][stage]
            definition["cmd"] += f" && python -m src bugs mutate {name} {stage}"
            definition["deps"].append("src/bugs")
        if stages:
            write_text(path, yaml.safe_dump(pipeline, sort_keys=False))

    def _read_result(self) -> Entry:
        audit, review, evaluate = (
            read_json(self.clone / f"metrics/{stage}.json")
            for stage in ("audit", "review", "evaluate")
        )
        failed, failed_after = (
            [name for name, check in metrics["checks"].items() if check["failed"]]
            for metrics in (audit, review)
        )
        scores = {side: evaluate[side] for side in SIDES}
        return {"failed": failed, "failed_after": failed_after, **scores}


def _overrides(settings: Settings) -> list[str]:
    return [
        word
        for key, value in settings.items()
        for word in ("-S", f"{key}={value if isinstance(value, str) else json.dumps(value)}")
    ]


def _entry(bug: Bug, with_bug: Entry, without_bug: Entry) -> Entry:
    before, after = with_bug["failed"], with_bug.get("failed_after", [])
    expected, failed = set(bug.checks), {*before, *after}
    entry: Entry = {
        "story": bug.story,
        "caught_by": [check for check in bug.checks if check in failed],
        "missed": sorted(expected - failed),
        "also_failed": sorted(failed - expected),
        "when": "before training" if expected & set(before) else "after training",
    }
    if "refused" in with_bug:
        refusal = f"refused: {with_bug['refused']}"
        entry |= {"caught_by": [refusal], "when": "before training"}
    for name, result in (("with", with_bug), ("without", without_bug)):
        if "val" in result:
            entry[name] = {side: {key: result[side][key] for key in SCORES} for side in SIDES}
    return entry


def _score_cell(entry: Entry, side: str, score: str) -> str:
    with_bug = entry["with"][side][score] if "with" in entry else "none"
    return f"{with_bug} ({entry['without'][side][score]})"


def _check_call(words: list[str], folder: Path) -> None:
    code, output = _call(words, folder)
    if code != 0:
        raise UserError(f"{' '.join(words)} failed in {folder}: {output.strip()}")


def _call(words: list[str], folder: Path) -> tuple[int, str]:
    """Run a program in `folder`; return its exit status and its output."""
    # the stages' `python` must be the one that runs this
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    process = subprocess.run(
        words,
        cwd=folder,
        env=os.environ | {"PATH": path},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    return process.returncode, process.stdout
