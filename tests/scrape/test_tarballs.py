"""The pictures in a tar archive."""

import io
import tarfile

import pytest

from src.scrape.http.cache import Body
from src.scrape.http.fetch_errors import FetchError
from src.scrape.tarballs import SIZE_FACTOR, unpack_pictures
from tests.scrape.scraping import picture


@pytest.fixture
def unpack(tmp_path):
    """Unpack an archive of these members: unpack([("train/1.png", data)], max_bytes=1000)."""

    def unpack(members, max_bytes=10_000):
        path = tmp_path / "facades.tar"
        with tarfile.open(path, "w") as archive:
            for name, data in members:
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
        return unpack_pictures(Body(path), tmp_path, max_bytes)

    return unpack


def test_a_name_twice_in_an_archive_is_its_last_picture(unpack):
    members = [
        ("train/1.png", picture(1)),
        ("train/1.png", picture(2)),
        ("train/2.png", picture(3)),
    ]
    files = unpack(members)
    contents = {name: file.read_bytes() for name, file in files.items()}
    assert contents == {"train/1.png": picture(2), "train/2.png": picture(3)}


def test_only_pictures_are_unpacked_and_only_into_the_folder(unpack, tmp_path):
    files = unpack([("README.md", b"no picture"), ("../../outside.png", picture(1))])
    assert [file.parent for file in files.values()] == [tmp_path]
    assert list(files) == ["../../outside.png"]


def test_a_picture_above_the_limit_is_refused_by_its_key(unpack):
    with pytest.raises(
        FetchError, match=r"1\.png unpacks to 1001 bytes.*scrape\.max_bytes"
    ) as caught:
        unpack([("train/1.png", bytes(1001))], max_bytes=1000)
    assert caught.value.reason == "too_large"


def test_all_pictures_together_are_limited(unpack):
    members = [(f"train/{n}.png", bytes(1000)) for n in range(SIZE_FACTOR)]
    assert len(unpack(members, max_bytes=1000)) == SIZE_FACTOR
    with pytest.raises(FetchError, match="times as many for all"):
        unpack([*members, ("train/more.png", bytes(1))], max_bytes=1000)
