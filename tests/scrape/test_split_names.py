"""Names of splits, and what only looks like one."""

import pytest

from src.scrape.split_names import named_side


@pytest.mark.parametrize(
    ("path", "side"),
    [
        ("data/train-00000-of-00001.parquet", "train"),
        ("validation/data-00000-of-00001.arrow", "val"),
        ("Set_Test.tar", "val"),
        ("test-faces-train.arrow", "train"),
        ("train-val-split-test.tar", "val"),
        ("train/test_tube/", "train"),
        ("validation/train-wagons/", "val"),
        ("my-train-set/00000.tar", "train"),
        ("test/train.tar", "train"),
        ("trainer/valley.tar", None),
        ("00000.tar", None),
        ("", None),
    ],
)
def test_the_last_word_and_the_folder_that_is_called_so_decide(path, side):
    assert named_side(path) == side
