"""Every known bug is reproduced far enough to be caught by the checks that it names."""

import json
import shutil
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from src.audit.checks import CHECKS
from src.bugs import lab
from src.bugs.catalogue import Bug, bug, catalogue
from src.cli import bugs
from src.errors import UserError
from tests.conftest import ROOT, write_params

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
BEFORE = STAGES[: STAGES.index("audit") + 1]
PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
SMALL = lab.SMALL | {
    "evaluate.lpips": False,
    "demo.pages": 3,
    "demo.per_page": 40,
    "scrape.requests_per_second": 1000,
    "train.steps": 4,
    "train.batch_size": 4,
    "train.device": "cpu",
    "models.encdec.ngf": 8,
}
KNOWN = {check.name: check for check in CHECKS}


class Run:
    """The pipeline's stages in a folder of their own, in this process."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, settings: dict):
        self.folder, self.monkeypatch = folder, monkeypatch
        folder.mkdir(parents=True, exist_ok=True)
        write_params(folder / "params.yaml", SMALL | settings)

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


def test_every_bug_names_checks_that_exist():
    named = {check for told in catalogue().values() for check in told.checks}
    assert named <= set(KNOWN)


def test_every_check_but_two_catches_a_known_bug():
    """The demo has no label maps, and names are in no score; tests/test_checks.py has faults for both."""
    named = {check for told in catalogue().values() for check in told.checks}
    assert set(KNOWN) - named == {"labels_fit_photos", "garbled_names"}


@pytest.mark.parametrize("name", catalogue())
def test_a_bug_is_shown_with_its_story_and_a_command(name, capsys):
    bugs.main(["show", name])
    shown = capsys.readouterr().out
    assert bug(name).story in shown
    settings = "" if bug(name).mutations else " ".join(f"-S {k}=" for k in bug(name).settings)
    command = f"python -m src bugs run {name}" if bug(name).mutations else "dvc exp run"
    assert command in shown
    assert all(part in shown for part in settings.split())


def test_an_unknown_bug_is_refused_with_the_known_ones():
    with pytest.raises(UserError, match=r"'nope'; known are ten_copies_of_page_1, "):
        bug("nope")


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"checks": ["lost_rows"]}, "neither settings nor mutations"),
        ({"settings": {"seed": 1}}, "either checks or refused"),
        ({"settings": {"seed": 1}, "checks": ["a"], "refused": "b"}, "either checks or refused"),
    ],
)
def test_a_bug_must_be_whole(told, reason):
    with pytest.raises(ValidationError, match=reason):
        Bug.model_validate({"story": "s", "scores": "s"} | told)


def test_the_recorded_lab_run_is_of_this_catalogue_and_missed_nothing():
    recorded = json.loads((ROOT / "metrics/bugs.json").read_text(encoding="utf-8"))
    assert list(recorded["bugs"]) == list(catalogue())
    assert recorded["settings"] == lab.SMALL
    for name, entry in recorded["bugs"].items():
        assert entry["missed"] == [], name
        assert entry["caught_by"]


def test_readme_shows_the_table_of_the_recorded_lab_run():
    table = (ROOT / "metrics/bugs.md").read_text(encoding="utf-8")
    assert table in (ROOT / "README.md").read_text(encoding="utf-8")
    recorded = json.loads((ROOT / "metrics/bugs.json").read_text(encoding="utf-8"))
    assert lab.table(recorded["bugs"]) == table
