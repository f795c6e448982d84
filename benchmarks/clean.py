"""What the clean stage detects and what it costs: python -m benchmarks.clean

The script writes each original and one copy of every kind, and judges all as the clean stage does.
It keeps grayscale, so that gray copies count as copies. A copy is found if it is in its original's
cluster. A false pair is a cluster with two originals. An original is lost if no picture of its
cluster remains. Grayscale is judged apart, each disguise on its own, and so are drawn colour pictures
of one hue. A table shows both errors by threshold, and one what the audit flags of what clean keeps.

Without --portraits the script draws people. With it, it takes the files whose names have a SHA-256
with an odd first byte. The other half of another set served to choose the thresholds.

Speed is that of decoding, fingerprint and tone together, against a plain cv2.imdecode of the same
files. The files are JPEG of 512x682 (imdb.width's size) or of --width, no two alike. Both take turns
in one process, and the headline is on the last line. With the noise of 3 levels a file of quality 90
has 1.84 bits a pixel. Real portraits have 1.81 (the median of 60), and --noise 6 writes heavier files.

Peers use all cores and take turns with ours. The first run installs them into .cache/bench-clean
(5 GB, because imagededup needs torch).

    python -m benchmarks.clean [--portraits DIR] [--count 200]     copies, grayscale and speed
    python -m benchmarks.clean --gray [--portraits DIR] [--layout photo_left]     grayscale alone
    python -m benchmarks.clean --peers [--sizes 2000 20000] [--width 300]    against imagededup and cleanvision
    python -m benchmarks.clean --join 100000 1000000 3000000       all pairs among that many hashes
    python -m benchmarks.clean --growth 1000 10000 50000           memory of the whole stage
"""

import argparse
import hashlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from src.audit import findings
from src.clean import measure, verdicts
from src.clean.multi_index_hash import Index
from src.demo import portraits
from src.imaging.picture_files import read_photo
from src.imaging.picture_folders import find_pictures
from src.imaging.resizing import thumbnail
from src.pair.pairing import largest_crop
from src.parallel.local import map_processes
from src.params import read_params
from src.storage.encoding import encode_jpeg
from src.storage.ledger import write_table
from src.storage.slices import slices
from src.vision import grayscale, views
from tests import one_hue
from tests.copies import COPIES, again
from tests.disguises import COLOUR, GRAY, PARTLY, STRONGLY_TONED, Change

ROUNDS = 5
NOISE = 3.0  # levels
ONE_HUE_COUNT = 30  # pictures of a kind
VENV = Path(__file__).resolve().parent.parent / ".cache" / "bench-clean"
PEERS = {
    "imagededup==0.3.3.post2": """
import sys, time
from imagededup.methods import PHash
start = time.perf_counter()
PHash(verbose=False).encode_images(sys.argv[1])
print(time.perf_counter() - start)
""",
    "cleanvision==0.3.7": """
import sys, time
from cleanvision import Imagelab
start = time.perf_counter()
kinds = dict.fromkeys(["exact_duplicates", "near_duplicates", "grayscale"], {})
Imagelab(data_path=sys.argv[1]).find_issues(kinds, verbose=False)
print(time.perf_counter() - start)
""",
}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.clean",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--portraits", type=Path, help="a folder of photographs of one person each")
    parser.add_argument("--layout", default="single", help="of the photographs' files")
    parser.add_argument("--gray", action="store_true", help="judge grayscale only")
    parser.add_argument("--count", type=int, default=200, help="originals")
    parser.add_argument("--peers", action="store_true", help="compare speed with the peers")
    parser.add_argument("--sizes", type=int, nargs="+", default=[2000], help="timed pictures")
    parser.add_argument("--width", type=int, default=512, help="pixels of a timed picture")
    parser.add_argument("--noise", type=float, default=NOISE, help="levels of noise in it")
    parser.add_argument("--rounds", type=int, default=3, help="rounds with the peers")
    parser.add_argument("--join", type=int, nargs="+", metavar="HASHES")
    parser.add_argument("--growth", type=int, nargs="+", metavar="PICTURES")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        if arguments.join:
            join(arguments.join)
        elif arguments.growth:
            growth(arguments.growth, Path(name))
        elif arguments.gray:
            gray_shares(originals(arguments.portraits, arguments.count, arguments.layout))
        else:
            compare(arguments, Path(name))


