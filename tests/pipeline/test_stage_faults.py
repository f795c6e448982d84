"""Every stage under a full disk, a read-only folder, short memory and signals.

Each ends in one line with the right status, leaves no half-written file under its final name, and
gives the same bytes when it runs again.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np
import pytest
import yaml

from src.storage.encoding import encode_jpeg
from tests.conftest import ROOT, write_params

STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
SETTINGS = {
    "source": "folder",
    "folder.path": "album",
    "split.val_fraction": 0.3,
    "pair.crop_size": 32,
    "pair.load_size": 36,
    "models.encdec.ngf": 4,
    "models.encdec.n_downs": 2,
    "train.steps": 4,
    "train.batch_size": 4,
    "train.snapshots": 1,
    "train.checkpoint_every": 2,
    "train.device": "cpu",
    "train.discriminator.ndf": 4,
    "train.discriminator.n_layers": 1,
    "evaluate.fid": "none",
    "evaluate.lpips": "none",
    "evaluate.device": "cpu",
    "audit.on_failure": "report",
}
STATUS = {"disk": 1, "disk of numpy": 1, "read-only": 1, "memory": 1, "SIGINT": 130, "SIGTERM": 143}
# A training's metrics are whole at any time, and grow while it runs.
GROWING = {f"metrics/{name}" for name in ("history.csv", "progress.csv", "train.json")}
# Imports once, then forks for each run. A fault comes at the first file that a stage completes:
# its temporary file is there then.
FORKER = """
import ctypes, json, os, resource, signal, sys, traceback
from importlib import import_module
import torch, torch._dynamo, torchmetrics  # what stages import late
from src.errors import exit_on_user_error

torch.set_num_threads(1)
stages = {name: import_module(f"stages.{name}") for name in json.loads(sys.argv[1])}
fsync = os.fsync

def send(number):
    def sending(handle):
        os.fsync = fsync
        os.kill(os.getpid(), number)
        fsync(handle)
    return sending

def fail(error):
    def failing(handle):
        raise error
    return failing

def obey_permissions():
    # also where the superuser runs the tests: without the capability to override them
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    effective_permitted_inheritable = (ctypes.c_uint32 * 6)()
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.capget(header, effective_permitted_inheritable) == 0
    effective_permitted_inheritable[0] &= ~(1 << 1)
    assert libc.capset(header, effective_permitted_inheritable) == 0

def prepare(fault):
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if fault == "disk":
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (40, hard))
    if fault == "read-only":
        obey_permissions()
    if fault == "memory":
        os.fsync = fail(MemoryError())
    if fault == "disk of numpy":
        os.fsync = fail(OSError("224 requested and 0 written"))
    if fault in ("SIGINT", "SIGTERM"):
        os.fsync = send(getattr(signal, fault))

def run(stage, fault, folder):
    os.chdir(folder)
    os.dup2(written, 1)
    os.dup2(written, 2)
    os.close(written)
    status = 0
    try:
        prepare(fault)
        with exit_on_user_error(stage):
            stages[stage].main()
    except SystemExit as end:
        status = end.code
    except BaseException:
        traceback.print_exc()
        status = 99
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)

print("ready", flush=True)
for line in sys.stdin:
    messages, written = os.pipe()
    child = os.fork()
    if not child:
        run(*json.loads(line))
    os.close(written)
    text = open(messages).read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(json.dumps([status, text]), flush=True)
"""


class Project:
    """A small project, all of whose stages have run."""

    def __init__(self, folder: Path, faces: list[np.ndarray]):
        self.folder = folder
        (folder / "album").mkdir()
        for number, face in enumerate(faces):
            (folder / f"album/{number}.jpg").write_bytes(encode_jpeg(face))
        shutil.copytree(ROOT / "rulings", folder / "rulings")
        write_params(folder / "params.yaml", SETTINGS)
        self.forker = subprocess.Popen(
            [sys.executable, "-c", FORKER, json.dumps(list(STAGES))],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.forker.stdout.readline() == "ready\n"
        for stage in STAGES:
            status, text = self.run(stage)
            assert status == 0, text
        self.reference = self.files()

    def run(self, stage: str, fault: str = "") -> tuple[int, str]:
        """Run a stage; return its exit status and its messages."""
        self.forker.stdin.write(json.dumps([stage, fault, str(self.folder)]) + "\n")
        self.forker.stdin.flush()
        status, text = json.loads(self.forker.stdout.readline())
        return status, text

    def files(self) -> dict[str, bytes]:
        """Return all outputs by name, hidden ones too."""
        roots = (self.folder / name for name in ("data", "metrics"))
        paths = (path for root in roots for path in root.rglob("*") if path.is_file())
        return {path.relative_to(self.folder).as_posix(): path.read_bytes() for path in paths}

    def remove_outputs(self, stage: str) -> None:
        """Remove a stage's outputs, as DVC does before it runs a stage."""
        metrics = (name for entry in STAGES[stage].get("metrics", []) for name in entry)
        for name in (*STAGES[stage]["outs"], *metrics):
            path = self.folder / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def project(tmp_path_factory, faces) -> Iterator[Project]:
    project = Project(tmp_path_factory.mktemp("project"), faces)
    yield project
    project.forker.stdin.close()
    project.forker.wait()


@contextmanager
def unwritable(project: Project) -> Iterator[None]:
    """Let nobody but the superuser write to the project's folders."""
    folders = [project.folder, *(path for path in project.folder.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    try:
        yield
    finally:
        for folder in folders:
            folder.chmod(0o755)


def require_orderly_end(project: Project, stage: str, fault: str) -> None:
    status, text = project.run(stage, fault)
    assert status == STATUS[fault], f"{fault}: {text}"
    assert "Traceback" not in text, text
    [told] = [line for line in text.splitlines() if line.startswith(f"{stage}: ")]
    assert told == text.splitlines()[-1]
    # threads that still run when a signal ends the program leave hidden files, which no stage reads
    complete = {
        name: data
        for name, data in project.files().items()
        if name not in GROWING and Path(name).name[0] != "."
    }
    assert complete.items() <= project.reference.items(), fault


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_that_fails_says_so_in_a_line_and_leaves_nothing_half_written(
    project: Project, stage: str
):
    try:
        for fault in STATUS:
            project.remove_outputs(stage)
            with unwritable(project) if fault == "read-only" else nullcontext():
                require_orderly_end(project, stage, fault)
    finally:  # other stages read what this one writes
        project.remove_outputs(stage)
        status, text = project.run(stage)
    assert status == 0, text
    assert project.files() == project.reference
