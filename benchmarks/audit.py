"""What the audit costs, at several sizes: python -m benchmarks.audit [--sizes 1000 10000 100000]

Pictures are small (64 pixels) and blotchy, because the benchmark measures growth. A plain
cv2.imdecode of the same files in the same run is the floor. CPU seconds are those of all processes:
other programs lengthen them less than the wall's. A tenth of the validation pictures are copies, and
the table counts those that the audit reports.
"""

import argparse
import hashlib
import os
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from benchmarks.clean import in_a_process, peak
from src.audit import candidates, findings
from src.audit.checks import CHECKS
from src.audit.evidence import Evidence
from src.dataset import arrays
from src.dataset.inputs import to_canny, to_gray
from src.demo.inventory import alter
from src.imaging.decoding import decode
from src.imaging.resizing import resize
from src.pair.pairing import largest_crop
from src.params import Size, read_params
from src.storage import ledger
from src.storage.encoding import encode_jpeg

SIZE = 64
SQUARE = Size(SIZE, SIZE)
KINDS = ("mirrored", "cropped", "recompressed", "captioned", "brightened")
SLOWEST = 3


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.audit", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000, 100_000])
    print(
        "| pictures | compared | audit s | CPU s | a picture, ms | decode, ms | copies found | peak MB "
        "| slowest |"
    )
    print("| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |")
    for count in parser.parse_args().sizes:
        with tempfile.TemporaryDirectory() as folder:
            # A process of its own: this one's peak memory includes the drawing.
            ratio = in_a_process(measure, *draw_set(count, Path(folder)))
    print(f"ratio of the audit to decoding alone, per picture, at the last size: {ratio:.2f}")


def measure(evidence: Evidence, copies: set[int]) -> float:
    """Audit a set, print a line of the table, and return the audit's seconds over decoding's.

    Args:
        evidence: The set.
        copies: The rows of the planted copies.
    """
    count = evidence.count
    seconds: dict[str, float] = {}
    start, start_cpu = time.perf_counter(), cpu_seconds()
    for name in ("files", "measures", "nearest"):
        start_of_part = time.perf_counter()
        getattr(evidence, name)  # several checks share it
        seconds[name] = time.perf_counter() - start_of_part
    for check in CHECKS:
        if check.when == "before":
            start_of_part = time.perf_counter()
            finding = check.run(evidence)
            seconds[check.name] = time.perf_counter() - start_of_part
            if check.name == "leaked_pictures":
                reported = {o.row for o in finding.offenders}
    audit, cpu = time.perf_counter() - start, cpu_seconds() - start_cpu
    top = peak()
    decode = seconds_of_decoding(evidence)
    slowest = sorted(seconds, key=seconds.__getitem__, reverse=True)[:SLOWEST]
    parts = ", ".join(f"{name} {seconds[name]:.1f} s" for name in slowest)
    compared = "every pair" if count <= candidates.MAX_EXACT else "by index"
    print(
        f"| {count:,} | {compared} | {audit:.1f} | {cpu:.1f} | {1000 * audit / count:.2f} | "
        f"{1000 * decode / count:.2f} | {len(reported & copies)} of {len(copies)}, "
        f"{len(reported - copies)} false | {top:,} | {parts} |",
        flush=True,
    )
    return audit / decode


def cpu_seconds() -> float:
    """Return the processor time of this process and of its children that have ended."""
    return sum(os.times()[:4])


def draw_set(count: int, raw: Path) -> tuple[Evidence, set[int]]:
    """Draw a set of pictures and return it with the rows of its copies.

    A tenth of the pictures are validation, and a tenth of those are copies.
    """
    p = read_params()
    rng = np.random.default_rng(0)
    photos = np.stack([blotches(rng) for _ in range(count)])
    train, val = np.arange(count)[count // 10 :], np.arange(count)[: count // 10]
    copies = val[::10]
    for at, row in enumerate(copies):
        original = resize(photos[train[at]], 256, 256)
        copy = decode(alter(original, KINDS[at % len(KINDS)], rng))
        photos[row] = largest_crop(copy, SQUARE, "center")
    (raw / "images").mkdir()
    digests = []
    for row, photo in enumerate(photos):
        data = encode_jpeg(photo)
        (raw / "images" / f"{row}.jpeg").write_bytes(data)
        digests.append(hashlib.sha256(data).hexdigest())
    columns = [*ledger.schema("split").names, *ledger.LABEL_FILES.names]
    table = pd.DataFrame(dict.fromkeys(columns, pd.NA), index=range(count))
    table = table.assign(
        row=range(count),
        page=1,
        position=range(1, count + 1),
        item_id=[f"nm{row}" for row in range(count)],
        name="",
        layout="single",
        file=[f"images/{row}.jpeg" for row in range(count)],
        sha256=digests,
        cluster=range(count),
        side=np.where(np.arange(count) < count // 10, "val", "train"),
    )
    sides = []
    for side, rows in (("train", train), ("val", val)):
        chosen = photos[rows]
        edges = np.stack([to_canny(photo, p.pair.canny) for photo in chosen])
        index = table.loc[rows, ["row", "item_id", "name"]].reset_index(drop=True)
        drawn = {"photo": chosen, "gray": to_gray(chosen), "canny": edges}
        arrays.save(raw / "pairs", side, drawn, index)
        sides.append(arrays.load(raw / "pairs", side))
    pair = p.pair.model_copy(update={"crop_size": SQUARE, "load_size": SQUARE})
    return Evidence(
        table, *sides, raw, "sketch", pair, findings.resolve_limits(p.audit.limits)
    ), set(map(int, copies))


def blotches(rng: np.random.Generator) -> np.ndarray:
    """Draw a random picture, (64, 64, 3) uint8."""
    small = rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)
    return cv2.resize(small, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)


def seconds_of_decoding(evidence: Evidence) -> float:
    """Return the seconds to read and decode every file once, on one core."""
    start = time.perf_counter()
    for name in evidence.ledger["file"]:
        cv2.imdecode(np.frombuffer((evidence.raw / name).read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
