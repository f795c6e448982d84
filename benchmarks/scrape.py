"""Our scraper against img2dataset and Scrapy: python -m benchmarks.scrape [--growth]

All fetch the same pictures (JPEG, about 35 KB, no two alike) and write them unchanged. The server is
a process of its own on 127.0.0.1. Each run is a fresh process, the tools take turns, and the script
compares every file with what the server sent. Peers have their fastest options: they decode no
picture, read no EXIF, and sync nothing to disk. Ours keeps all of its safety on.

Seconds count from the first request that the server sees to the last picture on disk. Ours counts
until its table is complete. The time before is start-up. `As a whole process` includes it, and also
the time that a tool takes to end: Scrapy checks every 5 s whether it has finished.

CPU is the time of all processes of a tool, start-up included. The peak is that of its largest
process. `bare` is the same number of sockets that read and drop everything, which shows the server's
limit. The script prints medians over rounds and pairs ratios by round. The headline is on the last
line.

    python -m benchmarks.scrape [--count 2000] [--workers 16] [--rounds 3] [--latency 0 0.05]
    python -m benchmarks.scrape --growth [1000 50000 200000]     ours alone, on pictures of 1 to 2 KB

The first run installs the peers into .cache/bench-venv. This file also runs there, so its top level
imports only the standard library.
"""

import argparse
import asyncio
import hashlib
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".cache" / "bench-venv"
WORK = ROOT / ".cache" / "bench-scrape"
PEERS = ["scrapy==2.19.0", "img2dataset==1.47.0"]
TOOLS = ("ours", "scrapy", "img2dataset", "bare")
NAMES = {"scrapy": "Scrapy", "bare": "bare (the server's limit)"}
RETRIES, TIMEOUT_S = 4, 20  # the same for all
GIVE_UP_S = 1800  # for one run
# Sides of a picture and of the noise that becomes it by enlarging: about 35 KB, and 1 to 2 KB.
LARGE, SMALL = (512, 32), (64, 16)


@dataclass(frozen=True)
class Job:
    """The instructions for a child process."""

    folder: str
    count: int
    workers: int
    latency: float
    picture: tuple[int, int]
    port: int = 0

    def urls(self) -> list[str]:
        return [f"http://127.0.0.1:{self.port}/p/{n}.jpg" for n in range(self.count)]


@dataclass(frozen=True)
class Run:
    """The cost of one run."""

    speed: float  # images/s
    whole: float  # images/s of the process, from its start to its end
    cpu: float  # ms per image
    startup: float  # s
    peak: float  # MB
    served: float  # the server's CPU, ms per image


