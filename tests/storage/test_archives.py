"""Files in archives are read as if they were files; no result depends on where they are."""

import os
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from src.audit import source_files
from src.clean import measure
from src.errors import UserError
from src.imaging.picture_files import read_photo
from src.pair.pairing import write_pairs
from src.params import Size
from src.storage import archives
from src.storage.encoding import encode_jpeg
from tests.conftest import DEFAULTS, ROOT, SCRAPE, handing
from tests.scrape.scraping import stored

PAIR = DEFAULTS.pair.model_copy(
    update={"crop_size": Size(32, 32), "load_size": Size(38, 38), "shard_size": 1000}
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Nine files of different bytes in images/."""
    (tmp_path / "images").mkdir()
    for number in range(9):
        (tmp_path / f"images/{number}.png").write_bytes(bytes([number]) * (100 + number))
    return tmp_path


def names(count: int) -> list[str]:
    return [f"images/{number}.png" for number in range(count)]


def test_packed_files_are_read_by_their_new_names_and_leave_the_folder(folder: Path):
    moved = archives.pack(names(9), folder, 3)
    assert moved == {name: name.replace("images/", "images/00003.zip/") for name in names(9)}
    for number, name in enumerate(names(9)):
        assert archives.read_bytes(folder / moved[name]) == bytes([number]) * (100 + number)
    assert [path.name for path in (folder / "images").iterdir()] == ["00003.zip"]


def test_a_file_outside_an_archive_is_read_directly(folder: Path):
    assert archives.read_bytes(folder / "images/3.png") == b"\3" * 103
    with pytest.raises(FileNotFoundError):
        archives.read_bytes(folder / "images/10.png")


def test_a_folder_may_be_named_like_an_archive(tmp_path: Path):
    (tmp_path / "photos.zip").mkdir()
    (tmp_path / "photos.zip/a.png").write_bytes(b"as it is")
    assert archives.read_bytes(tmp_path / "photos.zip/a.png") == b"as it is"


def test_equal_files_make_equal_archives_whatever_their_dates(folder: Path):
    archived = []
    for modified in (10**9, 10**9 + 5000):
        for number in range(9):
            (folder / names(9)[number]).write_bytes(bytes([number]))
            os.utime(folder / names(9)[number], (modified, modified))
        archives.pack(names(9), folder, 0)
        archived.append((folder / "images/00000.zip").read_bytes())
    assert archived[0] == archived[1]


def test_any_tool_unpacks_an_archive_into_readable_files(folder: Path):
    archives.pack(names(2), folder, 0)
    with zipfile.ZipFile(folder / "images/00000.zip") as archive:
        assert archive.testzip() is None
        members = [(info.filename, info.external_attr >> 16) for info in archive.infolist()]
    assert members == [("0.png", 0o644), ("1.png", 0o644)]


def test_a_missing_member_is_a_missing_file(folder: Path):
    archives.pack(names(2), folder, 0)
    with pytest.raises(FileNotFoundError, match=r"no such file in the archive.*00000\.zip/7\.png"):
        archives.read_bytes(folder / "images/00000.zip/7.png")


@pytest.mark.parametrize(
    "damage", ["changed byte", "cut short", "no archive", "encrypted", "unknown method"]
)
def test_a_damaged_archive_raises_an_os_error(folder: Path, damage: str):
    archives.pack(names(9), folder, 0)
    path = folder / "images/00000.zip"
    data = bytearray(path.read_bytes())
    central = data.index(b"PK\1\2")
    changed = {
        "changed byte": [(60, data[60] ^ 1)],
        "encrypted": [(6, 1), (central + 8, 1)],
        "unknown method": [(8, 99), (central + 10, 99)],
    }
    for offset, value in changed.get(damage, []):
        data[offset] = value
    shorter = {"cut short": data[:500], "no archive": b"<html>"}
    path.write_bytes(shorter.get(damage, data))
    with pytest.raises(OSError, match=r"the archive is damaged.*00000\.zip/0\.png"):
        archives.read_bytes(path / "0.png")


def test_a_replaced_archive_is_read_again(folder: Path):
    archives.pack(names(2), folder, 0)
    assert archives.read_bytes(folder / "images/00000.zip/0.png") == b"\0" * 100
    (folder / "images/0.png").write_bytes(b"new")
    archives.pack(["images/0.png"], folder, 0)
    assert archives.read_bytes(folder / "images/00000.zip/0.png") == b"new"


def test_threads_read_one_archive_at_the_same_time(folder: Path):
    moved = archives.pack(names(9), folder, 0)
    with ThreadPoolExecutor(8) as pool:
        contents = list(
            pool.map(lambda name: archives.read_bytes(folder / moved[name]), names(9) * 50)
        )
    assert contents == [bytes([number]) * (100 + number) for number in range(9)] * 50


def test_a_full_disk_leaves_the_files_where_they_are(folder: Path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    with pytest.raises(UserError, match=r"cannot write .*00000\.zip: No space left on device"):
        archives.pack(names(9), folder, 0)
    assert sorted(path.name for path in (folder / "images").iterdir()) == [
        f"{number}.png" for number in range(9)
    ]


# The stages, given the same pictures as files and in archives


def scraped(faces: list[np.ndarray], folder: Path, shard_size: int) -> pd.DataFrame:
    """Portraits, the last one twice, as the scrape stage stores them."""
    pictures = [encode_jpeg(face) for face in [*faces, faces[-1]]]
    rows = [
        {
            "page": 1,
            "position": number + 1,
            "item_id": f"nm{number}",
            "name": f"Person {number}",
            "page_url": None,
            "image_url": f"{number:02d}",
            "stated_total": None,
        }
        for number in range(len(pictures))
    ]
    fetch = handing(lambda url: pictures[int(url)])
    settings = SCRAPE.model_copy(update={"shard_size": shard_size})
    return stored(rows, fetch, folder, settings)


@pytest.fixture
def loose(faces, tmp_path: Path) -> tuple[Path, pd.DataFrame]:
    return tmp_path / "loose", scraped(faces[:12], tmp_path / "loose", 12)


@pytest.fixture
def packed(faces, tmp_path: Path) -> tuple[Path, pd.DataFrame]:
    return tmp_path / "packed", scraped(faces[:12], tmp_path / "packed", 5)


def test_more_pictures_than_a_shard_holds_are_packed_in_the_ledgers_order(loose, packed):
    assert loose[1]["file"].str.fullmatch(r"images/\w{24}\.jpeg").all()
    shards = ["00000", "00001", "00002"]
    assert sorted(path.stem for path in (packed[0] / "images").glob("*.zip")) == shards
    assert len(list((packed[0] / "images").iterdir())) == len(shards)
    parts = packed[1]["file"].str.extract(r"^images/(\d+)\.zip/(\w{24}\.jpeg)$")
    assert list(parts[0]) == ["00000"] * 5 + ["00001"] * 5 + ["00002"] * 3
    assert list("images/" + parts[1]) == list(loose[1]["file"])
    assert packed[1]["file"][11] == packed[1]["file"][12]


def test_pictures_listed_later_leave_full_archives_unchanged(faces, packed, tmp_path: Path):
    scraped(faces[:11], tmp_path / "fewer", 5)
    for name in ("00000.zip", "00001.zip"):
        both = [folder / "images" / name for folder in (packed[0], tmp_path / "fewer")]
        assert both[0].read_bytes() == both[1].read_bytes()


def test_every_stage_reads_the_same_from_archives(loose, packed, tmp_path: Path):
    measured, paired, audited = [], [], []
    for raw, table in (loose, packed):
        side = pd.Series(["val" if row % 4 == 0 else "train" for row in table["row"]])
        hashes = measure.fingerprint_table(measure.measure_pictures(table, raw))
        measured.append(hashes.set_index(hashes.pop("file").str[-29:]).sort_index())
        write_pairs(table.assign(side=side), raw, tmp_path / f"{raw.name}.pairs", PAIR, 0)
        paired.append((tmp_path / f"{raw.name}.pairs/photo/train/photo.npy").read_bytes())
        files = source_files.read_files(table.assign(side=side), raw, (32, 32), "top")
        audited.append({Path(name).name: file.thumbnail.tobytes() for name, file in files.items()})
    pd.testing.assert_frame_equal(*measured)
    assert paired[0] == paired[1]
    assert audited[0] == audited[1]
    assert len(audited[0]) == 12


def test_a_picture_that_disappeared_is_named(loose, packed):
    for (raw, table), reason in ((loose, "No such file"), (packed, "the archive is damaged")):
        file = raw / table["file"][0]
        if file.is_file():
            file.unlink()
        else:
            file.parent.write_bytes(b"damaged")
        with pytest.raises(
            UserError, match=rf"{raw.name}/images/.* cannot be read any more: {reason}"
        ):
            measure.measure_pictures(table, raw)


def test_a_packed_picture_can_be_explained(packed):
    raw, table = packed
    command = [sys.executable, "-m", "src", "explain", raw / table["file"][3], "--out"]
    completed = subprocess.run(
        [*command, raw / "explained.png"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert completed.returncode == 0, completed.stderr
    assert f"{table['file'][3]}: keep (by itself)" in completed.stdout
    assert read_photo(raw / "explained.png").shape[0] > 256
