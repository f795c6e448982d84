"""Whether faults ever change a result: kills, signals, full disks and damaged caches, at random.

The script works in a temporary folder, with a small gallery that a server of this machine shows. An
undisturbed run of all stages gives the bytes that every other run must end with. Each round then
starts somewhere in the pipeline and disturbs it: a stage is killed (SIGKILL, SIGINT, SIGTERM) after
a random part of its time, its disk is full (no file may grow beyond a random size), or files of the
caches are damaged (a bit is flipped, the end is cut off, the file is emptied). After that the stages
run undisturbed. data/ and metrics/ must then have the bytes of the undisturbed run.

Each round has a seed of its own, which draws everything in it, so that it can be repeated alone.

    python -m benchmarks.soak [--minutes 60] [--seed 0] [--only SEED]
"""

import argparse
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import yaml

from src.demo import portraits
from src.errors import UserError, exit_on_user_error
from src.progress import progress_bar
from src.storage.encoding import encode_jpeg
from tests.servers import Answer, Server, served

ROOT = Path(__file__).parents[1]
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
PEOPLE, PER_PAGE = 60, 20
SETTINGS = {
    "gallery": {"item": "li.p", "name": "b"},
    "scrape": {
        "allow_hosts": ["127.0.0.1"],
        "requests_per_second": 200,
        "backoff_s": 0.01,
        "max_failed_runs": 100,
    },
    "split": {"val_fraction": 0.2, "method": "exact"},
    "pair": {"crop_size": 32, "load_size": 36},
    "train": {"steps": 12, "batch_size": 4, "snapshots": 2, "checkpoint_every": 3, "device": "cpu"},
    "evaluate": {"fid": "none", "lpips": "none", "device": "cpu"},
    "audit": {"on_failure": "report"},
}
SIGNALS = {"SIGKILL": -9, "SIGINT": 130, "SIGTERM": 143}  # and the exit statuses they lead to
FAULTS = (*SIGNALS, "full disk", "damaged caches")
CACHES = (".cache", ".resume")
MAX_LEFT_BYTES = 60_000  # that a file may have on a full disk
TIMEOUT_S = 300
CONTEXT = get_context("forkserver")  # which imports once what all stages need


@dataclass
class Round:
    """What one seed did.

    Attributes:
        seed: Draws everything in it.
        faults: Each disturbance with its stage.
        failure: Why it did not survive; "" if it did.
    """

    seed: int
    faults: list[str] = field(default_factory=list)
    failure: str = ""


@dataclass
class Run:
    """A stage that runs in a process of its own, and what it says."""

    process: BaseProcess
    messages: Connection

    def wait(self) -> tuple[int | None, str]:
        """Return its exit status and its messages."""
        parts = []
        while part := os.read(self.messages.fileno(), 1 << 16):
            parts.append(part)
        self.process.join(TIMEOUT_S)
        return self.process.exitcode, b"".join(parts).decode()


def run_stage(stage: str, folder: Path, bytes_left: int | None, messages: Connection) -> None:
    """Be a stage's program: the body of a process, which begins with all libraries imported."""
    os.setsid()
    os.chdir(folder)
    for number in (1, 2):
        os.dup2(messages.fileno(), number)
    messages.close()
    # the soak itself may run in the background, where Ctrl-C is ignored
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if bytes_left is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_left, bytes_left))
    with exit_on_user_error(stage):
        os.write(1, b"!")
        import_module(f"stages.{stage}").main()