# ---- the parent


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scrape", description=__doc__)
    parser.add_argument("--count", type=int, default=2000, help="pictures")
    parser.add_argument("--workers", type=int, default=16, help="requests at a time")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--latency", type=float, nargs="+", default=[0, 0.05], help="seconds before each answer"
    )
    parser.add_argument(
        "--growth", type=int, nargs="*", metavar="LISTED", help="ours alone, on many small pictures"
    )
    parser.add_argument("--as", dest="role", choices=list(ROLES), help=argparse.SUPPRESS)
    parser.add_argument("--job", type=json.loads, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.role:
        ROLES[arguments.role](Job(**arguments.job))
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # children end, too
    WORK.mkdir(parents=True, exist_ok=True)
    try:
        if arguments.growth is not None:
            growth(arguments.growth or [1000, 50_000, 200_000], arguments.workers)
        else:
            compare(arguments.count, arguments.workers, arguments.rounds, arguments.latency)
    finally:
        shutil.rmtree(WORK)


def compare(count: int, workers: int, rounds: int, latencies: list[float]) -> None:
    """Print a table of all tools for each latency, and the headline."""
    install()
    headline: list[str] = []
    for latency in latencies:
        runs: dict[str, list[Run]] = {tool: [] for tool in TOOLS}
        for _ in range(rounds):
            for tool in TOOLS:
                runs[tool].append(measure(tool, Job("", count, workers, latency, LARGE)))
        limit = f", so {workers / latency:.0f} images/s at best" if latency else ""
        print(f"\n{count:,} pictures, {workers} at a time, {1000 * latency:.0f} ms each{limit}\n")
        table({NAMES.get(tool, tool): of_tool for tool, of_tool in runs.items()}, "tool")
        theirs = [ratio(runs["ours"], runs[peer]) for peer in ("img2dataset", "scrapy")]
        labels = ("", "") if headline else ("ours over img2dataset ", "over Scrapy ")
        ratios = ", ".join(f"{label}{r:.1f}" for label, r in zip(labels, theirs, strict=True))
        headline.append(f"{ratios} ({1000 * latency:.0f} ms)")
    print(f"\nratio of images/s, {', '.join(headline)}")


def growth(sizes: list[int], workers: int) -> None:
    """Print what more listed items cost ours."""
    runs = {f"{size:,}": [measure("ours", Job("", size, workers, 0, SMALL))] for size in sizes}
    table(runs, "listed")
    peaks = [of_size[0].peak for of_size in runs.values()]
    text = " and ".join(f"{peak:.0f} MB at {size}" for size, peak in zip(runs, peaks, strict=True))
    print(f"\npeak memory, last over first: {peaks[-1] / peaks[0]:.2f} ({text})")


def table(runs: dict[str, list[Run]], title: str) -> None:
    """Print a line for each name: medians over its runs."""
    print(
        f"| {title} | images/s | as a whole process | CPU ms per image | start-up s | peak MB | "
        "server's CPU ms per image |"
    )
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, of_name in runs.items():
        columns = zip(*(asdict(run).values() for run in of_name), strict=True)
        middle = Run(*map(statistics.median, columns))
        print(
            f"| {name} | {middle.speed:,.0f} | {middle.whole:,.0f} | {middle.cpu:.2f} | "
            f"{middle.startup:.1f} | {middle.peak:,.0f} | {middle.served:.2f} |",
            flush=True,
        )


def ratio(mine: list[Run], theirs: list[Run]) -> float:
    """Return the median of the ratios of images/s, by round."""
    return statistics.median(a.speed / b.speed for a, b in zip(mine, theirs, strict=True))


def measure(tool: str, job: Job) -> Run:
    """Run a tool once in a fresh process against a fresh server, and return its cost."""
    # deleted after the last run: ext4 searches long for inodes that were not deleted just before
    folder = Path(tempfile.mkdtemp(dir=WORK, prefix=f"{tool}-"))
    job = Job(**{**asdict(job), "folder": str(folder)})
    with run_server(job) as port:
        job = Job(**{**asdict(job), "port": port})
        (folder / "urls.txt").write_text("\n".join(job.urls()) + "\n")
        os.sync()  # the first tool to sync would pay for earlier writes
        begin = time.time()
        cpu, peak = wait(tool, start(tool, job), folder / f"{tool}.log")
        ended = time.time()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/stats") as answer:
            seen = json.load(answer)
    if seen["requests"] < job.count or seen["most"] > job.workers:
        raise SystemExit(
            f"{tool} sent {seen['requests']:,} requests, {seen['most']:,} at a time; expected "
            f"{job.count:,} or more, {job.workers} at a time or fewer"
        )
    last = ended if tool == "bare" else check(tool, job)
    count = job.count
    run = Run(
        speed=count / (last - seen["first"]),
        whole=count / (ended - begin),
        cpu=1000 * cpu / count,
        startup=seen["first"] - begin,
        peak=peak,
        served=1000 * seen["cpu"] / count,
    )
    print(
        f"{tool}, {1000 * job.latency:.0f} ms: {run.speed:.0f} images/s, {run.cpu:.2f} CPU ms "
        f"each, {seen['requests']} requests on {seen['connections']} connections"
        + (f", up to {seen['most']} at a time" if job.latency else ""),
        file=sys.stderr,
    )
    return run


def start(role: str, job: Job) -> subprocess.Popen[bytes]:
    """Start a child process in its own session, so that its children end with it."""
    folder = Path(job.folder)
    # -P: peers must not import our audit.py or train.py in place of their modules.
    command = {
        "ours": [sys.executable, "-m", "benchmarks.scrape"],
        "scrapy": [str(VENV / "bin" / "python"), "-P", __file__],
        "img2dataset": [str(VENV / "bin" / "python"), "-P", __file__],
    }.get(role, [sys.executable, "-P", __file__])
    environment = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    with (folder / f"{role}.log").open("wb") as log:
        return subprocess.Popen(
            [*command, "--as", role, "--job", json.dumps(asdict(job))],
            cwd=ROOT if role == "ours" else folder,
            env=environment,
            stdin=subprocess.PIPE if role == "server" else subprocess.DEVNULL,
            stdout=subprocess.PIPE if role == "server" else log,
            stderr=log,
            start_new_session=True,
        )


def wait(tool: str, process: subprocess.Popen[bytes], log: Path) -> tuple[float, float]:
    """Wait for a process, and return CPU seconds and peak MB, both with its children."""
    timer = threading.Timer(GIVE_UP_S, os.killpg, (process.pid, signal.SIGKILL))
    timer.start()
    try:
        _, status, used = os.wait4(process.pid, 0)
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    finally:
        timer.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        output = log.read_text(errors="replace")[-3000:]
        raise SystemExit(f"{tool} failed with {process.returncode}; its last output:\n{output}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def check(tool: str, job: Job) -> float:
    """Return the time of the last write. End the benchmark if a picture is missing or altered."""
    folder = Path(job.folder)
    expected = Counter(hashlib.sha256(body).hexdigest() for body in bodies(job))
    written: Counter[str] = Counter()
    last = 0.0
    for path in (folder / "out").rglob("*"):
        if path.is_file() and (data := path.read_bytes()).startswith(b"\xff\xd8"):
            written[hashlib.sha256(data).hexdigest()] += 1
            last = max(last, path.stat().st_mtime)
    if written != expected:
        output = (folder / f"{tool}.log").read_text(errors="replace")[-3000:]
        raise SystemExit(
            f"{tool} wrote {written.total():,} pictures, {(written & expected).total():,} of the "
            f"{job.count:,} served; its last output:\n{output}"
        )
    end = folder / "ended.json"
    return json.loads(end.read_text()) if end.exists() else last


def bodies(job: Job) -> Iterator[bytes]:
    """Return every picture that the server sends."""
    base = (Path(job.folder) / "base.jpeg").read_bytes()
    return (numbered(base, n) for n in range(job.count))


def numbered(base: bytes, n: int) -> bytes:
    """Return a JPEG file with a number in a comment behind the JFIF header."""
    return base[:20] + b"\xff\xfe\x00\x12" + b"%016d" % n + base[20:]


@contextmanager
def run_server(job: Job) -> Iterator[int]:
    """Run the server and yield its port."""
    process = start("server", job)
    try:
        line = process.stdout.readline()
        if not line:
            output = (Path(job.folder) / "server.log").read_text(errors="replace")
            raise SystemExit(f"the server did not start:\n{output}")
        yield int(line)
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def install() -> None:
    """Create the peers' environment, unless it exists with the same pins."""
    ready = VENV / "pins.json"
    if ready.exists() and json.loads(ready.read_text()) == PEERS:
        return
    print(f"installing {' and '.join(PEERS)} into {VENV}", file=sys.stderr)
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(VENV)],
        [str(VENV / "bin" / "python"), "-m", "pip", "install", *PEERS],
    ):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"cannot install the peers:\n{(done.stdout + done.stderr)[-3000:]}")
    ready.write_text(json.dumps(PEERS))


