"""What clean finds and what it costs: python -m benchmarks.clean [--portraits DIR] [--count 200]

Copies of each original, one of every kind, are judged together with the originals, as the clean
stage does it (grayscale kept, so that gray copies count as copies). A copy is found where it is
in its original's cluster; a false pair is a cluster with two originals in it; an original is lost
where no picture of its cluster is kept. Without --portraits people are drawn.

Speed is that of decoding, fingerprint and tone together, in one process, against a plain
cv2.imdecode of the same files in turns; the headline is on the last line.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

from src import images, params
from src.clean import measure, verdicts
from src.demo import portraits
from src.demo.catalogue import alter

ROUNDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.clean", description=__doc__)
    parser.add_argument("--portraits", type=Path, help="a folder of photographs of one person each")
    parser.add_argument("--count", type=int, default=200, help="originals")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        raw = Path(name)
        table = written(originals(arguments.portraits, arguments.count), raw)
        recall(table, raw)
        ratio = speed([raw / file for file in table.loc[table["kind"] == "original", "file"]])
    print(f"rate of decoding, fingerprint and tone over plain decoding: {ratio:.2f}")


def originals(folder: Path | None, count: int) -> list[np.ndarray]:
    if folder is None:
        return [portraits.draw(77, person) for person in range(count)]
    return [images.read(path) for path in images.files(folder)[:count]]


def written(pictures: list[np.ndarray], raw: Path) -> pd.DataFrame:
    """Write originals and copies as files; a table with a row for each."""
    rows = []
    for person, picture in enumerate(pictures):
        made = {"original": again, **COPIES}
        for number, (kind, copy) in enumerate(made.items()):
            file = f"{person:05d}_{number:02d}.jpeg"
            (raw / file).write_bytes(copy(picture, np.random.default_rng([person, number])))
            rows.append({"person": person, "kind": kind, "file": file})
    return pd.DataFrame(rows).assign(
        row=range(len(rows)), layout="single", status="ok", item_id="", page_url=None
    )


def recall(table: pd.DataFrame, raw: Path) -> None:
    clean = params.read().clean.model_copy(update={"grayscale": "keep"})
    began = time.perf_counter()
    judged = verdicts.judge(table, measure.measure(table, raw), clean)
    took = time.perf_counter() - began
    cluster = judged.groupby("person")["cluster"].transform("first")
    found = (judged["cluster"] == cluster).groupby(judged["kind"], sort=False).mean()
    print("| copy | found |\n| --- | ---: |")
    for kind in COPIES:
        print(f"| {kind} | {found[kind]:.3f} |")
    people = judged.groupby("cluster")["person"].nunique()
    kept = judged[judged["verdict"] == "keep"]["cluster"]
    print(
        f"\n{judged['person'].nunique()} originals, {len(judged)} pictures in {took:.1f} s; "
        f"clusters with more than one original: {int((people > 1).sum())}; "
        f"clusters of which nothing is kept: {len(set(judged['cluster']) - set(kept))}"
    )


def speed(files: list[Path]) -> float:
    """Median over rounds of our rate over that of cv2.imdecode, both files per second."""

    def plain(path: Path) -> None:
        cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)

    def ours(path: Path) -> None:
        measure.measure_file(path, "single")

    ratios = [seconds(plain, files) / seconds(ours, files) for _ in range(ROUNDS)]
    return statistics.median(ratios)


def seconds(work: Callable[[Path], None], files: list[Path]) -> float:
    began = time.perf_counter()
    for path in files:
        work(path)
    return time.perf_counter() - began


def as_demo(kind: str) -> Callable[[np.ndarray, np.random.Generator], bytes]:
    return lambda picture, rng: alter(picture, kind, rng)


def cropped(share: float) -> Callable[[np.ndarray, np.random.Generator], bytes]:
    """So much off each axis, from a random corner."""

    def crop(picture: np.ndarray, rng: np.random.Generator) -> bytes:
        height, width = picture.shape[:2]
        down, across = round(share * height), round(share * width)
        top, left = int(rng.integers(down + 1)), int(rng.integers(across + 1))
        return images.jpeg(picture[top : top + height - down, left : left + width - across])

    return crop


def darkened(picture: np.ndarray, rng: np.random.Generator) -> bytes:
    return images.jpeg((picture.astype(np.int32) * 3 // 4).astype(np.uint8))


def with_logo(picture: np.ndarray, rng: np.random.Generator) -> bytes:
    """A badge of a sixth of the shorter side in one of the corners."""
    height, width = picture.shape[:2]
    side = min(height, width) // 6
    left, top = (
        int(rng.integers(2)) * (width - side - 8) + 4,
        int(rng.integers(2)) * (height - side - 8) + 4,
    )
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    draw.rectangle((left, top, left + side, top + side), fill=(250, 250, 250))
    draw.ellipse((left + 2, top + 2, left + side - 2, top + side - 2), fill=(200, 30, 30))
    return images.jpeg(np.asarray(image))


def rotated(picture: np.ndarray, rng: np.random.Generator) -> bytes:
    """By two degrees either way, black corners."""
    angle = 2 if rng.integers(2) else -2
    return images.jpeg(np.asarray(Image.fromarray(picture).rotate(angle, Image.Resampling.BICUBIC)))


def again(picture: np.ndarray, rng: np.random.Generator) -> bytes:
    return images.jpeg(picture, 92)


COPIES: dict[str, Callable[[np.ndarray, np.random.Generator], bytes]] = {
    "exact": again,
    "recompressed, quality 60": as_demo("recompressed"),
    "resized to 70 %": as_demo("resized"),
    "brighter by a quarter": as_demo("brightened"),
    "darker by a quarter": darkened,
    "gray": as_demo("gray"),
    "sepia": as_demo("sepia"),
    "mirrored": as_demo("mirrored"),
    "cropped by 5 %": cropped(0.05),
    "cropped by 10 %": cropped(0.1),
    "caption strip": as_demo("captioned"),
    "logo in a corner": with_logo,
    "rotated by 2 degrees": rotated,
}

if __name__ == "__main__":
    main()
