"""The bug lab: every known bug as a DVC experiment on a small demo, and what its scores were.

Alone in src in knowing DVC, which it calls as a user would. It works in a clone of the last
commit, since a mutation is a changed command in dvc.yaml; experiments come back to this
repository under their own names. What was finished is not run again for the same code.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from src.bugs.catalogue import Bug, bug
from src.errors import UserError
from src.parallel.local import progress
from src.storage.atomic import read_json, write_json, write_text
from src.storage.fingerprint import fingerprint

# Small enough for a run in half a minute, large enough for scores to move.
SMALL = {
    "demo.pages": 6,
    "demo.per_page": 50,
    "split.val_fraction": 0.2,
    "pair.crop_size": 64,
    "pair.load_size": 72,
    "train.steps": 300,
    "train.snapshots": 1,
    "models.encdec.ngf": 16,
    "evaluate.features": "random",
    "audit.on_failure": "report",
}
DVC = [sys.executable, "-m", "dvc"]
SCORES = ("l1", "psnr", "ssim", "fd_random", "colorfulness", "n")


def run(names: list[str], root: Path, settings: dict[str, Any] = SMALL) -> dict[str, dict]:
    """Run the named bugs, and the runs without a bug that they are held against.

    settings: of the demo that all of them run on. Returns an entry for each bug.
    Raises UserError where an experiment fails in another way than it should.
    """
    bugs = {name: bug(name) for name in names}
    lab = Lab(root, settings)
    entries = {}
    for name, told in progress(bugs.items(), len(bugs), "bugs"):
        found = lab.result(name, told.context | told.settings, told)
        without = lab.result(
            "-".join(["none", *(f"{key}-{value}" for key, value in told.context.items())]),
            told.context,
        )
        entries[name] = _entry(told, found, without)
    return entries


def write(entries: dict[str, dict], metrics: Path) -> None:
    """Write metrics/bugs.json and bugs.md."""
    write_json(metrics / "bugs.json", {"settings": SMALL, "bugs": entries})
    write_text(metrics / "bugs.md", table(entries))


def table(entries: dict[str, dict]) -> str:
    """Entries as a Markdown table; in brackets: without the bug."""
    lines = [
        "| bug | caught by | fails too | when | n | val L1 | train L1 | val PSNR | val colour |"
    ]
    lines.append("| --- | --- | --- | --- | ---: | --- | --- | --- | --- |")
    for name, entry in entries.items():
        caught, also = (", ".join(entry[key]) for key in ("caught_by", "also_failed"))
        n = entry["with"]["val"]["n"] if "with" in entry else 0
        cells = [name.replace("_", " "), caught, also, entry["when"], str(n)]
        pairs = [("val", "l1"), ("train", "l1"), ("val", "psnr"), ("val", "colorfulness")]
        cells += [_compared(entry, side, score) for side, score in pairs]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def command(name: str) -> str:
    """What a user types to see one bug happen."""
    told = bug(name)
    if told.mutations:
        return f"python -m src bugs run {name}"
    settings = told.context | told.settings | {"audit.on_failure": "report"}
    return f"dvc exp run -n bug-{name} " + " ".join(_overrides(settings))


class Lab:
    """A clone of the last commit, with this repository's DVC cache."""

    def __init__(self, root: Path, settings: dict[str, Any]):
        self.root = root.resolve()
        # no run asks the network for weights, and mutations write over single files
        self.settings = settings | {"evaluate.lpips": False, "scrape.shard_size": 10_000}
        self.commit = _run(["git", "rev-parse", "HEAD"], self.root)[1].strip()
        self.clone = self.root / ".cache/bugs/clone"
        self.results = self.root / ".cache/bugs" / self._key()
        if not self.clone.exists():
            _expect(["git", "clone", "-q", str(self.root), str(self.clone)], self.root)
        _expect(["git", "fetch", "-q", "origin"], self.clone)
        _expect(["git", "checkout", "-q", "-f", "-B", "lab", self.commit], self.clone)
        cache = str(self.root / ".dvc/cache")
        _expect([*DVC, "cache", "dir", "--local", cache], self.clone)

    def _key(self) -> str:
        """What a result depends on: the commit's code and parameters, and the lab's settings."""
        trees = ["HEAD:src", "HEAD:stages", "HEAD:dvc.yaml", "HEAD:params.yaml"]
        versions = _run(["git", "rev-parse", *trees], self.root)[1]
        return fingerprint((), versions, self.settings)

    def result(self, name: str, settings: dict, told: Bug | None = None) -> dict[str, Any]:
        """Run an experiment, a bug's or none's, or read what it gave before."""
        file = self.results / f"{name}.json"
        if not file.exists():
            write_json(file, self._measured(f"bug-{name}", self.settings | settings, told))
        return read_json(file)

    def _measured(self, experiment: str, settings: dict, told: Bug | None) -> dict[str, Any]:
        _expect(["git", "checkout", "-q", "-f", "."], self.clone)
        self._mutate(experiment.removeprefix("bug-"), told.mutations if told else {})
        _run([*DVC, "exp", "remove", "-q", experiment], self.clone)  # of an earlier commit's lab
        code, said = _run([*DVC, "exp", "run", "-n", experiment, *_overrides(settings)], self.clone)
        if code != 0:
            if told and told.refused and told.refused in said:
                return {"refused": told.refused, "failed": []}
            raise UserError(f"{experiment} failed:\n{said[-3000:]}")
        _expect([*DVC, "exp", "push", "-q", "-f", "--no-cache", "origin", experiment], self.clone)
        read = {
            stage: read_json(self.clone / f"metrics/{stage}.json")
            for stage in ("audit", "review", "evaluate")
        }
        failed = {
            when: [k for k, c in read[stage]["checks"].items() if c["failed"]]
            for stage, when in (("audit", "before"), ("review", "after"))
        }
        scores = {side: read["evaluate"][side] for side in ("val", "train")}
        return {"failed": failed["before"], "failed_after": failed["after"], **scores}

    def _mutate(self, name: str, mutations: dict) -> None:
        """Change the commands of the stages concerned; DVC records that with the experiment."""
        path = self.clone / "dvc.yaml"
        pipeline = yaml.safe_load(path.read_text(encoding="utf-8"))
        for stage in mutations:
            changed = pipeline["stages"][stage]
            changed["cmd"] += f" && python -m src bugs mutate {name} {stage}"
            changed["deps"].append("src/bugs")
        if mutations:
            write_text(path, yaml.safe_dump(pipeline, sort_keys=False))


