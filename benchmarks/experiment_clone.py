"""A clone of the last commit, in which a benchmark runs its own DVC experiments."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from src.errors import UserError
from src.storage.locks import alone_in

OUTPUT_CHARS = 500  # of a failed command's output that the error shows


@contextmanager
def experiment_clone(folder: Path) -> Iterator["ExperimentClone"]:
    """Hold a clone while the block runs: a second benchmark in it would change its parameters.

    Args:
        folder: Holds the clone in `clone`.

    Raises:
        UserError: Another process holds the folder.
    """
    with alone_in(folder, "running a benchmark"):
        yield ExperimentClone(folder / "clone")


class ExperimentClone:
    """A clone with an identity of its own for the commits that experiments need.

    Args:
        folder: Where it lies; it is created the first time.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        if not folder.exists():
            subprocess.run(["git", "clone", "-q", ".", str(folder)], check=True)
            self.call("git", "config", "user.name", "benchmark")
            self.call("git", "config", "user.email", "benchmark@example.org")

    def fetch(self) -> str:
        """Fetch the project's last commit and return its id."""
        self.call("git", "fetch", "-q", "origin", "HEAD")
        return self.call("git", "rev-parse", "FETCH_HEAD").strip()

    def call(self, *command: str) -> str:
        """Run a command in the clone and return its output.

        Raises:
            UserError: The command fails.
        """
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True)
        if done.returncode:
            output = (done.stderr or done.stdout).strip()
            raise UserError(f"{' '.join(command[:6])} in {self.folder}: {output[-OUTPUT_CHARS:]}")
        return done.stdout

    def start(self, cache: Path) -> None:
        """Begin at the project's last commit, with a DVC cache that other clones share."""
        self.dvc("cache", "dir", "--local", str(cache))
        self.call("git", "checkout", "-q", "-f", "-B", "working", self.fetch())

    def run(self, settings: list[str], target: str) -> None:
        """Run an experiment up to a stage.

        Args:
            settings: KEY=VALUE, which override params.yaml.
            target: The stage.
        """
        self.call("git", "checkout", "-q", "-f", ".")
        self.dvc("exp", "run", *(part for each in settings for part in ("-S", each)), target)

    def dvc(self, *arguments: str) -> str:
        return self.call(sys.executable, "-m", "dvc", *arguments)
