"""Several processes that train and score together: the same as one."""

import json
import os
import re
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.numpy import load_file

from src.dataset import arrays
from src.errors import UserError
from src.imaging.picture_files import read_photo
from src.model import distributed
from src.model.distributed import SINGLE_PROCESS, World
from src.train import checkpoint
from tests.builders import pairs_of, square_crop
from tests.conftest import ROOT, write_params
from tests.train.trainings import Killed

TINY = {
    "pair.crop_size": 32,
    "pair.load_size": 36,
    "models.encdec.ngf": 4,
    "models.encdec.n_downs": 2,
    "train.discriminator.ndf": 4,
    "train.discriminator.n_layers": 1,
    "train.steps": 12,
    "train.batch_size": 4,
    "train.checkpoint_every": 4,
    "train.snapshots": 2,
    "train.precision": "fp32",
    "train.device": "cpu",
    "evaluate.device": "cpu",
    "evaluate.batch_size": 3,
}


def project(folder: Path, faces: list[np.ndarray], changes: dict) -> Path:
    """Write what train and evaluate read, in a folder of its own."""
    folder.mkdir(exist_ok=True)
    write_params(folder / "params.yaml", TINY | changes)
    for side, part, size in (("train", faces[:9], 36), ("val", faces[9:17], 32)):
        pairs = pairs_of([square_crop(face, size, "center") for face in part])
        content = {"photo": pairs.photo, "gray": pairs.gray, "canny": pairs.canny}
        for name in ("val", "probe") if side == "val" else ("train",):
            arrays.save(folder / "data/pairs", name, content, pairs.index)
    (folder / "metrics").mkdir(exist_ok=True)
    (folder / "metrics/gate.json").write_text('{"leaks": 0}')
    return folder


def run(folder: Path, stage: str) -> subprocess.CompletedProcess:
    """Run a stage, as dvc.yaml calls it."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", f"stages.{stage}"]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=240
    )


def history(folder: Path) -> np.ndarray:
    return pd.read_csv(folder / "metrics/history.csv").to_numpy(np.float64)


def run_here(folder: Path, stage: str) -> None:
    """Run a stage in this process, which has imported the libraries."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        import_module(f"stages.{stage}").main()


@pytest.fixture(scope="module")
def single(tmp_path_factory, faces) -> Path:
    """A training and its evaluation in one process."""
    folder = project(tmp_path_factory.mktemp("single") / "p", faces, {})
    for stage in ("train", "evaluate"):
        run_here(folder, stage)
    return folder


@pytest.fixture(scope="module")
def double(tmp_path_factory, faces) -> Path:
    """The same training, begun in one process and resumed in two from step 4 of 12."""
    folder = project(tmp_path_factory.mktemp("double") / "p", faces, {})
    save = checkpoint.save

    def save_and_stop(*arguments) -> None:
        save(*arguments)
        raise Killed

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        patch.setattr(checkpoint, "save", save_and_stop)
        run_here(folder, "train")
    project(folder, faces, {"train.processes": 2})
    done = run(folder, "train")
    assert done.returncode == 0, done.stderr
    assert "resuming from step 4" in done.stdout + done.stderr
    assert "Warning" not in done.stderr
    return folder


def test_two_processes_have_the_losses_of_one(single, double):
    a, b = history(single), history(double)
    assert len(a) == 12
    assert (a[:, 1] > 0).all()
    np.testing.assert_allclose(a, b, atol=1.5e-5)


def test_two_processes_end_with_the_weights_of_one(single, double):
    a, b = (load_file(f / "data/model/generator.safetensors") for f in (single, double))
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_allclose(a[name], b[name], atol=2e-4, err_msg=name)


def test_two_processes_write_the_files_that_one_writes(single, double):
    names = [
        sorted(str(path.relative_to(folder)) for path in (folder / "data/model").rglob("*.*"))
        for folder in (single, double)
    ]
    assert names[0] == names[1]
    assert not list(double.glob(".resume/*"))


