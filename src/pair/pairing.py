"""Photographs to aligned pairs: gray by averaging, Canny edges, side-by-side sets cut in two."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from src.dataset import arrays
from src.dataset.inputs import to_canny, to_gray
from src.dataset.picture_parts import Face, count_by_faces, largest_part, part_for
from src.errors import UserError
from src.imaging import decoding
from src.imaging.resizing import resize
from src.pair.face_detector import detect
from src.parallel.local import map_processes, stream_processes
from src.params import Pair, Size
from src.storage.archives import read_bytes
from src.storage.atomic import write_json

# row, file below data/raw, layout, the label map's file if it is one of its own, and the largest
# face if one was found
Key = tuple[int, str, str, str | None, Face | None]
Detector = Callable[[np.ndarray], list[Face]]  # of a picture's faces, the largest first
PairArrays = dict[str, np.ndarray]  # by the name of their array


def largest_crop(pixels: np.ndarray, size: Size, crop: str) -> np.ndarray:
    """Return the largest part of a picture that has the proportions of a size, resized to it."""
    part = largest_part(Size(*pixels.shape[:2]), size, crop)
    return resize(part.of(pixels), size.width, size.height)


def write_pairs(
    table: pd.DataFrame,
    raw: Path,
    folder: Path,
    pair: Pair,
    seed: int,
    detector: Detector = detect,
) -> dict[str, Any]:
    """Write the arrays of train, val and probe, and return metrics/pair.json.

    Training pictures have `load_size`, with room for random crops. Those of validation and of the
    probe have `crop_size`. The probe holds as many training pictures as validation has, by the
    seed. Other processes find the faces, so the detector must be picklable.

    Raises:
        UserError: A side is empty, a file cannot be read, or the detector is not installed.
    """
    sides = {side: table[table["side"] == side] for side in ("train", "val")}
    _require_rows(sides, len(table))
    if pair.crop == "face":
        find = partial(_find_faces, raw=raw, pair=pair, detector=detector)
        sides = {side: _with_faces(rows, find, side) for side, rows in sides.items()}
    counts = _face_counts(sides)
    sides["probe"] = _probe(sides["train"], len(sides["val"]), seed)
    density = {side: _write_side(rows, raw, folder, side, pair) for side, rows in sides.items()}
    # a training that draws its own edges depends on the settings, not on the arrays alone
    write_json(folder / "sketch" / "canny.json", pair.canny.model_dump())
    return {
        "pairs": len(sides["train"]) + len(sides["val"]),
        "train": len(sides["train"]),
        "val": len(sides["val"]),
        "edge_density": {side: density[side] for side in ("train", "val")},
        **counts,
    }


def _require_rows(sides: dict[str, pd.DataFrame], n_listed: int) -> None:
    for side, rows in sides.items():
        if rows.empty:
            raise UserError(
                f"the {side} side is empty ({n_listed} listed, none on it): see split in "
                "params.yaml and the verdicts in metrics/clean.json"
            )


def _write_side(rows: pd.DataFrame, raw: Path, folder: Path, side: str, pair: Pair) -> float:
    """Write the arrays of a side, and return the share of edge pixels in its sketches."""
    size = pair.load_size if side == "train" else pair.crop_size
    prepare = partial(_prepare, raw=raw, pair=pair, size=size)
    edge_counts: list[int] = []
    pictures = stream_processes(prepare, _keys(rows), f"pairing {side}")
    arrays.stream(folder, side, _count_edges(pictures, edge_counts), rows, pair.shard_size)
    return round(sum(edge_counts) / (len(edge_counts) * size.height * size.width), 4)


def _keys(rows: pd.DataFrame) -> list[Key]:
    columns = (rows[name] for name in ("row", "file", "layout"))
    label_files = [None if pd.isna(file) else file for file in rows["label_file"]]
    faces_by_picture = rows.get("faces", [None] * len(rows))
    largest_faces = [faces[0] if faces else None for faces in faces_by_picture]
    return list(zip(*columns, label_files, largest_faces, strict=True))


def _with_faces(rows: pd.DataFrame, find: Callable[[Key], list[Face]], side: str) -> pd.DataFrame:
    faces = map_processes(find, _keys(rows), f"finding faces: {side}")
    return rows.assign(faces=pd.Series(faces, rows.index, dtype=object))


def _find_faces(key: Key, raw: Path, pair: Pair, detector: Detector) -> list[Face]:
    """Return the faces of a row's photograph; raises UserError if its file cannot be read."""
    row, file, layout, *_ = key
    photo, _ = decoding.split_pair(_decode(row, raw / file, pair), layout)
    return detector(photo)


def _face_counts(sides: dict[str, pd.DataFrame]) -> dict[str, Any]:
    faces_by_picture = [faces for rows in sides.values() for faces in rows.get("faces", [])]
    return {"faces": count_by_faces(faces_by_picture)} if faces_by_picture else {}


def _count_edges(pictures: Iterable[PairArrays], edge_counts: list[int]) -> Iterator[PairArrays]:
    """Yield the same pictures, and append how many edge pixels each has to `edge_counts`."""
    for picture in pictures:
        edge_counts.append(int(np.count_nonzero(picture["canny"])))
        yield picture


def _probe(train: pd.DataFrame, count: int, seed: int) -> pd.DataFrame:
    """Return a fixed choice of training rows, at most `count`: those of the lowest hashes."""

    def row_hash(row: int) -> str:
        return hashlib.sha256(f"{seed}:probe:{row}".encode()).hexdigest()

    chosen = sorted(train["row"], key=row_hash)[:count]
    return train[train["row"].isin(chosen)]


def _prepare(key: Key, raw: Path, pair: Pair, size: Size) -> PairArrays:
    """Return a row's pictures of one size; raises UserError if its file cannot be read."""
    row, file, layout, label_file, face = key
    photo, labels = decoding.split_pair(_decode(row, raw / file, pair), layout)
    if label_file:
        labels = _decode(row, raw / label_file, pair)
    photo = _crop(photo, size, pair, face)
    pictures = {"photo": photo, "gray": to_gray(photo), "canny": to_canny(photo, pair.canny)}
    if labels is not None:
        pictures["labels"] = _crop(labels, size, pair, face)
    return pictures


def _crop(pixels: np.ndarray, size: Size, pair: Pair, face: Face | None) -> np.ndarray:
    """Return the part of a picture that becomes a pair, resized to a size."""
    part = part_for(Size(*pixels.shape[:2]), size, pair, face)
    return resize(part.of(pixels), size.width, size.height)


def _decode(row: int, path: Path, pair: Pair) -> np.ndarray:
    try:
        return decoding.decode(read_bytes(path), pair.background)
    except (OSError, decoding.ImageError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            f"row {row}: {path} cannot be read any more: {reason}: `dvc checkout` brings it back"
        ) from None
