"""Maps, actors and scrapes on a real Ray cluster of two nodes on this machine.

tests/pipeline shows that the data stages write the same bytes with Ray.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, chdir
from functools import partial
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np
import pytest

from src.errors import UserError
from src.parallel import cluster, local
from src.params import Engine
from src.scrape import sources, store
from src.storage.atomic import read_json
from src.storage.encoding import encode_png
from tests.conftest import ROOT, copy_rulings, write_params
from tests.scrape.scraping import table_of
from tests.servers import Answer, Server, served

os.environ |= cluster.NO_TELEMETRY | cluster.LOOPBACK_ONLY
pytest.importorskip("ray", reason="Ray is not installed: pip install -r requirements-scale.txt")
ray_cluster = import_module("src.parallel.ray")  # imported late: it needs Ray's variables
# the loss of a node is noticed within seconds, and a small machine's memory stops no worker
SYSTEM = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 500}
SYSTEM |= {"health_check_failure_threshold": 4, "memory_monitor_refresh_ms": 0}
SYSTEM |= {"worker_niceness": 0}  # as tests beside it, which would take nearly all the time


@pytest.fixture(scope="session")  # this program is connected to them until it ends
def nodes() -> Iterator:
    import ray
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 1, "node_ip_address": "127.0.0.1", "object_store_memory": 200_000_000}
    cluster_of_nodes = Cluster(
        initialize_head=True,
        head_node_args=head | {"include_dashboard": False, "_system_config": SYSTEM},
    )
    yield cluster_of_nodes
    ray.shutdown()
    cluster_of_nodes.shutdown()


def add_node(nodes):
    with chdir(ROOT):  # a test's own folder is removed before the node ends
        return nodes.add_node(
            num_cpus=1, node_ip_address="127.0.0.1", object_store_memory=200_000_000
        )


@pytest.fixture
def engine(nodes, tmp_path, monkeypatch) -> Engine:
    """The engine of a project in its own folder, on two nodes."""
    monkeypatch.chdir(tmp_path)
    # for Python on the nodes, and for drivers in another folder
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    nodes.wait_for_nodes()
    if len(nodes.list_all_nodes()) < 2:
        add_node(nodes)
    return Engine(kind="ray", address=nodes.address, task_size=4)


def test_both_nodes_take_part_in_a_map(engine):
    with cluster.connect(engine):
        done = local.map_processes(_with_node, range(60), "")
    assert [number for number, _ in done] == list(range(60))
    assert len({node for _, node in done}) == 2


def test_an_error_of_a_task_is_raised_by_the_map(engine):
    with (
        pytest.raises(ZeroDivisionError),
        cluster.connect(engine),
    ):
        local.map_processes(_inverted, [1, 0, 2], "")


def test_after_an_error_no_task_is_submitted(engine, tmp_path):
    """Those that are submitted are not cancelled: Ray may abort a program that does this."""
    (tmp_path / "seen").mkdir()
    with cluster.connect(engine):
        with pytest.raises(ZeroDivisionError):
            local.map_processes(partial(_fail_first, folder=tmp_path / "seen"), range(60), "")
        time.sleep(3)
    n_processors = 2
    assert len(list((tmp_path / "seen").iterdir())) < ray_cluster.TASKS_AHEAD * n_processors


def test_a_lost_node_loses_and_repeats_no_result(engine, nodes, tmp_path):
    lost = add_node(nodes)
    nodes.wait_for_nodes()
    write = partial(_square_with_file, folder=tmp_path / "seen", seconds=0.25)
    (tmp_path / "seen").mkdir()
    with cluster.connect(engine):
        deadline = time.monotonic() + 120  # until Python has started there
        while lost.node_id not in {n for _, n in local.map_processes(_with_node, range(60), "")}:
            assert time.monotonic() < deadline
        stream = local.stream_processes(write, range(80), "")
        done = [next(stream) for _ in range(20)]
        begun = {path.read_text() for path in (tmp_path / "seen").iterdir()}
        assert lost.node_id in begun, "it has finished a task, and works on its next"
        _kill(lost)
        done += list(stream)
    assert done == [number * number for number in range(80)]
    nodes.remove_node(lost)


DRIVER = """
import sys
from functools import partial
from pathlib import Path
from src.parallel import cluster, local
from src.params import Engine
from tests.parallel.test_cluster import _square_with_file
engine = Engine(kind="ray", address=sys.argv[1], task_size=4)
with cluster.connect(engine, resume=True):
    write = partial(_square_with_file, folder=Path("seen"), seconds=0.05)
    print(local.map_processes(write, range(80), ""))
