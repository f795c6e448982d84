"""Every known bug is reproduced far enough to be caught by the checks that it names."""

import json
import shutil
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from src.audit.checks import CHECKS
from src.bugs import lab
from src.bugs.catalogue import Bug, bug, catalogue
from src.errors import UserError
from tests.conftest import ROOT

STAGES = ("scrape", "clean", "split", "pair", "audit", "train", "weights", "evaluate", "review")
BEFORE = STAGES[: STAGES.index("audit") + 1]
PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
SMALL = lab.SMALL | {
    "demo.pages": 3,
    "demo.per_page": 40,
    "scrape.requests_per_second": 1000,
    "train.steps": 4,
    "train.batch_size": 4,
    "train.device": "cpu",
    "models.encdec.filters": 8,
}
KNOWN = {check.name: check for check in CHECKS}


class Run:
    """The pipeline's stages in a folder of their own, in this process."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, settings: dict):
        self.folder, self.monkeypatch = folder, monkeypatch
        folder.mkdir(parents=True, exist_ok=True)
        values = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
        for key, value in (SMALL | settings).items():
            *sections, last = key.split(".")
            place = values
            for section in sections:
                place = place[section]
            place[last] = value
        text = yaml.safe_dump(values)
        (folder / "params.yaml").write_text(text, encoding="utf-8")

    def stages(self, names: tuple[str, ...], told: Bug | None = None) -> None:
        self.monkeypatch.chdir(self.folder)
        for name in names:
            import_module(f"stages.{name}").main()
            if told and name in told.mutations:
                told.mutate(name, self.folder)

    def findings(self, stage: str) -> dict[str, dict]:
        path = self.folder / "data" / stage / "findings.json"
        return {found["name"]: found for found in json.loads(path.read_text(encoding="utf-8"))}


@pytest.fixture(scope="module")
def one_worker():
    """Few small pictures: a pool of processes takes longer to start than they take."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.sched_getaffinity", lambda _: {0})
        yield patch


@pytest.fixture(scope="module")
def honest(tmp_path_factory, one_worker) -> Run:
    """The small demo without any bug, up to its scores."""
    made = Run(tmp_path_factory.mktemp("honest"), one_worker, {})
    made.stages(STAGES)
    return made


def happened(told: Bug, honest: Run, folder: Path, until: str) -> Run:
    """The bug's run up to a stage; what it cannot have touched is taken from the honest run."""
    made = Run(folder, honest.monkeypatch, told.context | told.settings)
    names = STAGES[: STAGES.index(until) + 1]
    first = first_to_run(told, names)
    for stage in names[:first]:
        for out in PIPELINE[stage]["outs"]:
            name = out if isinstance(out, str) else next(iter(out))
            source = honest.folder / name
            copy = shutil.copytree if source.is_dir() else shutil.copy2
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            copy(source, folder / name)
        if stage in told.mutations:
            told.mutate(stage, folder)
    made.stages(names[first:], told)
    return made


def first_to_run(told: Bug, names: tuple[str, ...]) -> int:
    """The first stage that the bug makes different: by a setting that it reads, by dvc.yaml,
    or by what a mutation did to an earlier one's artifacts. The last one runs in any case."""
    for at, stage in enumerate(names):
        read = [
            p.replace("${source}", "demo").replace("${model}", "encdec")
            for p in PIPELINE[stage]["params"]
        ]
        keys = [f"{key}." for key in told.context | told.settings]
        if any(key.startswith(f"{param}.") for key in keys for param in read):
            return at
        if stage in told.mutations:
            return at + 1
    return len(names) - 1


def stage_of(told: Bug) -> str:
    """The stage whose checks the bug names."""
    times = {KNOWN[name].when for name in told.checks}
    assert len(times) == 1
    return "audit" if times == {"before"} else "review"


CAUGHT = [name for name, told in catalogue().items() if told.checks]
REFUSED = [name for name, told in catalogue().items() if told.refused]


def test_no_check_fires_on_the_demo_without_a_bug(honest):
    assert [n for n, f in honest.findings("audit").items() if f["failed"]] == []


@pytest.mark.parametrize("name", CAUGHT)
def test_a_bug_is_caught_by_the_checks_it_names(name, honest, tmp_path):
    told = bug(name)
    stage = stage_of(told)
    found = happened(told, honest, tmp_path / "run", stage).findings(stage)
    fired = {n: f for n, f in found.items() if f["failed"]}
    assert set(told.checks) <= set(fired), f"fired: {sorted(fired)}"
    for check in told.checks:
        assert fired[check]["remedy"]
        if check not in ("train_size", "val_size"):
            assert fired[check]["offenders"], "rows at fault must be named"
        for offender in fired[check]["offenders"][:3]:
            assert offender["item_id"]
            assert offender["detail"]


@pytest.mark.parametrize("name", REFUSED)
def test_a_bug_is_refused_with_a_reason(name, honest, tmp_path):
    with pytest.raises(UserError, match=bug(name).refused):
        happened(bug(name), honest, tmp_path / "run", "audit")
