"""The maps on a real Ray cluster of two nodes, each a raylet with processes of its own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from src import cluster, images, neighbours, pair, parallel
from src.alignment import thumbnail
from src.clean import measure
from src.errors import UserError
from src.params import Canny, Engine, Pair
from tests.conftest import ROOT
from tests.copies import COPIES

os.environ |= cluster.QUIET | cluster.INSIDE
pytest.importorskip("ray", reason="Ray is not installed: pip install -r requirements-scale.txt")
# what a node's loss costs is set to seconds, and a small machine's memory is no cause to stop
SYSTEM = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 500}
SYSTEM |= {"health_check_failure_threshold": 4, "memory_monitor_refresh_ms": 0}


@pytest.fixture(scope="module")
def nodes() -> Iterator:
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 1, "node_ip_address": "127.0.0.1", "object_store_memory": 200_000_000}
    made = Cluster(
        initialize_head=True,
        head_node_args=head | {"include_dashboard": False, "_system_config": SYSTEM},
    )
    yield made
    made.shutdown()


def another(nodes):
    return nodes.add_node(num_cpus=1, node_ip_address="127.0.0.1", object_store_memory=200_000_000)


@pytest.fixture
def engine(nodes, tmp_path, monkeypatch) -> Engine:
    """The engine of a project in a folder of its own, on two nodes."""
    monkeypatch.chdir(tmp_path)
    # the driver's folder and the nodes' Python know where the project is
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    nodes.wait_for_nodes()
    if len(nodes.list_all_nodes()) < 2:
        another(nodes)
    return Engine(kind="ray", address=nodes.address, batch=4)


@pytest.fixture(scope="module")
def files(tmp_path_factory, faces) -> tuple[pd.DataFrame, Path]:
    """Twelve faces and a few copies of them, as scrape leaves them."""
    raw = tmp_path_factory.mktemp("raw")
    (raw / "images").mkdir()
    made = [images.jpeg(face, 90) for face in faces[:12]]
    made += [change(faces[n], np.random.default_rng(n)) for n, change in enumerate(COPIES.values())]
    rows = []
    for number, data in enumerate(made):
        name = f"images/{number:02d}.jpeg"
        (raw / name).write_bytes(data)
        rows.append({"file": name, "sha256": str(number), "layout": "single", "status": "ok"})
    rows.append(rows[0] | {"file": "images/broken.jpeg", "sha256": "x"})
    (raw / "images/broken.jpeg").write_bytes(b"not a picture")
    return pd.DataFrame(rows), raw


def test_measuring_on_a_cluster_gives_what_it_gives_here(engine, files):
    table, raw = files
    here = measure.measure(table, raw)
    with cluster.joined(engine):
        there = measure.measure(table, raw)
    assert there == here
    assert measure.as_table(there).equals(measure.as_table(here))


def test_pairs_made_on_a_cluster_are_the_same_bytes(engine, files, tmp_path):
    table, raw = files
    table = table.iloc[:20].assign(row=range(20), item_id="nm", name="Zoë")
    table["side"] = ["val" if n % 5 == 0 else "train" for n in range(20)]
    canny = Canny(low=60, high=140, aperture=3, blur=3, thresholds="absolute")
    # of training's 16 as many as two files hold, of validation's 4 fewer than one
    settings = Pair(size=32, margin=4, crop="center", background="#ffffff", shard=8, canny=canny)
    made = []
    for name, where in (("here", Engine(kind="local", address="", batch=1)), ("there", engine)):
        with cluster.joined(where, keep=True):
            counts = pair.make(table, raw, tmp_path / name, settings, 0)
        found = sorted((tmp_path / name).rglob("*.*"))
        content = {str(f.relative_to(tmp_path / name)): f.read_bytes() for f in found}
        made.append((counts, content))
    assert made[0] == made[1]
    assert not list(cluster.KEPT.glob("*/*"))


def test_copies_found_on_a_cluster_are_the_same(engine, files):
    _, raw = files
    found = sorted((raw / "images").glob("[0-9]*"))
    thumbnails = np.stack([thumbnail(images.decode(path.read_bytes())) for path in found])
    here = neighbours.copies(thumbnails, 63, 0.93)
    assert len(here) > 8
    with cluster.joined(engine):
        assert neighbours.copies(thumbnails, 63, 0.93) == here


def test_work_is_done_on_both_nodes(engine):
    with cluster.joined(engine):
        done = parallel.map_processes(_told, range(60), "")
    assert [number for number, _ in done] == list(range(60))
    assert len({node for _, node in done}) == 2


def test_an_error_of_a_task_is_raised_here(engine):
    with (
        pytest.raises(ZeroDivisionError),
        cluster.joined(engine),
    ):
        parallel.map_processes(_inverted, [1, 0, 2], "")


def test_a_lost_node_loses_and_doubles_nothing(engine, nodes, tmp_path):
    lost = another(nodes)
    nodes.wait_for_nodes()
    write = partial(_written, folder=tmp_path / "seen", seconds=0.25)
    (tmp_path / "seen").mkdir()
    with cluster.joined(engine):
        stream = parallel.stream_processes(write, range(80), "")
        done = [next(stream) for _ in range(20)]
        begun = {path.read_text() for path in (tmp_path / "seen").iterdir()}
        assert lost.node_id in begun, "it has done its part, and is at its next"
        [raylet] = lost.all_processes["raylet"]
        os.kill(raylet.process.pid, signal.SIGKILL)
        done += list(stream)
    assert done == [number * number for number in range(80)]
    nodes.remove_node(lost)


DRIVER = """
import sys
from functools import partial
from pathlib import Path
from src import cluster, parallel
from src.params import Engine
from tests.test_cluster import _written
engine = Engine(kind="ray", address=sys.argv[1], batch=4)
with cluster.joined(engine, keep=True):
    write = partial(_written, folder=Path("seen"), seconds=0.05)
    print(parallel.map_processes(write, range(80), ""))