# ---- the children


def serve(job: Job) -> None:
    """Print a free port of 127.0.0.1, and answer there until the parent ends."""
    import numpy as np
    from PIL import Image

    side, noise = job.picture
    small = np.random.default_rng(0).integers(0, 256, (noise, noise, 3), dtype=np.uint8)
    path = Path(job.folder) / "base.jpeg"
    Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC).save(path, quality=75)
    asyncio.run(_serve(Served(path.read_bytes(), job.count, job.latency)))


async def _serve(site: "Served") -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(site), "127.0.0.1", 0, backlog=1024)
    loop.add_reader(sys.stdin, os._exit, 0)  # stdin closes when the parent ends or dies
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@dataclass
class Served:
    """The pictures, and counts of their requests."""

    base: bytes
    count: int
    latency: float
    first: float = 0
    cpu: float = 0
    requests: int = 0
    waiting: int = 0
    most: int = 0  # the most that wait at a time
    clients: int = 0  # connections with a request

    def answer(self, path: str, first: bool) -> tuple[str, bytes]:
        """Return status and body.

        Args:
            path: The path of the request.
            first: Whether it is the first request of its connection.
        """
        if path == "/stats":
            seen = {"first": self.first, "cpu": time.process_time() - self.cpu}
            seen |= {"requests": self.requests, "connections": self.clients, "most": self.most}
            return "200 OK", json.dumps(seen).encode()
        if not self.requests:
            self.first, self.cpu = time.time(), time.process_time()
        self.requests += 1
        self.clients += first
        number = path.removeprefix("/p/").removesuffix(".jpg")
        if number.isdecimal() and int(number) < self.count:
            return "200 OK", numbered(self.base, int(number))
        return "404 Not Found", b"not here"


