"""A scrape that is killed, stopped or refused half-way goes on where it was."""

import os
import random
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
from tests.conftest import ROOT
from tests.servers import Answer, Server, served

PICTURES = 300
KILLS = 20
AT_ONCE = 4
PROGRAM = "from src.errors import reported; from stages.scrape import main\nwith reported('scrape'): main()"


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
def place(server: Server, tmp_path: Path) -> Callable[..., Path]:
    """A folder with the settings for a scrape of the server: place("here")."""

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
        (folder / "params.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
        return folder

    return make


def start(folder: Path, first: str = "") -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", first + PROGRAM],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(folder: Path, first: str = "") -> tuple[int, str]:
    """Exit status and what was said; `first` is run before the program."""
    process = start(folder, first)
    return (process.communicate(timeout=60)[1], process.returncode)[::-1]


def written(folder: Path) -> dict[str, bytes]:
    """Every file that the stage leaves, by name."""
    kept = [*(folder / "data").rglob("*"), *(folder / "metrics").rglob("*")]
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in kept if p.is_file()}


def pictures_asked(server: Server) -> Counter[str]:
    return Counter(target for target in server.asked if target.startswith("/p/"))


def kept(folder: Path) -> set[str]:
    """Targets whose bodies were kept by the runs so far."""
    table = folder / ".cache/http/answers.sqlite"
    if not table.exists():
        return set()
    with closing(sqlite3.connect(table)) as rows:
        if not rows.execute("SELECT name FROM sqlite_master").fetchall():
            return set()
        found = rows.execute("SELECT url FROM answers WHERE runs IS NULL").fetchall()
    return {"/" + url.split("/", 3)[3] for (url,) in found}


def test_a_scrape_killed_at_twenty_moments_ends_as_if_undisturbed(server, place):
    quiet, killed = place("quiet"), place("killed")
    assert finish(quiet)[0] == 0
    server.asked.clear()
    have: set[str] = set()
    seen = 0
    for moment in sorted(random.Random(5).sample(range(1, PICTURES), KILLS)):
        process = start(killed)
        while len(server.asked) < moment and process.poll() is None:
            time.sleep(0.002)
        process.kill()
        process.communicate()
        assert not have & set(server.asked[seen:])
        have, seen = kept(killed), len(server.asked)
    assert PICTURES > len(have) > PICTURES / 4
    for _ in range(2):
        assert finish(killed)[0] == 0
        assert not have & set(server.asked[seen:])
        have, seen = kept(killed), len(server.asked)
        assert written(killed) == written(quiet)
    assert have == {"/p/7.jpg", "/p/8.jpg"} ^ {t for t in server.answers if t != "/album?page=4"}


def test_ctrl_c_stops_within_two_seconds_and_says_what_is_done(server, place):
    folder = place("here", timeout_s=20)
    server["/p/100.jpg"] = Answer(picture(100), pause=15)  # someone is still waiting for this one
    # a shell's background job, as which tests may run, has Ctrl-C switched off
    process = start(folder, "import signal\nsignal.signal(2, signal.default_int_handler)\n")
    while sum(pictures_asked(server).values()) < 150:
        time.sleep(0.01)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=30)[1]
    assert time.monotonic() - began < 2
    assert process.returncode == 130
    assert "interrupted" in said and f"of {PICTURES} pictures" in said
    assert "run the same command to go on" in said
    assert "Traceback" not in said
    server["/p/100.jpg"] = Answer(picture(100))
    assert finish(folder)[0] == 0
    assert pictures_asked(server)["/p/3.jpg"] == 1


def test_a_server_gone_half_way_is_an_error_and_what_was_fetched_is_kept(server, place):
    folder = place("here", retries=0, timeout_s=1)
    gone = threading.Event()
    honest = server.answer

    def answer(target: str, headers: dict[str, str]) -> Answer:
        found = honest(target, headers)
        if sum(pictures_asked(server).values()) > 100 and not gone.is_set():
            return Answer(status=0)
        return found

    server.answer = answer
    status, said = finish(folder)
    assert status == 1
    assert "asked no more" in said and "What was fetched is kept" in said
    assert "Traceback" not in said
    assert not (folder / "data/raw/ledger.parquet").exists()
    gone.set()
    before = len(server.asked)
    assert finish(folder)[0] == 0
    assert len(server.asked) - before < PICTURES - 60
    assert len(written(folder)) == PICTURES - 2 + 3 + 2  # pages; the ledger and the metrics


def test_a_budget_ends_a_run_and_the_next_goes_on(server, place):
    folder = place("here", max_requests=150)
    status, said = finish(folder)
    assert status == 1
    assert "scrape.max_requests = 150 is used up" in said
    assert f"of {PICTURES} pictures" in said
    assert len(server.asked) <= 150
    status, said = finish(folder)
    assert status in (0, 1)
    assert len(server.asked) <= 300
    while status:
        status, said = finish(folder)
    assert pictures_asked(server)["/p/0.jpg"] == 1


def test_a_folder_that_may_not_be_written_is_an_error_by_its_name(server, place):
    folder = place("here")
    (folder / ".cache").write_text("a file where a folder should be")
    status, said = finish(folder)
    assert status == 1
    assert ".cache" in said and "Traceback" not in said


# A write beyond so many bytes fails as on a full disk.
SMALL_DISK = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({0}, {0}))
"""


@pytest.mark.parametrize("bytes_left", [100_000, 3_000])
def test_a_full_disk_is_an_error_and_what_was_fetched_is_kept(server, place, bytes_left):
    folder = place("here")
    server["/p/299.jpg"] = Answer(picture(299) + bytes(200_000))
    status, said = finish(folder, SMALL_DISK.format(bytes_left))
    assert status == 1
    assert "cannot write" in said or "cannot be used" in said
    assert "Traceback" not in said and "delete" not in said
    assert not (folder / "data/raw/ledger.parquet").exists()
    had = kept(folder)
    before = len(server.asked)
    assert finish(folder)[0] == 0
    assert not had & set(server.asked[before:])
    assert (folder / "data/raw/ledger.parquet").exists()
