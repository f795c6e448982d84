"""What more workers, more nodes and more pictures cost: python -m benchmarks.scale

The script downloads pictures, measures them as the clean stage does, and pairs them. It uses this
machine's own pool and Ray clusters on this machine: one worker, two, and two nodes of one each. All
take turns, and the start of a cluster is timed apart. Eight local hosts serve the pictures without
a pace, so that the downloads' own processor time counts. Every engine has to return the same files
and fingerprints. The headline is on the last line.

    python -m benchmarks.scale [--pictures 2000]             engines
    python -m benchmarks.scale --memory 1000 10000 100000    peak memory of train and evaluate
"""

import argparse
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from multiprocessing import SimpleQueue, get_context
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.clean import build_table, in_a_process, peak, photographs
from src.clean import measure
from src.dataset import arrays
from src.errors import exit_on_user_error
from src.evaluate import evaluation, features
from src.evaluate.evaluator import Evaluator
from src.model.saving import load_generator
from src.pair.pairing import write_pairs
from src.parallel import cluster
from src.params import Engine, Params, Size, read_params
from src.scrape import store
from src.scrape.http.client import Client
from src.storage.ledger import read_ledger
from src.train import loop

HOSTS = 8
SIDE = 32  # pixels of the pictures of --memory
STEPS = 200
NODES = {"Ray, 1 worker": [1], "Ray, 2 workers": [2], "Ray, 2 nodes of 1": [1, 1]}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scale",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--pictures", type=int, default=2000, help="how many")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", type=int, nargs="+", metavar="PAIRS", help="numbers of pairs")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        if arguments.memory:
            memory(arguments.memory, Path(name))
        else:
            engines(arguments.pictures, arguments.rounds, Path(name))


def engines(count: int, rounds: int, folder: Path) -> None:
    """Print the rates of every engine: medians over rounds."""
    files = photographs(count, folder / "raw", 300, 6)
    os.chdir(folder)  # cluster keeps its resumable results here
    table = build_table(files)
    columns = ("start s", "downloads/s", "fingerprints/s", "pairs/s")
    took: dict[str, list[list[float]]] = {}
    results = []
    with serving(Path("raw")) as ports:
        for _ in range(rounds):
            for name in ("here", *NODES):
                times = [time.perf_counter()]
                with engine(NODES.get(name)) as where, cluster.connect(where):
                    times.append(time.perf_counter())
                    downloads = download(table, ports)
                    times.append(time.perf_counter())
                    measured = measure.measure_pictures(table, Path("raw"))
                    times.append(time.perf_counter())
                    pair(table)
                    times.append(time.perf_counter())
                took.setdefault(name, []).append([b - a for a, b in pairwise(times)])
                results.append((downloads, measured))
                assert results[-1] == results[0], f"{name} gives other results"
    print(f"| {count:,} pictures | {' | '.join(columns)} |\n| --- {'| ---: ' * len(columns)}|")
    medians = {}
    for name, runs in took.items():
        start, *parts = (statistics.median(column) for column in zip(*runs, strict=True))
        medians[name] = sum(parts)
        print(f"| {name} | {start:.1f} | {' | '.join(f'{count / part:.0f}' for part in parts)} |")
    ratio = medians["here"] / medians["Ray, 2 workers"]
    print(f"\nRay with two workers over this machine's own pool, without the start: {ratio:.2f}")


@contextmanager
def serving(folder: Path) -> Iterator[list[int]]:
    """Serve a folder from several hosts in one process, and yield their ports."""
    context = get_context("spawn")
    ports = context.SimpleQueue()
    server = context.Process(target=_serve, args=(folder.resolve(), ports), daemon=True)
    server.start()
    try:
        yield ports.get()
    finally:
        server.terminate()


def _serve(folder: Path, ports: "SimpleQueue[list[int]]") -> None:
    handler = partial(Quiet, directory=folder)
    hosts = [ThreadingHTTPServer(("127.0.0.1", 0), handler) for _ in range(HOSTS)]
    threads = [threading.Thread(target=host.serve_forever) for host in hosts]
    for thread in threads:
        thread.start()
    ports.put([host.server_port for host in hosts])


