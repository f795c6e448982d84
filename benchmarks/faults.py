"""Which picture faults clean and cleanvision find: python -m benchmarks.faults [PICTURES]

The script draws each fault into each picture, writes them as files, and asks both. It also asks for
pictures without a fault that may look like one, and for the sets of look-alikes. Without PICTURES it
draws people. cleanvision 0.3.7 has its default thresholds. The first run installs it into
.cache/bench-faults (300 MB).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from benchmarks.clean import originals
from src.clean import measure
from src.imaging.picture_files import read_photo
from src.imaging.picture_folders import find_pictures
from src.storage.encoding import encode_jpeg
from src.vision.picture_faults import FAULTS
from tests.disguises import low_key
from tests.lookalikes import LOOKALIKES

PEER = "cleanvision==0.3.7"
PACKAGES = Path(__file__).resolve().parent.parent / ".cache" / "bench-faults"
THEIR_NAMES = {word: word for word in FAULTS} | {
    "odd_aspect": "odd_aspect_ratio",
    "bright": "light",
    "blurred": "blurry",
}
CODE = """
import json, os, sys
from cleanvision import Imagelab
lab = Imagelab(data_path=sys.argv[1])
lab.find_issues(dict.fromkeys(sys.argv[2:], {}), verbose=False)
found = lab.issues[[f"is_{name}_issue" for name in sys.argv[2:]]]
rows = zip(found.index, found.to_numpy().tolist())
print(json.dumps({os.path.basename(path): row for path, row in rows}))
"""
Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def blur(percent: float) -> Change:
    """Blur with a standard deviation in percent of the shorter side."""
    return lambda p, _: cv2.GaussianBlur(p, (0, 0), percent / 100 * min(p.shape[:2]))


def shake(percent: float) -> Change:
    """Blur along the rows, by a percentage of the shorter side."""
    return lambda p, _: cv2.blur(p, (max(2, round(percent / 100 * min(p.shape[:2]))), 1))


def expose(stops: float) -> Change:
    return lambda p, _: (p * 2.0**stops).clip(0, 255).astype(np.uint8)


def fade(p: np.ndarray, _: np.random.Generator) -> np.ndarray:
    return (p * 0.1 + 229).astype(np.uint8)


def frame(p: np.ndarray) -> np.ndarray:
    framed = np.full_like(p, 250)
    y, x = p.shape[0] // 8, p.shape[1] // 8
    framed[y:-y, x:-x] = p[y:-y, x:-x]
    return framed


def focus(p: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Blur all but an oval in the middle, as a wide lens does."""
    height, width = p.shape[:2]
    oval = (width // 2, height * 2 // 5), (width // 4, height // 4)
    sharp = cv2.ellipse(np.zeros((height, width)), *oval, 0, 0, 360, 1, -1)
    sharp = cv2.GaussianBlur(sharp, (0, 0), width / 64)[..., None]
    return (p * sharp + blur(4)(p, rng) * (1 - sharp)).astype(np.uint8)


def silhouette(p: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    height, width = p.shape[:2]
    dark, light = rng.integers(120, 170), rng.integers(200, 240)
    drawn = np.full_like(p, light)
    color = (int(dark),) * 3
    cv2.circle(drawn, (width // 2, height * 2 // 5), width // 4, color, -1)
    oval = (width // 2, height), (width * 2 // 5, height // 3)
    return np.asarray(cv2.ellipse(drawn, *oval, 0, 0, 360, color, -1))


def noise(p: np.ndarray, rng: np.random.Generator, sigma: float) -> np.ndarray:
    return (p + rng.normal(0, sigma, p.shape)).clip(0, 255).astype(np.uint8)


def flat(p: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.full_like(p, rng.integers(95, 215, 3))


DRAWN: dict[str, tuple[str, Change]] = {
    "blurred by 1 %": ("blurred", blur(1)),
    "blurred by 1.5 %": ("blurred", blur(1.5)),
    "blurred by 2 %": ("blurred", blur(2)),
    "blurred by 3 %": ("blurred", blur(3)),
    "blurred by 5 %": ("blurred", blur(5)),
    "blurred by 3 %, noise of 8 levels": ("blurred", lambda p, rng: noise(blur(3)(p, rng), rng, 8)),
    "blurred by 3 %, in a white frame": ("blurred", lambda p, rng: frame(blur(3)(p, rng))),
    "shaken by 8 %": ("blurred", shake(8)),
    "1.5 stops too dark": ("dark", expose(-1.5)),
    "2 stops too dark": ("dark", expose(-2)),
    "3 stops too dark": ("dark", expose(-3)),
    "3 stops too dark, in a white frame": ("dark", lambda p, rng: frame(expose(-3)(p, rng))),
    "2 stops too bright": ("bright", expose(2)),
    "3 stops too bright": ("bright", expose(3)),
    "faded to the lightest tenth": ("bright", fade),
    "of one colour": ("low_information", flat),
    "of one colour, noise of 3 levels": (
        "low_information",
        lambda p, rng: noise(flat(p, rng), rng, 3),
    ),
    "a silhouette": ("low_information", silhouette),
    "a strip, 3 to 1": ("odd_aspect", lambda p, _: p[: p.shape[1] // 3]),
    "unaltered": ("", lambda p, _: p),
    "a quarter of the contrast": ("", lambda p, _: (p * 0.25 + 90).astype(np.uint8)),
    "sharp before a blurred background": ("", focus),
    "low-key": ("", low_key),
    "cut to 2 to 1": ("", lambda p, _: p[: p.shape[1] // 2]),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    parser.add_argument("pictures", type=Path, nargs="?", help="a folder of photographs")
    parser.add_argument("--layout", default="single", help="of the files: single or photo_left")
    parser.add_argument("--count", type=int, default=60, help="pictures")
    arguments = parser.parse_args()
    pictures = read(arguments.pictures, arguments.layout, arguments.count)
    with tempfile.TemporaryDirectory() as name:
        compare(write_drawn(pictures, Path(name)), Path(name))
    with tempfile.TemporaryDirectory() as name:
        compare(write_lookalikes(Path(name)), Path(name))


def read(folder: Path | None, layout: str, count: int) -> list[np.ndarray]:
    """Return pictures, evenly spread over a folder, or drawn ones."""
    if folder is None:
        return originals(None, count)
    files = find_pictures(folder)
    return [read_photo(file, layout) for file in files[:: max(1, len(files) // count)][:count]]


def write_drawn(pictures: list[np.ndarray], folder: Path) -> pd.DataFrame:
    """Write a file for each picture and kind; returns a row for each: kind, fault and file."""
    rows = []
    for number, (kind, (fault, change)) in enumerate(DRAWN.items()):
        for index, picture in enumerate(pictures):
            file = f"{number:02d}_{index:04d}.jpg"
            changed = change(picture, np.random.default_rng([number, index]))
            (folder / file).write_bytes(encode_jpeg(np.ascontiguousarray(changed)))
            rows.append({"kind": kind, "fault": fault, "file": file})
    return pd.DataFrame(rows)


def write_lookalikes(folder: Path) -> pd.DataFrame:
    """Write the sets of look-alikes, thirty pictures each, which have no fault."""
    rows = []
    for number, (kind, draw) in enumerate(LOOKALIKES.items()):
        for index, picture in enumerate(draw(30)):
            file = f"{number:02d}_{index:04d}.jpg"
            (folder / file).write_bytes(encode_jpeg(picture))
            rows.append({"kind": kind, "fault": "", "file": file})
    return pd.DataFrame(rows)


def compare(table: pd.DataFrame, folder: Path) -> None:
    """Print what both find in each kind of picture.

    Args:
        table: kind, fault (empty: none) and file.
        folder: Of the files.
    """
    found = {"ours": ours(folder, list(table["file"])), "cleanvision": theirs(folder)}
    print("\n| picture | fault | ours | cleanvision | alike |\n| --- | --- | ---: | ---: | ---: |")
    for kind, rows in table.groupby("kind", sort=False):
        fault = rows["fault"].iloc[0]
        hits = {
            name: np.array([fault in faults[f] if fault else bool(faults[f]) for f in rows["file"]])
            for name, faults in found.items()
        }
        alike = np.mean(hits["ours"] == hits["cleanvision"])
        shares = " | ".join(f"{hit.mean():.2f}" for hit in hits.values())
        print(f"| {kind} | {fault or 'none'} | {shares} | {alike:.2f} |")
    same = [found["ours"][file] == found["cleanvision"][file] for file in table["file"]]
    print(f"\n{len(table)} pictures; of these both find the same faults in {np.mean(same):.3f}")


def ours(folder: Path, files: list[str]) -> dict[str, set[str]]:
    """Return the faults that clean finds in each file, with the default limits."""
    measured = measure.measure_files([(folder / file, "single") for file in files])
    return {
        file: {word for word, f in FAULTS.items() if f.found(getattr(m, f.measure), f.limit)}
        for file, m in zip(files, measured, strict=True)
    }


def theirs(folder: Path) -> dict[str, set[str]]:
    """Return the faults that cleanvision finds in each file of a folder."""
    if not PACKAGES.exists():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", PACKAGES, PEER]
        subprocess.run(pip, check=True)
    command = [sys.executable, "-c", CODE, folder, *THEIR_NAMES.values()]
    environment = os.environ | {"PYTHONPATH": str(PACKAGES)}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    found = json.loads(done.stdout.splitlines()[-1])
    return {
        file: {word for word, is_found in zip(THEIR_NAMES, row, strict=True) if is_found}
        for file, row in found.items()
    }


if __name__ == "__main__":
    main()
