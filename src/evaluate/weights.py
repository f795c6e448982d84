"""The weights of the Inception network behind FID: found, verified, or recorded as not to be had.

Deciding this once, in a stage of its own, puts what a score was computed with into dvc.lock
and keeps the weather out of evaluation.
"""

import hashlib
import sys
from contextlib import suppress
from pathlib import Path

import requests
from torch import hub

from src.errors import UserError
from src.files import read_json, whole, write_json
from src.params import Evaluate

FILE = "weights-inception-2015-12-05-6726825d.pth"
SIZE = 95_628_359
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
CHUNK = 1 << 20


def obtain(settings: Evaluate, folder: Path, size: int = SIZE, sha256: str = SHA256) -> str:
    """Put the weights, or the record that there are none, into `folder`; a sentence to print.

    Looks at evaluate.inception_weights, then torch hub's cache, then downloads. Raises UserError
    where a named file is not the right one, or where `features: inception` cannot be met.
    """
    if settings.features == "random":
        _record(folder, "random", "chosen by evaluate.features")
        return "scores use the random features chosen by evaluate.features"
    target = folder / FILE
    try:
        source = _place(settings, target, size, sha256)
    except (OSError, ValueError) as error:  # requests' errors are OSErrors
        if settings.features == "inception":
            raise UserError(
                f"evaluate.features = 'inception', but {FILE} could not be had: {error}; set "
                "evaluate.inception_weights to a copy of the file"
            ) from None
        _record(folder, "random", "the Inception weights could not be had")
        return (
            f"NO FID: the Inception weights could not be had ({error}). Scores are computed with "
            "small random features and named fd_random. Once online: dvc repro -f weights && dvc repro"
        )
    _record(folder, "inception", sha256)
    return f"Inception weights verified, from {source}"


def extractor_file(folder: Path) -> Path | None:
    """The verified weights in the stage's folder, or None where random features are recorded."""
    return folder / FILE if read_json(folder / "record.json")["features"] == "inception" else None


def verify(path: Path, size: int, sha256: str) -> None:
    """Raises ValueError that says what was expected and found."""
    found = path.stat().st_size
    if found != size:
        head = path.open("rb").read(16)
        raise ValueError(f"{path} has {found} bytes starting {head!r}, expected {size}")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != sha256:
        raise ValueError(f"{path} has SHA-256 {digest}, expected {sha256}")


def _place(settings: Evaluate, target: Path, size: int, sha256: str) -> str:
    if settings.inception_weights:
        named = Path(settings.inception_weights)
        try:
            verify(named, size, sha256)
        except (OSError, ValueError) as error:
            raise UserError(f"evaluate.inception_weights: {error}") from None
        _copy(named, target)
        return str(named)
    cached = Path(hub.get_dir()) / "checkpoints" / FILE
    if cached.exists():
        with suppress(ValueError):  # a broken copy there must not keep the right one away
            verify(cached, size, sha256)
            _copy(cached, target)
            return str(cached)
    with whole(target) as temporary:
        _download(settings.inception_url, temporary, size)
        verify(temporary, size, sha256)
    return settings.inception_url


def _copy(source: Path, target: Path) -> None:
    with whole(target) as temporary:
        temporary.write_bytes(source.read_bytes())


def _download(url: str, target: Path, size: int) -> None:
    print(f"downloading {url}", file=sys.stderr)
    with requests.get(url, stream=True, timeout=20) as response, target.open("wb") as file:
        response.raise_for_status()
        for chunk in response.iter_content(CHUNK):
            file.write(chunk)
            if file.tell() > size:
                raise ValueError(f"{url} has more than the expected {size} bytes")


def _record(folder: Path, features: str, detail: str) -> None:
    write_json(folder / "record.json", {"features": features, "detail": detail})