def test_the_same_model_has_the_same_scores_in_two_processes(single, tmp_path, faces):
    folder = project(tmp_path / "p", faces, {"evaluate.processes": 2})
    (folder / "data/model").symlink_to(single / "data/model")
    done = run(folder, "evaluate")
    assert done.returncode == 0, done.stderr
    for file in (
        "metrics/evaluate.json",
        "metrics/distances.csv",
        "data/predictions/scores.csv",
    ):
        assert (folder / file).read_bytes() == (single / file).read_bytes()
    pictures = sorted((single / "data/predictions").glob("*.png"))
    assert len(pictures) == 8
    for path in pictures:
        twin = folder / "data/predictions" / path.name
        np.testing.assert_array_equal(read_photo(path), read_photo(twin))
    assert json.loads((single / "metrics/evaluate.json").read_text())["val"]["n"] == 8


MACHINES = """
ip link set lo up
{python} -m stages.train &
{python} -m stages.train && wait $!
"""


def test_two_machines_train_together(single, tmp_path, faces):
    """Each runs the stage's own command, in a network namespace of their own."""
    isolated = ["unshare", "--map-root-user", "--net"]
    if (
        not shutil.which("ip")
        or subprocess.run([*isolated, "true"], capture_output=True).returncode
    ):
        pytest.skip("no network namespace (unshare --net, ip)")
    folder = project(tmp_path / "p", faces, {})
    rendezvous = {
        "PET_NNODES": "2",
        "PET_RDZV_BACKEND": "c10d",
        "PET_RDZV_ENDPOINT": "127.0.0.1:29511",
        "PET_LOCAL_ADDR": "127.0.0.1",
        "GLOO_SOCKET_IFNAME": "lo",
    }
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | rendezvous
    done = subprocess.run(
        [*isolated, "sh", "-ec", MACHINES.format(python=sys.executable)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(history(folder), history(single), atol=1.5e-5)


STOP = """
import os
from src.train import checkpoint
save = checkpoint.save
def save_and_exit(*arguments):
    save(*arguments)
    os._exit(9)
checkpoint.save = save_and_exit
from stages import train
train.main()
"""


def test_a_training_of_two_processes_resumes_in_one(single, tmp_path, faces, capsys):
    """`double` resumes in two what one began."""
    folder = project(tmp_path / "p", faces, {"train.processes": 2})
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}:{ROOT}"}
    (tmp_path / "stopping.py").write_text(STOP)
    # as the stage launches them
    launch = "from src.model import distributed; distributed.launch('stopping', 2)"
    command = [sys.executable, "-c", launch]
    subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=240)
    assert list(folder.glob(".resume/*/state.pt"))
    project(folder, faces, {"train.processes": 1})
    run_here(folder, "train")
    assert "resuming from step 4" in capsys.readouterr().out
    np.testing.assert_allclose(history(folder), history(single), atol=1.5e-5)


WATCH = r"""
import glob, os, re
from src.model import distributed
def listening(world):
    world.barrier()
    inodes = set()
    for process in (os.getpid(), os.getppid()):
        for fd in glob.glob(f"/proc/{process}/fd/*"):
            try:
                inodes |= set(re.findall(r"socket:\[(\d+)\]", os.readlink(fd)))
            except OSError:
                pass
    for table in ("tcp", "tcp6"):
        for line in open(f"/proc/self/net/{table}").readlines()[1:]:
            address, state, inode = (line.split()[n] for n in (1, 3, 9))
            if state == "0A" and inode in inodes:
                os.write(1, f"LISTENS {address.split(':')[0]}\n".encode())  # a whole line
    world.barrier()
distributed.run(listening, "watching", 2, "cpu")
"""


