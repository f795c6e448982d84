"""Data sets of Hugging Face on disk: every form of one gives the same rows and pictures."""

import json
import os
import re

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from src.errors import UserError
from src.scrape.http.block_pages import LFS_POINTER
from tests.scrape.scraping import picture, scraped, write

pytestmark = pytest.mark.usefixtures("own_folder")
PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
CLASSES = {"info": {"features": {"kind": {"names": ["cat", "dog"], "_type": "ClassLabel"}}}}
SCHEMA = pa.schema(
    [("image", PICTURE), ("input", PICTURE), ("who", pa.int64()), ("kind", pa.int64())],
    metadata={"huggingface": json.dumps(CLASSES)},
)
SPLITS = {"train": range(5), "validation": range(5, 7)}


def table(numbers: range) -> pa.Table:
    rows = [
        {
            "image": {"bytes": picture(n), "path": f"{n}.png"},
            "input": {"bytes": picture(100 + n), "path": None},
            "who": n // 2,
            "kind": n % 2,
        }
        for n in numbers
    ]
    return pa.Table.from_pylist(rows, SCHEMA)


def as_arrow(folder) -> None:
    """Write what `DatasetDict.save_to_disk` does, in batches of two rows."""
    for split, numbers in SPLITS.items():
        name = "data-00000-of-00001.arrow"
        write(
            folder / split / "state.json",
            json.dumps({"_data_files": [{"filename": name}]}).encode(),
        )
        write(folder / split / "cache-1234.arrow", b"a result of datasets' own")
        with pa.ipc.new_stream(folder / split / name, SCHEMA) as stream:
            stream.write_table(table(numbers), max_chunksize=2)
    write(folder / "dataset_dict.json", json.dumps({"splits": list(SPLITS)}).encode())


def as_parquet(folder) -> None:
    for split, numbers in SPLITS.items():
        path = write(folder / "data" / f"{split}-00000-of-00001.parquet", b"")
        pq.write_table(table(numbers), path, row_group_size=2)


@pytest.mark.parametrize("form", [as_arrow, as_parquet])
def test_tables_of_pictures_are_listed_with_their_sides_classes_and_ids(quick, tmp_path, form):
    form(tmp_path / "set")
    changes = {"hf.path": str(tmp_path / "set"), "hf.item": "who", "hf.name": "kind"}
    table, metrics = scraped(quick("hf", changes), tmp_path / "raw")
    assert list(table["status"]) == ["ok"] * 7
    assert list(table["given_side"]) == ["train"] * 5 + ["val"] * 2
    assert list(table["item_id"]) == ["0", "0", "1", "1", "2", "2", "3"]
    assert list(table["name"]) == ["cat", "dog"] * 3 + ["cat"]
    for n, stored in enumerate(table["file"]):
        assert (tmp_path / "raw" / stored).read_bytes() == picture(n)
    assert (metrics["pages"], metrics["listed"]) == (2, 7)


def test_an_id_that_a_column_with_gaps_stores_as_a_fraction_stays_one(quick, tmp_path):
    for name, who in (("a", pa.array([7.0, None])), ("b", pa.array([7]))):
        cells = pa.table({"image": [picture(n) for n in range(len(who))], "who": who})
        pq.write_table(cells, write(tmp_path / "set" / f"{name}.parquet", b""))
    changes = {"hf.path": str(tmp_path / "set"), "hf.item": "who"}
    table, _ = scraped(quick("hf", changes), tmp_path / "raw")
    assert list(table["item_id"]) == ["7", "a.parquet#00000001", "7"]


@pytest.mark.parametrize("form", [as_arrow, as_parquet])
def test_a_second_column_of_pictures_makes_pairs(quick, tmp_path, form):
    form(tmp_path / "set")
    changes = {"hf.path": str(tmp_path / "set"), "hf.label": "input", "task": "labels"}
    table, _ = scraped(quick("hf", changes), tmp_path / "raw")
    assert list(table["status"]) == ["ok"] * 7
    assert table["item_id"].nunique() == 7
    for n, stored in enumerate(table["label_file"]):
        assert (tmp_path / "raw" / stored).read_bytes() == picture(100 + n)


