"""Names of splits, and what only looks like one."""

import pytest

from src.scrape.split_names import named_side


@pytest.mark.parametrize(
    ("path", "side"),
    [
        ("data/train-00000-of-00001.parquet", "train"),
        ("validation/data-00000-of-00001.arrow", "val"),
        ("Set_Test.tar", "val"),
        ("test/train.tar", "train"),
        ("trainer/valley.tar", None),
        ("00000.tar", None),
        ("", None),
    ],
)
def test_the_last_part_that_names_a_split_decides(path, side):
    assert named_side(path) == side
