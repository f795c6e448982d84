"""What is fetched of an experiment, a commit or the working folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from src.analysis.revision import ARTIFACTS, DETAILS, LABELS, fetch_from_dvc
from src.errors import UserError
from src.storage.atomic import write_json, write_text
from tests.conftest import IDENTITY

# the first by git, the second by DVC
KEPT = {"params.yaml": "task: sketch\n", "metrics/history.csv": "step,g_l1\n1,0.5\n"}


def run(*command: str) -> str:
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, env=os.environ | IDENTITY
    )
    return done.stdout.strip()


@pytest.fixture
def uncached(tmp_path, monkeypatch) -> None:
    """A project whose commit has predictions and pairs in dvc.lock alone, not in the cache."""
    monkeypatch.chdir(tmp_path)
    stage = {"cmd": "true", "outs": list(ARTIFACTS)}
    digest = {"md5": "d41d8cd98f00b204e9800998ecf8427e.dir", "hash": "md5"}
    locked = stage | {"outs": [{"path": path, **digest} for path in ARTIFACTS]}
    write_json(tmp_path / "dvc.yaml", {"stages": {"all": stage}})  # JSON is YAML
    write_json(tmp_path / "dvc.lock", {"schema": "2.0", "stages": {"all": locked}})
    start()
    commit()


def start() -> None:
    """Make the working folder a project of git and DVC."""
    run("git", "init", "-q")
    run(sys.executable, "-m", "dvc", "init", "-q")


def commit() -> None:
    run("git", "add", "-A")
    run("git", "commit", "-qm", "all")


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A project with artifacts, labels, parameters and a history; without the other details."""
    folder = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        outs = [*ARTIFACTS, LABELS, "metrics/history.csv"]
        write_json(folder / "dvc.yaml", {"stages": {"all": {"cmd": "true", "outs": outs}}})
        for path in (*ARTIFACTS, LABELS):
            write_text(folder / path / "file", path)
        for path, text in KEPT.items():
            write_text(folder / path, text)
        start()
        run(sys.executable, "-m", "dvc", "commit", "-q", "-f")
        commit()
    return folder


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_details_that_a_commit_has_are_fetched_and_others_are_not_there(
    project, tmp_path, monkeypatch
):
    monkeypatch.chdir(project)
    fetched = fetch_from_dvc("HEAD", tmp_path, with_details=True)
    assert files(tmp_path) == {f"{path}/file" for path in (*ARTIFACTS, LABELS)} | set(KEPT)
    assert {path: (tmp_path / path).read_text() for path in KEPT} == KEPT
    assert fetched.commit == run("git", "rev-parse", "HEAD")
    assert KEPT.keys() < set(DETAILS)


def test_scores_alone_need_no_details(project, tmp_path, monkeypatch):
    monkeypatch.chdir(project)
    fetch_from_dvc("HEAD", tmp_path)
    assert files(tmp_path) == {f"{path}/file" for path in ARTIFACTS}


def test_the_working_folder_needs_no_copy(tmp_path):
    fetched = fetch_from_dvc("workspace", tmp_path, with_details=True)
    assert (fetched.commit, fetched.folder, files(tmp_path)) == ("", Path(), set())


def test_what_the_cache_lacks_is_told_with_commands_that_get_it(uncached, tmp_path):
    with pytest.raises(UserError, match=r"HEAD: its .* are not in DVC's cache .*`dvc repro eval"):
        fetch_from_dvc("HEAD", tmp_path / "a")


def test_an_unknown_name_is_told_with_commands_that_list_them(uncached, tmp_path):
    with pytest.raises(UserError, match=r"'nobody' is no experiment, .* `dvc exp list -A`"):
        fetch_from_dvc("nobody", tmp_path / "a")


def test_a_folder_without_git_is_told_as_such(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".dvc").mkdir()
    with pytest.raises(UserError, match=r"^HEAD: .* is not a git repository: expected a clone"):
        fetch_from_dvc("HEAD", tmp_path / "copies")