class Connection(asyncio.Protocol):
    """One client's connection: HTTP/1.1, GET alone, open until the client closes it."""

    def __init__(self, site: Served):
        self.site = site
        self.read = b""
        self.is_new = True

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.read += data
        while b"\r\n\r\n" in self.read:
            head, self.read = self.read.split(b"\r\n\r\n", 1)
            self.site.waiting += 1
            self.site.most = max(self.site.most, self.site.waiting)
            status, body = self.site.answer(head.split(b" ", 2)[1].decode(), self.is_new)
            self.is_new = False
            close = b"connection: close" in head.lower()
            kind = "image/jpeg" if body.startswith(b"\xff\xd8") else "text/plain"
            answer = (
                f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
                f"Connection: {'close' if close else 'keep-alive'}\r\n\r\n"
            ).encode() + body
            if self.site.latency:
                loop = asyncio.get_running_loop()
                loop.call_later(self.site.latency, self._send, answer, close)
            else:
                self._send(answer, close)

    def _send(self, answer: bytes, close: bool) -> None:
        self.site.waiting -= 1
        self.transport.write(answer)
        if close:
            self.transport.close()


def bare(job: Job) -> None:
    """Read every picture and drop it, with as little work as Python allows."""
    numbers = iter(range(job.count))  # next() of it is atomic

    def fetch() -> None:
        with socket.create_connection(("127.0.0.1", job.port)) as connection:
            for n in numbers:
                connection.sendall(b"GET /p/%d.jpg HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" % n)
                head, _, body = connection.recv(65536).partition(b"\r\n\r\n")
                left = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0]) - len(body)
                connection.recv(left, socket.MSG_WAITALL)

    threads = [threading.Thread(target=fetch) for _ in range(job.workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def ours(job: Job) -> None:
    """Download with the store and the client of the scrape stage."""
    from src.params import read_params
    from src.scrape.http.client import Client
    from src.scrape.store import store
    from src.scrape.url_lists import list_urls

    folder, p = Path(job.folder), read_params()
    scrape = p.scrape.model_copy(
        update={
            "workers": job.workers,
            "per_host": job.workers,
            "requests_per_second": 1e6,
            "allow_hosts": ["127.0.0.1"],
            "max_requests": 10**9,
            "max_items": 10**9,
            "shard_size": 10**9,  # files stay files, to be compared
            "retries": RETRIES,
            "timeout_s": TIMEOUT_S,
        }
    )
    urls = p.urls.model_copy(update={"path": str(folder / "urls.txt")})
    rows = list_urls(urls, scrape.max_items, folder).rows
    client = Client(scrape, folder / "http")
    ledger = store(rows, client.get, folder / "out", scrape)
    (folder / "ended.json").write_text(json.dumps(time.time()))
    print(ledger.counts())


def scrapy(job: Job) -> None:
    """Download one item per picture with Scrapy's FilesPipeline, which writes files unchanged.

    That pipeline ignores CONCURRENT_REQUESTS when many items come at once: 2.19 opens all 2,000
    requests, each on its own connection. So the spider itself limits the open items.
    """
    import scrapy
    from scrapy.crawler import CrawlerProcess
    from scrapy.signals import item_scraped

    class Pictures(scrapy.Spider):
        name = "pictures"

        async def start(self):
            free = asyncio.Semaphore(job.workers)

            def done() -> None:
                free.release()

            self.crawler.signals.connect(done, item_scraped)
            for url in job.urls():
                await free.acquire()
                yield {"file_urls": [url]}

    settings = {
        "ITEM_PIPELINES": {"scrapy.pipelines.files.FilesPipeline": 1},
        "FILES_STORE": str(Path(job.folder) / "out"),
        "CONCURRENT_REQUESTS": job.workers,
        "CONCURRENT_REQUESTS_PER_DOMAIN": job.workers,
        "DOWNLOAD_DELAY": 0,
        "DOWNLOAD_TIMEOUT": TIMEOUT_S,
        "RETRY_TIMES": RETRIES,
        "ROBOTSTXT_OBEY": True,
        "COOKIES_ENABLED": False,
        "TELNETCONSOLE_ENABLED": False,
        "LOG_LEVEL": "ERROR",
    }
    process = CrawlerProcess(settings)
    process.crawl(Pictures)
    process.start()


def img2dataset(job: Job) -> None:
    """Download with the default of one process. It computes a digest of each file, like ours."""
    from img2dataset import download

    folder = Path(job.folder)
    download(
        url_list=str(folder / "urls.txt"),
        input_format="txt",
        output_folder=str(folder / "out"),
        output_format="files",
        processes_count=1,
        thread_count=job.workers,
        disable_all_reencoding=True,
        extract_exif=False,
        compute_hash="sha256",
        retries=RETRIES,
        timeout=TIMEOUT_S,
        enable_wandb=False,
    )


ROLES: dict[str, Callable[[Job], None]] = {
    "server": serve,
    "bare": bare,
    "ours": ours,
    "scrapy": scrapy,
    "img2dataset": img2dataset,
}

if __name__ == "__main__":
    main()
