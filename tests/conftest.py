"""What tests share: the project's parameters, changed at will, and real data where there is any."""

import gc
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from tempfile import NamedTemporaryFile

import numpy as np
import pytest
import yaml
from hypothesis import settings

from src.demo import portraits
from src.imaging.resizing import resize
from src.params import Params, read_params
from src.scrape.http.cache import Body
from src.scrape.store import Fetch, ParseBody

# Tiny networks, here and in what tests start: a second thread only waits, on a busy machine for long.
os.environ["OMP_NUM_THREADS"] = "1"
# No test cuts the power, and each of thousands of files would wait for the disk.
os.fsync = lambda handle: None

# The same examples every time; HYPOTHESIS_PROFILE=explore looks for new ones.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

ROOT = Path(__file__).parent.parent
# who commits in the repositories that tests make
IDENTITY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "t"), ("EMAIL", "t@example.org"))
}
# in a program's text: tests may run as a shell's background job, which ignores Ctrl-C
ALLOW_CTRL_C = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
DEFAULTS = read_params(ROOT / "params.yaml")
SCRAPE = DEFAULTS.scrape
REAL_DATA = Path(os.environ.get("REAL_DATA", ROOT.parent / "shared" / "data"))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Import all tests without looking for garbage, which takes a quarter of that time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


# Begun first, so that no worker is left alone with one of them at the end.
LONGEST = [
    "test_pipeline.py",
    "test_cluster.py",
    "test_distributed.py",
    "test_catalogue.py",
    "test_checkpoint.py",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ranks = {name: rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path.name, len(ranks)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say that failures may come from an experiment, which leaves its settings in params.yaml."""
    command = ["git", "diff", "--quiet", "HEAD", "--", "params.yaml"]
    if (
        terminalreporter.stats.get("failed")
        and subprocess.run(command, cwd=ROOT, stderr=subprocess.DEVNULL).returncode == 1
    ):
        terminalreporter.write_line(
            "params.yaml differs from the last commit, and tests hold what follows from its values: "
            "`git checkout params.yaml` and run them again"
        )


def handing(bytes_of: Callable[[str], bytes]) -> Fetch:
    """A fetch that has bytes for every URL."""

    def fetch(url: str, use: ParseBody) -> dict:
        with NamedTemporaryFile() as file:
            file.write(bytes_of(url))
            file.flush()
            return use(Body(Path(file.name)))

    return fetch


def write_params(path: Path, changes: dict[str, object]) -> None:
    """The project's params.yaml with some values changed, by their dotted keys."""
    values = deepcopy(PARAMS)
    for key, value in changes.items():
        *sections, last = key.split(".")
        section_values = values
        for section in sections:
            section_values = section_values[section]
        section_values[last] = value
    # in C, because a thousand tests call this
    path.write_text(yaml.dump(values, Dumper=yaml.CSafeDumper), encoding="utf-8")


def copy_rulings(folder: Path) -> None:
    """Copy the project's rulings to a folder in which stages run."""
    shutil.copytree(ROOT / "rulings", folder / "rulings", dirs_exist_ok=True)


@pytest.fixture
def changed(tmp_path: Path) -> Callable[..., Params]:
    """params.yaml with some values changed: changed({"split.group_by": "image"})."""

    def change(changes: dict[str, object] | None = None) -> Params:
        path = tmp_path / "changed-params.yaml"
        write_params(path, changes or {})
        return read_params(path)

    return change


@pytest.fixture(scope="session")
def faces() -> list[np.ndarray]:
    """Forty different drawn portraits, (256, 192, 3) uint8."""
    return [portraits.draw(11, person) for person in range(40)]


@pytest.fixture(scope="session")
def photos(faces) -> np.ndarray:
    """The same portraits, smaller, (40, 32, 32, 3) uint8."""
    return np.stack([resize(face, 32, 32) for face in faces])


def real(folder: str, pattern: str = "*.jpg") -> list[Path]:
    """Files of the real data, sorted; skips the test, visibly, where there are none."""
    found = sorted((REAL_DATA / folder).glob(pattern))
    if not found:
        pytest.skip(f"no real data at {REAL_DATA / folder} (set REAL_DATA)")
    return found