def test_a_column_of_one_value_as_the_items_id_is_told(quick, tmp_path, capsys):
    cells = pa.table({"image": [picture(n) for n in range(2)], "set": ["x", "x"]})
    pq.write_table(cells, write(tmp_path / "set" / "a.parquet", b""))
    changes = {"hf.path": str(tmp_path / "set"), "hf.item": "set"}
    scraped(quick("hf", changes), tmp_path / "raw")
    told = "all 2 items have the id 'x', and count as one (hf.item = 'set')"
    assert told in capsys.readouterr().err


@pytest.fixture
def image_folder(tmp_path):
    """An ImageFolder of two splits, with metadata in the first."""
    folder = tmp_path / "set"
    for n, name in enumerate(["train/a.png", "train/sub/val b.png", "test/c.png"]):
        write(folder / name, picture(n))
    lines = [{"file_name": "a.png", "text": "A"}, {"file_name": "sub/val b.png", "text": None}]
    (folder / "train" / "metadata.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (folder / "test" / "metadata.csv").write_text("file_name,text\nc.png,C\n")
    return folder


def test_an_image_folder_is_listed_as_its_metadata_say(quick, tmp_path, image_folder):
    changes = {"hf.path": str(image_folder), "hf.name": "text"}
    table, _ = scraped(quick("hf", changes), tmp_path / "raw")
    assert list(table["item_id"]) == ["test/c.png", "train/a.png", "train/sub/val b.png"]
    assert list(table["name"]) == ["C", "A", ""]
    assert list(table["given_side"]) == ["val", "train", "train"]
    assert list(table["status"]) == ["ok"] * 3


def test_what_metadata_do_not_name_is_counted_and_named(quick, tmp_path, image_folder, capsys):
    """A split without metadata beside one that has them, say."""
    (image_folder / "test" / "metadata.csv").unlink()
    write(image_folder / "train" / "d.png", picture(4))
    write(image_folder / "train" / "e.heic", b"\0\0\0\x18ftypheic")
    write(image_folder / ".cache" / "f.png", picture(5))
    (image_folder / "more").symlink_to(tmp_path)
    table, metrics = scraped(quick("hf", {"hf.path": str(image_folder)}), tmp_path / "raw")
    assert list(table["image_url"]) == ["train/a.png", "train/sub/val b.png"]
    others = {"hidden": 1, "link_to_folder": 1, "other_format": 1}
    assert metrics["passed_over"] == {"not_in_metadata": 2, **others}
    assert "2 not_in_metadata (test/c.png, train/d.png)" in capsys.readouterr().err


def test_the_links_of_the_hubs_cache_are_followed(quick, tmp_path):
    blob = write(tmp_path / "hub" / "blobs" / "9f86d081", picture(1))
    folder = tmp_path / "hub" / "snapshots" / "1a2b"
    write(folder / "metadata.csv", b"file_name\na.png\n")
    (folder / "a.png").symlink_to(blob)
    changes = {"hf.path": f"{folder.parent}/../snapshots/1a2b"}
    table, _ = scraped(quick("hf", changes), tmp_path / "raw")
    assert list(table["image_url"]) == ["a.png"]
    assert list(table["status"]) == ["ok"]


def test_a_shard_that_is_missing_and_tables_of_another_kind_are_counted(quick, tmp_path):
    for n in (0, 2):
        path = tmp_path / "set" / "data" / f"train-{n:05d}-of-00003.parquet"
        pq.write_table(table(range(n, n + 1)), write(path, b""))
    source = quick("hf", {"hf.path": str(tmp_path / "set")})
    assert scraped(source, tmp_path / "raw")[1]["passed_over"] == {"missing": 1}
    os.mkfifo(tmp_path / "set" / "pipe.arrow")
    with pa.ipc.new_stream(tmp_path / "set" / "a.arrow", SCHEMA) as stream:
        stream.write_table(table(range(1)))
    _, metrics = scraped(source, tmp_path / "raw")
    assert metrics["listed"] == 1
    assert metrics["passed_over"] == {"other_table": 2, "special_file": 1}


@pytest.mark.parametrize("form", [as_arrow, as_parquet])
def test_pictures_that_no_table_names_are_counted(quick, tmp_path, form, capsys):
    form(tmp_path / "set")
    for name in ("train/1.png", "data/1.png", "loose.png", ".hidden.png"):
        write(tmp_path / "set" / name, picture(1))
    write(tmp_path / "set" / "photo.heic", b"\0\0\0\x18ftypheic")
    write(tmp_path / "set" / "README.md", b"# A set")
    _, metrics = scraped(quick("hf", {"hf.path": str(tmp_path / "set")}), tmp_path / "raw")
    assert metrics["passed_over"] == {"hidden": 1, "not_in_metadata": 2, "other_format": 1}
    other = "data" if form is as_arrow else "train"  # a picture beside its table is named there
    assert "loose.png" in (told := capsys.readouterr().err)
    assert f"{other}/1.png" in told


def test_pictures_beside_a_table_that_names_them_are_no_loose_ones(quick, tmp_path):
    write(tmp_path / "set" / "sub" / "a.png", picture(1))
    write(tmp_path / "set" / "b.png", picture(2))
    write(tmp_path / "set" / "c.png", picture(4))
    paths = ["./sub/a.png", str(tmp_path / "set" / "c.png"), None]
    cells = [{"bytes": picture(3) if path is None else None, "path": path} for path in paths]
    set_table = pd.DataFrame({"image.path": ["of another column"] * 3, "image": cells})
    set_table.to_parquet(tmp_path / "set" / "1.parquet")
    table, metrics = scraped(quick("hf", {"hf.path": str(tmp_path / "set")}), tmp_path / "raw")
    assert list(table["status"]) == ["ok"] * 3
    assert metrics["passed_over"] == {"not_in_metadata": 1}


def test_without_metadata_a_folder_is_a_class(quick, tmp_path):
    for n, name in enumerate(["train/cat/1.png", "train/dog/val.png", "top.png"]):
        write(tmp_path / "set" / name, picture(n))
    table, _ = scraped(quick("hf", {"hf.path": str(tmp_path / "set")}), tmp_path / "raw")
    assert list(table["name"]) == ["", "cat", "dog"]
    assert list(table["given_side"].fillna("")) == ["", "train", "train"]


def test_cells_may_be_bytes_names_of_files_or_empty_and_large_ones_are_refused(quick, tmp_path):
    write(tmp_path / "set" / "pictures" / "a.png", picture(1))
    write(tmp_path / "secret.png", picture(2))
    cells = ["pictures/a.png", "../secret.png", None]
    frame = pd.DataFrame({"image": [{"bytes": None, "path": name} for name in cells]})
    frame.to_parquet(tmp_path / "set" / "1.parquet")
    frame = pd.DataFrame({"image": [picture(3), b"x" * 2000, b"x"]})
    frame.to_parquet(tmp_path / "set" / "2.parquet")
    changes = {"hf.path": str(tmp_path / "set"), "scrape.max_bytes": 1024}
    table, _ = scraped(quick("hf", changes), tmp_path / "raw")
    expected = ["ok", "no_image", "no_image", "ok", "too_large", "not_an_image"]
    assert list(table["status"]) == expected


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"hf.image": "photo"},
            r"no column 'photo' \(hf\.image\): set it to one of its columns, 'image', 'input'",
        ),
        ({"hf.name": "title"}, r"no column 'title' \(hf\.name\)"),
        ({"hf.path": ""}, r"hf\.path is empty"),
        ({"scrape.max_items": 6}, r"more items than scrape\.max_items = 6"),
    ],
)
def test_a_wrong_setting_is_an_error_by_its_key(quick, tmp_path, changes, message):
    as_parquet(tmp_path / "set")
    changes = {"hf.path": str(tmp_path / "set")} | changes
    with pytest.raises(UserError, match=message):
        scraped(quick("hf", changes), tmp_path / "raw")


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("notes.txt", b"", r"hf\.path = .*holds no data set: expected \.arrow"),
        ("a.parquet", b"PAR1", r"a\.parquet cannot be read"),
        ("a.arrow", b"ARROW1", r"a\.arrow cannot be read"),
        ("a.arrow", LFS_POINTER, r"a\.arrow cannot be read: .*; it is .*: run `git lfs pull`"),
        ("state.json", b"[]", r"state\.json is no state of a saved data set"),
        ("metadata.jsonl", b'{"image": "a.png"}', r"metadata\.jsonl .*no column 'file_name'"),
        ("metadata.jsonl", b'{"file_name": "../../a.png"}', r"names '\.\./\.\./a\.png', expected"),
    ],
)
def test_what_is_no_data_set_is_an_error_that_names_it(quick, tmp_path, name, data, message):
    write(tmp_path / "set" / name, data)
    with pytest.raises(UserError, match=message):
        scraped(quick("hf", {"hf.path": str(tmp_path / "set")}), tmp_path / "raw")