def compare(arguments: argparse.Namespace, folder: Path) -> None:
    """Print copies and grayscale, or the peers' speed; then the headline."""
    if not arguments.peers:
        pictures = originals(arguments.portraits, arguments.count, arguments.layout)
        (folder / "copies").mkdir()
        recall(write_copies(pictures, folder / "copies"), folder / "copies")
        gray_shares(pictures)
    for size in arguments.sizes:
        files = photographs(size, folder / f"{size}", arguments.width, arguments.noise)
        if arguments.peers:
            against(folder / f"{size}", files, arguments.rounds)
        ratio = speed(files)
    print(f"rate of decoding, fingerprint and tone over plain decoding: {ratio:.2f}")


def originals(folder: Path | None, count: int, layout: str = "single") -> list[np.ndarray]:
    """Return pictures of `count` people, from half of a folder or drawn."""
    if folder is None:
        return map_processes(partial(portraits.draw, 77), range(count), "drawing")
    half = [p for p in find_pictures(folder) if hashlib.sha256(p.name.encode()).digest()[0] % 2]
    return [read_photo(path, layout) for path in half[:count]]


def write_copies(pictures: list[np.ndarray], raw: Path) -> pd.DataFrame:
    """Write originals and copies as files, and return a table with a row for each."""
    rows = []
    for person, picture in enumerate(pictures):
        kinds = {"original": again, **COPIES}
        for number, (kind, copy) in enumerate(kinds.items()):
            file = f"{person:05d}_{number:02d}.jpeg"
            (raw / file).write_bytes(copy(picture, np.random.default_rng([person, number])))
            rows.append({"person": person, "kind": kind, "file": file})
    return pd.DataFrame(rows).assign(
        row=range(len(rows)), sha256=[row["file"] for row in rows], **SCRAPED
    )


def recall(table: pd.DataFrame, raw: Path) -> None:
    """Print the share of copies in their original's cluster, by kind."""
    clean = read_params().clean.model_copy(update={"grayscale": "keep"})
    start = time.perf_counter()
    judged, _ = verdicts.assign_verdicts(table, measure.measure_pictures(table, raw), clean)
    took = time.perf_counter() - start
    cluster = judged.groupby("person")["cluster"].transform("first")
    shares = (judged["cluster"] == cluster).groupby(judged["kind"], sort=False).mean()
    print("| copy | found |\n| --- | ---: |")
    for kind in COPIES:
        print(f"| {kind} | {shares[kind]:.3f} |")
    people = judged.groupby("cluster")["person"].nunique()
    survivors = judged[judged["verdict"] == "keep"]["cluster"]
    print(
        f"\n{judged['person'].nunique()} originals, {len(judged)} pictures in {took:.1f} s; "
        f"clusters with more than one original: {int((people > 1).sum())}; "
        f"clusters without a kept picture: {len(set(judged['cluster']) - set(survivors))}"
    )


def gray_shares(pictures: list[np.ndarray]) -> None:
    """Print which pictures count as grayscale: disguises, colour, and drawn sets of one hue."""
    threshold = read_params().clean.tone_residual
    pictures = [p for p in pictures if clean_residual(p) >= threshold]
    kinds = {**GRAY, **STRONGLY_TONED, **PARTLY, **COLOUR}
    changed = {kind: change_all(pictures, change) for kind, change in kinds.items()}
    changed |= {kind: one_hue.draw(kind, ONE_HUE_COUNT) for kind in one_hue.ONE_HUE}
    residuals = {kind: np.array([*map(clean_residual, changed[kind])]) for kind in changed}
    print(f"\n| of {len(pictures)} in colour | taken for grayscale |\n| --- | ---: |")
    for kind in kinds:
        print(f"| {kind} | {(residuals[kind] < threshold).mean():.3f} |")
    for name in ("TUNED", "SEEN", "HELD_BACK"):
        print(f"\n| {name}, {ONE_HUE_COUNT} each | taken for grayscale |\n| --- | ---: |")
        for kind in getattr(one_hue, name):
            print(f"| {kind} | {(residuals[kind] < threshold).sum()} |")
    threshold_curve(residuals)
    audit_margin(changed, residuals, threshold)


def change_all(pictures: list[np.ndarray], change: Change) -> list[np.ndarray]:
    """Return each picture changed, with a seed of its own."""
    return [change(p, np.random.default_rng([7, n])) for n, p in enumerate(pictures)]


def clean_residual(pixels: np.ndarray) -> float:
    """Return the tone residual as clean computes it, from the thumbnail."""
    return grayscale.tone_residual(thumbnail(pixels, views.THUMBNAIL_PX))