class Project:
    """A small project in a folder of its own, whose stages run as DVC runs them."""

    def __init__(self, folder: Path, server: Server):
        self.folder = folder
        folder.mkdir()
        shutil.copytree(ROOT / "rulings", folder / "rulings")
        values = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
        values["source"] = "gallery"
        for section, changes in SETTINGS.items():
            values[section] |= changes
        values["gallery"]["url"] = server["/album?page={page}"]
        values["models"]["encdec"] |= {"ngf": 4, "n_downs": 2}
        values["train"]["discriminator"] |= {"ndf": 4, "n_layers": 1}
        text = yaml.safe_dump(values, sort_keys=False)
        (folder / "params.yaml").write_text(text, encoding="utf-8")
        self.seconds: dict[str, float] = {}

    def start(self, stage: str, bytes_left: int | None = None) -> "Run":
        """Remove a stage's outputs, as DVC does, and start it.

        Args:
            stage: Its name in dvc.yaml.
            bytes_left: The largest size of a file that the disk takes; None: any.
        """
        metrics = (name for entry in STAGES[stage].get("metrics", []) for name in entry)
        for name in (*STAGES[stage]["outs"], *metrics):
            path = self.folder / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        reader, writer = CONTEXT.Pipe(duplex=False)
        process = CONTEXT.Process(target=run_stage, args=(stage, self.folder, bytes_left, writer))
        process.start()
        writer.close()
        os.read(reader.fileno(), 1)  # signals are the stage's own from now on
        return Run(process, reader)

    def finish(self, stages: list[str]) -> None:
        """Run stages undisturbed; raise UserError with the messages of one that fails."""
        for stage in stages:
            start = time.monotonic()
            status, messages = self.start(stage).wait()
            self.seconds.setdefault(stage, time.monotonic() - start)
            if status:
                raise UserError(f"{stage} failed undisturbed: {messages[-600:]}")

    def files(self) -> dict[str, bytes]:
        """Return all outputs by name, without the temporary files that SIGKILL leaves."""
        roots = (self.folder / name for name in ("data", "metrics"))
        paths = (path for root in roots for path in root.rglob("[!.]*") if path.is_file())
        return {path.relative_to(self.folder).as_posix(): path.read_bytes() for path in paths}


