"""The pipeline end to end, in a temporary clone with a small demo: as a user runs it."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from src.bugs import lab
from src.bugs.catalogue import bug
from src.cli import compare
from src.errors import exit_on_user_error
from tests.conftest import IDENTITY, ROOT

SMALL = {
    "demo": {"pages": 3, "per_page": 40},
    "pair": {"crop_size": 32, "load_size": 36},
    "train": {"steps": 8, "batch_size": 4, "snapshots": 2, "device": "cpu"},
    "evaluate": {"features": "random", "lpips": False},  # no test asks the network for weights
    "audit": {},
}
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
            if (ROOT / name).is_file() and name != "dvc.lock" and not name.startswith("metrics/"):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)
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

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "DVC_SITE_CACHE_DIR": str(self.folder.parent / "site-cache"),
            **IDENTITY,
        }

    def run(self, *command: str, succeeds: bool = True) -> str:
        done = subprocess.run(
            command, cwd=self.folder, env=os.environ | self.environment, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=500,
        )  # fmt: skip
        assert (done.returncode == 0) == succeeds, done.stdout
        return done.stdout

    def dvc(self, *arguments: str, succeeds: bool = True) -> str:
        return self.run(sys.executable, "-m", "dvc", *arguments, succeeds=succeeds)

    def commit(self, message: str) -> None:
        self.run("git", "add", "-A")
        self.run("git", "commit", "-qm", message)

    def json(self, name: str) -> dict:
        return json.loads((self.folder / name).read_text(encoding="utf-8"))

    def restore(self) -> None:
        """Back to the last commit, code and data."""
        self.run("git", "checkout", "-q", ".")
        self.dvc("checkout")


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Clone:
    made = Clone(tmp_path_factory.mktemp("clone") / "project")
    made.dvc("repro")
    made.commit("first run")
    return made


def ran(output: str) -> list[str]:
    """The stages that DVC says it ran."""
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


def test_data_stages_give_the_same_bytes_again(clone):
    assert ran(clone.dvc("repro", "-f", "-s", *DATA_STAGES)) == DATA_STAGES
    assert clone.run("git", "status", "--porcelain") == ""


def test_a_cluster_gives_the_same_bytes_and_the_same_lock(clone):
    pytest.importorskip("ray", reason="no Ray: pip install -r requirements-scale.txt")
    settings = clone.folder / "params.yaml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace("kind: local", "kind: ray"), encoding="utf-8")
    assert ran(clone.dvc("repro")) == []  # where the work is done is no reason to do it again
    shutil.rmtree(clone.folder / ".cache/clean")  # else nothing would be measured
    stages = ["clean", "pair", "audit"]
    assert ran(clone.dvc("repro", "-f", "-s", *stages)) == stages
    assert clone.run("git", "status", "--porcelain").split() == ["M", "params.yaml"]
    clone.restore()


def test_another_model_reruns_only_training_and_what_follows(clone):
    output = clone.dvc("exp", "run", "-n", "unet", "-S", "model=unet")
    assert ran(output) == ["train", "evaluate", "review", "report", "release"]
    clone.restore()
    difference = json.loads(clone.dvc("metrics", "diff", "HEAD", "unet", "--json"))
    assert {"val.l1", "val.psnr", "val.ssim"} <= set(difference["metrics/evaluate.json"])


COMPARED = ["l1", "psnr", "ssim", "colorfulness", "gray_share", "fd_random", "kd_random_x1000"]


def test_two_experiments_are_compared_on_the_same_pictures(clone):
    said = clone.run(sys.executable, "-m", "src", "compare", "HEAD", "unet").splitlines()
    n = clone.json("metrics/evaluate.json")["val"]["n"]
    assert said[-1].startswith(f"{n} validation pictures, 95 % intervals")
    assert [line.split(":")[0] for line in said[:-1]] == COMPARED
    for line in said[:-1]:
        assert re.search(r": ((HEAD|unet) (better|higher)|not distinguishable)", line), line


@pytest.fixture
def inside(clone, monkeypatch) -> Clone:
    """The clone, for commands that are run in this process."""
    monkeypatch.chdir(clone.folder)
    for name, value in clone.environment.items():
        monkeypatch.setenv(name, value)
    return clone


def test_the_workspace_does_not_differ_from_its_commit(inside, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["evaluate", "compare", "HEAD", "workspace"])
    compare.main()
    assert capsys.readouterr().out.count("not distinguishable") == len(COMPARED)


def test_an_unknown_experiment_is_refused_in_a_line(inside, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["evaluate", "compare", "HEAD", "nobody"])
    with pytest.raises(SystemExit, match="1"), exit_on_user_error("compare"):
        compare.main()
    [said] = "".join(capsys.readouterr()).splitlines()
    assert said.startswith("compare: nobody: its data/predictions")


def test_the_released_model_is_complete(clone):
    card = (clone.folder / "data/release/README.md").read_text(encoding="utf-8")
    sides = clone.json("metrics/split.json")
    assert f"{sides['train']} for training and {sides['val']} for validation" in card
    picture = next((clone.folder / "data/raw/images").iterdir())
    where = ["--model", "data/release", str(picture), str(clone.folder.parent / "predicted")]
    assert "1 of 1" in clone.run(sys.executable, "-m", "src", "predict", *where)
    listed = clone.run(sys.executable, "-m", "dvc", "ls", ".", "data/release")
    assert listed.split() == ["README.md", "config.json", "generator.safetensors"]


def test_a_changed_limit_does_not_retrain(clone):
    output = clone.dvc("exp", "run", "-n", "limit", "-S", "+audit.limits.missing_share=0.05")
    assert ran(output) == ["audit", "gate", "review", "report", "release"]
    clone.restore()


def test_an_unknown_model_is_refused_before_anything_runs(clone):
    output = clone.dvc("exp", "run", "-S", "model=nope", succeeds=False)
    assert ran(output) == []
    assert "models.nope" in output
    clone.restore()


def test_a_wrong_parameter_is_one_line_before_any_work(clone):
    output = clone.dvc("exp", "run", "-S", "train.lr=-1", succeeds=False)
    told = [line for line in output.splitlines() if "train.lr" in line and "params.yaml:" in line]
    assert told == ["train: params.yaml: train.lr = -1: input should be greater than 0"]
    assert "Traceback" not in output
    clone.restore()


def test_a_queued_experiment_runs_the_code_it_was_queued_with(clone):
    module = clone.folder / "src/split.py"
    code = module.read_text(encoding="utf-8")
    module.write_text(code.replace('"groups":', '"marked_groups":'), encoding="utf-8")
    clone.dvc("exp", "run", "--queue", "-n", "marked")
    clone.restore()
    assert "marked_groups" not in module.read_text(encoding="utf-8")
    clone.dvc("exp", "run", "--run-all")
    difference = json.loads(clone.dvc("metrics", "diff", "HEAD", "marked", "--json"))
    assert "marked_groups" in difference["metrics/split.json"]


def test_the_bugs_of_the_story_stop_at_the_gate(clone):
    told = [bug("the_story"), bug("grayscale_kept")]
    settings = {"split.val_fraction": 0.5}  # so that few pictures suffice
    settings |= {key: value for each in told for key, value in each.settings.items()}
    overrides = [part for key, value in settings.items() for part in ("-S", f"{key}={value}")]
    output = clone.dvc("exp", "run", *overrides, succeeds=False)
    assert "train" not in ran(output)
    said = output[output.index("gate:") :]
    for check in (check for each in told for check in each.checks):
        assert re.search(rf"\n  {check} \(stop\): .*\n    row \d", said), said
    clone.restore()


def test_a_bug_without_a_knob_runs_as_an_experiment(inside, monkeypatch):
    settings = {"audit.on_failure": "report"}
    entries = lab.run(["rows_lost"], inside.folder, settings)
    assert entries["rows_lost"]["caught_by"] == ["lost_rows"]
    assert (
        entries["rows_lost"]["with"]["val"].keys() == entries["rows_lost"]["without"]["val"].keys()
    )
    listed = inside.dvc("exp", "list", "--name-only").split()
    assert {"bug-rows_lost", "bug-none"} <= set(listed)
    assert inside.run("git", "status", "--porcelain") == ""
    # what is finished is not run again
    monkeypatch.setattr(lab.Lab, "_measured", lambda *_: pytest.fail("ran again"))
    assert lab.run(["rows_lost"], inside.folder, settings) == entries
