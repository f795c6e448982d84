"""The arrays of the pairs are read from disk as they were written."""

import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.dataset import arrays
from src.errors import UserError


def content(count: int = 3, side: int = 8, labels: bool = True) -> dict[str, np.ndarray]:
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
def test_saved_arrays_are_loaded(tmp_path_factory, count: int, side: int, labels: bool):
    folder = tmp_path_factory.mktemp("pairs")
    arrays.save(folder, "val", content(count, side, labels), index(count))
    pairs = arrays.load(folder, "val")
    for name, array in content(count, side, labels).items():
        np.testing.assert_array_equal(getattr(pairs, name), array)
        assert getattr(pairs, name).dtype == np.uint8
    assert (pairs.labels is not None) == labels
    assert pairs.index.to_dict("list") == index(count).to_dict("list")
    assert len(pairs) == count


def write_stream(folder: Path, count: int, shard_size: int) -> None:
    columns = content(count).items()
    pictures = ({name: array[i] for name, array in columns} for i in range(count))
    arrays.stream(folder, "train", pictures, index(count), shard_size)


@given(count=st.integers(1, 9), shard_size=st.integers(1, 10))
@settings(max_examples=20, deadline=None)
def test_streamed_pictures_fill_files_of_the_shard_size(tmp_path_factory, count, shard_size):
    folder = tmp_path_factory.mktemp("pairs")
    write_stream(folder, count, shard_size)
    pairs = arrays.load(folder, "train")
    for name, array in content(count).items():
        shards = getattr(pairs, name)
        np.testing.assert_array_equal(shards, array)
        assert (shards.shape, shards.dtype, shards.nbytes) == (array.shape, np.uint8, array.nbytes)
        assert len(list(folder.glob(f"*/train/{name}*.npy"))) == -(-count // shard_size)
    assert pairs.index.to_dict("list") == index(count).to_dict("list")


@given(data=st.data(), count=st.integers(1, 9), shard_size=st.integers(1, 4))
@settings(max_examples=30, deadline=None)
def test_pictures_are_read_by_positionslice_or_list_over_all_files(
    tmp_path_factory, data, count, shard_size
):
    folder = tmp_path_factory.mktemp("pairs")
    write_stream(folder, count, shard_size)
    shards, array = arrays.load(folder, "train").photo, content(count)["photo"]
    position = data.draw(st.integers(-count, count - 1))
    edges = st.none() | st.integers(-count - 2, count + 2)
    part = slice(data.draw(edges), data.draw(edges), data.draw(st.sampled_from([None, 1, 2, -1])))
    indices = data.draw(st.lists(st.integers(-count, count - 1)))
    for key in (position, np.int64(position), part, indices, np.array(indices, int)):
        np.testing.assert_array_equal(shards[key], array[key])
    for beyond in (count, -count - 1):
        with pytest.raises(IndexError):
            shards[beyond]
    np.testing.assert_array_equal(np.stack(list(shards)), array)
    np.testing.assert_array_equal(np.concatenate(list(arrays.blocks(shards))), array)


def test_a_streamed_file_is_what_numpy_writes(tmp_path: Path):
    write_stream(tmp_path, 5, 10)
    arrays.save(tmp_path / "saved", "train", content(5), index(5))
    for file in tmp_path.glob("*/train/*"):
        saved = tmp_path / "saved" / file.relative_to(tmp_path)
        assert file.read_bytes() == saved.read_bytes()


def test_a_shard_that_is_missing_broken_or_of_another_shape_is_refused(tmp_path: Path):
    write_stream(tmp_path, 5, 2)
    last = tmp_path / "photo/train/photo.00002.npy"
    data = last.read_bytes()
    last.unlink()
    with pytest.raises(UserError, match="differ in length"):
        arrays.load(tmp_path, "train")
    np.save(last, np.zeros((1, 4, 4, 3), np.uint8))
    with pytest.raises(UserError, match=r"photo\.npy and its other files hold pictures of diff"):
        arrays.load(tmp_path, "train")
    last.write_bytes(data[:50])
    with pytest.raises(UserError, match=str(last)):
        arrays.load(tmp_path, "train")


def test_pictures_are_copies_and_their_file_stays_unchanged(tmp_path: Path):
    arrays.save(tmp_path, "train", content(), index())
    pairs = arrays.load(tmp_path, "train")
    pairs.photo[0][:] = 0
    pairs.photo[:][:] = 0
    np.testing.assert_array_equal(pairs.photo, content()["photo"])


@pytest.mark.parametrize("scattered", [False, True])
def test_memory_does_not_grow_with_the_number_of_reads(tmp_path: Path, scattered: bool):
    count, side = 3000, 128
    photo = np.zeros((side, side, 3), np.uint8)
    gray = np.zeros((side, side), np.uint8)
    same = ({"photo": photo, "gray": gray, "canny": gray} for _ in range(count))
    arrays.stream(tmp_path, "train", same, index(count), 1000)
    pairs = arrays.load(tmp_path, "train")
    # around a small picture the system maps more than the picture
    pictures = pairs.gray if scattered else pairs.photo
    assert pictures.nbytes > 2 * arrays.MADVISE_AFTER_BYTES

    def mapped() -> int:
        """Bytes of files that this process has in memory."""
        status = Path("/proc/self/status").read_text().splitlines()
        return next(int(s.split()[1]) for s in status if s.startswith("RssFile")) * 1024

    before = mapped()
    for i in np.random.default_rng(0).permutation(count) if scattered else range(count):
        pictures[i]
        assert mapped() - before < 1.5 * arrays.MADVISE_AFTER_BYTES


def test_equal_arrays_give_equal_files(tmp_path: Path):
    for folder in ("one", "two"):
        arrays.save(tmp_path / folder, "train", content(), index())
    files = list((tmp_path / "one").glob("*/train/*"))
    assert len(files) == 5
    for file in files:
        other = tmp_path / "two" / file.relative_to(tmp_path / "one")
        assert file.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("name", ["photo", "gray", "canny", "labels", "index"])
def test_unequal_lengths_are_refused(tmp_path: Path, name: str):
    columns = content()
    if name != "index":
        columns[name] = columns[name][:2]
    arrays.save(tmp_path, "val", columns, index(2 if name == "index" else 3))
    with pytest.raises(UserError, match=r"val.*differ in length.*\[2, 3\]"):
        arrays.load(tmp_path, "val")


@pytest.mark.parametrize(
    "file",
    [
        "photo/val/photo.npy",
        "colorize/val/gray.npy",
        "sketch/val/canny.npy",
        "photo/val/index.parquet",
    ],
)
def test_a_missing_file_is_named(tmp_path: Path, file: str):
    arrays.save(tmp_path, "val", content(), index())
    (tmp_path / file).unlink()
    with pytest.raises(UserError, match="dvc repro") as raised:
        arrays.load(tmp_path, "val")
    assert str(tmp_path / file) in str(raised.value)


@pytest.mark.parametrize("length", [0, 5, 100, 200])
def test_a_cut_off_array_is_named(tmp_path: Path, length: int):
    arrays.save(tmp_path, "val", content(), index())
    file = tmp_path / "colorize/val/gray.npy"
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(UserError) as raised:
        arrays.load(tmp_path, "val")
    assert str(file) in str(raised.value)


@pytest.mark.parametrize(
    "change",
    [lambda gray: np.float32(gray), lambda gray: gray.reshape(3, -1), lambda gray: np.array(7)],
    ids=["floats", "flat", "a number"],
)
def test_an_array_that_holds_no_pictures_is_named_with_the_remedy(tmp_path: Path, change):
    arrays.save(tmp_path, "val", content(), index())
    file = tmp_path / "colorize/val/gray.npy"
    np.save(file, change(np.load(file)))
    with pytest.raises(UserError, match=r"as an array: it holds .*\]; `dvc repro` rebuilds it$"):
        arrays.load(tmp_path, "val")


def test_arrays_of_unequal_sizes_are_refused_with_the_remedy(tmp_path: Path):
    arrays.save(tmp_path, "val", content() | {"gray": content()["gray"][:, 1:]}, index())
    with pytest.raises(
        UserError, match=r"val of .*: arrays differ in size: .*; `dvc repro` rebuilds"
    ):
        arrays.load(tmp_path, "val")


def test_pictures_without_a_row_are_named_with_the_remedy(tmp_path: Path):
    rows = index().assign(row=pd.array([0, None, 2], "Int64"))
    arrays.save(tmp_path, "val", content(), rows)
    with pytest.raises(UserError, match=r"index\.parquet has pictures without a row: `dvc repro`"):
        arrays.load(tmp_path, "val")


@pytest.mark.parametrize(
    ("task", "name"), [("colorize", "gray"), ("sketch", "canny"), ("labels", "labels")]
)
def test_each_task_has_its_own_inputs(tmp_path: Path, task: str, name: str):
    arrays.save(tmp_path, "val", content(), index())
    np.testing.assert_array_equal(arrays.load(tmp_path, "val").inputs(task), content()[name])


def test_a_source_without_labels_refuses_the_labels_task(tmp_path: Path):
    arrays.save(tmp_path, "val", content(labels=False), index())
    pairs = arrays.load(tmp_path, "val")
    assert pairs.inputs("colorize") is pairs.gray
    with pytest.raises(UserError, match="'labels' needs labels"):
        pairs.inputs("labels")


@pytest.mark.parametrize("change", [-1, 1])
def test_more_or_fewer_pictures_than_rows_are_refused(tmp_path: Path, change: int):
    columns = content(4).items()
    pictures = ({name: array[i % 4] for name, array in columns} for i in range(4 + change))
    with pytest.raises(ValueError, match="pictures"):
        arrays.stream(tmp_path, "train", pictures, index(4), 2)
    assert not list(tmp_path.glob("*/train/.*"))


def test_another_process_maps_the_files_itself(tmp_path: Path):
    write_stream(tmp_path, 5, 2)
    photo = arrays.load(tmp_path, "train").photo
    data = pickle.dumps(photo)
    assert len(data) < photo.nbytes
    np.testing.assert_array_equal(pickle.loads(data), photo)


def test_a_digest_depends_on_pixels_and_shape_and_not_on_files(tmp_path: Path):
    write_stream(tmp_path, 5, 2)
    photo = content(5)["photo"]
    digest = arrays.content_digest(photo)
    assert arrays.content_digest(arrays.load(tmp_path, "train").photo) == digest
    assert arrays.content_digest(photo.reshape(5, 4, 16, 3)) != digest
    photo[-1, -1, -1, -1] ^= 1
    assert arrays.content_digest(photo) != digest
