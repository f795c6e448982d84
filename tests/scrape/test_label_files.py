"""Pairs of files on their way into data/raw: what fits is stored, what does not keeps its reason."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from src.errors import UserError
from src.scrape.crawl import Crawl
from src.scrape.file_lists import file_row, list_combined, list_halves
from src.scrape.raw_ledger import RawLedger
from src.scrape.store import REMEDIES, counts, require_pictures, store
from tests.conftest import SCRAPE, handing
from tests.encoded_pictures import saved
from tests.scrape.scraping import picture, stored, table_of


def ledger_of(files: dict[str, bytes], folder: Path, **changes: object) -> RawLedger:
    """Store pairs whose photographs are in B."""
    rows = list_halves(files, "AtoB")
    return store(rows, handing(files.__getitem__), folder, SCRAPE.model_copy(update=changes))


def on_disk(folder: Path) -> set[str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix() for path in files}


def jpeg(width: int, height: int, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), "red").save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def test_both_files_of_a_pair_are_stored_as_they_are(tmp_path):
    files = {f"{half}/{n}.png": picture(10 * ord(half) + n) for half in "AB" for n in (1, 2)}
    table = table_of(ledger_of(files, tmp_path))
    assert list(table["status"]) == ["ok"] * 2
    for url, file in (("image_url", "file"), ("label_url", "label_file")):
        for name, path in zip(table[url], table[file], strict=True):
            assert (tmp_path / path).read_bytes() == files[name]
    assert on_disk(tmp_path) == {*table["file"], *table["label_file"]}


@pytest.mark.parametrize(
    ("label", "status"),
    [
        (picture(1, 12, 9), "other_size"),
        (picture(1, 8, 12), "other_size"),
        (picture(1)[:200], "label_truncated"),
        (b"<html>an album</html>", "label_html"),
        (b"", "label_not_an_image"),
    ],
)
def test_a_label_map_that_does_not_fit_keeps_its_row_and_the_reason(
    tmp_path, capsys, label, status
):
    files = {"A/1.png": picture(2), "B/1.png": picture(3), "A/2.png": label, "B/2.png": picture(4)}
    ledger = ledger_of(files, tmp_path)
    table = table_of(ledger)
    assert list(table["status"]) == ["ok", status]
    assert table[["file", "label_file"]].loc[1].isna().all()
    assert on_disk(tmp_path) == {table["file"][0], table["label_file"][0]}
    assert counts(ledger, Crawl())["failed"] == {status: 1}
    assert f"1 of 2 rows are no pair: 1 {status} (B/2.png)" in capsys.readouterr().err


def test_a_file_that_another_pair_shows_too_stays(tmp_path):
    plain = picture(1)
    files = {"A/1.png": plain, "B/1.png": picture(2), "A/2.png": plain, "B/2.png": picture(3, 9, 9)}
    table = table_of(ledger_of(files, tmp_path))
    assert list(table["status"]) == ["ok", "other_size"]
    assert (tmp_path / table["label_file"][0]).read_bytes() == plain


def test_a_label_map_stays_though_the_same_bytes_are_a_placeholder(tmp_path):
    files = {"A/1.png": picture(1), "B/1.png": picture(2), "a": picture(1)}
    online = [
        {"page": 1, "position": n, "item_id": f"item{n}", "page_url": "list", "image_url": "a"}
        for n in range(3)
    ]
    rows = [*list_halves(["A/1.png", "B/1.png"], "AtoB"), *online]
    table = stored(rows, handing(files.__getitem__), tmp_path, SCRAPE)
    assert list(table["status"]) == ["ok", *["placeholder"] * 3]
    assert on_disk(tmp_path) == {table["file"][0], table["label_file"][0]}


def test_a_photograph_that_is_turned_upright_has_the_size_of_its_label_map(tmp_path):
    table = table_of(ledger_of({"A/1.png": picture(1, 12, 8), "B/1.jpg": jpeg(8, 12, 6)}, tmp_path))
    assert list(table["status"]) == ["ok"]


def test_a_label_map_that_is_not_turned_with_its_photograph_is_no_pair(tmp_path, capsys):
    ledger = ledger_of({"A/1.png": picture(1, 8, 12), "B/1.jpg": jpeg(8, 12, 6)}, tmp_path)
    assert list(table_of(ledger)["status"]) == ["other_orientation"]
    assert "1 of 1 rows are no pair: 1 other_orientation (B/1.jpg)" in capsys.readouterr().err


@pytest.mark.parametrize("orientation", [2, 3, 4])
def test_a_photograph_that_alone_is_turned_without_another_size_is_told(
    tmp_path, capsys, orientation: int
):
    files: dict[str, bytes] = {"A/1.png": picture(1, 8, 12), "B/1.jpg": jpeg(8, 12, orientation)}
    files |= {"A/2.png": picture(2, 8, 12), "B/2.jpg": jpeg(8, 12, 1)}
    assert list(table_of(ledger_of(files, tmp_path))["status"]) == ["ok", "ok"]
    told = capsys.readouterr().err
    assert (
        "of 1 of 2 pairs EXIF turns one file, and not the other: 1 turned (A/1.png); look" in told
    )


RAMP = np.arange(96, dtype=np.uint16).reshape(8, 12)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize(
    "numbers",
    [
        RAMP % 20,  # classes 0 to 19 are black, as browsers show them
        RAMP * 5,  # some above 255
        RAMP * 100,  # depths up to 9.5 m in millimetres
        24_000 + RAMP,  # instances of one class, as Cityscapes numbers them
        np.arange(96 * 96, dtype=np.uint16).reshape(96, 96),  # depths up to 9.2 m
    ],
    ids=["classes", "many classes", "millimetres", "instances", "fine millimetres"],
)
def test_label_maps_whose_numbers_are_lost_in_16_bits_are_told(tmp_path, capsys, numbers, kind):
    files = {"A/1.png": saved(Image.fromarray(numbers), kind), "A/2.png": picture(1)}
    files |= {"B/1.png": picture(2, *numbers.shape[::-1]), "B/2.png": picture(3)}
    assert list(table_of(ledger_of(files, tmp_path))["status"]) == ["ok", "ok"]
    told = capsys.readouterr().err
    assert "1 of 2 label maps have one colour for several parts, or for all" in told
    assert ": 1 merged (A/1.png); of files of 16 bits only the upper 8 are read" in told


@pytest.mark.parametrize(
    "numbers",
    [RAMP % 20 * 257, np.arange(96 * 96, dtype=np.uint16).reshape(96, 96) * 7, RAMP.astype("u1")],
    ids=["scaled classes", "depths", "8 bits"],
)
def test_label_maps_that_keep_their_parts_in_8_bits_are_not_told(tmp_path, capsys, numbers):
    files = {"A/1.png": saved(Image.fromarray(numbers), "PNG")}
    files |= {"B/1.png": picture(2, numbers.shape[1], numbers.shape[0])}
    assert list(table_of(ledger_of(files, tmp_path))["status"]) == ["ok"]
    assert capsys.readouterr().err == ""


def test_label_maps_of_one_colour_are_told(tmp_path, capsys):
    files = {"A/1.png": saved(Image.new("L", (12, 8)), "PNG"), "B/1.png": picture(1)}
    assert list(table_of(ledger_of(files, tmp_path))["status"]) == ["ok"]
    assert "1 of 1 label maps have one colour" in (told := capsys.readouterr().err)
    assert "1 plain (A/1.png)" in told


def test_a_broken_photograph_is_left_to_clean(tmp_path):
    table = table_of(ledger_of({"A/1.png": picture(1), "B/1.png": picture(2)[:200]}, tmp_path))
    assert list(table["status"]) == ["ok"]


def test_files_without_partner_are_counted_named_and_not_fetched(tmp_path, capsys):
    names = ["A/1.png", "B/1.png", "B/9.png", *(f"A/{n}.png" for n in range(2, 7)), "x.png"]
    ledger = ledger_of({name: picture(n) for n, name in enumerate(names)}, tmp_path)
    assert counts(ledger, Crawl())["failed"] == {
        "no_label": 1,
        "no_photo": 5,
        "outside_folders": 1,
    }
    assert len(on_disk(tmp_path)) == 2
    assert (
        capsys.readouterr()
        .err.strip()
        .endswith(
            "7 of 8 rows are no pair: 1 no_label (B/9.png); "
            "5 no_photo (A/2.png, A/3.png, A/4.png, …); 1 outside_folders (x.png)"
        )
    )


def test_a_set_without_pairs_fails_with_the_remedy(tmp_path):
    ledger = ledger_of({"A/horse.png": picture(1), "B/zebra.png": picture(2)}, tmp_path)
    with pytest.raises(
        UserError, match=r"1 no_label, such as B/zebra\.png.*equal names in A and B"
    ):
        require_pictures(ledger)
    assert "unpaired" in REMEDIES["no_photo"]


def test_photographs_and_label_maps_are_packed_together(tmp_path):
    files = {f"{half}/{n}.png": picture(10 * ord(half) + n) for half in "AB" for n in range(3)}
    table = table_of(ledger_of(files, tmp_path, shard_size=4))
    names = [name for row in zip(table["file"], table["label_file"], strict=True) for name in row]
    assert [Path(name).parent.name for name in names] == ["00000.zip"] * 4 + ["00001.zip"] * 2
    assert on_disk(tmp_path) == {"images/00000.zip", "images/00001.zip"}


@pytest.mark.parametrize(("width", "status"), [(1, "not_a_pair"), (2, "ok"), (33, "ok")])
def test_a_combined_picture_has_two_halves(tmp_path, width, status):
    rows = list_combined(["1.png"], "AtoB")
    table = stored(rows, handing(lambda url: picture(1, width, 8)), tmp_path, SCRAPE)
    assert list(table["status"]) == [status]
    assert len(on_disk(tmp_path)) == (status == "ok")


def test_pictures_without_label_maps_are_no_matter_of_pairs(tmp_path, capsys):
    rows = [file_row("a", 1, "a"), file_row("b", 2, "b")]
    bodies = {"a": picture(1, 1, 1), "b": b""}
    table = stored(rows, handing(bodies.__getitem__), tmp_path, SCRAPE)
    assert list(table["status"]) == ["ok", "not_an_image"]
    assert "no pair" not in capsys.readouterr().err
