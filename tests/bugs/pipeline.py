"""The pipeline's stages in this process, with a bug or without."""

import json
import shutil
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from src.bugs import lab
from src.bugs.catalogue import Bug
from tests.conftest import ROOT, copy_rulings, write_params

STAGES = (
    "scrape",
    "clean",
    "split",
    "pair",
    "audit",
    "gate",
    "train",
    "weights",
    "evaluate",
    "review",
)
PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
SETTINGS = lab.DEMO_SETTINGS | {
    "evaluate.fid": "none",
    "evaluate.lpips": "none",
    "demo.pages": 3,
    "demo.per_page": 40,
    "demo.pairs": 50,
    "scrape.requests_per_second": 1000,
    "train.steps": 4,
    "train.batch_size": 4,
    "train.device": "cpu",
    "models.encdec.ngf": 8,
}


class Run:
    """The stages in a folder of their own."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, settings: dict):
        self.folder, self.monkeypatch = folder, monkeypatch
        folder.mkdir(parents=True, exist_ok=True)
        copy_rulings(folder)
        write_params(folder / "params.yaml", SETTINGS | settings)

    def stages(self, names: tuple[str, ...], bug: Bug | None = None) -> None:
        self.monkeypatch.chdir(self.folder)
        for name in names:
            import_module(f"stages.{name}").main()
            if bug and name in bug.mutations:
                bug.mutate(name, self.folder)

    def findings(self, folder: str) -> dict[str, dict]:
        path = self.folder / "data" / folder / "findings.json"
        findings = json.loads(path.read_text(encoding="utf-8"))
        return {finding["name"]: finding for finding in findings}


def run_bug(bug: Bug, honest: Run, folder: Path, until: str) -> Run:
    """Run a bug up to a stage; what it cannot have changed is copied from the honest run."""
    run = Run(folder, honest.monkeypatch, bug.context | bug.settings)
    names = STAGES[: STAGES.index(until) + 1]
    first = first_to_run(bug, names)
    for stage in names[:first]:
        for name in PIPELINE[stage]["outs"]:
            source = honest.folder / name
            copy = shutil.copytree if source.is_dir() else shutil.copy2
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            copy(source, folder / name)
        if stage in bug.mutations:
            bug.mutate(stage, folder)
    run.stages(names[first:], bug)
    return run


def first_to_run(bug: Bug, names: tuple[str, ...]) -> int:
    """Return the index of the first stage that the bug changes; the last stage always runs.

    It changes a stage by a setting that this reads according to dvc.yaml, or by a mutation of
    the stage before.
    """
    keys = [f"{key}." for key in bug.context | bug.settings]
    for index, stage in enumerate(names):
        params = [
            param.replace("${source}", "demo").replace("${model}", "encdec")
            for param in PIPELINE[stage]["params"]
        ]
        if any(key.startswith(f"{param}.") for key in keys for param in params):
            return index
        if stage in bug.mutations:
            return index + 1
    return len(names) - 1
