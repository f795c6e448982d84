"""Faults in what pair wrote. Each function takes the project's folder and a kind."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from src.dataset import arrays
from src.dataset.arrays import Pairs
from src.dataset.inputs import to_canny, to_gray
from src.demo import inventory
from src.drawing.sheets import three_channels
from src.errors import UserError
from src.imaging import decoding
from src.imaging.picture_files import read_photo
from src.imaging.resizing import resize
from src.pair.pairing import square_crop
from src.params import Params, read_params
from src.storage.ledger import read_ledger

SIDES = ("train", "val", "probe")


def copy_across(root: Path, kind: str) -> None:
    """The first quarter of validation becomes changed copies of training pictures."""
    p = read_params(root / "params.yaml")
    train, val = _side(root, "train"), _side(root, "val")
    photos = np.array(val.photo)
    for at in range(max(2, len(val) // 4)):
        original = resize(np.asarray(train.photo[at]), 256, 256)
        copy = inventory.alter(original, kind, np.random.default_rng([6, at]))
        photos[at] = square_crop(decoding.decode(copy), photos.shape[1], "center")
    _save(root, "val", _derived(replace(val, photo=photos), p))


def validate_on_training(root: Path, kind: str) -> None:
    """The validation side is the training pictures that are prepared as validation's are."""
    _save(root, "val", _side(root, "probe"))


def rows(root: Path, kind: str) -> None:
    """Rows of the training side are lost, doubled, shifted by one or renamed."""
    for side in ("train",) if kind in ("lost", "doubled") else SIDES:
        pairs = _side(root, side)
        order = np.arange(len(pairs))
        if kind == "lost":
            _save(root, side, _taken(pairs, order[:-3]))
        elif kind == "doubled":
            _save(root, side, _taken(pairs, np.concatenate([order[:3], order])))
        elif kind == "shifted":
            index = pairs.index.iloc[np.roll(order, 1)].reset_index(drop=True)
            _save(root, side, replace(pairs, index=index))
        elif kind == "renamed":
            named = pairs.index[["item_id", "name"]].iloc[np.roll(order, 1)].reset_index(drop=True)
            _save(root, side, replace(pairs, index=pairs.index.assign(**named)))
        else:
            raise UserError(f"rows: unknown kind {kind!r}")


def photos(root: Path, kind: str) -> None:
    """All photographs with swapped channels or in a wrong range, inputs made of them."""
    change = {
        "bgr": lambda pixels: pixels[..., ::-1],
        "unit": lambda pixels: pixels // 255,
        "half": lambda pixels: 128 + pixels // 2,
    }[kind]
    p = read_params(root / "params.yaml")
    for side in SIDES:
        pairs = _side(root, side)
        changed = np.ascontiguousarray(change(np.asarray(pairs.photo)))
        _save(root, side, _derived(replace(pairs, photo=changed), p))


def decode_naively(root: Path, kind: str) -> None:
    """All photographs made anew by a decoder that heeds no orientation, alpha or CMYK sense."""
    p = read_params(root / "params.yaml")
    files = read_ledger(root / "data/split/ledger.parquet", "split")["file"]
    for side in SIDES:
        pairs = _side(root, side)
        made = []
        for row in pairs.index["row"]:
            image = Image.open(root / "data/raw" / files[row])
            pixels = np.asarray(image.convert("RGB"))
            pixels = 255 - pixels if image.mode == "CMYK" else pixels
            made.append(square_crop(pixels, pairs.photo.shape[1], p.pair.crop))
        _save(root, side, _derived(replace(pairs, photo=np.stack(made)), p))


def gray(root: Path, kind: str) -> None:
    """Gray inputs by luma, of one channel, or with colour mixed in."""
    weights = {"luma": (0.299, 0.587, 0.114), "green": (0, 1, 0), "reddened": (0.4, 0.3, 0.3)}[kind]
    for side in SIDES:
        pairs = _side(root, side)
        mixed = np.asarray(pairs.photo) @ np.array(weights)
        _save(root, side, replace(pairs, gray=np.rint(mixed).astype(np.uint8)))


def inputs(root: Path, kind: str) -> None:
    """Inputs of the next picture, or moved by three pixels."""
    axis, by = {"shuffled": (0, 1), "moved": (2, 3)}[kind]
    for side in SIDES:
        pairs = _side(root, side)
        names = ["gray", "canny"] + ([] if pairs.labels is None else ["labels"])
        rolled = {name: np.roll(getattr(pairs, name), by, axis=axis) for name in names}
        _save(root, side, replace(pairs, **rolled))


def edges_before_resize(root: Path, kind: str) -> None:
    """Edges found at the file's size, then resized with the picture."""
    p = read_params(root / "params.yaml")
    table = read_ledger(root / "data/split/ledger.parquet", "split")
    for side in SIDES:
        pairs = _side(root, side)
        made = []
        for row in pairs.index["row"]:
            photo = read_photo(root / "data/raw" / table["file"][row], table["layout"][row])
            edges = three_channels(to_canny(photo, p.pair.canny))
            made.append(square_crop(edges, pairs.photo.shape[1], p.pair.crop)[..., 0])
        _save(root, side, replace(pairs, canny=np.stack(made)))


def _side(root: Path, side: str) -> Pairs:
    return arrays.load(root / "data/pairs", side)


def _taken(pairs: Pairs, places: np.ndarray) -> Pairs:
    labels = None if pairs.labels is None else pairs.labels[places]
    index = pairs.index.iloc[places].reset_index(drop=True)
    return Pairs(pairs.photo[places], pairs.gray[places], pairs.canny[places], labels, index)


def _derived(pairs: Pairs, p: Params) -> Pairs:
    """The inputs made of the photographs, as pair makes them."""
    edges = np.stack([to_canny(photo, p.pair.canny) for photo in pairs.photo])
    return replace(pairs, gray=to_gray(np.asarray(pairs.photo)), canny=edges)


def _save(root: Path, side: str, pairs: Pairs) -> None:
    made = {name: np.array(getattr(pairs, name)) for name in ("photo", "gray", "canny")}
    if pairs.labels is not None:
        made["labels"] = np.array(pairs.labels)
    arrays.save(root / "data/pairs", side, made, pairs.index)
