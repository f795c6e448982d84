"""The data card of an export."""

import numpy as np
import pandas as pd
import pytest
import yaml

from src.export import data_card
from src.export.pair_export import WRITERS
from src.export.side_content import SideContent
from src.storage.ledger import read_ledger, write_ledger


def front_matter(card: str) -> dict:
    _, head, _ = card.split("---\n", 2)
    return yaml.safe_load(head)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (
            "pix2pix",
            "train.py --dataroot THIS_FOLDER --name NAME --model pix2pix --direction AtoB "
            "--load_size 32 --crop_size 32 --netG resnet_9blocks\n",
        ),
        (
            "pix2pix",
            "--load_size 32 --crop_size 32 --netG resnet_9blocks --phase val --num_test 4\n",
        ),
        ("imagefolder", 'load_dataset("imagefolder", data_dir="THIS_FOLDER")'),
        ("hf", 'load_from_disk("THIS_FOLDER")'),
        ("webdataset", 'WebDataset("THIS_FOLDER/train-000000.tar")'),
    ],
)
def test_the_card_says_what_the_pairs_are_and_how_to_open_them(export, kind, words):
    card = (export(kind) / "README.md").read_text(encoding="utf-8")
    assert front_matter(card)["size_categories"] == ["n<1K"]
    assert "40 pairs of an input and a photo. The input is the photo's gray." in card
    assert "| train | 36 | 32x32 |" in card
    assert words in card
    assert [word for word in WRITERS if f"THIS_FOLDER/{word}" in card] == []
    assert "41 pictures were listed, 40 are kept. Removed: 1 grayscale." in card
    assert "Hosts: demo.test (40)." in card
    assert "Fetched: 2026-11-22." in card
    assert "Licences: `CC BY 4.0` (1)." in card


def test_the_card_opens_every_shard(export):
    card = (export("webdataset", shard_size=10) / "README.md").read_text(encoding="utf-8")
    assert 'WebDataset("THIS_FOLDER/train-{000000..000003}.tar")' in card


def test_what_comes_from_the_web_is_no_markdown(data, export):
    path = data / "split/ledger.parquet"
    ledger = read_ledger(path, "split")
    ledger["licence"] = "`x`\n# [a](http://evil.test)"
    ledger["image_url"] = ["http://[broken", "http://<b>/1.jpg", "B/1.png"] * 13 + [None] * 2
    write_ledger(ledger, path, "split")
    card = (export("hf") / "README.md").read_text(encoding="utf-8")
    assert "Licences: `'x'?# [a](http://evil.test)` (40)." in card
    assert "Hosts" not in card
    assert "Licences: none is known." not in card


def test_a_source_without_dates_and_licences_says_so(data, export):
    path = data / "split/ledger.parquet"
    write_ledger(read_ledger(path, "split").assign(date=None, licence=None), path, "split")
    card = (export("hf") / "README.md").read_text(encoding="utf-8")
    assert "Licences: none is known." in card
    assert "Fetched" not in card
    assert front_matter(card)["license"] == "unknown"


@pytest.mark.parametrize(
    ("count", "name"),
    [(999, "n<1K"), (1000, "1K<n<10K"), (10**7, "10M<n<100M"), (10**9, "1B<n<10B")],
)
def test_sizes_have_the_names_of_the_hub(count, name):
    assert data_card.size_category(count) == name


@pytest.mark.parametrize(
    ("train", "val", "options"),
    [
        ((286, 286), (256, 256), ("286", "256 --netG unet_256", "256")),
        ((142, 142), (128, 128), ("142", "128 --netG unet_128", "128")),
        ((108, 108), (96, 96), ("108", "96 --netG resnet_9blocks", "96")),
    ],
)
def test_the_official_code_is_told_the_size_of_squares(train, val, options):
    large, crop, small = options
    assert data_card.official_options([side(train), side(val)]) == {
        "train": f"--load_size {large} --crop_size {crop}",
        "val": f"--load_size {small} --crop_size {crop}",
    }


def test_the_official_code_is_told_not_to_squeeze_other_shapes():
    for train, val in [((140, 90), (120, 80)), ((142, 284), (128, 256))]:
        options = data_card.official_options([side(train), side(val)])
        assert set(options.values()) == {"--preprocess none --netG resnet_9blocks"}


def side(size: tuple[int, int]) -> SideContent:
    photos = np.zeros((1, *size, 3), np.uint8)
    return SideContent("train", photos, photos, pd.DataFrame({"row": [0]}))