@pytest.mark.parametrize("cell", ["http://a.test/1.jpg", [{"bytes": b"", "path": ""}]])
def test_a_column_that_can_hold_no_picture_is_an_error_with_its_type(quick, tmp_path, cell):
    path = write(tmp_path / "set" / "a.parquet", b"")
    pq.write_table(pa.table({"image": [cell]}), path)
    kind = pq.read_schema(path).field("image").type
    message = re.escape(f"has {kind} in column 'image' (hf.image), expected pictures as bytes")
    with pytest.raises(UserError, match=message):
        scraped(quick("hf", {"hf.path": str(tmp_path / "set")}), tmp_path / "raw")


@pytest.mark.parametrize("kind", [pa.dictionary(pa.int8(), pa.binary()), pa.null()], ids=str)
def test_a_column_of_bytes_that_repeat_or_of_no_labels_is_read(quick, tmp_path, kind):
    path = write(tmp_path / "set" / "a.parquet", b"")
    labels = pa.array([picture(0)] * 2 if kind != pa.null() else [None] * 2).cast(kind)
    pq.write_table(pa.table({"image": [picture(1), picture(2)], "label": labels}), path)
    changes = {"hf.path": str(tmp_path / "set"), "hf.label": "label", "task": "labels"}
    scraped_table, _ = scraped(quick("hf", changes), tmp_path / "raw")
    assert len(scraped_table) == 2
    assert scraped_table["file"].notna().all() == (kind != pa.null())


