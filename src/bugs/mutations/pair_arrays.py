"""Faults in what pair wrote. Each public function takes the project's folder and a kind."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from src.dataset import arrays
from src.dataset.arrays import Pairs, Shards
from src.dataset.inputs import to_canny, to_gray
from src.demo import inventory
from src.drawing.sheets import three_channels
from src.errors import UserError
from src.imaging import decoding
from src.imaging.picture_files import read_photo
from src.imaging.resizing import resize
from src.pair.pairing import largest_crop
from src.params import Params, Size, read_params
from src.storage.ledger import read_ledger

SIDES = ("train", "val", "probe")
N_ROWS = 3  # lost or repeated
PIXEL_FAULTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "bgr": lambda pixels: pixels[..., ::-1],
    "unit": lambda pixels: pixels // 255,
    "half": lambda pixels: 128 + pixels // 2,
}
GRAY_WEIGHTS = {"luma": (0.299, 0.587, 0.114), "green": (0, 1, 0), "reddened": (0.4, 0.3, 0.3)}
DISPLACEMENTS = {"shuffled": (0, 1), "moved": (2, 3)}  # axis, and positions along it


def copy_across(root: Path, kind: str) -> None:
    """Replace the first quarter of validation by altered copies of training pictures."""
    p = _read_params(root)
    train, val = _load(root, "train"), _load(root, "val")
    photos = np.array(val.photo)
    size = Size(*photos.shape[1:3])
    large = Size.of(256, size)
    for index in range(max(2, len(val) // 4)):
        original = resize(np.asarray(train.photo[index]), large.width, large.height)
        copy = inventory.alter(original, kind, np.random.default_rng([6, index]))
        photos[index] = largest_crop(decoding.decode(copy), size, "center")
    _save(root, "val", _with_photos(val, photos, p))


def validate_on_training(root: Path, kind: str) -> None:
    """Replace validation by the training pictures that are prepared like it."""
    _save(root, "val", _load(root, "probe"))


def change_rows(root: Path, kind: str) -> None:
    """Lose or repeat rows of training, or shift or rename the rows of all sides."""
    for side in ("train",) if kind in ("lost", "doubled") else SIDES:
        pairs = _load(root, side)
        index, order = pairs.index, np.arange(len(pairs))
        previous = np.roll(order, 1)
        if kind == "lost":
            pairs = _select(pairs, order[:-N_ROWS])
        elif kind == "doubled":
            pairs = _select(pairs, np.concatenate([order[:N_ROWS], order]))
        elif kind == "shifted":
            pairs = replace(pairs, index=index.iloc[previous].reset_index(drop=True))
        elif kind == "renamed":
            names = index[["item_id", "name"]].iloc[previous].reset_index(drop=True)
            pairs = replace(pairs, index=index.assign(**{str(key): names[key] for key in names}))
        else:
            raise UserError(f"change_rows: unknown kind {kind!r}")
        _save(root, side, pairs)


def change_photos(root: Path, kind: str) -> None:
    """Swap the channels of all photographs, or put them in a wrong range: one of PIXEL_FAULTS.

    The inputs follow.
    """
    p = _read_params(root)
    for side in SIDES:
        pairs = _load(root, side)
        photos = PIXEL_FAULTS[kind](np.asarray(pairs.photo))
        _save(root, side, _with_photos(pairs, np.ascontiguousarray(photos), p))


def decode_naively(root: Path, kind: str) -> None:
    """Decode all photographs again, without regard to orientation, alpha and inverted CMYK."""
    p = _read_params(root)
    files = read_ledger(root / "data/split/ledger.parquet", "split")["file"]
    for side in SIDES:
        pairs = _load(root, side)
        photos = []
        for row in pairs.index["row"]:
            image = Image.open(root / "data/raw" / files[row])
            pixels = np.asarray(image.convert("RGB"))
            pixels = 255 - pixels if image.mode == "CMYK" else pixels
            photos.append(largest_crop(pixels, Size(*pairs.photo.shape[1:3]), p.pair.crop))
        _save(root, side, _with_photos(pairs, np.stack(photos), p))


def mix_gray(root: Path, kind: str) -> None:
    """Derive the gray inputs with other weights of the channels: one of GRAY_WEIGHTS."""
    for side in SIDES:
        pairs = _load(root, side)
        gray = np.asarray(pairs.photo) @ np.array(GRAY_WEIGHTS[kind])
        _save(root, side, replace(pairs, gray=np.rint(gray).astype(np.uint8)))


def displace_inputs(root: Path, kind: str) -> None:
    """Give each pair the inputs of another picture, or move them aside: one of DISPLACEMENTS."""
    axis, positions = DISPLACEMENTS[kind]

    def displace(pictures: Shards | np.ndarray) -> np.ndarray:
        return np.roll(np.asarray(pictures), positions, axis=axis)

    for side in SIDES:
        pairs = _load(root, side)
        labels = None if pairs.labels is None else displace(pairs.labels)
        gray, canny = displace(pairs.gray), displace(pairs.canny)
        _save(root, side, replace(pairs, gray=gray, canny=canny, labels=labels))


def displace_labels(root: Path, kind: str) -> None:
    """Give each photograph the next one's label map, or change each map; the other inputs stay.

    Args:
        root: The project's folder.
        kind: `shuffled`; `moved`, by a sixteenth down and right; or `bgr`, red and blue swapped.
    """
    for side in SIDES:
        pairs = _load(root, side)
        if pairs.labels is None:
            raise UserError("displace_labels: there are no label maps: set demo.kind: facades")
        labels = np.asarray(pairs.labels)
        step = labels.shape[1] // 16
        if kind == "bgr":
            labels = labels[..., ::-1]
        else:
            by, axes = {"shuffled": ((1,), (0,)), "moved": ((step, step), (1, 2))}[kind]
            labels = np.roll(labels, by, axes)
        _save(root, side, replace(pairs, labels=labels))


def edges_before_resize(root: Path, kind: str) -> None:
    """Detect edges at the file's size, and resize them with the picture."""
    p = _read_params(root)
    ledger = read_ledger(root / "data/split/ledger.parquet", "split")
    for side in SIDES:
        pairs = _load(root, side)
        sketches = []
        for row in pairs.index["row"]:
            photo = read_photo(root / "data/raw" / ledger["file"][row], ledger["layout"][row])
            edges = three_channels(to_canny(photo, p.pair.canny))
            sketch = largest_crop(edges, Size(*pairs.photo.shape[1:3]), p.pair.crop)[..., 0]
            sketches.append(sketch)
        _save(root, side, replace(pairs, canny=np.stack(sketches)))


def _read_params(root: Path) -> Params:
    return read_params(root / "params.yaml")


def _load(root: Path, side: str) -> Pairs:
    return arrays.load(root / "data/pairs", side)


def _select(pairs: Pairs, indices: np.ndarray) -> Pairs:
    labels = None if pairs.labels is None else pairs.labels[indices]
    index = pairs.index.iloc[indices].reset_index(drop=True)
    return Pairs(pairs.photo[indices], pairs.gray[indices], pairs.canny[indices], labels, index)


def _with_photos(pairs: Pairs, photos: np.ndarray, p: Params) -> Pairs:
    """Return the pairs with other photographs, and the inputs that pair derives from them."""
    edges = np.stack([to_canny(photo, p.pair.canny) for photo in photos])
    return replace(pairs, photo=photos, gray=to_gray(photos), canny=edges)


def _save(root: Path, side: str, pairs: Pairs) -> None:
    parts = {name: np.array(getattr(pairs, name)) for name in ("photo", "gray", "canny")}
    if pairs.labels is not None:
        parts["labels"] = np.array(pairs.labels)
    arrays.save(root / "data/pairs", side, parts, pairs.index)
