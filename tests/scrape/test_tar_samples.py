"""WebDataset's tar files as a source: samples by their names, read where they lie."""

import io
import json
import os
import tarfile

import numpy as np
import pytest
from PIL import Image

from src.errors import UserError
from src.scrape.http.block_pages import LFS_POINTER
from tests.encoded_pictures import saved
from tests.scrape.scraping import picture, scraped, write

pytestmark = pytest.mark.usefixtures("own_folder")


def pack(path, members: dict[str, bytes], mode: str = "w") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode) as tar:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))


def facts(n: int) -> bytes:
    return json.dumps({"person": {"id": n // 2}, "caption": f"Person {n}"}).encode()


@pytest.fixture
def shards(tmp_path):
    """Two shards: a training one as img2dataset writes it, and one for tests."""
    members = {}
    for n in range(3):
        members |= {f"0000{n}.jpg": picture(n), f"0000{n}.json": facts(n), f"0000{n}.txt": b"x"}
    pack(tmp_path / "set" / "train-000000.tar", members)
    pack(tmp_path / "set" / "test-000000.tar", {"./a/b.PNG": picture(3), "./a/b.json": facts(3)})
    return tmp_path / "set"


def test_samples_are_rows_with_what_their_json_says(quick, tmp_path, shards):
    changes = {
        "webdataset.path": str(shards),
        "webdataset.item": "person.id",
        "webdataset.name": "caption",
    }
    table, metrics = scraped(quick("webdataset", changes), tmp_path / "raw")
    assert list(table["status"]) == ["ok"] * 4
    assert list(table["image_url"]) == [
        "test-000000.tar#./a/b.png",
        *(f"train-000000.tar#0000{n}.jpg" for n in range(3)),
    ]
    assert list(table["item_id"]) == ["1", "0", "0", "1"]
    assert list(table["name"]) == [f"Person {n}" for n in (3, 0, 1, 2)]
    assert list(table["given_side"]) == ["val", "train", "train", "train"]
    for n, stored in zip((3, 0, 1, 2), table["file"], strict=True):
        assert (tmp_path / "raw" / stored).read_bytes() == picture(n)
    assert (metrics["pages"], metrics["listed"]) == (2, 4)


def test_each_sample_is_an_item_unless_told_otherwise(quick, tmp_path, shards):
    path = shards / "train-000000.tar"
    table, _ = scraped(quick("webdataset", {"webdataset.path": str(path)}), tmp_path / "raw")
    assert list(table["item_id"]) == [f"train-000000.tar#0000{n}" for n in range(3)]
    assert list(table["name"]) == [""] * 3


def test_an_expression_that_finds_one_id_for_all_samples_is_told(quick, tmp_path, capsys):
    members = {}
    for n in range(2):
        members |= {f"{n}.jpg": picture(n), f"{n}.json": b'{"set": 7}'}
    pack(tmp_path / "set.tar", members)
    changes = {"webdataset.path": str(tmp_path / "set.tar"), "webdataset.item": "set"}
    scraped(quick("webdataset", changes), tmp_path / "raw")
    told = "all 2 items have the id '7', and count as one (webdataset.item = 'set')"
    assert told in capsys.readouterr().err


def test_pictures_are_chosen_by_their_suffixes_and_make_pairs(quick, tmp_path):
    members = {"1.input.png": picture(11), "1.image.png": picture(1), "2.image.png": picture(2)}
    members |= {"3.input.png": picture(13), "4.cls": b"7"}
    pack(tmp_path / "set.tar", members)
    changes = {"webdataset.path": str(tmp_path / "set.tar"), "task": "labels"}
    changes |= {"webdataset.image": "image.png", "webdataset.label": ".input.png"}
    table, _ = scraped(quick("webdataset", changes), tmp_path / "raw")
    assert list(table["status"]) == ["ok", "no_label", "no_image", "no_label"]
    stored = tmp_path / "raw" / table["label_file"][0]
    assert stored.read_bytes() == picture(11)


def test_label_maps_whose_numbers_are_lost_in_16_bits_are_told(quick, tmp_path, capsys):
    numbers = np.arange(96, dtype=np.uint16).reshape(8, 12) * 5
    members = {"1.label.png": saved(Image.fromarray(numbers), "PNG"), "1.photo.png": picture(1)}
    pack(tmp_path / "set.tar", members)
    changes = {"webdataset.path": str(tmp_path / "set.tar"), "task": "labels"}
    changes |= {"webdataset.image": "photo.png", "webdataset.label": "label.png"}
    scraped(quick("webdataset", changes), tmp_path / "raw")
    assert ": 1 merged (set.tar#1.label.png); of files of 16 bits" in capsys.readouterr().err


def test_without_a_suffix_the_first_picture_is_taken(quick, tmp_path, capsys):
    members = {"1.txt": b"x", "1.seg.png": picture(1), "1.jpg": picture(2), "2.txt": b"no picture"}
    pack(tmp_path / "set.tar", members)
    changes = {"webdataset.path": str(tmp_path / "set.tar")}
    table, _ = scraped(quick("webdataset", changes), tmp_path / "raw")
    assert list(table["status"]) == ["ok", "no_image"]
    assert table["image_url"][0] == "set.tar#1.seg.png"
    assert "1 no_image (set.tar#2)" in capsys.readouterr().err


def test_a_picture_over_the_limit_keeps_its_row(quick, tmp_path):
    pack(tmp_path / "set.tar", {"1.jpg": bytes(2000), "2.jpg": picture(1)})
    changes = {"webdataset.path": str(tmp_path / "set.tar"), "scrape.max_bytes": 1024}
    table, _ = scraped(quick("webdataset", changes), tmp_path / "raw")
    assert list(table["status"]) == ["too_large", "ok"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"webdataset.path": ""}, r"webdataset\.path is empty"),
        ({"webdataset.name": "a["}, r"webdataset\.name = 'a\[' is no JMESPath expression"),
        (
            {"webdataset.item": "length(a)"},
            r"test-000000\.tar: \./a/b\.json: webdataset\.item = 'length\(a\)' fails: In function",
        ),
        ({"webdataset.item": "id"}, r"item = 'id' finds nothing in the \.json of any sample"),
        ({"scrape.max_items": 3}, r"more items than scrape\.max_items = 3"),
    ],
)
def test_a_wrong_setting_is_an_error_by_its_key(quick, tmp_path, shards, changes, message):
    changes = {"webdataset.path": str(shards)} | changes
    with pytest.raises(UserError, match=message):
        scraped(quick("webdataset", changes), tmp_path / "raw")


