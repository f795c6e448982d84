"""The weights behind FID and LPIPS: found, verified, or recorded as not to be had.

Deciding this once, in a stage of its own, puts what a score was computed with into dvc.lock
and keeps the weather out of evaluation.
"""

import hashlib
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import requests
from torch import hub

from src.errors import UserError
from src.params import Evaluate
from src.storage.atomic import atomic_write, read_json, write_json

FILE = "weights-inception-2015-12-05-6726825d.pth"
SIZE = 95_628_359
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
# below data/weights; of its SHA-256 torchvision publishes the beginning, in its name
LPIPS_FILE = "hub/checkpoints/alexnet-owt-7be5be79.pth"
LPIPS_SHA256 = "7be5be79"
MOST = 400_000_000  # bytes of a file whose size is not known beforehand
CHUNK = 1 << 20


@dataclass(frozen=True)
class Source:
    """Where a file may come from: one that is named, torch hub's cache, a URL.

    key: of evaluate, that names the file. size: in bytes, where it is known. sha256: or how it
    begins.
    """

    key: str
    named: str
    url: str
    size: int | None
    sha256: str


def obtain(settings: Evaluate, folder: Path, size: int = SIZE, sha256: str = SHA256) -> str:
    """Put FID's weights, or the record that there are none, into `folder`; a sentence to print.

    Looks at evaluate.inception_weights, then torch hub's cache, then downloads. Raises UserError
    where a named file is not the right one, or where `features: inception` cannot be met.
    """
    if settings.features == "random":
        _record(folder, "random", "chosen by evaluate.features")
        return "scores use the random features chosen by evaluate.features"
    source = Source(
        "inception_weights", settings.inception_weights, settings.inception_url, size, sha256
    )
    try:
        place = _place(source, folder / FILE)
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
    return f"Inception weights verified, from {place}"


def obtain_lpips(settings: Evaluate, folder: Path, sha256: str = LPIPS_SHA256) -> str:
    """Put LPIPS's weights into `folder`, where they can be had; a sentence to print.

    Raises UserError where a named file is not the right one.
    """
    if not settings.lpips:
        return "no LPIPS, by evaluate.lpips"
    source = Source("lpips_weights", settings.lpips_weights, settings.lpips_url, None, sha256)
    try:
        return f"LPIPS weights verified, from {_place(source, folder / LPIPS_FILE)}"
    except (OSError, ValueError) as error:
        return f"NO LPIPS: its weights could not be had ({error})"


def lpips_file(folder: Path) -> Path | None:
    """The verified weights of LPIPS in the stage's folder, or None where there are none."""
    file = folder / LPIPS_FILE
    return file if file.exists() else None


def extractor_file(folder: Path) -> Path | None:
    """The verified weights in the stage's folder, or None where random features are recorded."""
    return folder / FILE if read_json(folder / "record.json")["features"] == "inception" else None


def verify(path: Path, size: int | None, sha256: str) -> None:
    """Raises ValueError that says what was expected and found; sha256: or how it begins."""
    found = path.stat().st_size
    if size not in (None, found):
        head = path.open("rb").read(16)
        raise ValueError(f"{path} has {found} bytes starting {head!r}, expected {size}")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if not digest.startswith(sha256):
        raise ValueError(f"{path} has SHA-256 {digest}, expected {sha256}")


def _place(source: Source, target: Path) -> str:
    if source.named:
        named = Path(source.named)
        try:
            verify(named, source.size, source.sha256)
        except (OSError, ValueError) as error:
            raise UserError(f"evaluate.{source.key}: {error}") from None
        _copy(named, target)
        return str(named)
    cached = Path(hub.get_dir()) / "checkpoints" / target.name
    if cached.exists():
        with suppress(ValueError):  # a broken copy there must not keep the right one away
            verify(cached, source.size, source.sha256)
            _copy(cached, target)
            return str(cached)
    with atomic_write(target) as temporary:
        _download(source.url, temporary, source.size or MOST)
        verify(temporary, source.size, source.sha256)
    return source.url


def _copy(source: Path, target: Path) -> None:
    with atomic_write(target) as temporary:
        temporary.write_bytes(source.read_bytes())


def _download(url: str, target: Path, size: int) -> None:
    print(f"downloading {url}", file=sys.stderr)
    with requests.get(url, stream=True, timeout=20) as response, target.open("wb") as file:
        response.raise_for_status()
        for chunk in response.iter_content(CHUNK):
            file.write(chunk)
            if file.tell() > size:
                raise ValueError(f"{url} has more than the {size} bytes expected at most")


def _record(folder: Path, features: str, detail: str) -> None:
    write_json(folder / "record.json", {"features": features, "detail": detail})