"""


def test_a_killed_driver_goes_on_where_it_was(engine, tmp_path):
    (tmp_path / "seen").mkdir()
    command = [sys.executable, "-c", DRIVER, engine.address]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    first = subprocess.Popen(command, cwd=tmp_path, env=environment, start_new_session=True)
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob(".resume/map/*/*.pickle"))) < 5:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    time.sleep(1)  # the cluster gives up what the dead driver had asked for
    kept = len(list(tmp_path.glob(".resume/map/*/*.pickle")))
    for path in (tmp_path / "seen").iterdir():
        path.unlink()
    second = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
    )
    assert second.returncode == 0, second.stderr
    assert second.stdout.strip() == str([number * number for number in range(80)])
    again = {int(path.name) for path in (tmp_path / "seen").iterdir()}
    assert again == set(range(kept, 80))
    assert not list(tmp_path.glob(".resume/map/*"))


def test_no_cluster_at_an_address_is_one_line():
    for address in ("127.0.0.1:1", "127.0.0.1", "somewhere", "127.0.0.1:x"):
        with (
            pytest.raises(UserError, match=rf"^engine.address = '{address}': "),
            cluster.joined(Engine(kind="ray", address=address, batch=4)),
        ):
            pytest.fail("there is none")


def test_without_ray_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with (
        pytest.raises(UserError, match=r"requirements-scale\.txt"),
        cluster.joined(Engine(kind="ray", address="", batch=4)),
    ):
        pytest.fail("there is none")


def test_the_same_map_of_other_items_or_code_is_another(monkeypatch, tmp_path):
    one = cluster._fingerprint(_inverted, [range(3)])
    assert one == cluster._fingerprint(_inverted, [range(3)])
    assert one != cluster._fingerprint(_inverted, [range(4)])
    assert one != cluster._fingerprint(_told, [range(3)])


def _told(number: int) -> tuple[int, str]:
    import ray

    time.sleep(0.05)
    return number, ray.get_runtime_context().get_node_id()


def _inverted(number: int) -> float:
    return 1 / number


def _written(number: int, folder: Path, seconds: float) -> int:
    """A square; that it was made is to be seen."""
    import ray

    time.sleep(seconds)
    (folder / str(number)).write_text(ray.get_runtime_context().get_node_id())
    return number * number
