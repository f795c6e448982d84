"""The pictures in a tar archive."""

import bz2
import gzip
import io
import lzma
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.errors import UserError
from src.scrape.http.cache import Body
from src.scrape.http.fetch_errors import FetchError
from src.scrape.tarballs import SIZE_FACTOR, unpack_pictures
from tests.scrape.scraping import picture


@pytest.fixture
def unpack(tmp_path):
    """Unpack an archive of these members: unpack([("train/1.png", data)], max_bytes=1000)."""

    def unpack(members, max_bytes=10_000, max_items=100):
        path = tmp_path / "facades.tar"
        with tarfile.open(path, "w") as archive:
            for name, data in members:
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
        return unpack_pictures(Body(path), tmp_path, max_bytes, max_items)

    return unpack


def test_a_name_twice_in_an_archive_is_its_last_picture(unpack):
    members = [
        ("train/1.png", picture(1)),
        ("train/1.png", picture(2)),
        ("train/2.png", picture(3)),
    ]
    files = unpack(members).pictures
    contents = {name: file.read_bytes() for name, file in files.items()}
    assert contents == {"train/1.png": picture(2), "train/2.png": picture(3)}


def test_only_pictures_are_unpacked_and_only_into_the_folder(unpack, tmp_path):
    contents = unpack([("README.md", b"no picture"), ("../../outside.png", picture(1))])
    files = contents.pictures
    assert [file.parent for file in files.values()] == [tmp_path]
    assert list(files) == ["../../outside.png"]
    assert contents.passed_over == {"not_a_picture": ["README.md"]}


def test_a_picture_above_the_limit_is_refused_by_its_key(unpack):
    with pytest.raises(
        FetchError, match=r"1\.png unpacks to 1001 bytes.*scrape\.max_bytes"
    ) as caught:
        unpack([("train/1.png", bytes(1001))], max_bytes=1000)
    assert caught.value.reason == "too_large"


def test_all_pictures_together_are_limited(unpack):
    members = [(f"train/{n}.png", bytes(1000)) for n in range(SIZE_FACTOR)]
    assert len(unpack(members, max_bytes=1000).pictures) == SIZE_FACTOR
    with pytest.raises(FetchError, match="times as many for all"):
        unpack([*members, ("train/more.png", bytes(1))], max_bytes=1000)


def test_members_that_are_no_pictures_count_against_the_limit_too(unpack):
    notes = [(f"notes/{n}.txt", bytes(1000)) for n in range(SIZE_FACTOR)]
    assert unpack(notes, max_bytes=1000).passed_over["not_a_picture"] == [n for n, _ in notes]
    with pytest.raises(FetchError, match="times as many for all") as caught:
        unpack([*notes, ("train/1.png", picture(1))], max_bytes=1000)
    assert caught.value.reason == "too_large"


def test_one_large_member_that_is_no_picture_is_passed_over(unpack):
    contents = unpack([("labels.mat", bytes(1500)), ("1.png", picture(1))], max_bytes=1000)
    assert list(contents.pictures) == ["1.png"]


def test_empty_members_are_limited_by_their_number(unpack):
    members = [(f"{n}.txt", b"") for n in range(2 * 7)]
    assert len(unpack(members, max_items=7).passed_over["not_a_picture"]) == 14
    with pytest.raises(FetchError, match=r"more than 14 members.*scrape\.max_items \(7\)"):
        unpack([*members, ("last", b"")], max_items=7)


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_a_damaged_header_is_no_end(unpack, tmp_path, compress):
    unpack([(f"train/{n}.png", picture(n)) for n in range(3)])
    path = tmp_path / "facades.tar"
    path.write_bytes(compress(path.read_bytes().replace(b"train/1.png", b"train/7.png")))
    with pytest.raises(FetchError, match="expected a tar archive: a damaged header"):
        unpack_pictures(Body(path), tmp_path, 10_000, 100)


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
@pytest.mark.parametrize("kind", ["joined", "a hole"])
def test_what_follows_the_end_is_not_lost_without_a_word(unpack, tmp_path, kind, compress):
    unpack([(f"{number}.png", picture(number)) for number in range(3)])
    path = tmp_path / "facades.tar"
    whole = path.read_bytes()
    spoilt = whole + whole if kind == "joined" else whole[:1024] + bytes(512) + whole[1536:]
    path.write_bytes(compress(spoilt))
    with pytest.raises(FetchError, match="more follows its end") as caught:
        unpack_pictures(Body(path), tmp_path, 10_000, 100)
    assert caught.value.reason == "not_an_archive"


