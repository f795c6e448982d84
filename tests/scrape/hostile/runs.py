"""A scrape against a hostile server, and what holds for every one of them."""

import hashlib
import json
import re
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import pandas as pd

from src.errors import UserError
from src.imaging import decoding
from src.parallel.daemon_threads import DaemonThreadPool
from src.storage.ledger import read_ledger
from stages import scrape
from tests.conftest import copy_rulings, write_params
from tests.servers import Answer, Raw, Server

SECONDS = 9.0  # for any case in this process; the waits in it sum up to less than 6
PEAK_MB = 300
QUICK = {
    "scrape.workers": 2,
    "scrape.requests_per_second": 1000,
    "scrape.timeout_s": 0.8,
    "scrape.deadline_s": 1.6,
    "scrape.retries": 0,
    "scrape.backoff_s": 0,
    "scrape.allow_hosts": ["127.0.0.1"],
}
GALLERY = {
    "item": "div.item",
    "image": "img",
    "image_attributes": ["src"],
    "ignored_query": [],
    "link": "a",
    "name": "b",
    "next": "a.next",
    "render": False,
    "total": ".total",
}
ALLOWED = re.compile(
    r"params\.yaml|rulings/\w+\.csv|\.cache/http/answers\.sqlite(-wal|-shm)?|\.cache/http/bodies/[0-9a-f]{40}|"
    r"data/raw/pages/\d{4}\.html|data/raw/images/[0-9a-f]{24}\.[a-z]+|data/raw/ledger\.parquet|"
    r"metrics/scrape\.json"
)
# Imports once, then forks for each scrape; a fork's VmHWM begins again, which getrusage's peak does not.
FORKER = """
import json, os, sys
from src.errors import UserError
from src.scrape import sources
from stages import scrape

def scraped(folder, url):
    os.chdir(folder)
    sources.imdb_url = lambda _: url
    error = None
    try:
        scrape.main()
    except UserError as refused:
        error = str(refused)
    [peak] = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")]
    print(json.dumps({"error": error, "peak_mb": int(peak) / 1024}), flush=True)

for line in sys.stdin:
    child = os.fork()
    if not child:
        scraped(*json.loads(line))
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        print(json.dumps({"failed": True}), flush=True)
"""

Answers = Answer | Raw | list | Callable


@dataclass
class Outcome:
    """What a scrape left behind: a ledger and metrics, or the error that is the user's to mend."""

    folder: Path
    error: str | None
    seconds: float
    peak_mb: float | None = None

    @property
    def table(self) -> pd.DataFrame:
        return read_ledger(self.folder / "data/raw/ledger.parquet", "raw")

    @property
    def metrics(self) -> dict:
        return json.loads((self.folder / "metrics/scrape.json").read_text())

    @property
    def statuses(self) -> list[str]:
        if self.error and not self.error.startswith("none of the "):  # listed, and all in vain
            raise AssertionError(self.error)
        return list(self.table["status"])


class Place:
    """A folder to scrape in, and the server whose /list is scraped."""

    def __init__(self, server: Server, folder: Path):
        self.server = server
        self.folder = folder / "outer" / "work"
        self.folder.mkdir(parents=True)

    def run(self, changes: dict | None = None, source: str = "gallery") -> Outcome:
        """The scrape stage, in this process."""
        self._prepare(changes, source)
        error = None
        start = time.monotonic()
        with (
            chdir(self.folder),
            patch("src.scrape.sources.imdb_url", lambda _: self.server["/list"]),
        ):
            try:
                scrape.main()
            except UserError as refused:
                error = str(refused)
            taken = time.monotonic() - start
            # who was still fetching would store it in the folder that comes after this one
            for thread in threading.enumerate():
                if thread.name.endswith(f"({DaemonThreadPool._run_jobs.__name__})"):
                    thread.join(2)
        return self._checked(Outcome(self.folder, error, taken))

    def apart(
        self, forker: subprocess.Popen, changes: dict | None = None, source: str = "gallery"
    ) -> Outcome:
        """The same in a process of its own, to measure its memory."""
        self._prepare(changes, source)
        start = time.monotonic()
        print(json.dumps([str(self.folder), self.server["/list"]]), file=forker.stdin, flush=True)
        result = json.loads(forker.stdout.readline())
        assert "failed" not in result, "it ended in a traceback: see stderr"
        taken = time.monotonic() - start
        return self._checked(Outcome(self.folder, result["error"], taken, result["peak_mb"]))

    def _prepare(self, changes: dict | None, source: str) -> None:
        gallery = GALLERY | {"url": self.server["/list"]}
        values = {"source": source, "gallery": gallery} | QUICK | (changes or {})
        write_params(self.folder / "params.yaml", values)
        copy_rulings(self.folder)

    def _checked(self, outcome: Outcome) -> Outcome:
        """What holds for every scrape, whatever the server does."""
        _no_file_elsewhere(self.folder)
        _whole_pictures(self.folder / "data/raw/images")
        if outcome.error is None:
            _counts_add_up(outcome)
        return outcome


def _no_file_elsewhere(folder: Path) -> None:
    # workers that an error left behind may be in the middle of a file
    until = time.monotonic() + 2
    while time.monotonic() < until:
        files = [p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()]
        wrong = [name for name in files if not ALLOWED.fullmatch(name)]
        if not wrong:
            break
        time.sleep(0.05)
    assert not wrong
    around = folder.parent.parent
    assert [p for p in around.rglob("*") if p.is_file() and folder not in p.parents] == []


def _whole_pictures(folder: Path) -> None:
    for path in folder.glob("*"):
        data = path.read_bytes()
        assert path.stem == hashlib.sha256(data).hexdigest()[:24]
        assert path.suffix == f".{decoding.inspect(data).format.lower()}"


def _counts_add_up(outcome: Outcome) -> None:
    table, metrics = outcome.table, outcome.metrics
    ok = table["status"] == "ok"
    assert (
        metrics["listed"] == len(table) == metrics["downloaded"] + sum(metrics["failed"].values())
    )
    assert metrics["downloaded"] == ok.sum()
    assert metrics["failed"] == table.loc[~ok, "status"].value_counts().to_dict()
    assert table.loc[~ok, "file"].isna().all()
    folder = outcome.folder / "data/raw"
    on_disk = {path.relative_to(folder).as_posix() for path in (folder / "images").glob("*")}
    assert on_disk == set(table.loc[ok, "file"])
    for row in table[ok].itertuples():
        assert row.sha256 == hashlib.sha256((folder / row.file).read_bytes()).hexdigest()


def assert_statuses(outcome: Outcome, expected: str | list[str]) -> None:
    if isinstance(expected, str):
        assert re.search(expected, outcome.error or ""), outcome.error
    else:
        statuses = outcome.statuses
        assert len(statuses) == len(expected)
        for status, wanted in zip(statuses, expected, strict=True):
            assert status in wanted.split("|")