def threshold_curve(residuals: dict[str, np.ndarray]) -> None:
    """Print both errors at some thresholds."""
    groups = {
        "gray missed": GRAY,
        "strongly toned missed": STRONGLY_TONED,
        "colour flagged": COLOUR,
        "one hue, tuned": one_hue.TUNED,
        "seen": one_hue.SEEN,
        "held back": one_hue.HELD_BACK,
    }
    print(f"\n| threshold | {' | '.join(groups)} |\n| ---: " + "| ---: " * len(groups) + "|")
    for limit in (2.5, 3, 3.5, 4, 4.6, 5, 6, 8):
        shares = [
            np.mean([(residuals[kind] < limit).mean() for kind in kinds])
            for kinds in groups.values()
        ]
        shares = [1 - share for share in shares[:2]] + shares[2:]
        print(f"| {limit} | " + " | ".join(f"{share:.3f}" for share in shares) + " |")


def audit_margin(
    changed: dict[str, list[np.ndarray]], residuals: dict[str, np.ndarray], threshold: float
) -> None:
    """Print the shares of what clean keeps that the audit's crop shows as gray, by its limit."""
    pair, default = read_params().pair, findings.resolve_limits({})["tone_residual"]
    kept = [
        (residual, picture)
        for kind in (*PARTLY, *COLOUR, *one_hue.ONE_HUE)
        for residual, picture in zip(residuals[kind], changed[kind], strict=True)
        if residual >= threshold
    ]
    near = np.array([residual < 2 * threshold for residual, _ in kept])
    crops = [largest_crop(picture, pair.crop_size, pair.crop) for _, picture in kept]
    seen = np.array([grayscale.tone_residual(crop) for crop in crops])
    print(f"\n| audit's limit ({default}) | of {len(kept)} kept |", end="")
    print(f" of the {near.sum()} below twice clean's |\n| ---: | ---: | ---: |")
    for limit in (2.5, 3, 3.5, 4, 4.6):
        print(f"| {limit} | {(seen < limit).mean():.4f} | {(seen[near] < limit).mean():.4f} |")
    print()


def photographs(count: int, folder: Path, width: int, noise: float = NOISE) -> list[Path]:
    """Write JPEG files, a third higher than wide, no two alike, and return their paths.

    Args:
        count: The number of files.
        folder: A new folder for them.
        width: Pixels of a picture.
        noise: The standard deviation of its noise, in levels.
    """
    folder.mkdir()
    write = partial(_photograph, folder=folder, width=width, noise=noise)
    return map_processes(write, range(count), "writing")


def _photograph(number: int, folder: Path, width: int, noise: float) -> Path:
    rng = np.random.default_rng([5, number])
    height = width * 4 // 3
    blotches = rng.integers(0, 256, (16, 12, 3), dtype=np.uint8)
    pixels = cv2.resize(blotches, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.int16)
    pixels += rng.normal(0, noise, (height, width, 1)).astype(np.int16)
    path = folder / f"{number:06d}.jpg"
    path.write_bytes(encode_jpeg(pixels.clip(0, 255).astype(np.uint8), 90))
    return path


def speed(files: list[Path]) -> float:
    """Return our rate over that of cv2.imdecode (files/s), the median over rounds."""
    files = files[:2000]
    size = statistics.mean(path.stat().st_size for path in files)

    def plain() -> None:
        for path in files:
            cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)

    def ours() -> None:
        for part in slices(len(files), measure.FILES_PER_TASK):
            measure.measure_files([(path, "single") for path in files[part]])

    rounds = [(seconds(plain), seconds(ours)) for _ in range(ROUNDS)]
    each = [1000 * statistics.median(column) / len(files) for column in zip(*rounds, strict=True)]
    print(f"{size / 1000:.0f} KB a file: {each[0]:.2f} ms to decode, {each[1]:.2f} ms to measure")
    return statistics.median(plain / ours for plain, ours in rounds)


def seconds(work: Callable[[], object]) -> float:
    """Return the seconds that the work takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def against(folder: Path, files: list[Path], count: int) -> None:
    """Print pictures/s of the peers and ours, which take turns: medians over rounds."""
    if not VENV.exists():
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
        subprocess.run([VENV / "bin/pip", "install", "--quiet", *PEERS], check=True)
    table = build_table(files)
    clean = read_params().clean
    measures: dict[str, Any] = {}

    def ours() -> float:
        return seconds(lambda: measures.update(all=measure.measure_pictures(table, folder)))

    def whole() -> float:
        return ours() + seconds(lambda: verdicts.assign_verdicts(table, measures["all"], clean))

    tools = {"ours, fingerprint and tone": ours, "ours, the whole of clean": whole}
    tools |= {name.split("=")[0]: partial(peer, code, folder) for name, code in PEERS.items()}
    rounds = [{name: run() for name, run in tools.items()} for _ in range(count)]
    print(f"\n| {len(files):,} pictures | pictures/s |\n| --- | ---: |")
    took = {name: statistics.median(r[name] for r in rounds) for name in tools}
    for name in tools:
        print(f"| {name} | {len(files) / took[name]:.0f} |")
    for peer_name, mine in (("imagededup", ours), ("cleanvision", whole)):
        name = next(n for n, run in tools.items() if run is mine)
        ratio = statistics.median(r[peer_name] / r[name] for r in rounds)
        print(f"{name}: {ratio:.1f} times {peer_name}")


def peer(code: str, folder: Path) -> float:
    """Return the seconds that a peer's code measures on a folder of pictures."""
    done = subprocess.run(
        [VENV / "bin/python", "-c", code, folder], check=True, capture_output=True, text=True
    )
    return float(done.stdout.split()[-1])


