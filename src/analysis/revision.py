"""An experiment, a commit or the working folder, and what it holds: artifacts, metrics, settings."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from src.errors import UserError, one_line

WORKSPACE = "workspace"
# of an experiment, for a comparison
ARTIFACTS = (
    "data/predictions",
    *(f"data/pairs/{folder}/val" for folder in ("photo", "colorize", "sketch")),
)
LABELS = "data/pairs/labels/val"  # only of sources that have label maps
PARAMETERS, SCORES = "params.yaml", "metrics/evaluate.json"
HISTORY, PROGRESS, DISTANCES = (
    f"metrics/{name}.csv" for name in ("history", "progress", "distances")
)
# what a page shows beside them; an older commit may lack some
DETAILS = (PARAMETERS, SCORES, HISTORY, PROGRESS, DISTANCES)
REMEDY = (
    "`dvc fetch -A` gets what a remote holds of them; else `dvc repro evaluate` computes the checked-"
    f"out commit's, to be compared as `{WORKSPACE}`, and `dvc exp run -n NAME` an experiment's again"
)


@dataclass(frozen=True)
class Revision:
    """A state of the project.

    Attributes:
        name: An experiment, a commit, or WORKSPACE.
        commit: Its hash in git; "" for WORKSPACE.
        folder: Holds its files under their paths in the project.
    """

    name: str
    commit: str
    folder: Path


def fetch_from_dvc(name: str, folder: Path, with_details: bool = False) -> Revision:
    """Copy an experiment's or a commit's artifacts from DVC's cache; WORKSPACE needs no copy.

    Details are those of LABELS and DETAILS that it has.

    Raises:
        UserError: DVC has no such experiment, or not its artifacts.
    """
    if name == WORKSPACE:
        return Revision(name, "", Path())
    if not name:
        raise UserError(f"an experiment without a name: expected one, a commit or {WORKSPACE}")
    # imported late: it takes a second, and only this function needs it
    from dvc.api import DVCFileSystem
    from dvc.scm import RevError, SCMError

    try:
        files = DVCFileSystem(rev=name)
        labels = [LABELS] if with_details and files.exists(LABELS) else []
        for path in (*ARTIFACTS, *labels):
            files.get(path, str(folder / path), recursive=True)
        commit = str(files.repo.get_rev())
    except RevError:
        raise UserError(
            f"{name!r} is no experiment, branch, tag or commit here: `dvc exp list -A` lists "
            f"experiments, `git log` commits; or give the word {WORKSPACE}"
        ) from None
    except SCMError as error:
        raise UserError(
            f"{name}: {error}: expected a clone of the project's repository; elsewhere only "
            f"{WORKSPACE} can be compared"
        ) from None
    except Exception as error:  # DVC, its index and git raise errors without a common class
        reason = one_line(error) or type(error).__name__
        raise UserError(
            f"{name}: its {' and '.join(ARTIFACTS)} are not in DVC's cache ({reason}): {REMEDY}"
        ) from None
    if with_details:
        _copy_details(files, folder)
    return Revision(name, commit, folder)


def _copy_details(files: Any, folder: Path) -> None:
    """Copy those of DETAILS that a file system of DVC has."""
    for path in DETAILS:
        try:
            content = files.read_bytes(path)
        except Exception:  # as above; the page says what is missing
            continue
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