"""


def test_a_killed_map_resumes_from_its_saved_results(engine, tmp_path):
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
    time.sleep(1)  # until the cluster drops the tasks of the dead driver
    saved = len(list(tmp_path.glob(".resume/map/*/*.pickle")))
    for path in (tmp_path / "seen").iterdir():
        path.unlink()
    damaged = min(tmp_path.glob(".resume/map/*/*.pickle"))
    damaged.write_bytes(damaged.read_bytes()[:-1])
    second = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
    )
    assert second.returncode == 0, second.stderr
    assert second.stdout.strip() == str([number * number for number in range(80)])
    again = {int(path.name) for path in (tmp_path / "seen").iterdir()}
    assert again == {0} | set(range(saved, 80))
    assert f"{damaged.relative_to(tmp_path)} does not match its checksum" in second.stderr
    assert not list(tmp_path.glob(".resume/map/*"))


def test_actors_are_on_every_node_and_restart_if_theirs_is_lost(engine, nodes, tmp_path):
    lost = add_node(nodes)
    nodes.wait_for_nodes()
    with cluster.connect(engine):
        actors = local.actors(_Counting, 2)
        before = [actor(n) for n, actor in enumerate(actors)]
        assert [n for n, _, _ in before] == [0, 1, 2]
        assert len({node for _, node, _ in before}) == 3
        _kill(lost)
        deadline = time.monotonic() + 60
        while lost.node_id in _alive():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        after = [actor(n) for n, actor in enumerate(actors)]
    assert [n for n, _, _ in after] == [0, 1, 2]
    assert sorted(times for _, _, times in after) == [1, 2, 2], "the restarted one counts from 1"
    assert lost.node_id not in {node for _, node, _ in after}
    nodes.remove_node(lost)


def test_a_node_without_the_projects_folder_is_named(engine, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with cluster.connect(engine):
        (tmp_path / "here").rename(tmp_path / "moved")
        monkeypatch.setattr(Path, "cwd", lambda: tmp_path / "here")
        message = rf"^{tmp_path}/here cannot be used on the node .* same path on every node"
        with pytest.raises(UserError, match=message):
            local.map_processes(_inverted, [1, 2], "")
        with pytest.raises(UserError, match=message):
            local.actors(_sleeper, 1)[0](0)


def test_a_waiting_call_does_not_delay_the_end(engine):
    errors = []

    def call(actor: local.Actor) -> None:
        try:
            actor(60)
        except Exception as error:
            errors.append(error)

    with cluster.connect(engine):
        actor, *_ = local.actors(_sleeper, 2)
        actor(0)
        waiting = threading.Thread(target=call, args=[actor])
        waiting.start()
        time.sleep(0.5)
        start = time.monotonic()
    waiting.join()
    assert time.monotonic() - start < 20
    assert len(errors) == 1


ADDRESSES = [f"127.0.0.{number}" for number in range(1, 5)]


class Web:
    """Hosts with a loopback address each, because one address has one pace; the first has the list."""

    def __init__(self, hosts: list[Server], changed):
        self.hosts, self._changed = hosts, changed

    def lists(self, *urls: str) -> None:
        items = (f'<li><a href="/{n}"><img src="{url}"></a></li>' for n, url in enumerate(urls))
        self.hosts[0]["/list"] = Answer(f"<html>{''.join(items)}</html>".encode())

    def picture(self, number: int, host: int) -> str:
        """Serve a picture on a host, and return its URL."""
        url = f"/{number}.png"
        self.hosts[host][url] = Answer(encode_png(np.full((8, 8, 3), number, np.uint8)))
        return self.hosts[host][url]

    def changes(self, **settings: object) -> dict[str, object]:
        """Return the parameters of a quick scrape of the list."""
        quick = {"retries": 1, "backoff_s": 0, "requests_per_second": 1000, "workers": 4}
        quick |= {"allow_hosts": ADDRESSES} | settings
        selectors = {"url": self.hosts[0]["/list"], "item": "li", "name": ""}
        changes = {f"scrape.{key}": value for key, value in quick.items()}
        changes |= {f"gallery.{key}": value for key, value in selectors.items()}
        return {"source": "gallery"} | changes

    def scrape(self, engine: Engine, folder: Path, **settings: object) -> tuple[dict, dict]:
        """Run the stage; return the ledger's columns, and the files by name."""
        p = self._changed(self.changes(**settings))
        with cluster.connect(engine), sources.open_source(p, folder) as source:
            rows, fetch, downloaders = source.crawl.rows, source.fetch, source.n_downloaders
            ledger = store.store(rows, fetch, folder, p.scrape, downloaders)
        ledger.write(folder / "ledger.parquet")
        return table_of(ledger).to_dict("list"), {
            file.relative_to(folder).as_posix(): file.read_bytes()
            for file in sorted(folder.rglob("*.*"))
        }

    def requests(self) -> list[Counter]:
        """Return how often each host got each request since the last call."""
        counts = [Counter(host.targets) for host in self.hosts]
        for host in self.hosts:
            host.targets.clear()
        return counts

    def gaps(self, host: int) -> list[float]:
        """Return the seconds between a host's requests for pictures."""
        server = self.hosts[host]
        requests = zip(server.times, server.targets, strict=True)
        times = sorted(seconds for seconds, path in requests if "png" in path)
        return [after - before for before, after in pairwise(times)]


