"""Pairs as WebDataset reads them."""

import numpy as np
import pytest
import webdataset

from src.dataset import arrays
from tests.export.conftest import SIDES


@pytest.mark.parametrize(("shard_size", "n_shards"), [(1000, 1), (10, 4)])
def test_the_library_reads_every_sample(data, export, shard_size, n_shards):
    out = export("webdataset", shard_size)
    assert len(list(out.glob("train-*.tar"))) == n_shards
    for side, rows in SIDES.items():
        pairs = arrays.load(data / "pairs", side)
        files = [str(path) for path in sorted(out.glob(f"{side}-*.tar"))]
        read = webdataset.WebDataset(files, shardshuffle=False).decode("pil")
        samples = list(read.to_tuple("__key__", "input.png", "image.png", "json"))
        assert [key for key, *_ in samples] == [f"{row:06d}" for row in rows]
        for i, (_, input_, image, facts) in enumerate(samples):
            np.testing.assert_array_equal(np.array(image), pairs.photo[i])
            np.testing.assert_array_equal(np.array(input_.convert("L")), pairs.gray[i])
            assert (facts["row"], facts["side"]) == (rows[i], side)
    assert samples[0][3]["page_url"] == "http://demo.test/list?page=1"


def test_equal_pairs_give_equal_bytes(export):
    one, two = (export("webdataset", name=name) for name in ("one", "two"))
    for file in ("train-000000.tar", "val-000000.tar"):
        assert (one / file).read_bytes() == (two / file).read_bytes()