def add_album(server: Server) -> None:
    """Put a gallery of drawn portraits on a server; some pictures are missing or error pages."""
    for page in range(PEOPLE // PER_PAGE):
        people = range(page * PER_PAGE, (page + 1) * PER_PAGE)
        items = "".join(
            f'<li class="p"><a href="/who/{n}"><img src="/p/{n}.jpg"></a><b>Person {n}</b></li>'
            for n in people
        )
        server[f"/album?page={page + 1}"] = Answer(f"<body>{items}</body>".encode())
    server[f"/album?page={PEOPLE // PER_PAGE + 1}"] = Answer(b"<title>Not found</title>", 404)
    for n in range(PEOPLE):
        server[f"/p/{n}.jpg"] = Answer(encode_jpeg(portraits.draw(7, n)))
    server["/p/7.jpg"] = Answer(b"gone", 404)
    server["/p/8.jpg"] = Answer(b"<html><title>Page not found</title></html>")


def disturb(project: Project, stage: str, fault: str, rng: random.Random) -> str:
    """Disturb a stage; return why that was not in order, or ""."""
    if fault == "damaged caches":
        damage(project.folder, rng)
        return ""
    left = rng.randrange(64, MAX_LEFT_BYTES) if fault == "full disk" else None
    run = project.start(stage, left)
    if fault in SIGNALS:
        time.sleep(rng.random() * 1.1 * project.seconds[stage])
        # a whole group, as a terminal does; or the stage alone, as a supervisor does
        send = os.killpg if fault == "SIGKILL" or rng.random() < 0.5 else os.kill
        with suppress(ProcessLookupError):  # it has ended, or not begun
            send(run.process.pid or 0, getattr(signal, fault))
    status, messages = run.wait()
    if status not in {0, SIGNALS.get(fault, 1)}:
        return f"{stage} ended with {status} by {fault}: {messages[-600:]}"
    return (
        f"{stage} has a traceback by {fault}: {messages[-600:]}" if "Traceback" in messages else ""
    )


def damage(folder: Path, rng: random.Random) -> None:
    """Damage up to three files of the caches: flip a bit, cut the end off, or empty the file."""
    paths = sorted(p for name in CACHES for p in (folder / name).rglob("*") if p.is_file())
    for path in rng.sample(paths, min(len(paths), 3)):
        data = bytearray(path.read_bytes())
        kind = rng.choice(("flip", "cut", "empty")) if data else "empty"
        if kind == "flip":
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        elif kind == "cut":
            del data[rng.randrange(len(data)) :]
        else:
            data.clear()
        path.unlink()  # bodies may be links to what data/ holds
        path.write_bytes(data)


def soak_round(project: Project, reference: dict[str, bytes], seed: int) -> Round:
    """Disturb the project by a seed's faults, let it finish, and compare its bytes."""
    rng, stages, done = random.Random(seed), list(STAGES), Round(seed)
    first = rng.randrange(len(stages))
    if rng.random() < 0.3:
        for name in CACHES:
            shutil.rmtree(project.folder / name, ignore_errors=True)
    stage = stages[first]
    for _ in range(rng.randint(1, 3)):
        fault = rng.choice(FAULTS)
        done.faults.append(f"{fault} in {stage}")
        done.failure = disturb(project, stage, fault, rng)
        if done.failure:
            return done
    try:
        project.finish(stages[first:])
    except UserError as error:
        done.failure = str(error)
        return done
    files = project.files()
    changed = sorted(
        name for name in files.keys() | reference.keys() if files.get(name) != reference.get(name)
    )
    if changed:
        done.failure = f"{len(changed)} files differ, such as {', '.join(changed[:5])}"
    return done


@contextmanager
def small_project() -> Iterator[Project]:
    """Yield a project whose stages have run undisturbed."""
    # a stage that still runs when the soak is interrupted may write there
    folder = tempfile.TemporaryDirectory(prefix="soak-", ignore_cleanup_errors=True)
    with folder as name, served() as server:
        add_album(server)
        project = Project(Path(name) / "project", server)
        project.finish(list(STAGES))
        yield project


def soak(project: Project, seeds: Iterator[int], seconds: float) -> list[Round]:
    """Run rounds for some time; print each that fails."""
    reference, rounds, start = project.files(), list[Round](), time.monotonic()
    bar = progress_bar(None, round(seconds), "seconds of the soak")
    kept = project.folder.with_name("kept")
    shutil.copytree(project.folder, kept)
    for seed in seeds:
        if time.monotonic() - start > seconds:
            break
        done = soak_round(project, reference, seed)
        rounds.append(done)
        bar.set_postfix_str(f"{len(rounds)} rounds", refresh=False)
        bar.update(int(time.monotonic() - start) - bar.n)
        if done.failure:
            print(f"seed {seed} ({'; '.join(done.faults)}): {done.failure}", flush=True)
            shutil.rmtree(project.folder)  # the next round begins with a sound one
            shutil.copytree(kept, project.folder)
    bar.close()
    return rounds


def table(rounds: list[Round]) -> str:
    """Return how often each fault met each stage, as Markdown."""
    met = Counter(tuple(fault.split(" in ")) for done in rounds for fault in done.faults)
    lines = [f"| stage | {' | '.join(FAULTS)} |", "| --- |" + " ---: |" * len(FAULTS)]
    for stage in STAGES:
        counts = " | ".join(str(met[fault, stage]) for fault in FAULTS)
        lines.append(f"| {stage} | {counts} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60, help="how long (default: 60)")
    parser.add_argument("--seed", type=int, default=0, help="the first round's (default: 0)")
    parser.add_argument("--only", type=int, help="the one round to run")
    arguments = parser.parse_args()
    first, last = arguments.seed, sys.maxsize
    if arguments.only is not None:
        first, last = arguments.only, arguments.only + 1
    os.environ["OMP_NUM_THREADS"] = "1"
    CONTEXT.set_forkserver_preload([f"stages.{stage}" for stage in STAGES])
    with small_project() as project:
        rounds = soak(project, iter(range(first, last)), 60 * arguments.minutes)
    failed = [done.seed for done in rounds if done.failure]
    print(table(rounds))
    print(f"{len(rounds) - len(failed)} / {len(rounds)} rounds survived", end="")
    print(f"; the first seed that fails: {failed[0]}" if failed else "")
    raise SystemExit(bool(failed))


if __name__ == "__main__":
    with exit_on_user_error("soak"):
        main()