def _overrides(settings: dict) -> list[str]:
    return [
        part
        for key, value in settings.items()
        for part in ("-S", f"{key}={json.dumps(value) if not isinstance(value, str) else value}")
    ]


def _entry(told: Bug, found: dict, without: dict) -> dict[str, Any]:
    failed, after = found["failed"], found.get("failed_after", [])
    expected = set(told.checks)
    when = "before training" if expected & set(failed) else "after training"
    entry = {
        "story": told.story,
        "caught_by": [check for check in told.checks if check in [*failed, *after]],
        "missed": sorted(expected - {*failed, *after}),
        "also_failed": sorted({*failed, *after} - expected),
        "when": when,
    }
    if "refused" in found:
        entry |= {"caught_by": [f"refused: {found['refused']}"], "when": "before training"}
    for name, scores in (("with", found), ("without", without)):
        if "val" in scores:
            sides = ("val", "train")
            entry[name] = {s: {k: scores[s][k] for k in SCORES} for s in sides}
    return entry


def _compared(entry: dict, side: str, score: str) -> str:
    with_bug = entry["with"][side][score] if "with" in entry else "none"
    return f"{with_bug} ({entry['without'][side][score]})"


def _expect(command: list[str], folder: Path) -> None:
    code, said = _run(command, folder)
    if code != 0:
        raise UserError(f"{' '.join(command)} failed in {folder}: {said.strip()}")


def _run(command: list[str], folder: Path) -> tuple[int, str]:
    # the stages' `python` must be the one that runs this
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"PATH": path},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    return done.returncode, done.stdout
