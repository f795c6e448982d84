"""Our scraper against img2dataset and Scrapy: python -m benchmarks.scrape [--growth]

All fetch the same pictures (JPEG, about 35 KB, no two alike) from a server on 127.0.0.1, which is
a process of its own, and write them as they are; each run is a fresh process, the tools take
turns, and every file is compared with what was served. Peers are as fast as their options make
them: no picture is decoded, no EXIF is read, nothing is synced to disk. Ours keeps all of its
safety on.

The seconds are those from the first request that the server sees to the last picture written (ours:
until the table is made); what comes before is start-up. `As a whole process` counts that, too, and
how long a tool takes to end: Scrapy looks every 5 s whether it is done. CPU is all that a tool's
processes took, start-up included; the peak is that of its largest process. `bare` is as many
sockets that read and drop everything: how fast the server is. Prints medians over rounds; ratios
are paired by round, and the headline is on the last line.

    python -m benchmarks.scrape [--count 2000] [--workers 16] [--rounds 3] [--latency 0 0.05]
    python -m benchmarks.scrape --growth [1000 50000]     ours alone, on pictures of 1 to 2 KB

Peers are installed into .cache/bench-venv the first time; this file runs there, too, so that it
imports nothing but the standard library until it knows what it is.
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
# The side of a picture and of the noise that it is enlarged from: about 35 KB, and 1 to 2 KB.
LARGE, SMALL = (512, 32), (64, 16)


@dataclass(frozen=True)
class Job:
    """What a child process is told."""

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
    """What one run took."""

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
    parser.add_argument("--latency", type=float, nargs="+", default=[0, 0.05], help="s per answer")
    parser.add_argument("--growth", type=int, nargs="*", metavar="LISTED", help="ours alone")
    parser.add_argument("--as", dest="role", choices=list(ROLES), help=argparse.SUPPRESS)
    parser.add_argument("--job", type=json.loads, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.role:
        ROLES[arguments.role](Job(**arguments.job))
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that children end, too
    WORK.mkdir(parents=True, exist_ok=True)
    try:
        if arguments.growth is not None:
            growth(arguments.growth or [1000, 50_000], arguments.workers)
        else:
            compare(arguments.count, arguments.workers, arguments.rounds, arguments.latency)
    finally:
        shutil.rmtree(WORK)


def compare(count: int, workers: int, rounds: int, latencies: list[float]) -> None:
    """Every tool in turn, at each latency."""
    install()
    headline = []
    for latency in latencies:
        runs: dict[str, list[Run]] = {tool: [] for tool in TOOLS}
        for _ in range(rounds):
            for tool in TOOLS:
                runs[tool].append(measure(tool, Job("", count, workers, latency, LARGE)))
        limit = f", so {workers / latency:.0f} images/s at best" if latency else ""
        print(f"\n{count:,} pictures, {workers} at a time, {1000 * latency:.0f} ms each{limit}\n")
        table({NAMES.get(tool, tool): found for tool, found in runs.items()}, "tool")
        theirs = [ratio(runs["ours"], runs[peer]) for peer in ("img2dataset", "scrapy")]
        labels = ("", "") if headline else ("ours over img2dataset ", "over Scrapy ")
        told = ", ".join(f"{label}{r:.1f}" for label, r in zip(labels, theirs, strict=True))
        headline.append(f"{told} ({1000 * latency:.0f} ms)")
    print(f"\nratio of images/s, {', '.join(headline)}")


def growth(sizes: list[int], workers: int) -> None:
    """Ours alone: what more listed items cost."""
    runs = {f"{size:,}": [measure("ours", Job("", size, workers, 0, SMALL))] for size in sizes}
    table(runs, "listed")
    peaks = [found[0].peak for found in runs.values()]
    told = " and ".join(f"{peak:.0f} MB at {size}" for size, peak in zip(runs, peaks, strict=True))
    print(f"\npeak memory, last over first: {peaks[-1] / peaks[0]:.2f} ({told})")


def table(runs: dict[str, list[Run]], title: str) -> None:
    print(
        f"| {title} | images/s | as a whole process | CPU ms per image | start-up s | peak MB | "
        "server's CPU ms per image |"
    )
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, found in runs.items():
        columns = zip(*(asdict(run).values() for run in found), strict=True)
        middle = Run(*map(statistics.median, columns))
        print(
            f"| {name} | {middle.speed:,.0f} | {middle.whole:,.0f} | {middle.cpu:.2f} | "
            f"{middle.startup:.1f} | {middle.peak:,.0f} | {middle.served:.2f} |",
            flush=True,
        )


def ratio(mine: list[Run], theirs: list[Run]) -> float:
    return statistics.median(a.speed / b.speed for a, b in zip(mine, theirs, strict=True))


def measure(tool: str, job: Job) -> Run:
    """One run of a tool in a fresh process, against a fresh server."""
    with tempfile.TemporaryDirectory(dir=WORK, prefix=f"{tool}-") as name:
        folder = Path(name)
        job = Job(**{**asdict(job), "folder": name})
        with served(job) as port:
            job = Job(**{**asdict(job), "port": port})
            (folder / "urls.txt").write_text("\n".join(job.urls()) + "\n")
            os.sync()  # or the first to sync a file pays for what others left unwritten
            began = time.time()
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
            whole=count / (ended - began),
            cpu=1000 * cpu / count,
            startup=seen["first"] - began,
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


def start(role: str, job: Job) -> subprocess.Popen:
    """A child process in a session of its own, so that it can be ended with all of its own."""
    folder = Path(job.folder)
    # -P: peers must not find our audit.py or train.py where they look for modules
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


def wait(tool: str, process: subprocess.Popen, log: Path) -> tuple[float, float]:
    """CPU seconds and peak MB, once the process has ended; both with what it had started."""
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
        said = log.read_text(errors="replace")[-3000:]
        raise SystemExit(f"{tool} failed with {process.returncode}; it said last:\n{said}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def check(tool: str, job: Job) -> float:
    """When the last picture was written. Ends the benchmark where any is missing or altered."""
    folder = Path(job.folder)
    expected = Counter(hashlib.sha256(body).hexdigest() for body in bodies(job))
    found: Counter[str] = Counter()
    last = 0.0
    for path in (folder / "out").rglob("*"):
        if path.is_file() and (data := path.read_bytes()).startswith(b"\xff\xd8"):
            found[hashlib.sha256(data).hexdigest()] += 1
            last = max(last, path.stat().st_mtime)
    if found != expected:
        said = (folder / f"{tool}.log").read_text(errors="replace")[-3000:]
        raise SystemExit(
            f"{tool} wrote {found.total():,} pictures, {(found & expected).total():,} of the "
            f"{job.count:,} served; it said last:\n{said}"
        )
    told = folder / "ended.json"
    return json.loads(told.read_text()) if told.exists() else last


def bodies(job: Job) -> Iterator[bytes]:
    base = (Path(job.folder) / "base.jpeg").read_bytes()
    return (numbered(base, n) for n in range(job.count))


def numbered(base: bytes, n: int) -> bytes:
    """A JPEG file with a number in a comment, which goes behind the JFIF header."""
    return base[:20] + b"\xff\xfe\x00\x12" + b"%016d" % n + base[20:]


@contextmanager
def served(job: Job) -> Iterator[int]:
    """The server's port, while it runs."""
    process = start("server", job)
    try:
        line = process.stdout.readline()
        if not line:
            said = (Path(job.folder) / "server.log").read_text(errors="replace")
            raise SystemExit(f"the server did not start:\n{said}")
        yield int(line)
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def install() -> None:
    """Make the peers' environment, unless it is there."""
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
            raise SystemExit(
                f"the peers could not be installed:\n{(done.stdout + done.stderr)[-3000:]}"
            )
    ready.write_text(json.dumps(PEERS))