def test_what_is_no_tar_file_of_samples_is_an_error_that_names_it(quick, tmp_path):
    pack(tmp_path / "1" / "a.tar.gz", {"1.jpg": picture(1)}, "w:gz")
    pack(tmp_path / "2" / "a.tar", {"README": b"no sample"})
    pack(tmp_path / "3" / "a.tar", {"1.jpg": picture(1), "1.json": b"{"})
    write(tmp_path / "4" / "a.tar", b"<html>")
    write(tmp_path / "5" / "a.tar", LFS_POINTER)
    for path, message in (
        ("1/a.tar.gz", r"a\.tar\.gz cannot be read as a tar file: .*gunzip"),
        ("1", r"webdataset\.path = .*holds no samples: expected unpacked \.tar files"),
        ("2", r"holds no samples"),
        ("3", r"a\.tar: 1\.json cannot be read"),
        ("4", r"a\.tar cannot be read as a tar file"),
        ("5", r"a\.tar cannot be read as a tar file: .*; it is .*: run `git lfs pull`"),
    ):
        changes = {"webdataset.path": str(tmp_path / path), "webdataset.item": "id"}
        with pytest.raises(UserError, match=message):
            scraped(quick("webdataset", changes), tmp_path / "raw")


def test_what_webdataset_itself_writes_is_read(quick, tmp_path):
    webdataset = pytest.importorskip("webdataset")
    with webdataset.TarWriter(str(tmp_path / "val-0.tar")) as sink:
        for n in range(3):
            sample = {"__key__": f"people/{n:04d}", "png": picture(n), "json": {"id": f"p{n}"}}
            sink.write(sample)
    changes = {"webdataset.path": str(tmp_path / "val-0.tar"), "webdataset.item": "id"}
    table, _ = scraped(quick("webdataset", changes), tmp_path / "raw")
    assert list(table["item_id"]) == ["p0", "p1", "p2"]
    assert list(table["status"]) == ["ok"] * 3
    assert set(table["given_side"]) == {"val"}


def test_any_names_and_texts_become_utf8(quick, tmp_path):
    shard = tmp_path / "set" / os.fsdecode(b"s\xe9.tar")
    pack(shard, {"caf\udce9.jpg": picture(1), "caf\udce9.json": rb'{"name": "\ud800"}'})
    write(tmp_path / "set" / "._s.tar", b"\0\5\x16\7 of macOS")
    changes = {"webdataset.path": str(tmp_path / "set"), "webdataset.name": "name"}
    table, _ = scraped(quick("webdataset", changes), tmp_path / "raw")
    assert list(table["image_url"]) == [r"s\xe9.tar#caf\xe9.jpg"]
    assert list(table["status"]) == ["ok"]
    assert list(table["name"]) == ["\ufffd" * 3]


def test_a_damaged_or_cut_header_is_an_error_and_no_end(quick, tmp_path):
    shard = tmp_path / "set.tar"
    pack(shard, {f"{n}.jpg": picture(n) for n in range(4)})
    whole = shard.read_bytes()
    second = whole.index(b"1.jpg")
    damaged = whole[:second] + b"x" + whole[second + 1 :]
    for data in (damaged, whole[: second + 100]):
        shard.write_bytes(data)
        with pytest.raises(UserError, match=r"set\.tar cannot be .*damaged header: .*again"):
            scraped(quick("webdataset", {"webdataset.path": str(shard)}), tmp_path / "raw")


