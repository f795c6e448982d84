"""What differs between two revisions in parameters and code."""

import os
import subprocess
from pathlib import Path

import pytest

from src.analysis.changes import CodeChange, ParameterChange, code_changes, parameter_changes
from src.analysis.revision import Revision
from src.errors import UserError
from src.storage.atomic import write_bytes, write_text
from tests.conftest import IDENTITY


def git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], check=True, capture_output=True, text=True, env=os.environ | IDENTITY
    )
    return done.stdout.strip()


@pytest.fixture
def commit(tmp_path, monkeypatch):
    """Commit all files of a new repository, in which the test runs: commit() → Revision."""
    monkeypatch.chdir(tmp_path)
    git("init", "-q")

    def record() -> Revision:
        git("add", "-A")
        git("commit", "-qm", "all", "--allow-empty")
        return Revision("a commit", git("rev-parse", "HEAD"), tmp_path)

    return record


WORKSPACE = Revision("workspace", "", Path())


def test_leaves_of_the_parameters_are_compared_one_by_one():
    a = {"task": "colorize", "train": {"lr": 0.0004, "log": [], "old": {}}, "same": {"x": 1}}
    b = {"task": "sketch", "train": {"lr": 1e-05, "log": ["dvclive"]}, "same": {"x": 1}, "new": ""}
    assert parameter_changes(a, b) == [
        ParameterChange("task", "colorize", "sketch"),
        ParameterChange("train.lr", "0.0004", "1.0e-05"),
        ParameterChange("train.log", "[]", "[dvclive]"),
        ParameterChange("new", "not set", "''"),
        ParameterChange("train.old", "{}", "not set"),
    ]


def test_a_section_that_gets_its_first_value_is_no_leaf_itself():
    a, b = {"audit": {"limits": {}}}, {"audit": {"limits": {"missing_share": 0.5}}}
    change = ParameterChange("audit.limits.missing_share", "not set", "0.5")
    assert parameter_changes(a, b) == [change]
    assert parameter_changes(b, a) == [ParameterChange(change.key, "0.5", "not set")]


def test_a_number_and_its_words_are_different_values():
    assert parameter_changes({"x": 1}, {"x": "1"}) == [ParameterChange("x", "1", "'1'")]


def test_files_of_code_are_counted_and_others_are_not(commit):
    write_text(Path("src/a/b.py"), "1\n2\n3\n")
    write_text(Path("docs/x.md"), "1\n")
    a = commit()
    write_text(Path("src/a/b.py"), "1\n2\nthree\n4\n")
    write_text(Path("docs/x.md"), "2\n")
    write_text(Path("requirements-log.txt"), "x==1\n")
    write_text(Path("src/requirements.md"), "x\n")
    write_bytes(Path("stages/picture"), bytes(range(256)))
    b = commit()
    expected = [
        CodeChange("requirements-log.txt", 1, 0),
        CodeChange("src/a/b.py", 2, 1),
        CodeChange("src/requirements.md", 1, 0),
        CodeChange("stages/picture", None, None),
    ]
    assert code_changes(a, b) == expected
    assert CodeChange("src/a/b.py", 1, 2) in code_changes(b, a)
    assert code_changes(a, a) == []


def test_the_working_folder_counts_what_nobody_has_committed(commit):
    write_text(Path("dvc.yaml"), "1\n")
    write_text(Path(".gitignore"), "*.pyc\n")
    a = commit()
    write_text(Path("dvc.yaml"), "1\n2\n")
    write_text(Path("src/new name.py"), "1\n2\n3\n")
    write_text(Path("src/ignored.pyc"), "1\n")
    write_text(Path("src/added.py"), "1\n")
    git("add", "src/added.py")
    before = git("status", "--short")
    counted = [("dvc.yaml", 1), ("src/added.py", 1), ("src/new name.py", 3)]
    assert code_changes(a, WORKSPACE) == [CodeChange(file, n, 0) for file, n in counted]
    assert code_changes(WORKSPACE, a) == [CodeChange(file, 0, n) for file, n in counted]
    assert code_changes(WORKSPACE, WORKSPACE) == []
    assert git("status", "--short") == before  # the index is the user's


def test_a_users_own_settings_of_git_change_nothing(commit):
    write_text(Path("src/a.py"), "1\n2\n3\n")
    a = commit()
    git("mv", "src/a.py", "src/b.py")
    b = commit()
    git("config", "diff.renames", "copies")
    git("config", "diff.external", "false")
    git("config", "color.ui", "always")
    assert code_changes(a, b) == [CodeChange("src/a.py", 0, 3), CodeChange("src/b.py", 3, 0)]


def test_what_git_refuses_is_one_line(commit):
    with pytest.raises(UserError, match=r"^git diff failed \(.*\): expected a git rep") as refused:
        code_changes(commit(), Revision("b", "0" * 40, Path()))
    assert "\n" not in str(refused.value)
