"""Pairs as the official pix2pix code reads them."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from src.dataset import arrays
from src.drawing.sheets import three_channels
from src.export.pair_export import export_pairs
from tests.export.conftest import SIDES, SIZE, save_pairs


def aligned(root: Path, phase: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Read a phase by the rules of the official AlignedDataset.

    It walks the folder, sorts what has a picture's suffix, and cuts each at half its width.
    """
    files = sorted(path for path in (root / phase).rglob("*") if path.suffix in (".png", ".jpg"))
    pairs = []
    for file in files:
        picture = Image.open(file).convert("RGB")
        width, height = picture.size
        half = int(width / 2)
        a, b = picture.crop((0, 0, half, height)), picture.crop((half, 0, width, height))
        pairs.append((np.array(a), np.array(b)))
    return pairs


@pytest.mark.parametrize(("task", "name"), [("colorize", "gray"), ("sketch", "canny")])
def test_the_official_loader_cuts_inputs_and_photos_apart(data, export, task, name):
    out = export("pix2pix", task=task)
    for side in SIDES:
        pairs = arrays.load(data / "pairs", side)
        read = aligned(out, side)
        assert len(read) == len(pairs)
        for i, (a, b) in enumerate(read):
            np.testing.assert_array_equal(a, three_channels(np.array(getattr(pairs, name)[i])))
            np.testing.assert_array_equal(b, pairs.photo[i])


def test_labels_stand_left_of_their_photo(tmp_path, photos):
    labels = np.stack(photos[::-1])
    save_pairs(tmp_path / "data", photos, labels)
    assert export_pairs(tmp_path / "data", tmp_path / "out", "labels", "pix2pix", 1000) == 40
    a, b = aligned(tmp_path / "out", "train")[7]
    np.testing.assert_array_equal(a, labels[7])
    np.testing.assert_array_equal(b, photos[7])


def test_every_picture_has_a_line_of_facts(export):
    out = export("pix2pix")
    lines = (out / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    files = sorted(path.relative_to(out).as_posix() for path in out.rglob("*.png"))
    assert [record["file_name"] for record in records] == files
    assert records[7] == {
        "file_name": "train/000007.png",
        "row": 7,
        "group": 7,
        "item_id": "nm0000007",
        "name": 'Zoë "Z" Young',
        "page_url": "http://demo.test/list?page=1",
        "image_url": "http://demo.test/7.jpg",
        "date": "2026-11-22",
        "licence": "CC BY 4.0",
        "side": "train",
        "sha256": f"{7:064x}",
    }
    assert (records[8]["page_url"], records[8]["name"]) == ("", "")
    assert Image.open(out / "train/000007.png").size == (2 * SIZE, SIZE)
