"""The rules between the parts: what depends on what, and that dvc.yaml says so."""

import ast
from pathlib import Path

import pytest
import yaml

from src.params import Params
from tests.conftest import ROOT

PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
STAGES = PIPELINE["stages"]


def module_file(name: str) -> Path | None:
    """The file of a module of this project: src.x.y or stages.x."""
    path = ROOT.joinpath(*name.split("."))
    if path.with_suffix(".py").exists():
        return path.with_suffix(".py")
    return path / "__init__.py" if (path / "__init__.py").exists() else None


def imported(path: Path) -> set[Path]:
    """The project's files that a file imports directly."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    own = {name for name in names if name.split(".")[0] in ("src", "stages")}
    return {file for name in own if (file := module_file(name)) and file.stat().st_size}


def closure(path: Path) -> set[Path]:
    """A file and all of the project's files it imports, directly or not."""
    found, todo = set(), [path]
    while todo:
        here = todo.pop()
        if here not in found:
            found.add(here)
            todo += imported(here)
    return found


def declared_code(stage: str) -> set[Path]:
    """The code files among a stage's deps in dvc.yaml, folders spelled out."""
    files = set()
    for dep in STAGES[stage]["deps"]:
        path = ROOT / dep
        if dep.startswith(("src/", "stages/")):
            files |= set(path.rglob("*.py")) if path.is_dir() else {path}
    return {file for file in files if file.stat().st_size}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_exactly_the_modules_it_imports(stage):
    assert declared_code(stage) == closure(ROOT / "stages" / f"{stage}.py")


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_declares_the_parameters_its_code_reads(stage):
    sections = set()
    for declared in STAGES[stage].get("params", []):
        first = declared.split(".")[0]
        known = (
            ["demo", "imdb", "gallery", "folder", "facades"] if first == "${source}" else [first]
        )
        sections |= set(known)
    read = set()
    for path in closure(ROOT / "stages" / f"{stage}.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id in ("p", "params")
                and node.attr in Params.model_fields
            ):
                read.add(node.attr)
    read -= {"engine"}  # where the work is done changes nothing
    if sections == set(Params.model_fields) - {"engine"}:  # what shows them all
        assert stage in ("report", "release")
    else:
        assert read == sections


@pytest.mark.parametrize("path", sorted((ROOT / "src").glob("*/**/*.py")), ids=str)
def test_a_folder_of_src_uses_only_itself_and_what_is_shared(path):
    folder = path.relative_to(ROOT / "src").parts[0]
    # the bugs stand above the stages, and make happen what can go wrong in any of them
    allowed = {"scrape": {"scrape", "demo"}, "bugs": {p.name for p in (ROOT / "src").iterdir()}}
    for file in imported(path):
        if file.parent != ROOT / "src":
            other = file.relative_to(ROOT / "src").parts[0]
            assert other in allowed.get(folder, {folder}), f"{path} imports {file}"


def test_the_bugs_are_of_no_use_to_a_stage():
    for stage in STAGES:
        files = closure(ROOT / "stages" / f"{stage}.py")
        assert not [file for file in files if (ROOT / "src/bugs") in file.parents], stage


def test_the_bug_lab_alone_calls_dvc():
    callers = {
        path.relative_to(ROOT / "src").as_posix()
        for path in (ROOT / "src").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value == "dvc"
    }
    assert callers == {"bugs/lab.py"}


def test_the_audit_reads_files_and_pages_by_itself():
    """What a stage's own decoder or parser gets wrong would be wrong here too."""
    for name in ("originals", "pages"):
        files = closure(ROOT / "src/audit" / f"{name}.py")
        assert files == {ROOT / "src/audit" / f"{name}.py"} | (
            {ROOT / f"src/{shared}.py" for shared in ("errors", "files", "packs", "parallel")}
            if name == "originals"
            else set()
        )


def test_nothing_in_src_knows_dvc_or_the_stages():
    # one command reads what DVC keeps of other experiments
    comparing = ROOT / "src/evaluate/__main__.py"
    for path in set((ROOT / "src").rglob("*.py")) - {comparing}:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            assert not [n for n in names if n.split(".")[0] in ("dvc", "stages", "tests")], path


def test_the_audits_search_for_leaks_does_not_lean_on_the_search_that_cleaned():
    names = {file.name for file in closure(ROOT / "src/audit/leak.py")}
    assert "alignment.py" in names
    assert not names & {"neighbours.py", "hamming.py", "verdicts.py"}


@pytest.mark.parametrize("path", sorted((ROOT / "stages").glob("[a-z]*.py")), ids=str)
def test_a_stage_script_is_thin(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    logic = (ast.If, ast.For, ast.While, ast.Try, ast.ListComp, ast.Lambda)
    found = [node for node in ast.walk(tree) if isinstance(node, logic)]
    assert len(found) <= 1, "a stage reads, calls and writes"  # the one: if __name__
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 60


def test_every_stage_has_a_description_and_a_script():
    for name, stage in STAGES.items():
        assert stage["desc"]
        assert stage["cmd"] == f"python -m stages.{name}"


def test_all_metrics_and_plots_are_made_by_a_stage():
    outs = {
        out if isinstance(out, str) else next(iter(out))
        for stage in STAGES.values()
        for out in stage["outs"]
    }
    plotted = {
        file
        for plot in PIPELINE["plots"]
        for file in ([plot] if isinstance(plot, str) else next(iter(plot.values()))["y"])
    }
    assert set(PIPELINE["metrics"]) | plotted <= outs


def test_data_is_ignored_by_git_and_requirements_are_pinned():
    assert (ROOT / "data/.gitignore").read_text().splitlines() == ["*", "!.gitignore"]
    files = sorted(ROOT.glob("requirements*.txt"))
    assert [file.name for file in files] == ["requirements-scale.txt", "requirements.txt"]
    lines = [line for file in files for line in file.read_text().splitlines()]
    assert all("==" in line for line in lines if line and not line.startswith("#"))
    assert "torch==2.13.0" not in lines  # its PyPI build does not match torchvision's