def build_table(files: list[Path]) -> pd.DataFrame:
    """Return the rows that the clean stage needs of these files."""
    names = [path.name for path in files]
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]
    return pd.DataFrame({"row": range(len(files)), "file": names, "sha256": digests}).assign(
        **SCRAPED
    )


SCRAPED = {"layout": "single", "status": "ok", "item_id": "", "page_url": None}


def join(sizes: list[int]) -> None:
    """Time the search for all near pairs among random hashes, a thousand of them planted."""
    bits = read_params().clean.hash_distance
    Index(np.zeros((2, 32), np.uint8)).range_search(np.zeros((2, 32), np.uint8), bits)
    print("| hashes | s | planted pairs found | others | peak MB |\n" + "| ---: " * 5 + "|")
    took = [in_a_process(_join, count, bits) for count in sizes]
    if len(sizes) > 1:
        steps = np.log(np.array(sizes[1:]) / sizes[:-1])
        exponents = np.log(np.array(took[1:]) / took[:-1]) / steps
        last = float(exponents[-1])
        print(f"growth exponents: {', '.join(f'{e:.2f}' for e in exponents)}")
        print(f"10 million, extrapolated: {took[-1] * (1e7 / sizes[-1]) ** last:.0f} s")


def _join(count: int, distance: int) -> float:
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 256, (count, 32), dtype=np.uint8)
    planted = rng.permutation(count)[:2000].reshape(-1, 2)
    for number, (one, other) in enumerate(planted):
        own = np.unpackbits(hashes[one])
        low = number % (distance // 4 + 1)
        own[16 + rng.permutation(48)[:low]] ^= 1  # near in the first band, perhaps in no other
        own[64 + rng.permutation(192)[: number % (distance - low + 1)]] ^= 1
        hashes[other] = np.packbits(own)
    start = time.perf_counter()
    pairs = Index(hashes).range_search(hashes, distance)
    took = time.perf_counter() - start
    pairs = pairs[pairs["query"] < pairs["match"]]
    pairs = {(query, match) for query, match, _ in pairs.tolist()}
    expected = {(int(min(pair)), int(max(pair))) for pair in planted}
    print(
        f"| {count:,} | {took:.1f} | {len(pairs & expected)} of {len(expected)} | "
        f"{len(pairs - expected)} | {peak()} |",
        flush=True,
    )
    return took


def growth(sizes: list[int], folder: Path) -> None:
    """Print seconds and peak memory of the whole stage, each size in its own process."""
    print("| pictures | measuring s | verdicts s | peak MB |\n| ---: | ---: | ---: | ---: |")
    for size in sizes:
        in_a_process(_growth, size, folder / f"{size}")


def _growth(count: int, folder: Path) -> None:
    table = build_table(photographs(count, folder, 150))
    measures: dict[str, Any] = {}
    cache = folder / "cache"
    measuring = seconds(lambda: measures.update(all=measure.measure_pictures(table, folder, cache)))
    judging = seconds(lambda: verdicts.assign_verdicts(table, measures["all"], read_params().clean))
    prints = measure.fingerprint_table(measures["all"])
    write_table(prints, cache / "fingerprints.parquet", measure.COLUMNS)
    print(f"| {count:,} | {measuring:.1f} | {judging:.1f} | {peak()} |", flush=True)


def peak() -> int:
    """Return the peak memory of this process or of its largest child, in MB."""
    # For the process itself getrusage starts at its parent's peak.
    status = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    [own] = [int(line.split()[1]) for line in status if line.startswith("VmHWM")]
    return max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) // 1024


def in_a_process(work: Callable[..., Any], *arguments: object) -> Any:
    """Run the work in a new process and return its result."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


if __name__ == "__main__":
    main()
