"""Pairs as the ImageFolder of Hugging Face's datasets reads them."""

import datasets
import numpy as np
import pyarrow.parquet as pq
import pytest

from src.dataset import arrays
from src.storage.ledger import read_ledger, write_ledger
from tests.export.conftest import SIDES

SPLITS = {"train": "train", "val": "validation"}


@pytest.mark.parametrize("source", ["imagefolder", "the folder itself"])
def test_the_library_reads_pictures_and_facts(data, export, tmp_path, source):
    out = export("imagefolder")
    cache = str(tmp_path / "cache")
    if source == "imagefolder":
        read = datasets.load_dataset("imagefolder", data_dir=str(out), cache_dir=cache)
    else:  # whose card must not stand in the way
        read = datasets.load_dataset(str(out), cache_dir=cache)
    assert set(read) == set(SPLITS.values())
    for side, split in SPLITS.items():
        pairs, rows = arrays.load(data / "pairs", side), sorted(read[split], key=lambda r: r["row"])
        assert [row["row"] for row in rows] == list(SIDES[side])
        for i, row in enumerate(rows):
            np.testing.assert_array_equal(np.array(row["image"]), pairs.photo[i])
            np.testing.assert_array_equal(np.array(row["input"]), pairs.gray[i])
            assert (row["item_id"], row["side"]) == (f"nm{row['row']:07d}", side)
    licences = {row["row"]: row["licence"] for row in read["train"]}
    assert (licences[7], licences[8]) == ("CC BY 4.0", "")


def test_every_picture_is_named_in_the_metadata_of_its_split(export):
    out = export("imagefolder")
    for side in SIDES:
        records = pq.read_table(out / side / "metadata.parquet").to_pylist()
        named = {record[key] for record in records for key in ("file_name", "input_file_name")}
        files = {path.relative_to(out / side).as_posix() for path in (out / side).rglob("*.png")}
        assert named == files
        assert len(named) == 2 * len(SIDES[side])


def test_a_text_that_reads_as_a_date_stays_a_text_in_every_split(data, export, tmp_path):
    path = data / "split/ledger.parquet"
    ledger = read_ledger(path, "split").assign(date="2026-11-22", name="2024-05-01")
    ledger.loc[38, ["date", "name"]] = None
    write_ledger(ledger, path, "split")
    out = str(export("imagefolder"))
    read = datasets.load_dataset("imagefolder", data_dir=out, cache_dir=str(tmp_path / "cache"))
    assert set(read["train"]["date"]) == {"2026-11-22"}
    assert set(read["validation"]["date"]) == {"2026-11-22", ""}
    assert set(read["validation"]["name"]) == {"2024-05-01", ""}
