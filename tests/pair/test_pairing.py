"""Photographs to aligned pairs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays as drawn_arrays

from src.dataset import arrays, inputs
from src.drawing.sheets import three_channels
from src.errors import UserError
from src.export.side_by_side import export_pairs
from src.imaging import decoding
from src.pair import pairing
from src.pair.pairing import square_crop, write_pairs
from src.params import Canny
from src.storage.encoding import encode_png
from tests.conftest import ROOT, real

CANNY = Canny(low=60, high=140, aperture=3, blur=3, thresholds="absolute")
PICTURES = drawn_arrays(np.uint8, st.tuples(st.integers(1, 6), st.integers(1, 6), st.just(3)))


def listed(raw: Path, pictures: list[np.ndarray], val: int, layout: str = "single") -> pd.DataFrame:
    """Write the pictures as files; every `len / val`-th is on the val side."""
    raw.mkdir(parents=True, exist_ok=True)
    for row, picture in enumerate(pictures):
        (raw / f"{row}.png").write_bytes(encode_png(picture))
    rows = range(len(pictures))
    every = len(pictures) // val
    return pd.DataFrame(
        {
            "row": pd.array(list(rows), dtype="Int64"),
            "item_id": [f"nm{row}" for row in rows],
            "name": [f"Person {row}" for row in rows],
            "file": [f"{row}.png" for row in rows],
            "layout": layout,
            "side": ["val" if row % every == 0 else "train" for row in rows],
        }
    )


@pytest.fixture(scope="session")
def pairs_folder(tmp_path_factory, faces) -> Path:
    """Forty portraits, 36 + 4, made into pairs of 32 (+ 6) pixels: data/raw and data/pairs."""
    data = tmp_path_factory.mktemp("pairs") / "data"
    table = listed(data / "raw", faces, val=4)
    write_pairs(table, data / "raw", data / "pairs", of_size(32, 6), seed=3)
    return data / "pairs"


def of_size(
    size: int, margin: int, crop: str = "center", background: str = "#ffffff"
) -> pairing.Pair:
    return pairing.Pair(
        crop_size=size,
        load_size=size + margin,
        crop=crop,
        background=background,
        shard_size=7,
        canny=CANNY,
    )


def test_what_is_transparent_shows_the_background(tmp_path: Path):
    clear = np.dstack([np.full((40, 40, 3), 90, np.uint8), np.zeros((40, 40), np.uint8)])
    table = listed(tmp_path / "raw", [clear, clear], val=1)
    write_pairs(table, tmp_path / "raw", tmp_path / "pairs", of_size(32, 6, "center", "#104080"), 3)
    shown = np.asarray(arrays.load(tmp_path / "pairs", "val").photo)
    assert (shown == (16, 64, 128)).all()


def halves(raw: Path, count: int, labels_first: bool) -> list[np.ndarray]:
    """Side-by-side pictures: a noisy photo and a label map of two colours."""
    rng = np.random.default_rng(0)
    wholes = []
    for _ in range(count):
        photo = rng.integers(40, 200, (40, 40, 3), dtype=np.uint8)
        labels = np.full((40, 40, 3), (0, 0, 255), np.uint8)
        labels[10:30, 10:30] = (255, 0, 0)
        both = [labels, photo] if labels_first else [photo, labels]
        wholes.append(np.concatenate(both, axis=1))
    return wholes


@pytest.mark.parametrize(
    ("shape", "crop", "top", "left"),
    [
        ((12, 8), "center", 2, 0),
        ((12, 8), "top", 0, 0),
        ((8, 12), "center", 0, 2),
        ((8, 12), "top", 0, 2),
        ((8, 8), "center", 0, 0),
    ],
)
def test_the_largest_square_is_cut(shape: tuple[int, int], crop: str, top: int, left: int):
    picture = np.random.default_rng(0).integers(256, size=(*shape, 3), dtype=np.uint8)
    expected = picture[top : top + 8, left : left + 8]
    np.testing.assert_array_equal(square_crop(picture, 8, crop), expected)


@pytest.mark.parametrize("size", [16, 48])
def test_a_square_has_the_size_asked_for(faces, size: int):
    assert square_crop(faces[0], size, "center").shape == (size, size, 3)


def test_training_pictures_have_room_for_crops(pairs_folder: Path):
    sides = {side: arrays.load(pairs_folder, side) for side in ("train", "val", "probe")}
    shapes = {side: pairs.photo.shape for side, pairs in sides.items()}
    assert shapes == {"train": (36, 38, 38, 3), "val": (4, 32, 32, 3), "probe": (4, 32, 32, 3)}
    for pairs in sides.values():
        assert pairs.gray.shape == pairs.canny.shape == pairs.photo.shape[:3]
        assert pairs.labels is None


def test_every_input_belongs_to_its_photo(pairs_folder: Path, faces):
    for side in ("train", "val", "probe"):
        pairs = arrays.load(pairs_folder, side)
        for at, row in enumerate(pairs.index["row"]):
            photo = square_crop(faces[row], pairs.photo.shape[1], "center")
            np.testing.assert_array_equal(pairs.photo[at], photo)
            np.testing.assert_array_equal(pairs.gray[at], inputs.to_gray(photo))
            np.testing.assert_array_equal(pairs.canny[at], inputs.to_canny(photo, CANNY))
            assert pairs.index["item_id"][at] == f"nm{row}"


def test_the_probe_is_training_pictures_the_same_each_time(tmp_path: Path, faces):
    table = listed(tmp_path / "raw", faces[:12], val=4)

    def probe(folder: str, seed: int) -> list[int]:
        write_pairs(table, tmp_path / "raw", tmp_path / folder, of_size(16, 0), seed)
        return list(arrays.load(tmp_path / folder, "probe").index["row"])

    first = probe("one", 3)
    assert len(set(first)) == 4
    assert set(first) <= set(table.loc[table["side"] == "train", "row"])
    assert probe("two", 3) == first
    assert any(probe(f"seed{seed}", seed) != first for seed in (4, 5))


def test_counts_are_those_of_the_arrays(tmp_path: Path, faces):
    table = listed(tmp_path / "raw", faces[:8], val=2)
    counts = write_pairs(table, tmp_path / "raw", tmp_path / "pairs", of_size(32, 0), seed=0)
    assert (counts["pairs"], counts["train"], counts["val"]) == (8, 6, 2)
    for side, density in counts["edge_density"].items():
        edges = np.asarray(arrays.load(tmp_path / "pairs", side).canny)
        assert density == pytest.approx((edges == 255).mean(), abs=1e-4)


@pytest.mark.parametrize("side", ["train", "val"])
def test_an_empty_side_is_refused(tmp_path: Path, faces, side: str):
    table = listed(tmp_path / "raw", faces[:4], val=1)
    table["side"] = {"train": "val", "val": "train"}[side]
    with pytest.raises(UserError, match=f"the {side} side is empty"):
        write_pairs(table, tmp_path / "raw", tmp_path / "pairs", of_size(16, 0), seed=0)


@pytest.mark.parametrize("count", [6, 40])  # in this process, and in several
@pytest.mark.parametrize("fault", ["gone", "cut off"])
def test_a_file_that_broke_since_is_named(tmp_path: Path, faces, count: int, fault: str):
    table = listed(tmp_path / "raw", faces[:count], val=2)
    broken = tmp_path / "raw" / "5.png"
    if fault == "gone":
        broken.unlink()
    else:
        broken.write_bytes(broken.read_bytes()[:2000])
    with pytest.raises(UserError, match="row 5: ") as raised:
        write_pairs(table, tmp_path / "raw", tmp_path / "pairs", of_size(16, 0), seed=0)
    assert str(broken) in str(raised.value)


@pytest.mark.parametrize("layout", ["photo_left", "photo_right"])
def test_side_by_side_pictures_are_cut_in_two(tmp_path: Path, layout: str):
    wholes = halves(tmp_path, 6, labels_first=layout == "photo_right")
    table = listed(tmp_path / "raw", wholes, val=2, layout=layout)
    write_pairs(table, tmp_path / "raw", tmp_path / "pairs", of_size(32, 8), seed=0)
    train = arrays.load(tmp_path / "pairs", "train")  # 40 pixels: not resized
    labels, photos = (np.asarray(a).reshape(-1, 3) for a in (train.labels, train.photo))
    assert {tuple(c) for c in labels} == {(0, 0, 255), (255, 0, 0)}
    assert len(np.unique(photos, axis=0)) > 1000
    np.testing.assert_array_equal(train.gray[0], inputs.to_gray(np.array(train.photo[0])))
    for side in ("val", "probe"):
        assert arrays.load(tmp_path / "pairs", side).labels.shape[1:] == (32, 32, 3)


def test_real_facades_are_cut_into_photos_and_label_maps(tmp_path: Path):
    wholes = [decoding.decode(file.read_bytes()) for file in real("facades/train")[::50]]
    table = listed(tmp_path / "raw", wholes, val=2, layout="photo_left")
    write_pairs(table, tmp_path / "raw", tmp_path / "pairs", of_size(64, 0), seed=0)
    train = arrays.load(tmp_path / "pairs", "train")
    # a label map's colours are pure, a building's are not
    assert np.ptp(train.labels, axis=3).mean(axis=(1, 2)).min() > 150
    assert np.ptp(train.photo, axis=3).mean(axis=(1, 2)).max() < 75


@pytest.mark.parametrize(("task", "name"), [("colorize", "gray"), ("sketch", "canny")])
def test_exported_pairs_stand_side_by_side(
    tmp_path: Path, pairs_folder: Path, task: str, name: str
):
    assert export_pairs(pairs_folder, tmp_path, task) == 40
    for side, count in (("train", 36), ("val", 4)):
        pairs = arrays.load(pairs_folder, side)
        files = sorted((tmp_path / side).iterdir())
        assert [int(file.stem) for file in files] == list(pairs.index["row"])
        assert len(files) == count
        for at in (0, count - 1):
            both = decoding.decode(files[at].read_bytes())
            size = pairs.photo.shape[1]
            assert both.shape == (size, 2 * size, 3)
            expected = three_channels(np.array(getattr(pairs, name)[at]))
            np.testing.assert_array_equal(both[:, :size], expected)
            np.testing.assert_array_equal(both[:, size:], pairs.photo[at])


def test_exported_labels_stand_left_of_their_photo(tmp_path: Path):
    table = listed(tmp_path / "raw", halves(tmp_path, 4, False), val=2, layout="photo_left")
    write_pairs(table, tmp_path / "raw", tmp_path / "pairs", of_size(32, 8), seed=0)
    assert export_pairs(tmp_path / "pairs", tmp_path / "out", "labels") == 4
    pairs = arrays.load(tmp_path / "pairs", "train")
    both = decoding.decode(min((tmp_path / "out" / "train").iterdir()).read_bytes())
    np.testing.assert_array_equal(both[:, :40], pairs.labels[0])
    np.testing.assert_array_equal(both[:, 40:], pairs.photo[0])


def exported(cwd: Path, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "src", "export", "pairs", "out", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


def test_the_export_command_takes_the_task_of_the_parameters(tmp_path: Path, pairs_folder: Path):
    shutil.copy(ROOT / "params.yaml", tmp_path)
    shutil.copytree(pairs_folder, tmp_path / "data" / "pairs")
    done = exported(tmp_path)
    assert done.returncode == 0, done.stderr
    assert "40 pairs written to out" in done.stdout
    left = decoding.decode(min((tmp_path / "out" / "val").iterdir()).read_bytes())[:, :32]
    assert len(np.unique(left)) > 2  # gray, not edges


def test_the_export_command_says_in_one_line_what_is_missing(tmp_path: Path, pairs_folder: Path):
    shutil.copytree(pairs_folder, tmp_path / "data" / "pairs")
    done = exported(tmp_path, "--task", "labels")
    assert done.returncode == 1
    assert done.stderr.startswith("python -m src: task 'labels' needs labels")
    assert done.stderr.count("\n") == 1