@pytest.fixture
def web(changed) -> Iterator[Web]:
    with ExitStack() as stack:
        yield Web([stack.enter_context(served(address)) for address in ADDRESSES], changed)


def test_a_scrape_on_a_cluster_fetches_the_same_pictures(engine, web, tmp_path):
    urls = [web.picture(n, n % 4) for n in range(24)]
    urls[3] = web.hosts[3]["/missing.png"]
    urls[6] = web.hosts[2]["/private/6.png"]
    web.hosts[2]["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /private/")
    web.hosts[1]["/elsewhere"] = Answer(b"", 302, {"Location": web.picture(99, 3)})
    urls[9] = web.hosts[1]["/elsewhere"]
    urls[12] = web.hosts[0]["/wall"]
    web.hosts[0]["/wall"] = Answer(b"<html>no picture</html>")
    web.lists(*urls)
    expected = web.scrape(Engine(kind="local", address="", task_size=1), tmp_path / "local")
    expected_requests = web.requests()
    shutil.rmtree(sources.CACHE)
    scraped = web.scrape(engine, tmp_path / "cluster")
    assert scraped[1] == expected[1]
    assert Counter(expected[0]["status"]) == {"ok": 21, "http_404": 1, "robots": 1, "html": 1}
    assert web.requests() == expected_requests
    assert web.scrape(engine, tmp_path / "again")[1] == expected[1]
    failed = [{"/robots.txt", "/wall"}, set(), {"/robots.txt"}, {"/robots.txt", "/missing.png"}]
    assert [set(counts) for counts in web.requests()] == failed


