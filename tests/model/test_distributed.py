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
from src.dataset.inputs import to_canny, to_gray
from src.errors import UserError
from src.imaging.picture_files import read_photo
from src.model import distributed
from src.model.distributed import SINGLE_PROCESS, World
from src.pair.pairing import square_crop
from src.params import Canny
from tests.conftest import ROOT, write_params

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
CANNY = Canny(low=60, high=140, aperture=3, blur=3, thresholds="absolute")


def project(folder: Path, faces: list[np.ndarray], changes: dict) -> Path:
    """What train and evaluate find on disk, in a folder of its own."""
    folder.mkdir(exist_ok=True)
    write_params(folder / "params.yaml", TINY | changes)
    for side, part, size in (("train", faces[:9], 36), ("val", faces[9:17], 32)):
        photo = np.stack([square_crop(face, size, "center") for face in part])
        made = {"photo": photo, "gray": to_gray(photo)}
        made |= {"canny": np.stack([to_canny(p, CANNY) for p in photo])}
        index = pd.DataFrame({"row": range(len(part)), "item_id": "nm", "name": "Zoë"})
        arrays.save(folder / "data/pairs", side, made, index)
        if side == "val":
            arrays.save(folder / "data/pairs", "probe", made, index)
    (folder / "data/weights").mkdir(parents=True, exist_ok=True)
    (folder / "data/weights/record.json").write_text('{"features": "random"}')
    (folder / "metrics").mkdir(exist_ok=True)
    (folder / "metrics/gate.json").write_text('{"leaks": 0}')
    return folder


def run(folder: Path, stage: str, **more: str) -> subprocess.CompletedProcess:
    """A stage, as dvc.yaml calls it."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | more
    command = [sys.executable, "-m", f"stages.{stage}"]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=240
    )


def history(folder: Path) -> np.ndarray:
    return pd.read_csv(folder / "metrics/history.csv").to_numpy(np.float64)


@pytest.fixture(scope="module")
def one(tmp_path_factory, faces) -> Path:
    """A training and its evaluation in one process."""
    folder = project(tmp_path_factory.mktemp("one") / "p", faces, {})
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for stage in ("train", "evaluate"):
            import_module(f"stages.{stage}").main()
    return folder


@pytest.fixture(scope="module")
def two(tmp_path_factory, faces) -> Path:
    """The same training in two."""
    folder = project(tmp_path_factory.mktemp("two") / "p", faces, {"train.processes": 2})
    done = run(folder, "train")
    assert done.returncode == 0, done.stderr
    return folder


def test_two_processes_have_the_losses_of_one_with_both_their_batches(one, two):
    a, b = history(one), history(two)
    assert len(a) == 12
    assert (a[:, 1] > 0).all()  # the halves of a batch differ: nothing equals by chance
    np.testing.assert_allclose(a, b, atol=1.5e-5)


def test_two_processes_end_with_the_weights_of_one(one, two):
    a, b = (load_file(f / "data/model/generator.safetensors") for f in (one, two))
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_allclose(a[name], b[name], atol=2e-4, err_msg=name)


def test_two_processes_write_the_files_that_one_writes(one, two):
    names = [
        sorted(str(path.relative_to(folder)) for path in (folder / "data/model").rglob("*.*"))
        for folder in (one, two)
    ]
    assert names[0] == names[1]
    assert not list(two.glob(".resume/*"))


def test_the_same_model_has_the_same_scores_in_two_processes(one, tmp_path, faces):
    folder = project(tmp_path / "p", faces, {"evaluate.processes": 2})
    (folder / "data/model").symlink_to(one / "data/model")
    done = run(folder, "evaluate")
    assert done.returncode == 0, done.stderr
    for file in ("metrics/evaluate.json", "metrics/progress.csv", "data/predictions/scores.csv"):
        assert (folder / file).read_bytes() == (one / file).read_bytes()
    named = sorted((one / "data/predictions").glob("*.png"))
    assert len(named) == 8
    for path in named:
        other = folder / "data/predictions" / path.name
        np.testing.assert_array_equal(read_photo(path), read_photo(other))
    assert json.loads((one / "metrics/evaluate.json").read_text())["val"]["n"] == 8


MACHINES = """
ip link set lo up
{python} -m stages.train &
{python} -m stages.train && wait $!
"""


def test_two_machines_train_together(one, tmp_path, faces):
    """Each runs the stage's own command; a network of their own keeps them from any other."""
    alone = ["unshare", "--map-root-user", "--net"]
    if not shutil.which("ip") or subprocess.run([*alone, "true"], capture_output=True).returncode:
        pytest.skip("no network of its own can be had here (unshare --net, ip)")
    folder = project(tmp_path / "p", faces, {})
    meeting = {
        "PET_NNODES": "2",
        "PET_RDZV_BACKEND": "c10d",
        "PET_RDZV_ENDPOINT": "127.0.0.1:29511",
        "PET_LOCAL_ADDR": "127.0.0.1",
        "GLOO_SOCKET_IFNAME": "lo",
    }
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | meeting
    done = subprocess.run(
        [*alone, "sh", "-ec", MACHINES.format(python=sys.executable)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(history(folder), history(one), atol=1.5e-5)


STOP = """
import os
from src.train import checkpoint
save = checkpoint.save
def stop(*state):
    save(*state)
    os._exit(9)
checkpoint.save = stop
from stages import train
train.main()
"""


@pytest.mark.parametrize(("before", "after"), [(1, 2), (2, 1)])
def test_a_training_goes_on_in_another_number_of_processes(
    one, tmp_path, faces, before: int, after: int
):
    folder = project(tmp_path / "p", faces, {"train.processes": before})
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}:{ROOT}"}
    (tmp_path / "stopping.py").write_text(STOP)
    command = [sys.executable, "-m", "stopping"]
    if before > 1:  # as the stage starts them, but of another module
        start = "from src import processes; processes._start('stopping', 2)"
        command = [sys.executable, "-c", start]
    subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=240)
    assert list(folder.glob(".resume/*/state.pt"))
    project(folder, faces, {"train.processes": after})
    done = run(folder, "train")
    assert done.returncode == 0, done.stderr
    assert "going on from step 4" in done.stdout + done.stderr
    np.testing.assert_allclose(history(folder), history(one), atol=1.5e-5)


