"""The pipeline end to end, as a user runs it, in a temporary clone with a small demo."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from bs4 import BeautifulSoup
from click.testing import CliRunner
from dvc.api import DVCFileSystem
from dvc.repo import Repo
from dvc.utils.hydra import apply_overrides

from src.bugs import lab
from src.bugs.catalogue import find_bug
from src.cli.compare import compare
from src.cli.predict import predict
from src.errors import UserError
from src.params import WITHOUT_EFFECT
from tests.conftest import IDENTITY, ROOT

SMALL = {
    "demo": {"pages": 3, "per_page": 40},
    "pair": {"crop_size": 32, "load_size": 36},
    "train": {"steps": 8, "batch_size": 4, "snapshots": 2, "device": "cpu"},
    "evaluate": {"fid": "none", "lpips": "none"},  # no test asks the network for weights
    "audit": {},
}
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
TRAIN_OUTS = STAGES["train"]["outs"]
DATA_STAGES = ["scrape", "clean", "split", "pair", "audit"]


class Clone:
    """A copy of the project in its own git repository, with small parameters."""

    def __init__(self, folder: Path):
        self.folder = folder
        listed = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        for name in listed.stdout.splitlines():
            recorded = name == "dvc.lock" or (name.startswith("metrics/") and name[8] != ".")
            if (ROOT / name).is_file() and not recorded:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)
        # numba's machine code: else clean would compile it for seconds
        for compiled in ROOT.glob("src/*/__pycache__/*.nb?"):
            (folder / compiled.relative_to(ROOT)).parent.mkdir(exist_ok=True)
            shutil.copy2(compiled, folder / compiled.relative_to(ROOT))
        params = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))
        for section, values in SMALL.items():
            params[section] |= values
        params["models"]["encdec"] |= {"ngf": 8, "n_downs": 2, "n_blocks": 1}
        params["models"]["unet"] |= {"ngf": 8}
        (folder / "params.yaml").write_text(
            yaml.safe_dump(params, sort_keys=False), encoding="utf-8"
        )
        self.run("git", "init", "-q")
        self.commit("start")

    def run(self, *command: str, succeeds: bool = True) -> str:
        done = subprocess.run(
            command,
            cwd=self.folder,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=500,
        )
        assert (done.returncode == 0) == succeeds, done.stdout
        return done.stdout

    def dvc(self, *arguments: str, succeeds: bool = True) -> str:
        return self.run(sys.executable, "-m", "dvc", *arguments, succeeds=succeeds)

    def status(self) -> dict[str, list]:
        """Return what `dvc status --json` prints; a process of its own would take longer."""
        with chdir(self.folder), Repo() as repo:
            return repo.status()

    def commit(self, message: str) -> None:
        self.run("git", "add", "-A")
        self.run("git", "commit", "-qm", message)

    def json(self, name: str) -> dict:
        return json.loads((self.folder / name).read_text(encoding="utf-8"))

    def restore(self) -> None:
        """Restore code and data of the last commit."""
        self.run("git", "checkout", "-q", ".")
        with chdir(self.folder), Repo() as repo:
            repo.checkout(force=True)


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Iterator[Clone]:
    folder = tmp_path_factory.mktemp("clone")
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "DVC_SITE_CACHE_DIR": str(folder / "site-cache"),
        **IDENTITY,
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        clone = Clone(folder / "project")
        clone.dvc("repro")
        clone.commit("first run")
        yield clone


def ran(output: str) -> list[str]:
    """Return the stages that DVC reports as run."""
    return [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")]


def test_a_fresh_clone_goes_from_a_web_page_to_a_score(clone):
    listed = clone.json("metrics/scrape.json")
    assert listed["listed"] == listed["expected"] == 120
    assert listed["listed"] == listed["downloaded"] + sum(listed["failed"].values())
    cleaned = clone.json("metrics/clean.json")
    others = ("listed", "items_kept", "largest_cluster")
    verdicts = [number for name, number in cleaned.items() if name not in others]
    assert cleaned["listed"] == sum(verdicts)
    sides = clone.json("metrics/split.json")
    assert (
        sides["train"] + sides["val"] == cleaned["kept"] == clone.json("metrics/pair.json")["pairs"]
    )
    assert clone.json("metrics/audit.json")["failed"] == 0
    assert clone.json("metrics/evaluate.json")["val"]["n"] == sides["val"]
    assert len(list((clone.folder / "data/predictions").glob("*.png"))) == sides["val"]
    assert (clone.folder / "data/report/index.html").stat().st_size < 5_000_000


def test_after_a_run_the_status_is_clean_and_a_second_run_does_nothing(clone):
    assert "up to date" in clone.dvc("status")
    assert ran(clone.dvc("repro")) == []
    assert clone.run("git", "status", "--porcelain") == ""


def test_data_stages_give_the_same_bytes_and_the_same_lock_again_on_a_cluster(clone):
    """Without Ray, they run on this machine again."""
    settings = clone.folder / "params.yaml"
    if find_spec("ray"):
        text = settings.read_text(encoding="utf-8")
        settings.write_text(text.replace("kind: local", "kind: ray"), encoding="utf-8")
        assert clone.status() == {}  # no stage depends on `engine`
    shutil.rmtree(clone.folder / ".cache/clean")  # else clean would measure nothing
    assert ran(clone.dvc("repro", "-f", "-s", *DATA_STAGES)) == DATA_STAGES
    changed = clone.run("git", "status", "--porcelain").split()
    assert changed == (["M", "params.yaml"] if find_spec("ray") else [])
    clone.restore()


def test_another_model_reruns_only_training_and_what_follows(clone):
    output = clone.dvc("exp", "run", "-n", "unet", "-S", "model=unet")
    assert ran(output) == ["train", "evaluate", "review", "report", "release"]
    clone.restore()
    difference = json.loads(clone.dvc("metrics", "diff", "HEAD", "unet", "--json"))
    # to four digits, any one score of two short trainings may be equal
    assert {"l1", "psnr", "ssim"} & set(difference["metrics/summary.json"])


SCORES = ["l1", "psnr", "ssim"]


def test_experiments_show_the_scores_and_the_verdict_first(clone):
    columns = clone.dvc("exp", "show", "--csv").splitlines()[0].split(",")
    first = columns.index("l1")
    assert columns[first : first + 4] == [*SCORES, "failed_checks"]
    metrics = columns[first : columns.index("source")]
    assert metrics == list(clone.json("metrics/summary.json"))
    shown = clone.dvc("exp", "show").splitlines()[1].split()
    assert shown[:6] == ["Experiment", "Created", *SCORES, "failed_checks"]


def test_experiments_show_what_changed_in_few_columns(clone):
    shown = clone.dvc("exp", "show", "--only-changed", "--drop", r"\w+/", "--csv")
    columns = shown.splitlines()[0].split(",")
    assert len(columns) <= 40
    assert "model" in columns
    assert set(SCORES) & set(columns)


def test_two_experiments_differ_in_few_rows(clone):
    lines = clone.dvc("metrics", "diff", "HEAD", "unet").splitlines()
    assert len(lines) <= 25
    assert {line.split()[0] for line in lines[1:]} == {"metrics/summary.json"}


COMPARED = ["l1", "psnr", "ssim", "colorfulness", "gray_share", "fd_effnet", "kd_effnet_x1000"]


@pytest.fixture
def inside(clone, monkeypatch) -> Clone:
    """The clone, for commands that run in this process."""
    monkeypatch.chdir(clone.folder)
    return clone


def test_two_experiments_are_compared_on_the_same_pictures(inside):
    shown = CliRunner().invoke(compare, ["HEAD", "unet", "--html"], catch_exceptions=False)
    *lines, last = shown.output.splitlines()
    assert last == "shown in comparison.html"
    page = BeautifulSoup(Path("comparison.html").read_text(encoding="utf-8"), "lxml")
    assert page.select_one("#parameters td + td").get_text() == "encdec → unet"
    assert len(page.select("#curves svg")) == 5
    assert inside.run("git", "status", "--short") == ""
    n = inside.json("metrics/evaluate.json")["val"]["n"]
    assert lines[-1].startswith(f"{n} validation pictures, 95 % intervals")
    assert [line.split(":")[0] for line in lines[:-1]] == COMPARED
    for line in lines[:-1]:
        assert re.search(r": ((HEAD|unet) (better|higher)|not distinguishable)", line), line


def test_the_workspace_does_not_differ_from_its_commit(inside):
    shown = CliRunner().invoke(compare, ["HEAD", "workspace"], catch_exceptions=False)
    assert shown.output.count("not distinguishable") == len(COMPARED)


def test_an_unknown_experiment_is_refused_in_one_line(inside):
    refused = CliRunner().invoke(compare, ["HEAD", "nobody"])
    assert isinstance(refused.exception, UserError)
    message = str(refused.exception)
    assert message.startswith("'nobody' is no experiment")
    assert "\n" not in message
    assert refused.output == ""


def test_the_released_model_is_complete(inside):
    card = (inside.folder / "data/release/README.md").read_text(encoding="utf-8")
    sides = inside.json("metrics/split.json")
    assert f"{sides['train']} for training and {sides['val']} for validation" in card
    picture = next((inside.folder / "data/raw/images").iterdir())
    where = ["--model", "data/release", str(picture), str(inside.folder.parent / "predicted")]
    shown = CliRunner().invoke(predict, where, catch_exceptions=False)
    assert "1 of 1" in shown.output
    listed = Repo.ls(str(inside.folder), "data/release")
    names = ["README.md", "config.json", "generator.safetensors"]
    assert sorted(entry["path"] for entry in listed) == names


def test_a_changed_limit_judges_without_measuring_or_training(clone):
    limit = "+audit.limits.missing_share=0.05"
    output = clone.dvc("exp", "run", "-n", "limit", "-S", limit)
    assert ran(output) == ["gate", "review", "report", "release"]
    clone.restore()


def test_other_edges_do_not_train_for_another_task(clone):
    output = clone.dvc("exp", "run", "-n", "edges", "-S", "pair.canny.low=50")
    assert ran(output) == ["pair", "audit", "gate", "report"]
    clone.restore()


def test_an_unknown_model_is_refused_before_anything_runs(clone):
    output = clone.dvc("exp", "run", "-S", "model=nope", succeeds=False)
    assert ran(output) == []
    assert "models.nope" in output
    clone.restore()


def test_a_wrong_parameter_is_one_line_before_any_work(clone):
    output = clone.dvc("exp", "run", "-S", "train.lr=-1", succeeds=False)
    messages = [line for line in output.splitlines() if "train.lr" in line]
    messages = [line for line in messages if "params.yaml:" in line]
    assert messages == ["train: params.yaml: train.lr = -1: input should be greater than 0"]
    assert "Traceback" not in output
    clone.restore()


def test_a_queued_experiment_runs_the_code_it_was_queued_with(clone):
    module = clone.folder / "src/split/assignment.py"
    code = module.read_text(encoding="utf-8")
    module.write_text(code.replace('"groups":', '"marked_groups":'), encoding="utf-8")
    clone.dvc("exp", "run", "--queue", "-n", "marked", "split")
    clone.restore()
    assert "marked_groups" not in module.read_text(encoding="utf-8")
    clone.dvc("exp", "run", "--run-all")
    with chdir(clone.folder):
        counts = json.loads(DVCFileSystem(rev="marked").read_text("metrics/split.json"))
    assert "marked_groups" in counts


def test_the_bugs_of_the_story_stop_at_the_gate(clone):
    bugs = [find_bug("the_story"), find_bug("grayscale_kept")]
    settings = {"split.val_fraction": 0.5}  # so that few pictures suffice
    settings |= {key: value for bug in bugs for key, value in bug.settings.items()}
    overrides = [part for key, value in settings.items() for part in ("-S", f"{key}={value}")]
    output = clone.dvc("exp", "run", *overrides, succeeds=False)
    assert "train" not in ran(output)
    message = output[output.index("gate:") :]
    for check in (check for bug in bugs for check in bug.checks):
        assert re.search(rf"\n  {check} \(stop\): .*\n    row \d", message), message
    clone.restore()


def test_a_bug_without_a_knob_runs_as_an_experiment(inside, monkeypatch):
    name = "scored_on_training"  # only evaluate and what follows run again
    settings = {"audit.on_failure": "report"}
    entries = lab.run([name], inside.folder, settings)
    assert entries[name]["caught_by"] == ["foreign_outputs"]
    assert entries[name]["with"]["val"].keys() == entries[name]["without"]["val"].keys()
    listed = inside.dvc("exp", "list", "--name-only").split()
    assert {f"bug-{name}", "bug-none"} <= set(listed)
    assert inside.run("git", "status", "--porcelain") == ""
    # a finished run is not repeated
    monkeypatch.setattr(lab.Lab, "_run_experiment", lambda *_: pytest.fail("ran again"))
    assert lab.run([name], inside.folder, settings) == entries


# For each stage a parameter of its own, which changes as little as possible after it.
OWN = {
    "paths": "pairs.path=https://example.org/pairs.tar",
    "scrape": "scrape.snapshot=2001-01-01",
    "clean": "clean.min_side=65",
    "split": "split.method=exact",
    "pair": "pair.shard_size=65535",
    "audit": "+audit.thresholds.namesake_ids=11",
    "gate": "audit.on_failure=report",
    "train": "train.lr=0.0005",
    "weights": "evaluate.lpips_url=https://example.org/weights",
    "evaluate": "evaluate.batch_size=31",
    "review": "+audit.limits.color_share=0.1",
    "report": "pair.canny.blur=5",
    "release": "train.beta1=0.4",
}


@pytest.fixture(scope="module")
def there_and_back(clone) -> Iterator[list[str]]:
    """What DVC prints of each stage when all of OWN was changed, run, and changed back."""
    overrides = [part for override in OWN.values() for part in ("-S", override)]
    clone.dvc("exp", "run", *overrides)
    clone.run("git", "checkout", "-q", "params.yaml")
    yield clone.dvc("repro").splitlines()
    clone.restore()


@pytest.mark.parametrize("stage", OWN)
def test_a_stage_changed_and_changed_back_is_restored_from_the_run_cache(there_and_back, stage):
    line = f"Stage '{stage}' is cached - skipping run, checking out outputs"
    assert line in there_and_back
    assert f"Running stage '{stage}':" not in there_and_back


def test_each_stage_has_a_parameter_that_is_changed_and_changed_back():
    assert list(OWN) == list(STAGES)


def test_a_failed_stage_leaves_its_results_to_dvc_checkout(clone):
    path = clone.folder / "params.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("lr: 0.0005", "lr: -1.0"), encoding="utf-8")
    output = clone.dvc("repro", succeeds=False)
    assert "train.lr = -1.0" in output
    lost = [name for name in TRAIN_OUTS if not (clone.folder / name).exists()]
    assert lost == TRAIN_OUTS
    clone.run("git", "checkout", "-q", "params.yaml")
    with chdir(clone.folder), Repo() as repo:
        repo.checkout()
    assert all((clone.folder / name).exists() for name in TRAIN_OUTS)
    assert clone.status() == {}


def test_pictures_inside_data_are_refused_before_dvc_deletes_them(clone):
    mine = clone.folder / "data/raw/mine/a.jpg"
    mine.parent.mkdir()
    mine.write_bytes(b"the only copy")
    path = clone.folder / "params.yaml"
    apply_overrides(path, ["source=folder", "folder.path=data/raw/mine"])
    output = clone.dvc("repro", succeeds=False)
    assert "paths: folder.path = 'data/raw/mine' is inside data/" in output
    assert mine.read_bytes() == b"the only copy"
    clone.restore()


def rows(title: str) -> list[list[str]]:
    """The cells of the table below a title of docs/architecture.md."""
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    section = text.split(f"## {title}")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def settings() -> list[tuple[str, list[str]]]:
    """The rows of what a setting re-runs: its overrides, and the stages."""
    return [
        (override, [] if stages == "nothing" else stages.split(", "))
        for overrides, stages in ((row[1], row[2]) for row in rows("What a setting re-runs"))
        for override in re.findall("`([^`]+)`", overrides)
    ]


def test_the_documents_list_what_settings_rerun():
    listed = {override.split("=")[0] for override, _ in settings()}
    without_effect = {f"{section}.{key}" for section, ks in WITHOUT_EFFECT.items() for key in ks}
    assert without_effect <= listed


@pytest.mark.parametrize(("override", "stages"), settings(), ids=[o for o, _ in settings()])
def test_a_setting_reruns_the_stages_that_the_documents_name(clone, override, stages):
    path = clone.folder / "params.yaml"
    text = path.read_text(encoding="utf-8")
    apply_overrides(path, [override])
    assert path.read_text(encoding="utf-8") != text
    status = clone.status()
    path.write_text(text, encoding="utf-8")
    assert list(status) == stages


def edits() -> list[tuple[str, list[str]]]:
    """The rows of docs/architecture.md's table: a file, and the stages that its edit re-runs."""
    return [
        (file.strip("`"), [] if stages == "nothing" else stages.split(", "))
        for _, file, stages in rows("What an edit re-runs")
    ]


def test_the_documents_list_what_ten_edits_rerun():
    assert len(edits()) == 10


@pytest.mark.parametrize(("file", "stages"), edits(), ids=[file for file, _ in edits()])
def test_an_edit_reruns_the_stages_that_the_documents_name(clone, file, stages):
    path = clone.folder / file
    text = path.read_text(encoding="utf-8")
    changed = (
        text.replace("evaluate:\n", "evaluate:\n  new_key: 1\n")
        if file == "params.yaml"
        else f"{text}# edited\n"
    )
    assert changed != text
    path.write_text(changed, encoding="utf-8")
    status = clone.status()
    path.write_text(text, encoding="utf-8")
    causes = ("changed deps", "changed command")
    code = [
        stage
        for stage, changes in status.items()
        if any(cause in change for change in changes for cause in causes)
    ]
    assert code == stages
