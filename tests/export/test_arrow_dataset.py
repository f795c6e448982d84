"""Pairs as `load_from_disk` of Hugging Face's datasets opens them."""

import os

import datasets
import numpy as np
import pytest

from src.dataset import arrays
from src.export.arrow_dataset import FEATURES
from tests.export.conftest import SIDES

SPLITS = {"train": "train", "val": "validation"}


@pytest.mark.parametrize(("shard_size", "n_shards"), [(1000, 1), (10, 4), (36, 1)])
def test_the_library_opens_both_splits(data, export, shard_size, n_shards):
    out = export("hf", shard_size)
    assert len(list((out / "train").glob("*.arrow"))) == n_shards
    read = datasets.load_from_disk(str(out))
    assert list(read) == ["train", "validation"]
    for side, split in SPLITS.items():
        pairs = arrays.load(data / "pairs", side)
        assert read[split]["row"][:] == list(SIDES[side])
        for i, row in enumerate(read[split]):
            np.testing.assert_array_equal(np.array(row["image"]), pairs.photo[i])
            np.testing.assert_array_equal(np.array(row["input"]), pairs.gray[i])
    assert read["train"][7]["name"] == 'Zoë "Z" Young'
    assert read["train"][7]["date"] == "2026-11-22"


def test_its_features_are_the_librarys_own(export, tmp_path):
    """What the library writes itself, and reads, is what this project writes."""
    read = datasets.load_from_disk(str(export("hf")))["train"]
    assert isinstance(read.features["image"], datasets.Image)
    assert read.features["row"] == datasets.Value("int64")
    assert read.features.arrow_schema.equals(read.data.schema)
    assert set(read.features) == set(FEATURES)
    read.save_to_disk(str(tmp_path / "again"))
    again = datasets.load_from_disk(str(tmp_path / "again"))
    assert again.features == read.features
    assert again[5] == read[5]


def test_other_pairs_have_another_fingerprint(export):
    """The library caches results by it."""
    one = datasets.load_from_disk(str(export("hf", name="one")))["train"]
    same = datasets.load_from_disk(str(export("hf", name="same")))["train"]
    other = datasets.load_from_disk(str(export("hf", name="other", task="sketch")))["train"]
    assert one._fingerprint == same._fingerprint != other._fingerprint


def test_its_folder_may_have_a_name_that_is_no_utf8(export):
    out = export("hf", name=os.fsdecode(b"caf\xe9"))
    assert (out / "train" / "state.json").exists()
