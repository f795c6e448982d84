"""A scrape that is killed, stopped or refused half-way resumes in its next run."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import yaml

from src.storage.encoding import encode_jpeg
from tests.conftest import ALLOW_CTRL_C, ROOT, copy_rulings
from tests.servers import Answer, Server, served

PICTURES = 300
# requests before each kill: the list's pages, the first pictures, the middle, the last ones
KILL_AFTER = (1, 3, 20, 90, 160, 230, 290)
AT_ONCE = 4
PROGRAM = """
from src.errors import exit_on_user_error
from stages.scrape import main
with exit_on_user_error("scrape"):
    main()
"""


def picture(number: int) -> bytes:
    pixels = np.random.default_rng(number).integers(0, 256, (24, 24, 3), np.uint8)
    return encode_jpeg(pixels)


def album(server: Server, first: int, last: int) -> bytes:
    items = "".join(
        f'<li class="p"><a href="/who/{n}"><img src="/p/{n}.jpg"></a><b>Person {n}</b></li>'
        for n in range(first, last)
    )
    return f"<html><body>{items}</body></html>".encode()


@pytest.fixture
def server() -> Iterator[Server]:
    """An album of three pages and 300 pictures; some are missing, one is an error page."""
    with served() as server:
        third = PICTURES // 3
        for page in range(3):
            server[f"/album?page={page + 1}"] = Answer(
                album(server, third * page, third * (page + 1))
            )
        server["/album?page=4"] = Answer(b"<title>404 Not found</title>", 404)
        for n in range(PICTURES):
            server[f"/p/{n}.jpg"] = Answer(picture(n), pause=0.01)
        server["/p/7.jpg"] = Answer(b"gone", 404)
        server["/p/8.jpg"] = Answer(b"<html><title>Page not found</title></html>")
        yield server


@pytest.fixture
def scrape_folder(server: Server, tmp_path: Path) -> Callable[..., Path]:
    """Return a folder with the settings for a scrape of the server: scrape_folder("name")."""

    def make(name: str, **settings: object) -> Path:
        values = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
        values["source"] = "gallery"
        values["gallery"] |= {"url": server["/album?page={page}"], "item": "li.p", "name": "b"}
        values["scrape"] |= {
            "allow_hosts": ["127.0.0.1"],
            "requests_per_second": 10_000,
            "per_host": AT_ONCE,
            "backoff_s": 0.01,
        } | settings
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        copy_rulings(folder)
        (folder / "params.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
        return folder

    return make


def start(folder: Path, first: str = "") -> subprocess.Popen:
    """Start the stage in a folder; `first` is code to run before it."""
    return subprocess.Popen(
        [sys.executable, "-c", first + PROGRAM],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(folder: Path, first: str = "") -> tuple[int, str]:
    """Run the stage; return its exit status and its messages."""
    process = start(folder, first)
    messages = process.communicate(timeout=60)[1]
    return process.returncode, messages


def written(folder: Path) -> dict[str, bytes]:
    """Return every file that the stage wrote, by name."""
    paths = [*(folder / "data").rglob("*"), *(folder / "metrics").rglob("*")]
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in paths if p.is_file()}


def picture_requests(server: Server) -> Counter[str]:
    return Counter(target for target in server.targets if target.startswith("/p/"))


def cached(folder: Path) -> set[str]:
    """Return the targets whose bodies the runs so far have cached."""
    table = folder / ".cache/http/answers.sqlite"
    if not table.exists():
        return set()
    with closing(sqlite3.connect(table)) as rows:
        if not rows.execute("SELECT name FROM sqlite_master").fetchall():
            return set()
        urls = rows.execute("SELECT url FROM answers WHERE runs IS NULL").fetchall()
    return {"/" + url.split("/", 3)[3] for (url,) in urls}


def test_a_scrape_killed_in_every_phase_ends_like_an_undisturbed_one(server, scrape_folder):
    quiet, killed = scrape_folder("quiet"), scrape_folder("killed")
    assert finish(quiet)[0] == 0
    server.targets.clear()
    complete: set[str] = set()
    seen = 0
    for moment in KILL_AFTER:
        process = start(killed)
        while len(server.targets) < moment and process.poll() is None:
            time.sleep(0.002)
        process.kill()
        process.communicate()
        assert not complete & set(server.targets[seen:])
        complete, seen = cached(killed), len(server.targets)
    assert PICTURES > len(complete) > PICTURES / 4
    for _ in range(2):
        assert finish(killed)[0] == 0
        assert not complete & set(server.targets[seen:])
        complete, seen = cached(killed), len(server.targets)
        assert written(killed) == written(quiet)
    assert complete == {"/p/7.jpg", "/p/8.jpg"} ^ {
        t for t in server.answers if t != "/album?page=4"
    }


def test_ctrl_c_waits_for_no_answer_and_reports_progress(server, scrape_folder):
    folder = scrape_folder("scrape", timeout_s=20)
    server["/p/100.jpg"] = Answer(picture(100), pause=15)  # a thread still waits for this one
    process = start(folder, ALLOW_CTRL_C)
    while sum(picture_requests(server).values()) < 150:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    sent = time.monotonic()
    process.send_signal(signal.SIGINT)
    messages = process.communicate(timeout=30)[1]
    assert time.monotonic() - sent < 10
    assert process.returncode == 130
    assert "interrupted" in messages and f"of {PICTURES} pictures" in messages
    assert "run the same command to continue" in messages
    assert "Traceback" not in messages
    server["/p/100.jpg"] = Answer(picture(100))
    assert finish(folder)[0] == 0
    assert picture_requests(server)["/p/3.jpg"] == 1


def test_a_server_that_goes_away_is_an_error_and_no_fetched_picture_is_lost(server, scrape_folder):
    folder = scrape_folder("scrape", retries=0, timeout_s=1)
    back = threading.Event()
    honest = server.answer

    def answer(target: str, headers: dict[str, str]) -> Answer:
        usual = honest(target, headers)
        down = sum(picture_requests(server).values()) > 100 and not back.is_set()
        return Answer(status=0) if down else usual

    server.answer = answer
    status, messages = finish(folder)
    assert status == 1
    assert "asked no more" in messages and "What was fetched is kept" in messages
    assert "Traceback" not in messages
    assert not (folder / "data/raw/ledger.parquet").exists()
    back.set()
    before = len(server.targets)
    assert finish(folder)[0] == 0
    assert len(server.targets) - before < PICTURES - 60
    assert len(written(folder)) == PICTURES - 2 + 3 + 2  # pages; the ledger and the metrics


def test_a_folder_that_cannot_be_written_is_named(server, scrape_folder):
    folder = scrape_folder("scrape")
    (folder / ".cache").write_text("a file where a folder should be")
    status, messages = finish(folder)
    assert status == 1
    assert ".cache" in messages and "Traceback" not in messages


# Writes beyond a file size fail as on a full disk.
SMALL_DISK = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({0}, {0}))
"""


@pytest.mark.parametrize("bytes_left", [100_000, 3_000])
def test_a_full_disk_is_an_error_and_no_fetched_picture_is_lost(server, scrape_folder, bytes_left):
    folder = scrape_folder("scrape")
    server["/p/299.jpg"] = Answer(picture(299) + bytes(200_000))
    status, messages = finish(folder, SMALL_DISK.format(bytes_left))
    assert status == 1
    assert "cannot write" in messages or "cannot be used" in messages
    assert "Traceback" not in messages and "delete" not in messages
    assert not (folder / "data/raw/ledger.parquet").exists()
    before_fix = cached(folder)
    before = len(server.targets)
    assert finish(folder)[0] == 0
    assert not before_fix & set(server.targets[before:])
    assert (folder / "data/raw/ledger.parquet").exists()