def test_all_workers_together_keep_a_hosts_rate(engine, web, tmp_path):
    urls = []
    for n in range(12):
        url = web.picture(n, 1)
        if n % 2:  # through another host, which may belong to another worker
            web.hosts[2 + n % 4 // 2][f"/to{n}"] = Answer(b"", 302, {"Location": url})
            url = web.hosts[2 + n % 4 // 2][f"/to{n}"]
        urls.append(url)
    web.lists(*urls)
    table, _ = web.scrape(engine, tmp_path / "raw", requests_per_second=10)
    assert table["status"] == ["ok"] * 12
    gaps = web.gaps(1)
    assert len(gaps) == 11
    # a late request is nearer to the next one; two independent workers would halve these gaps
    assert median(gaps) > 0.08
    assert min(sum(gaps[start : start + 3]) for start in range(9)) > 0.2


def test_a_node_lost_in_a_scrape_loses_and_repeats_no_picture(engine, nodes, web, tmp_path):
    urls = [web.picture(n, n % 4) for n in range(80)]
    web.lists(*urls)
    lost = add_node(nodes)
    nodes.wait_for_nodes()

    def wait_and_kill() -> None:
        while sum(len(host.targets) for host in web.hosts) < 40:
            time.sleep(0.01)
        _kill(lost)

    killer = threading.Thread(target=wait_and_kill, daemon=True)
    killer.start()
    table, files = web.scrape(engine, tmp_path / "raw", requests_per_second=8)
    killer.join()
    nodes.remove_node(lost)
    assert table["status"] == ["ok"] * 80
    assert len([name for name in files if name.startswith("images/")]) == 80
    requests = web.requests()
    assert max(counts["/robots.txt"] for counts in requests) == 2, "a worker restarted"
    again = [path for counts in requests for path, n in counts.items() if "png" in path and n > 1]
    assert len(again) <= 3 * 4, "only requests that three workers' threads had not finished"


def test_a_killed_scrape_resumes(engine, web, tmp_path):
    web.lists(*(web.picture(n, n % 4) for n in range(80)))
    changes = web.changes(requests_per_second=8)
    changes |= {"engine.kind": "ray", "engine.address": engine.address}
    write_params(tmp_path / "params.yaml", changes)
    copy_rulings(tmp_path)
    command = [sys.executable, "-m", "stages.scrape"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    first = subprocess.Popen(command, cwd=tmp_path, env=environment, start_new_session=True)
    deadline = time.monotonic() + 60
    while sum(len(host.targets) for host in web.hosts) < 40:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    assert not (tmp_path / "data/raw/ledger.parquet").exists()
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, timeout=120)
    assert read_json(tmp_path / "metrics/scrape.json")["downloaded"] == 80
    assert len(list((tmp_path / "data/raw/images").iterdir())) == 80
    requests = web.requests()
    again = [path for counts in requests for path, n in counts.items() if "png" in path and n > 1]
    assert len(again) <= 2 * 4, "only requests that two workers' threads had not finished"


def test_all_workers_share_one_budget(engine, web, tmp_path):
    web.lists(*(web.picture(n, n % 4) for n in range(40)))
    with pytest.raises(UserError, match=r"scrape\.max_requests = 20 is used up .* of 40 pictures"):
        web.scrape(engine, tmp_path / "raw", max_requests=20)
    assert sum(sum(counts.values()) for counts in web.requests()) <= 20 + 3 * 4
    table, _ = web.scrape(engine, tmp_path / "raw")
    assert table["status"] == ["ok"] * 40
    assert sum(sum(counts.values()) for counts in web.requests()) < 40


def test_an_address_without_a_cluster_is_one_line():
    for address in ("127.0.0.1:1", "127.0.0.1", "somewhere", "127.0.0.1:x"):
        with (
            pytest.raises(UserError, match=rf"^engine.address = '{address}': "),
            cluster.connect(Engine(kind="ray", address=address, task_size=4)),
        ):
            pytest.fail("there is none")


def test_without_ray_the_message_names_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "src.parallel.ray", None)
    with (
        pytest.raises(UserError, match=r"requirements-scale\.txt"),
        cluster.connect(Engine(kind="ray", address="", task_size=4)),
    ):
        pytest.fail("there is none")


def test_a_map_has_another_fingerprint_with_other_items_or_code():
    fingerprint = ray_cluster.map_fingerprint(_inverted, [range(3)])
    assert fingerprint == ray_cluster.map_fingerprint(_inverted, [range(3)])
    assert fingerprint != ray_cluster.map_fingerprint(_inverted, [range(4)])
    assert fingerprint != ray_cluster.map_fingerprint(_with_node, [range(3)])


def _with_node(number: int) -> tuple[int, str]:
    import ray

    time.sleep(0.05)
    return number, ray.get_runtime_context().get_node_id()


def _kill(node) -> None:
    """Kill a node as its machine would die: the raylet, and its workers, which outlive it."""
    [raylet] = node.all_processes["raylet"]
    pid = raylet.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for lost in (pid, *map(int, children)):
        os.kill(lost, signal.SIGKILL)


def _alive() -> set[str]:
    import ray

    return {node["NodeID"] for node in ray.nodes() if node["Alive"]}


def _sleeper() -> local.Actor:
    return time.sleep


class _Counting:
    """An actor that returns its argument, its node, and how often it was called."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, number: int) -> tuple[int, str, int]:
        import ray

        self.times += 1
        return number, ray.get_runtime_context().get_node_id(), self.times


def _inverted(number: int) -> float:
    return 1 / number


def _fail_first(number: int, folder: Path) -> None:
    """Raise an error for 0; for others leave a file, half a second later."""
    1 / number
    time.sleep(0.5)
    (folder / str(number)).touch()


def _square_with_file(number: int, folder: Path, seconds: float) -> int:
    """Return a square, and leave a file that names the node."""
    import ray

    time.sleep(seconds)
    (folder / str(number)).write_text(ray.get_runtime_context().get_node_id())
    return number * number