def test_the_processes_of_one_machine_are_not_reachable_from_outside(tmp_path):
    """All that listens, in them and in their launcher, has a loopback address."""
    done = run_module(tmp_path, "watching", WATCH)
    assert done.returncode == 0, done.stderr
    addresses = set(re.findall(r"LISTENS (\w+)", done.stdout))
    assert addresses, "gloo's processes listen for each other"
    assert addresses <= {"0100007F", "00000000000000000000000001000000"}  # 127.0.0.1, ::1


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ("os.kill(os.getpid(), 9)", 1, r"t: signal 9 ended process \d: was memory short\?"),
        ("os.kill(os.getppid(), 2); time.sleep(60)", 130, r"\At: interrupted; [a-z ]+\n\Z"),
        ("os.kill(os.getppid(), 15); time.sleep(60)", 143, r"\At: ended; [a-z ]+\n\Z"),
        (
            "world.is_main and os.kill(os.getppid(), 9); time.sleep(5); print(file=sys.stderr)",
            -9,
            r"\A\Z",
        ),
        (
            "world.local_slice(3, 'n')",
            1,
            r"\At: n = 3: expected a multiple of the 2 processes\n\Z",
        ),
    ],
    ids=["killed", "interrupted", "terminated", "launcher killed", "refused"],
)
def test_the_end_of_processes_is_one_line(tmp_path, body: str, code: int, message: str):
    program = f"""
import os, sys, time
from src.model import distributed
from src.errors import exit_on_user_error
def work(world):
    world.barrier()
    time.sleep(1)  # else the other process would still be at the barrier
    {body}
with exit_on_user_error("t"):
    distributed.run(work, "ending", 2, "cpu")
"""
    done = run_module(tmp_path, "ending", program)
    assert done.returncode == code
    assert re.search(message, done.stderr), done.stderr
    assert "Traceback" not in done.stderr


def run_module(folder: Path, module: str, program: str) -> subprocess.CompletedProcess:
    """Write a program as a module, and run it."""
    (folder / f"{module}.py").write_text(program)
    environment = os.environ | {"PYTHONPATH": f"{folder}:{ROOT}"}
    return subprocess.run(
        [sys.executable, "-m", module],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_more_processes_than_gpus_are_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(UserError, match="processes = 2: expected at most the 1 GPUs here"):
        distributed.run(print, "nothing", 2, "auto")


def test_a_synced_normalisation_keeps_the_networks_dtype():
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 1), torch.nn.BatchNorm2d(2)).double()
    synced = distributed.sync_batch_norms(network, World(0, 2))
    assert isinstance(synced[1], distributed.SyncedBatchNorm2d)
    assert {value.dtype for value in synced.state_dict().values()} <= {torch.float64, torch.int64}


def test_a_frozen_normalisation_is_not_synced():
    network = torch.nn.Sequential(torch.nn.BatchNorm2d(2).eval().requires_grad_(False))
    synced = distributed.sync_batch_norms(network, World(0, 2))
    assert not isinstance(synced[0], distributed.SyncedBatchNorm2d)
    assert not any(weight.requires_grad for weight in synced.parameters())


@pytest.mark.parametrize(("rank", "size", "count"), [(0, 1, 5), (1, 2, 6), (2, 3, 6)])
def test_a_batch_is_cut_in_equal_parts(rank: int, size: int, count: int):
    part = World(rank, size).local_slice(count, "n")
    assert list(range(count))[part] == [k for k in range(count) if k // (count // size) == rank]


def test_a_batch_that_cannot_be_cut_evenly_is_refused():
    with pytest.raises(UserError, match="n = 5: expected a multiple of the 2 processes"):
        World(0, 2).local_slice(5, "n")


def test_a_single_process_shares_nothing():
    module = torch.nn.Linear(2, 2)
    assert SINGLE_PROCESS.wrap_ddp(module) is module
    assert SINGLE_PROCESS.map(str, [3, 1]) == ["3", "1"]
    assert SINGLE_PROCESS.mean(torch.tensor([2.0])).item() == 2
    SINGLE_PROCESS.barrier()
