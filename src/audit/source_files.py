"""The files that pictures were made from, read again with a decoder of the audit's own.

Apart from src/images.py on purpose: what that one gets wrong would be wrong here too.
"""

import hashlib
import io
import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageCms

from src.parallel.local import map_processes
from src.storage.archives import read_bytes

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF")  # what the pipeline takes in
ORIENTATION = 0x0112
# Pillow's exif_transpose also writes the EXIF block anew, and fails on mistyped tags
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SIDE = 16  # of the picture in small that arrays are compared by

warnings.filterwarnings("ignore", module=r"PIL\.")  # of odd metadata: pixels decide


@dataclass(frozen=True)
class File:
    """A file on disk. `error` is set, and no size or picture, where it is no picture.

    small: (16, 16, 3) uint8, the square that the pair should show.
    side: the pixels that square is wide in the file.
    """

    sha256: str
    error: str | None = None
    side: int = 0
    small: np.ndarray | None = None


def files(
    ledger: pd.DataFrame, raw: Path, crop: str, background: str = "#ffffff"
) -> dict[str, File]:
    """Read every file that the ledger names, once; by name."""
    named = ledger[ledger["file"].notna()].drop_duplicates("file")
    keys = sorted(zip(named["file"], named["layout"], strict=True))
    read = map_processes(
        partial(_read, raw=raw, crop=crop, background=background), keys, "reading the files again"
    )
    return dict(zip((file for file, _ in keys), read, strict=True))


def small(pictures: np.ndarray) -> np.ndarray:
    """Pictures (N, S, S, 3) uint8 in small, (N, 16, 16, 3) uint8."""
    made = [_reduce(Image.fromarray(np.asarray(picture))) for picture in pictures]
    return np.array(made, np.uint8).reshape(-1, SIDE, SIDE, 3)


def difference(a: np.ndarray, b: np.ndarray) -> float:
    """Mean absolute difference in levels of 255; a and b are pictures in small."""
    return float(np.abs(a.astype(np.int16) - b).mean())


def explanation(found: np.ndarray, expected: np.ndarray) -> str:
    """Which known mistake turns `expected` into `found`, in words; both in small."""
    named = min(_mistakes(expected), key=lambda named: difference(found, named[1]))
    left = difference(found, named[1])
    return named[0] if left < difference(found, expected) / 3 else "it shows something else"


def _mistakes(picture: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    yield "red and blue are swapped", picture[..., ::-1]
    yield "it is mirrored: EXIF orientation ignored?", picture[:, ::-1]
    for turns in (1, 2, 3):
        turned = np.rot90(picture, turns)
        yield "it is turned: EXIF orientation ignored?", turned
        yield "it is turned and mirrored: EXIF orientation ignored?", turned[:, ::-1]
    yield "it is a negative: CMYK read the wrong way round?", 255 - picture
    yield "its levels are 0 and 1: [0, 1] taken for [0, 255]?", picture // 255
    yield "its levels begin at 128: [0, 1] taken for [-1, 1]?", 128 + picture // 2
    yield "its dark half is black: [-1, 1] taken for [0, 1]?", 2 * picture.clip(128) - 255


def _read(key: tuple[str, str], raw: Path, crop: str, background: str) -> File:
    file, layout = key
    try:
        data = read_bytes(raw / file)
    except OSError as error:
        return File("", error.strerror or str(error))
    digest = hashlib.sha256(data).hexdigest()
    try:
        image, scale = _decode(data, background)
    except Exception as error:  # Pillow raises whatever its plugins meet in damaged bytes
        return File(digest, f"{error} (it starts {data[:12]!r})")
    photo = image.crop(_half(image.size, layout))
    side = min(photo.size)
    top = 0 if crop == "top" else (photo.height - side) // 2
    left = (photo.width - side) // 2
    square = photo.crop((left, top, left + side, top + side))
    return File(digest, None, side * scale, _reduce(square))


def _decode(data: bytes, background: str) -> tuple[Image.Image, int]:
    """The picture as it should be seen, and by how much it was reduced."""
    image = Image.open(io.BytesIO(data), formats=FORMATS)
    width = image.width
    image.draft("RGB", (8 * SIDE, 8 * SIDE))  # a JPEG is decoded at a reduced scale
    scale = round(width / image.width)
    image.load()  # which turns a TIFF by itself
    profile = image.info.get("icc_profile")
    turn = None
    with suppress(Exception):  # a broken EXIF block says nothing about the pixels
        turn = TURNS.get(image.getexif().get(ORIENTATION))
    if image.mode[0] in "IF":
        levels = np.asarray(image).astype(np.float64)
        deep = image.mode.startswith("I;16") or levels.max(initial=0) > 255
        image = Image.fromarray((levels / (257 if deep else 1)).clip(0, 255).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA", "P") or "transparency" in image.info:
        seen = image.convert("RGBA")
        image = Image.new("RGBA", seen.size, background)
        image.alpha_composite(seen)
        image = image.convert("RGB")
    if profile:
        # a broken profile says nothing about the pixels
        with suppress(ImageCms.PyCMSError, OSError, ValueError):
            wanted = ImageCms.createProfile("sRGB")
            image = ImageCms.profileToProfile(image, io.BytesIO(profile), wanted, outputMode="RGB")
    image = image.convert("RGB")
    return (image if turn is None else image.transpose(turn)), scale


def _half(size: tuple[int, int], layout: str) -> tuple[int, int, int, int]:
    width, height = size
    middle = width // 2
    if layout == "single":
        return 0, 0, width, height
    return (0, 0, middle, height) if layout == "photo_left" else (middle, 0, 2 * middle, height)


def _reduce(image: Image.Image) -> np.ndarray:
    # Hamming: a box of a few pixels wide weighs them unevenly
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.HAMMING))