# ---- the children


def serve(job: Job) -> None:
    """Answer on a free port of 127.0.0.1, which is printed, until the parent is done."""
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
    loop.add_reader(sys.stdin, os._exit, 0)  # closed when the parent is gone, however it went
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@dataclass
class Served:
    """The pictures, and who asked for them."""

    base: bytes
    count: int
    latency: float
    first: float = 0
    cpu: float = 0
    requests: int = 0
    waiting: int = 0
    most: int = 0  # waiting at a time
    clients: int = 0  # connections that asked for something

    def answer(self, path: str, first: bool) -> tuple[str, bytes]:
        """Status and body; `first` of its connection."""
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
    """One client's connection: HTTP/1.1, GET alone, kept alive unless asked otherwise."""

    def __init__(self, site: Served):
        self.site = site
        self.read = b""
        self.asked = False

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.read += data
        while b"\r\n\r\n" in self.read:
            head, self.read = self.read.split(b"\r\n\r\n", 1)
            self.site.waiting += 1
            self.site.most = max(self.site.most, self.site.waiting)
            status, body = self.site.answer(head.split(b" ", 2)[1].decode(), not self.asked)
            self.asked = True
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
    from src.params import read_params
    from src.scrape.http.client import Client
    from src.scrape.store import store

    folder = Path(job.folder)
    scrape = read_params().scrape.model_copy(
        update={
            "workers": job.workers,
            "per_host": job.workers,
            "requests_per_second": 1e6,
            "allow_hosts": ["127.0.0.1"],
            "max_requests": 10**9,
            "retries": RETRIES,
            "timeout_s": TIMEOUT_S,
        }
    )
    rows = [
        {
            "page": n // 100 + 1,
            "position": n % 100 + 1,
            "item_id": f"nm{n:07}",
            "name": f"Person {n}",
            "page_url": f"http://127.0.0.1:{job.port}/list?page={n // 100 + 1}",
            "image_url": url,
            "stated_total": job.count,
        }
        for n, url in enumerate(job.urls())
    ]
    client = Client(scrape, folder / "http")
    made = store(rows, client.get, folder / "out", scrape)
    (folder / "ended.json").write_text(json.dumps(time.time()))
    print(made["status"].value_counts().to_dict())


def scrapy(job: Job) -> None:
    """One item per picture, and its FilesPipeline, which writes files as they came.

    That pipeline heeds no CONCURRENT_REQUESTS when many items come at once (2.19 had all 2,000
    requests open, each on a connection of its own), so the spider hands out no more than that.
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
    """Its default of one process; a digest of each file is taken, as by ours."""
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