@pytest.mark.parametrize("data", [b"PK\3\4", b"", b"<html>", picture(1)])
def test_another_kind_of_file_is_told_in_one_line(tmp_path, data):
    path = tmp_path / "a.zip"
    path.write_bytes(data)
    with pytest.raises(FetchError) as caught:
        unpack_pictures(Body(path), tmp_path, 1000, 10)
    expected = f"expected a tar archive: found a file that begins with {data[:8]!r}"
    assert str(caught.value) == expected


def special(name: str, kind: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, "1.png"
    return member


def test_links_and_devices_are_counted_and_folders_are_not(tmp_path):
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        for name, kind in [
            ("soft.png", tarfile.SYMTYPE),
            ("hard.png", tarfile.LNKTYPE),
            ("pipe.png", tarfile.FIFOTYPE),
            ("train", tarfile.DIRTYPE),
        ]:
            archive.addfile(special(name, kind))
    contents = unpack_pictures(Body(path), tmp_path, 1000, 10)
    assert contents.passed_over == {"link": ["soft.png", "hard.png"], "special_file": ["pipe.png"]}


@pytest.mark.parametrize("compress", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_what_follows_the_last_member_is_bounded(tmp_path, compress):
    path = tmp_path / "a.tar"
    path.write_bytes(compress(bytes(5_000_000)))
    with pytest.raises(FetchError, match="more follows its last member") as caught:
        unpack_pictures(Body(path), tmp_path, 1000, 10)
    assert caught.value.reason == "too_large"


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.XGLTYPE])
def test_a_header_without_end_is_refused_before_it_is_read(tmp_path, kind):
    member = tarfile.TarInfo("long")
    member.type, member.size = kind, 1 << 32
    path = tmp_path / "a.tar"
    path.write_bytes(member.tobuf() + bytes(10_240))
    with pytest.raises(FetchError, match="a header of 4294967296 bytes"):
        unpack_pictures(Body(path), tmp_path, 1000, 10)


def test_headers_of_headers_are_no_traceback(tmp_path):
    member = tarfile.TarInfo("long")
    member.type, member.size = tarfile.GNUTYPE_LONGNAME, 1
    path = tmp_path / "a.tar"
    path.write_bytes((member.tobuf() + bytes(512)) * 3000)
    with pytest.raises(FetchError, match="expected a tar archive"):
        unpack_pictures(Body(path), tmp_path, 1000, 10)


def test_a_full_disk_is_named_as_such(unpack, monkeypatch):
    monkeypatch.setattr(Path, "open", opened_on_a_full_disk)  # as write_bytes does
    with pytest.raises(UserError, match=r"cannot write .*: No space left on device"):
        unpack([("train/1.png", picture(1))])


def opened_on_a_full_disk(path: Path, mode: str) -> object:
    return open("/dev/full" if "w" in mode else path, mode)


def sample() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in ["train/é.png", "x" * 120 + ".png", "notes.txt"]:
            member = tarfile.TarInfo(name)
            member.size = 60
            archive.addfile(member, io.BytesIO(picture(1)[:60]))
    return buffer.getvalue()


SAMPLE = sample()


@settings(max_examples=150, deadline=None)
@given(
    compress=st.sampled_from([bytes, gzip.compress, bz2.compress, lzma.compress]),
    places=st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), max_size=4),
    kept=st.integers(0, 1 << 16),
    before=st.booleans(),
)
def test_a_damaged_archive_is_read_or_refused(tmp_path_factory, compress, places, kept, before):
    data = bytearray(SAMPLE if before else compress(SAMPLE))
    for place, value in places:
        data[place % len(data)] = value
    damaged = compress(bytes(data)) if before else bytes(data)
    folder = tmp_path_factory.mktemp("unpacked")
    (folder / "a.tar").write_bytes(damaged[: max(1, kept % (2 * len(damaged)))])
    try:
        contents = unpack_pictures(Body(folder / "a.tar"), folder, 1000, 10)
    except FetchError:
        return
    assert all(file.parent == folder for file in contents.pictures.values())


def test_an_earlier_picture_of_a_name_is_counted(unpack):
    members = [("1.png", picture(1)), ("1.png", picture(2)), ("2.png", picture(3))]
    assert unpack(members).passed_over == {"other_picture": ["1.png"]}