class Quiet(SimpleHTTPRequestHandler):
    """Serves files without a log."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *arguments: object) -> None:
        pass


def download(table: pd.DataFrame, ports: list[int]) -> list[tuple[str, str]]:
    """Download all pictures into an empty folder, and return each file with its SHA-256."""
    every_time = {"requests_per_second": 1e6, "allow_hosts": ["127.0.0.1"], "max_requests": 10**9}
    scrape = _settings().scrape.model_copy(update=every_time)
    rows = [
        {
            "page": 1,
            "position": row + 1,
            "image_url": f"http://127.0.0.1:{ports[row % HOSTS]}/{file}",
            "item_id": str(row),
            "page_url": "",
        }
        for row, file in zip(table["row"], table["file"], strict=True)
    ]
    with tempfile.TemporaryDirectory(dir=".") as name:
        client = Client(scrape, Path(name) / "http")
        raw = Path(name) / "raw"
        store.store(rows, client.get, raw, scrape, client.n_downloaders).write(
            raw / "ledger.parquet"
        )
        ledger = read_ledger(raw / "ledger.parquet", "raw")
    assert (ledger["status"] == "ok").all()
    return list(zip(ledger["file"], ledger["sha256"], strict=True))


@contextmanager
def engine(nodes: list[int] | None) -> Iterator[Engine]:
    """Yield the local engine, or a Ray cluster on this machine.

    Args:
        nodes: The number of workers on each node; None for the local engine.
    """
    if nodes is None:
        yield Engine(kind="local", address="", task_size=1)
        return
    os.environ |= cluster.NO_TELEMETRY | cluster.LOOPBACK_ONLY
    import ray
    from ray.cluster_utils import Cluster

    inside = {"node_ip_address": "127.0.0.1", "object_store_memory": 500_000_000}
    ray_cluster = Cluster()
    try:
        for workers in nodes:
            ray_cluster.add_node(num_cpus=workers, **inside)
        ray_cluster.wait_for_nodes()
        yield Engine(kind="ray", address=ray_cluster.address, task_size=8)
    finally:
        ray.shutdown()  # a stage stays connected to its end
        ray_cluster.shutdown()


def pair(table: pd.DataFrame) -> None:
    """Write the pairs of all pictures."""
    p = read_params(Path(__file__).parents[1] / "params.yaml")
    rows = table.assign(
        name="", label_file=None, side=["val" if n % 10 == 0 else "train" for n in table["row"]]
    )
    write_pairs(rows, Path("raw"), Path("pairs"), p.pair, 0)


def memory(sizes: list[int], folder: Path) -> None:
    """Print seconds and peak memory, each size and each stage in its own process."""
    print(
        f"| pairs of {SIDE} pixels | train s | train peak MB | evaluate s | evaluate peak MB |\n"
        + "| ---: " * 5
        + "|"
    )
    for size in sizes:
        where = folder / f"{size}"
        in_a_process(_write, size, where)
        trained = in_a_process(_train, where)
        scored = in_a_process(_evaluate, where)
        numbers = [f"{size:,}", *(f"{x:.0f}" for x in (*trained, *scored))]
        print(f"| {' | '.join(numbers)} |", flush=True)


def _write(count: int, folder: Path) -> None:
    rng = np.random.default_rng(0)
    for side, number in (("train", count), ("val", count // 10), ("probe", count // 10)):
        photos = (rng.integers(256, size=(SIDE, SIDE, 3), dtype=np.uint8) for _ in range(number))
        pictures = ({"photo": p, "gray": p[..., 0], "canny": p[..., 1]} for p in photos)
        index = pd.DataFrame({"row": range(number), "item_id": "", "name": ""})
        arrays.stream(folder, side, pictures, index, 10_000)


def _settings() -> Params:
    """Return the parameters of a short training on small pictures."""
    p = read_params(Path(__file__).parents[1] / "params.yaml")
    sized = p.pair.model_copy(update={"crop_size": Size(SIDE, SIDE), "load_size": Size(SIDE, SIDE)})
    changes = {"steps": STEPS, "snapshots": 1, "device": "cpu", "checkpoint_every": STEPS}
    train = p.train.model_copy(update=changes)
    return p.model_copy(update={"pair": sized, "train": train})


def _timed(work: Callable[[], object]) -> tuple[float, int]:
    """Do the work and return its seconds and this process's peak memory in MB."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start, peak()


def _train(folder: Path) -> tuple[float, int]:
    os.chdir(folder)
    sides = (arrays.load(folder, side) for side in ("train", "val"))
    files = Path("model"), Path("history.csv")
    return _timed(partial(loop.train, _settings(), *sides, *files))


def _evaluate(folder: Path) -> tuple[float, int]:
    os.chdir(folder)
    p = _settings()
    evaluator = Evaluator(
        features.build_extractors(Path("data/weights"), 32, folder / "cache"),
        p.evaluate,
        p.clean.tone_residual,
    )
    val, probe, train = (arrays.load(folder, side) for side in ("val", "probe", "train"))
    assert load_generator(Path("model")).config["size"] == SIDE
    outs = Path("predictions"), Path("samples")
    sides = val, probe, train.photo
    return _timed(partial(evaluation.evaluate, evaluator, Path("model"), *sides, *outs))


if __name__ == "__main__":
    with exit_on_user_error("benchmark"):
        main()