@pytest.mark.parametrize("name", ["TRAIN.PARQUET", "Train.Arrow"])
def test_tables_are_known_by_endings_in_any_case_and_arrow_files_are_read(quick, tmp_path, name):
    path = write(tmp_path / "set" / name, b"")
    if name.endswith("PARQUET"):
        pq.write_table(table(range(2)), path)
    else:
        with pa.ipc.new_file(path, SCHEMA) as file:
            file.write_table(table(range(2)))
    ledger, _ = scraped(quick("hf", {"hf.path": str(tmp_path / "set")}), tmp_path / "raw")
    assert list(ledger["status"]) == ["ok", "ok"]


@pytest.mark.parametrize("form", ["disk", "dict", "parquet"])
def test_what_datasets_itself_writes_is_read(quick, tmp_path, form):
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {"image": datasets.Image(), "kind": datasets.ClassLabel(names=["cat", "dog"])}
    )
    cells = [{"image": {"bytes": picture(n), "path": None}, "kind": n % 2} for n in range(4)]
    rows = pa.Table.from_pylist(cells, features.arrow_schema)
    written = datasets.Dataset(rows, fingerprint="0123456789abcdef")
    folder = tmp_path / "set"
    if form == "disk":
        written.save_to_disk(folder, num_shards=2)
    elif form == "dict":
        datasets.DatasetDict(train=written, test=written).save_to_disk(folder)
    else:
        folder.mkdir()
        written.to_parquet(folder / "test.parquet")
    table, _ = scraped(quick("hf", {"hf.path": str(folder), "hf.name": "kind"}), tmp_path / "raw")
    assert set(table["status"]) == {"ok"}
    assert set(table["name"]) == {"cat", "dog"}
    assert table["sha256"].nunique() == 4
    assert len(table) == (8 if form == "dict" else 4)