def test_a_users_mistake_is_a_line_from_each_process_and_no_traceback(tmp_path, faces):
    folder = project(tmp_path / "p", faces, {"train.processes": 2, "train.batch_size": 3})
    done = run(folder, "train")
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    expected = "train: train.batch_size = 3: expected a multiple of the 2 processes"
    assert set(lines) == {expected}
    assert not (folder / "metrics/train.json").exists()


WATCH = r"""
import glob, os, re
from src import processes
def listening(world):
    world.wait()
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
                print("LISTENS", address.split(":")[0], flush=True)
    world.wait()
processes.run(listening, "watching", 2, "cpu")
"""


def test_the_processes_of_one_machine_are_not_reachable_from_outside(tmp_path):
    """What listens in the processes and in the one that started them has this machine's address."""
    done = started(tmp_path, "watching", WATCH)
    assert done.returncode == 0, done.stderr
    found = set(re.findall(r"LISTENS (\w+)", done.stdout))
    assert found, "gloo's processes listen for each other"
    assert found <= {"0100007F", "00000000000000000000000001000000"}  # 127.0.0.1, ::1


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        ("os.kill(os.getpid(), 9)", 1, r"t: process \d was ended by signal 9: was memory short\?"),
        ("os.kill(os.getppid(), 2); time.sleep(60)", 130, "t: interrupted"),
    ],
)
def test_how_processes_ended_is_one_line(tmp_path, body: str, code: int, said: str):
    program = f"""
import os, time
from src import processes
from src.errors import reported
def work(world):
    world.wait()
    time.sleep(1)  # the other one leaves its wait meanwhile: there it would miss its partner
    {body}
with reported("t"):
    processes.run(work, "ending", 2, "cpu")
"""
    done = started(tmp_path, "ending", program)
    assert done.returncode == code
    assert re.search(said, done.stderr), done.stderr
    assert "Traceback" not in done.stderr


def started(folder: Path, module: str, program: str) -> subprocess.CompletedProcess:
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


def test_shared_normalisation_is_where_the_network_is(monkeypatch):
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 1), torch.nn.BatchNorm2d(2)).double()
    made = distributed.sync_batch_norms(network, World(0, 2))
    assert isinstance(made[1], distributed.SyncedBatchNorm2d)
    assert {value.dtype for value in made.state_dict().values()} <= {torch.float64, torch.int64}


@pytest.mark.parametrize(("rank", "size", "count"), [(0, 1, 5), (1, 2, 6), (2, 3, 6)])
def test_a_batch_is_dealt_out_in_equal_parts(rank: int, size: int, count: int):
    part = World(rank, size).local_slice(count, "n")
    assert list(range(count))[part] == [k for k in range(count) if k // (count // size) == rank]


def test_what_cannot_be_dealt_out_evenly_is_refused():
    with pytest.raises(UserError, match="n = 5: expected a multiple of the 2 processes"):
        World(0, 2).local_slice(5, "n")


def test_alone_nothing_is_shared():
    module = torch.nn.Linear(2, 2)
    assert SINGLE_PROCESS.shared(module) is module
    assert SINGLE_PROCESS.map(str, [3, 1]) == ["3", "1"]
    assert SINGLE_PROCESS.mean(torch.tensor([2.0])).item() == 2
    SINGLE_PROCESS.wait()
