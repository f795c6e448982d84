"""The four caches, ways to damage their files, and what a run then takes from them."""

import gc
import shutil
from collections.abc import Callable, Iterable
from contextlib import redirect_stderr
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import nn

from src.clean import measurement_cache
from src.clean.measurement import Measurement
from src.errors import UserError
from src.scrape.http.cache import Body, HttpCache
from src.scrape.http.fetch_errors import FetchError
from src.train import checkpoint
from src.train.checkpoint import TrainingState
from tests.color_means import ColorMeans, extractor

URLS = [f"http://photos.test/{number}.jpg" for number in range(6)]
CPU = torch.device("cpu")

Taken = dict[str, object]  # what a run takes from a cache, by key; a value that it lacks is rebuilt


@dataclass(frozen=True)
class Kind:
    """One of the caches.

    Attributes:
        fill: Writes it into a folder.
        take: Reads it from a folder, as a run does.
        killed: Whether the run that filled it was killed, so that a table has its journal beside it.
    """

    fill: Callable[[Path], object]
    take: Callable[[Path], Taken]
    killed: bool = False


def _noise(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def _fill_clean(folder: Path) -> None:
    measured = {
        (f"{n:064d}", "single"): Measurement(
            None, 100 + n, 90, f"{n:032d}", 5.5, 0.1 * n, 0.5, 200, 20, 7.0,
            _noise(n, 64, 64), _noise(n, 16, 16, 2),
        )
        for n in range(3)
    }  # fmt: skip
    measurement_cache.write(folder, measured | {("f" * 64, "single"): Measurement("truncated")})


def _take_clean(folder: Path) -> Taken:
    return {
        sha256: (repr(m), m.thumbnail.tobytes(), m.chroma.tobytes())
        for (sha256, _), m in measurement_cache.read(folder).items()
    }


def _take_features(folder: Path) -> Taken:
    """Read the features of two sets of pictures; from the cache, they cost no work."""
    taken: Taken = {}
    for seed in (0, 1):
        with patch.object(ColorMeans, "features", side_effect=_ComputedError):
            try:
                taken[str(seed)] = extractor(8, folder)(_noise(seed, 4, 8, 8, 3), True).tobytes()
            except _ComputedError:
                continue
    return taken


class _ComputedError(Exception):
    pass


def _fill_features(folder: Path) -> None:
    for seed in (0, 1):
        extractor(8, folder)(_noise(seed, 4, 8, 8, 3), cache=True)


def _fill_http(folder: Path) -> list[HttpCache]:
    caches = []
    for snapshot, urls in (("one", URLS[:2]), ("two", URLS[1:5])):
        cache = HttpCache(folder, snapshot)
        for number, url in enumerate(urls):
            with cache.writing(url) as path:
                path.write_bytes(_noise(number, 300).tobytes())
            moved = f"{url}?moved"
            cache.record_body(url, Body(path, "utf-8", f'"{number}"', "yesterday", moved))
        cache.record_failure(URLS[5], FetchError("http_404", f"{URLS[5]}: HTTP 404"))
        caches.append(cache)
    return caches


def _take_http(folder: Path) -> Taken:
    cache = HttpCache(folder, "two")
    taken: Taken = {}
    for url in URLS:
        entry = cache.entry(url)
        for name, body in (("body", entry.body), ("earlier", entry.earlier)):
            if body:
                headers = body.charset, body.etag, body.modified, body.url
                taken[f"{url} {name}"] = body.path.read_bytes(), *headers
        if failure := entry.failure:
            taken[f"{url} failure"] = failure.error.reason, str(failure.error), failure.runs
    return taken


def _networks(seed: int) -> Any:
    torch.manual_seed(seed)
    generator = nn.Linear(4, 4)
    adam = torch.optim.Adam(generator.parameters())
    generator(torch.ones(4)).sum().backward()
    adam.step()
    return SimpleNamespace(state_parts={"generator": generator, "generator_adam": adam})


def _state(nets: Any) -> bytes:
    adam = nets.state_parts["generator_adam"]
    tensors = list(nets.state_parts["generator"].parameters())
    tensors += [state["exp_avg"] for state in adam.state.values()]
    return b"".join(tensor.detach().numpy().tobytes() for tensor in tensors)


def _fill_resume(folder: Path) -> None:
    for name in ("snapshots/step_000001.safetensors", "snapshots/config.json"):
        path = checkpoint.snapshot_dir(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_noise(len(name), 200).tobytes())
    checkpoint.save(
        folder, _networks(1), TrainingState(5, [{"step": 5.0, "l1": 0.5}], [{"step": 1}])
    )


def _take_resume(folder: Path) -> Taken:
    nets = _networks(0)
    untouched = _state(nets)
    state = checkpoint.restore(folder, nets, CPU)
    if not state.step:
        assert state == TrainingState() and _state(nets) == untouched
        return {}
    out = folder.parent / "model"
    stems = {Path(name).stem for name in state.snapshot_sha256}
    checkpoint.restore_snapshots(folder, out, stems)
    files = {path.name: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    return {"training": (repr(state), _state(nets), sorted(files.items()))}


KINDS = {
    ".cache/clean": Kind(_fill_clean, _take_clean),
    ".cache/features": Kind(_fill_features, _take_features),
    ".cache/http": Kind(_fill_http, _take_http),
    ".cache/http of a killed run": Kind(_fill_http, _take_http, killed=True),
    ".resume": Kind(_fill_resume, _take_resume),
}


def damage(folder: Path, rng: np.random.Generator) -> str:
    """Damage one file of a folder; return what was done to it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size)
    file = files[rng.integers(len(files))]
    data = bytearray(file.read_bytes())
    way = rng.choice(["flip", "flip", "flip", "flips", "cut", "zeros", "more", "swap"])
    if way in ("flip", "flips"):
        for at in rng.integers(0, 8 * len(data), 1 if way == "flip" else 9):
            data[at // 8] ^= 1 << at % 8
    elif way == "cut":
        del data[rng.integers(len(data)) :]
    elif way == "zeros":
        start = rng.integers(len(data))
        data[start : start + 16] = bytes(len(data[start : start + 16]))
    elif way == "more":
        data += rng.bytes(9)
    else:
        other = files[rng.integers(len(files))]
        data, swapped = bytearray(other.read_bytes()), bytes(data)
        other.write_bytes(swapped)
    file.write_bytes(data)
    return f"{way} {file.relative_to(folder)}"


@dataclass
class Outcome:
    """What became of one damage.

    Attributes:
        verdict: `held` if nothing was lost, `rebuilt` if something is rebuilt, `refused` if the run
            ends in a line; `silent` if another result is taken, `crash` for another exception.
        what: The damage, for the message.
    """

    verdict: str
    what: str


def outcomes(
    name: str, folder: Path, number: int, seed: int, progress: Callable[[range], Iterable[int]]
) -> Iterable[Outcome]:
    """Yield what becomes of damages to a cache, each to a whole copy of it."""
    kind, whole, copy = KINDS[name], folder / "whole" / "key", folder / "copy" / "key"
    filled = kind.fill(whole)
    if not kind.killed:
        del filled
        gc.collect()  # closes the table, and so empties its journal
    truth = kind.take(whole)
    rng = np.random.default_rng(seed)
    for _ in progress(range(number)):
        shutil.rmtree(copy.parent, ignore_errors=True)
        shutil.copytree(whole, copy)
        what = damage(copy, rng)
        yield Outcome(_verdict(kind, copy, truth), what)


def _verdict(kind: Kind, folder: Path, truth: Taken) -> str:
    told = StringIO()
    try:
        with redirect_stderr(told):
            taken = kind.take(folder)
    except UserError:
        return "refused"
    except Exception as error:
        return f"crash: {error!r}"
    if any(taken[key] != truth.get(key) for key in taken):
        return "silent"
    if taken == truth:
        return "held"
    return "rebuilt" if str(folder) in told.getvalue() else "rebuilt, untold"