def test_any_names_and_texts_of_an_imagefolder_become_utf8(quick, tmp_path):
    folder = tmp_path / "set" / os.fsdecode(b"caf\xe9")
    for n, name in enumerate((b"a.png", b"\xe9.png")):
        write(folder / os.fsdecode(name), picture(n))
    params = quick("hf", {"hf.path": str(tmp_path / "set")})
    table, _ = scraped(params, tmp_path / "raw")
    assert list(table["image_url"]) == [r"caf\xe9/a.png", r"caf\xe9/\xe9.png"]
    params = quick("hf", {"hf.path": str(tmp_path / "set"), "hf.name": "who"})
    write(folder / "metadata.jsonl", rb'{"file_name": "a.png", "who": "\ud800"}')
    table, _ = scraped(params, tmp_path / "raw")
    assert list(table["image_url"]) == [r"caf\xe9/a.png"]
    assert list(table["status"]) == ["ok"]
    assert list(table["name"]) == ["\ufffd" * 3]


def test_files_that_macos_leaves_are_no_tables(quick, tmp_path):
    as_parquet(tmp_path / "set")
    write(tmp_path / "set" / "data" / "._train-00000-of-00001.parquet", b"\0\5\x16\7")
    table, _ = scraped(quick("hf", {"hf.path": str(tmp_path / "set")}), tmp_path / "raw")
    assert len(table) == 7


def test_a_table_whose_name_is_no_utf8_is_an_error_with_its_remedy(quick, tmp_path):
    as_parquet(tmp_path / "set")
    path = tmp_path / "set" / "data" / "train-00000-of-00001.parquet"
    path.rename(path.with_name(os.fsdecode(b"\xe9.parquet")))
    with pytest.raises(UserError, match=r"data/\\xe9\.parquet is no name in UTF-8: rename it"):
        scraped(quick("hf", {"hf.path": str(tmp_path / "set")}), tmp_path / "raw")


def test_metadata_may_name_no_file(quick, tmp_path):
    write(tmp_path / "set" / "1.png", picture(1))
    rows = [{"file_name": "1.png", "who": float("nan")}, {"file_name": None}, {"file_name": ""}]
    rows += [{"file_name": "a\0b.png"}, {"file_name": "1.png", "label": "1.png"}]
    text = "\n".join(map(json.dumps, rows)).encode()
    write(tmp_path / "set" / "metadata.jsonl", text)
    changes = {"hf.path": str(tmp_path / "set"), "hf.item": "who"}
    table, _ = scraped(quick("hf", changes), tmp_path / "raw")
    assert list(table["status"]) == ["ok", "no_image", "no_image", "missing", "ok"]
    assert list(table["item_id"]) == ["1.png", "row 2", "row 3", "a\ufffdb.png", "1.png"]
    changes |= {"hf.label": "label", "task": "labels"}
    table, _ = scraped(quick("hf", changes), tmp_path / "raw")
    assert list(table["status"]) == ["no_label"] * 4 + ["ok"]


def test_what_a_column_holds_and_no_row_can_is_an_error_with_its_file(quick, tmp_path):
    pictures = pa.array([{"bytes": picture(1), "path": None}], PICTURE)
    late = pa.array([2**62], pa.timestamp("us"))
    path = write(tmp_path / "set" / "a.parquet", b"")
    for columns, names, message in (
        ([pictures, late], ["image", "who"], r"a\.parquet cannot be read: date value out of range"),
        ([pictures, late, late], ["image", "who", "who"], r"a\.parquet has several columns 'who'"),
        (
            [pictures, pictures, late],
            ["image", "image", "who"],
            r"several columns 'image' \(hf\.im",
        ),
    ):
        pq.write_table(pa.Table.from_arrays(columns, names=names), path)
        with pytest.raises(UserError, match=message):
            changes = {"hf.path": str(tmp_path / "set"), "hf.item": "who"}
            scraped(quick("hf", changes), tmp_path / "raw")


