"""The arrays of the pairs on disk."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src import arrays
from src.errors import UserError


def made(count: int = 3, side: int = 8, labels: bool = True) -> dict[str, np.ndarray]:
    rng = np.random.default_rng([count, side])
    shapes = {"photo": (3,), "gray": (), "canny": ()} | ({"labels": (3,)} if labels else {})
    return {
        name: rng.integers(256, size=(count, side, side, *channels), dtype=np.uint8)
        for name, channels in shapes.items()
    }


def index(count: int = 3) -> pd.DataFrame:
    rows = list(range(10, 10 + count))
    names = [f"Zoë {row}" for row in rows]
    return pd.DataFrame({"row": rows, "item_id": [f"nm{row}" for row in rows], "name": names})


@given(count=st.integers(1, 4), side=st.integers(1, 9), labels=st.booleans())
@settings(max_examples=10, deadline=None)
def test_what_is_saved_is_loaded(tmp_path_factory, count: int, side: int, labels: bool):
    folder = tmp_path_factory.mktemp("pairs")
    arrays.save(folder, "val", made(count, side, labels), index(count))
    pairs = arrays.load(folder, "val")
    for name, array in made(count, side, labels).items():
        np.testing.assert_array_equal(getattr(pairs, name), array)
        assert getattr(pairs, name).dtype == np.uint8
    assert (pairs.labels is not None) == labels
    assert pairs.index.to_dict("list") == index(count).to_dict("list")
    assert len(pairs) == count


def test_arrays_are_memory_mapped_and_read_only(tmp_path: Path):
    arrays.save(tmp_path, "train", made(), index())
    pairs = arrays.load(tmp_path, "train")
    for array in (pairs.photo, pairs.gray, pairs.canny, pairs.labels):
        assert isinstance(array, np.memmap)
        assert not array.flags.writeable


def test_equal_arrays_give_equal_files(tmp_path: Path):
    for folder in ("one", "two"):
        arrays.save(tmp_path / folder, "train", made(), index())
    for file in (tmp_path / "one" / "train").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / "train" / file.name).read_bytes()


@pytest.mark.parametrize("name", ["photo", "gray", "canny", "labels", "index"])
def test_unequal_lengths_are_refused(tmp_path: Path, name: str):
    content = made()
    if name != "index":
        content[name] = content[name][:2]
    arrays.save(tmp_path, "val", content, index(2 if name == "index" else 3))
    with pytest.raises(UserError, match=r"val.*differ in length.*\[2, 3\]"):
        arrays.load(tmp_path, "val")


@pytest.mark.parametrize("file", ["photo.npy", "gray.npy", "canny.npy", "index.parquet"])
def test_a_missing_file_is_named(tmp_path: Path, file: str):
    arrays.save(tmp_path, "val", made(), index())
    (tmp_path / "val" / file).unlink()
    with pytest.raises(UserError, match="dvc repro") as raised:
        arrays.load(tmp_path, "val")
    assert str(tmp_path / "val" / file) in str(raised.value)


@pytest.mark.parametrize("left", [0, 5, 100, 200])
def test_a_cut_off_array_is_named(tmp_path: Path, left: int):
    arrays.save(tmp_path, "val", made(), index())
    file = tmp_path / "val" / "gray.npy"
    file.write_bytes(file.read_bytes()[:left])
    with pytest.raises(UserError) as raised:
        arrays.load(tmp_path, "val")
    assert str(file) in str(raised.value)


@pytest.mark.parametrize(
    ("task", "name"), [("colorize", "gray"), ("sketch", "canny"), ("labels", "labels")]
)
def test_each_task_has_its_own_inputs(tmp_path: Path, task: str, name: str):
    arrays.save(tmp_path, "val", made(), index())
    np.testing.assert_array_equal(arrays.load(tmp_path, "val").inputs(task), made()[name])


def test_a_source_without_labels_says_so(tmp_path: Path):
    arrays.save(tmp_path, "val", made(labels=False), index())
    pairs = arrays.load(tmp_path, "val")
    assert pairs.inputs("colorize") is pairs.gray
    with pytest.raises(UserError, match="'labels' needs labels"):
        pairs.inputs("labels")
