"""The pretrained weights behind FID and LPIPS: verified in a folder, or recorded as missing.

A stage of its own decides this once. So dvc.lock records what a score is computed with, and no
evaluation depends on the network.
"""

import hashlib
import shutil
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import requests
from torch import hub

from src.errors import UserError, existing_file, network_failure
from src.params import Evaluate
from src.storage.atomic import atomic_write, read_json, write_json

INCEPTION_FILE = "weights-inception-2015-12-05-6726825d.pth"
INCEPTION_BYTES = 95_628_359
INCEPTION_SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
# Below data/weights. Torchvision publishes the first digits of its SHA-256, in its name.
LPIPS_FILE = "hub/checkpoints/alexnet-owt-7be5be79.pth"
LPIPS_SHA256 = "7be5be79"
MAX_BYTES = 400_000_000  # of a file whose size is not published
CHUNK_BYTES = 1 << 20
TIMEOUT_S = 20  # to connect, and between two packets


@dataclass(frozen=True)
class WeightsFile:
    """A published file of weights, and where it may come from.

    Attributes:
        key: The key of `evaluate` that may name a copy.
        copy: The path of that copy, or "".
        url: Where the file is published.
        size: In bytes, or None if it is not published.
        sha256: Its SHA-256, or the first digits of it.
    """

    key: str
    copy: str
    url: str
    size: int | None
    sha256: str


def obtain_inception(
    settings: Evaluate, folder: Path, size: int = INCEPTION_BYTES, sha256: str = INCEPTION_SHA256
) -> str:
    """Put FID's weights into a folder, or the record that there are none.

    They come from the file that evaluate.inception_weights names, else from torch hub's cache, else
    from the network.

    Args:
        settings: The section `evaluate` of params.yaml.
        folder: Gets INCEPTION_FILE and record.json.
        size: The right file's, in bytes.
        sha256: The right file's.

    Returns:
        A sentence for the user.

    Raises:
        UserError: The named file is not the right one, or `features: inception` finds no weights.
    """
    if settings.features == "random":
        _record(folder, "random", "chosen by evaluate.features")
        return "scores use the random features chosen by evaluate.features"
    file = WeightsFile(
        "inception_weights", settings.inception_weights, settings.inception_url, size, sha256
    )
    try:
        origin = _obtain(file, folder / INCEPTION_FILE)
    except (OSError, ValueError) as error:  # requests' errors are OSErrors
        if settings.features == "inception":
            raise UserError(
                f"evaluate.features = 'inception', but {INCEPTION_FILE} is not available: {error}; "
                "set evaluate.inception_weights to a copy of the file"
            ) from None
        _record(folder, "random", "the Inception weights are not available")
        return (
            f"NO FID: the Inception weights are not available ({error}). Scores use small random "
            "features and are named fd_random. Once online: dvc repro -f weights && dvc repro"
        )
    _record(folder, "inception", sha256)
    return f"Inception weights verified, from {origin}"


def obtain_lpips(settings: Evaluate, folder: Path, sha256: str = LPIPS_SHA256) -> str:
    """Put LPIPS's weights into a folder, if they are available.

    Args:
        settings: The section `evaluate` of params.yaml.
        folder: Gets LPIPS_FILE.
        sha256: The right file's, or the first digits of it.

    Returns:
        A sentence for the user.

    Raises:
        UserError: The file that evaluate.lpips_weights names is not the right one.
    """
    if not settings.lpips:
        return "no LPIPS, by evaluate.lpips"
    file = WeightsFile("lpips_weights", settings.lpips_weights, settings.lpips_url, None, sha256)
    try:
        return f"LPIPS weights verified, from {_obtain(file, folder / LPIPS_FILE)}"
    except (OSError, ValueError) as error:
        return f"NO LPIPS: its weights are not available ({error})"


def inception_file(folder: Path) -> Path | None:
    """Return the stage's verified weights of Inception, or None if it recorded random features."""
    recorded = read_json(folder / "record.json")["features"]
    return folder / INCEPTION_FILE if recorded == "inception" else None


def lpips_file(folder: Path) -> Path | None:
    """Return the stage's verified weights of LPIPS, or None if there are none."""
    file = folder / LPIPS_FILE
    return file if file.exists() else None


def _obtain(file: WeightsFile, target: Path) -> str:
    """Write the verified file to `target`, and return where it comes from.

    Raises:
        UserError: The named copy is not the right file.
        OSError: The download failed.
        ValueError: The download is not the right file.
    """
    if file.copy:
        copy = existing_file(f"evaluate.{file.key}", file.copy)
        try:
            _verify(copy, file)
        except (OSError, ValueError) as error:
            raise UserError(f"evaluate.{file.key}: {error}") from None
        _copy(copy, target)
        return file.copy
    cached = Path(hub.get_dir()) / "checkpoints" / target.name
    if cached.exists():
        with suppress(ValueError):  # a broken file in the cache does not prevent the download
            _verify(cached, file)
            _copy(cached, target)
            return str(cached)
    with atomic_write(target) as temporary:
        _download(file.url, temporary, file.size or MAX_BYTES)
        _verify(temporary, file)
    return file.url


def _verify(path: Path, file: WeightsFile) -> None:
    """Raise a ValueError with what was expected if a path does not hold the published file."""
    size = path.stat().st_size
    with path.open("rb") as opened:
        if file.size not in (None, size):
            start = opened.read(16)
            raise ValueError(f"{path} has {size} bytes starting {start!r}, expected {file.size}")
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    if not digest.startswith(file.sha256):
        raise ValueError(f"{path} has SHA-256 {digest}, expected {file.sha256}")


def _copy(source: Path, target: Path) -> None:
    with atomic_write(target) as temporary:
        shutil.copyfile(source, temporary)


# torch.hub.download_url_to_file has neither a timeout nor a limit of bytes.
def _download(url: str, target: Path, max_bytes: int) -> None:
    print(f"downloading {url}", file=sys.stderr)
    try:
        answer = requests.get(url, stream=True, timeout=TIMEOUT_S)
    except requests.ConnectionError as error:
        raise ConnectionError(f"{url} cannot be reached: {network_failure(error)}") from None
    with answer as response, target.open("wb") as file:
        response.raise_for_status()
        for chunk in response.iter_content(CHUNK_BYTES):
            file.write(chunk)
            if file.tell() > max_bytes:
                raise ValueError(f"{url} has more than the expected maximum of {max_bytes} bytes")


def _record(folder: Path, features: str, detail: str) -> None:
    write_json(folder / "record.json", {"features": features, "detail": detail})