def test_a_tar_file_may_have_any_name(quick, tmp_path):
    pack(tmp_path / "set" / "a#b.tar", {"1.jpg": picture(1)})
    changes = {"webdataset.path": str(tmp_path / "set")}
    table, _ = scraped(quick("webdataset", changes), tmp_path / "raw")
    assert list(table["status"]) == ["ok"]


@pytest.mark.parametrize("kind", ["joined", "headers of headers"])
def test_what_would_be_lost_of_a_tar_file_is_told_in_one_line(quick, tmp_path, kind):
    pack(tmp_path / "a.tar", {"1.jpg": picture(1), "2.jpg": picture(2)})
    member = tarfile.TarInfo("long")
    member.type, member.size = tarfile.GNUTYPE_LONGNAME, 1
    whole, headers = (tmp_path / "a.tar").read_bytes(), (member.tobuf() + bytes(512)) * 3000
    (tmp_path / "a.tar").write_bytes(whole + whole if kind == "joined" else headers)
    source = quick("webdataset", {"webdataset.path": str(tmp_path / "a.tar")})
    with pytest.raises(UserError, match=r"a\.tar cannot be read as a tar file: .*"):
        scraped(source, tmp_path / "raw")


def test_members_of_a_sample_that_are_apart_are_an_error(quick, tmp_path):
    """Else the pictures would lose what their .json says of the person."""
    members = {f"{n}.jpg": picture(n) for n in range(2)} | {f"{n}.json": facts(n) for n in range(2)}
    pack(tmp_path / "set.tar", members)
    changes = {"webdataset.path": str(tmp_path / "set.tar"), "webdataset.item": "person.id"}
    with pytest.raises(UserError, match=r"members of the sample '0' are not .* `tar --sort=name`"):
        scraped(quick("webdataset", changes), tmp_path / "raw")


def test_what_no_row_shows_is_counted_and_named(quick, tmp_path, capsys):
    members = {f"img.{n}.jpg": picture(n) for n in range(3)} | {"README": b"x", ".hidden": b"x"}
    pack(tmp_path / "set" / "a.TAR", members | {"1.jpg": picture(4), "1.JPG": picture(5)})
    pack(tmp_path / "set" / "b.tar.gz", {"9.jpg": picture(9)}, "w:gz")
    pack(tmp_path / "set" / "0.tar", {"1.jpg": picture(6)})
    for name in ("0.parquet", "0_stats.json"):
        write(tmp_path / "set" / name, b"what img2dataset writes beside")
    write(tmp_path / "set" / "a.parquet", b"of no tar file")
    (tmp_path / "set" / "more").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "set" / "pipe.tar")
    changes = {"webdataset.path": str(tmp_path / "set")}
    table, metrics = scraped(quick("webdataset", changes), tmp_path / "raw")
    assert list(table["image_url"]) == ["0.tar#1.jpg", "a.TAR#img.0.jpg", "a.TAR#1.jpg"]
    assert metrics["passed_over"] == {
        "hidden": 1,
        "link_to_folder": 1,
        "not_a_picture": 2,
        "other_format": 1,
        "other_picture": 3,
        "special_file": 1,
    }
    assert "3 other_picture (img.1.jpg, img.2.jpg, 1.JPG)" in capsys.readouterr().err


def test_a_link_is_a_row_and_no_other_picture_takes_its_place(quick, tmp_path):
    with tarfile.open(tmp_path / "set.tar", "w") as tar:
        for name in ("1.jpg", "2.jpg", "2.seg.png", "3.jpg"):
            member = tarfile.TarInfo(name)
            if name in ("2.jpg", "3.jpg"):
                member.type, member.linkname = tarfile.LNKTYPE, "1.jpg"
            member.size = 0 if member.islnk() else len(picture(1))
            tar.addfile(member, io.BytesIO(picture(1)))
    changes = {"webdataset.path": str(tmp_path / "set.tar")}
    table, metrics = scraped(quick("webdataset", changes), tmp_path / "raw")
    assert list(table["status"]) == ["ok", "link", "link"]
    assert metrics["failed"] == {"link": 2}


def test_hidden_members_are_counted(quick, tmp_path):
    names = ("1.png", ".2.png", "._4.png", ".thumbs/3.png")
    pack(tmp_path / "a.tar", {name: picture(n) for n, name in enumerate(names)})
    changes = {"webdataset.path": str(tmp_path / "a.tar")}
    table, metrics = scraped(quick("webdataset", changes), tmp_path / "raw")
    assert list(table["image_url"]) == ["a.tar#1.png", "a.tar#.thumbs/3.png"]
    assert metrics["passed_over"] == {"apple_double": 1, "hidden": 1}