def test_cells_that_name_no_file_are_rows_and_columns_may_be_called_anything(quick, tmp_path):
    names = [None, "a\0b.png", "x" * 5000, "../../a.png", "."]
    cells = [{"bytes": picture(1), "path": None}] + [{"bytes": None, "path": n} for n in names]
    path = write(tmp_path / "set" / "a#1.parquet", b"")
    pq.write_table(pa.table({"image#1": pa.array(cells, PICTURE)}), path)
    changes = {"hf.path": str(tmp_path / "set"), "hf.image": "image#1"}
    table, _ = scraped(quick("hf", changes), tmp_path / "raw")
    assert list(table["status"]) == ["ok"] + ["no_image"] * 5


@pytest.mark.parametrize("key", ["item", "name"])
def test_a_column_without_metadata_is_refused(quick, tmp_path, key):
    """Else one person's pictures would be those of many."""
    write(tmp_path / "set" / "1.png", picture(1))
    write(tmp_path / "set" / "metadata.json", b'[{"file_name": "1.png", "who": "Ada"}]')
    params = quick("hf", {"hf.path": str(tmp_path / "set"), f"hf.{key}": "who"})
    with pytest.raises(UserError, match=rf"hf\.{key} = 'who' is a column of metadata\.jsonl or .*"):
        scraped(params, tmp_path / "raw")


def test_pictures_and_objects_are_no_ids(quick, tmp_path):
    as_parquet(tmp_path / "set")
    changes = {"hf.path": str(tmp_path / "set"), "hf.item": "image"}
    with pytest.raises(UserError, match=r"row 1 has dict in column 'image' \(hf\.item\), expected"):
        scraped(quick("hf", changes), tmp_path / "raw")


def test_a_class_whose_name_has_a_word_of_a_split_is_no_side(quick, tmp_path):
    for n, folder in enumerate(("train/cat", "train/test_tube", "validation/dev kit")):
        write(tmp_path / "set" / folder / "1.png", picture(n))
    table, _ = scraped(quick("hf", {"hf.path": str(tmp_path / "set")}), tmp_path / "raw")
    assert list(table["given_side"]) == ["train", "train", "val"]


@pytest.mark.parametrize(
    ("cell", "remedy"),
    [
        (pa.array(["http://a.test/1.jpg"]), "URLs are read by `source: urls`"),
        (pa.array([[{"bytes": b"", "path": ""}]]), "a cell holds several: write one in each row"),
        (pa.array([{"src": "http://a.test/1.jpg"}]), "expected pictures as bytes"),
    ],
)
def test_the_remedy_fits_what_cells_hold_instead_of_pictures(quick, tmp_path, cell, remedy):
    path = write(tmp_path / "set" / "a.parquet", b"")
    pq.write_table(pa.table({"image": cell}), path)
    with pytest.raises(UserError, match=f"{re.escape(remedy)}$"):
        scraped(quick("hf", {"hf.path": str(tmp_path / "set")}), tmp_path / "raw")


@pytest.mark.parametrize("key", ["item", "name", "label"])
def test_a_column_is_refused_where_a_folder_has_no_metadata(quick, tmp_path, key):
    write(tmp_path / "set" / "1.png", picture(1))
    changes = {"hf.path": str(tmp_path / "set"), f"hf.{key}": "mask"}
    with pytest.raises(UserError, match=rf"hf\.{key} = 'mask' is a column of metadata"):
        scraped(quick("hf", changes), tmp_path / "raw")


@pytest.mark.parametrize("key", ["item", "label"])
def test_a_column_that_metadata_lack_is_named_with_its_setting(quick, tmp_path, key):
    write(tmp_path / "set" / "metadata.csv", b"file_name\n1.png\n")
    changes = {"hf.path": str(tmp_path / "set"), f"hf.{key}": "mask"}
    with pytest.raises(UserError, match=rf"no column 'mask' \(hf\.{key}\): set it to one of"):
        scraped(quick("hf", changes), tmp_path / "raw")


def test_missing_shards_with_hashes_in_their_names_are_counted(quick, tmp_path):
    name = "train-00000-of-00003-6c2a1f09ab12cd34.parquet"
    pq.write_table(table(range(2)), write(tmp_path / "set" / name, b""))
    table_, metrics = scraped(quick("hf", {"hf.path": str(tmp_path / "set")}), tmp_path / "raw")
    assert len(table_) == 2
    assert metrics["passed_over"] == {"missing": 2}
