"""Who is listed, with which picture, and what is wrong with it."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from src.demo import portraits
from src.demo.inventory import COPY_KINDS, FAULTS, Entry, alter, list_entries, photographs, picture
from src.imaging import decoding
from src.imaging.picture_files import read_photo

THOUSAND = list_entries(1000, 0, True)
UNPICTURED = ("missing", "placeholder", "no_image")


def _of(kind: str, entries: list[Entry] = THOUSAND) -> list[Entry]:
    return [entry for entry in entries if entry.kind == kind]


def test_of_a_thousand_listed_each_fault_has_its_number():
    counts = Counter(entry.kind for entry in THOUSAND)
    assert counts.pop("portrait") == 1000 - sum(FAULTS.values())
    assert counts == FAULTS


@pytest.mark.parametrize("count", [1, 60, 180, 999])
@pytest.mark.parametrize("faults", [True, False])
def test_as_many_are_listed_as_asked_for_in_order(count: int, faults: bool):
    assert [entry.number for entry in list_entries(count, 3, faults)] == list(range(count))


def test_without_faults_everybody_is_listed_once_with_a_good_portrait():
    entries = list_entries(300, 0, False)
    assert {entry.kind for entry in entries} == {"portrait"}
    assert sorted(entry.person for entry in entries) == list(range(300))
    assert len({entry.item_id for entry in entries}) == 300


def test_the_list_follows_from_the_seed():
    assert list_entries(200, 5, True) == list_entries(200, 5, True)
    assert list_entries(200, 5, True) != list_entries(200, 6, True)


def test_an_id_is_as_the_real_sites_and_goes_with_one_name():
    ids = {entry.item_id for entry in THOUSAND}
    assert all(len(i) == 9 and i.startswith("nm") and i[2:].isdigit() for i in ids)
    assert len({(entry.item_id, entry.name) for entry in THOUSAND}) == len(ids)
    assert len({entry.name for entry in THOUSAND}) == len(ids)


def test_a_person_listed_again_has_the_same_id_and_a_copy_of_a_picture_another():
    original = {entry.person: entry for entry in _of("portrait")}
    for kind in (*COPY_KINDS, "second_picture"):
        same = kind in ("exact_copy", "second_picture")
        for entry in _of(kind):
            assert (entry.item_id == original[entry.person].item_id) == same
            assert entry.shot == (kind == "second_picture")


def test_nobody_is_copied_twice():
    copied = Counter(e.person for e in THOUSAND if e.kind in (*COPY_KINDS, "second_picture"))
    assert set(copied.values()) == {1}


@pytest.mark.parametrize("count", [100, 1000])
def test_however_few_photographs_there_are_they_suffice_for_the_list(count: int):
    lacking = {}
    for pool in range(1, 120):
        entries = list_entries(count, 0, True, pool)
        needed = max(entry.person for entry in entries if entry.kind not in UNPICTURED)
        if needed >= pool:
            lacking[pool] = needed + 1
    assert lacking == {}


def test_stocked_from_a_pool_nobody_has_a_second_picture():
    assert _of("second_picture", list_entries(1000, 0, True, 5000)) == []
    assert len(list_entries(1000, 0, True, 5000)) == 1000
    assert len(list_entries(1000, 0, True, 400)) < 450


def test_a_copied_file_is_the_same_file():
    copy = _of("exact_copy")[0]
    original = next(e for e in _of("portrait") if e.person == copy.person)
    assert picture(copy, 0, None) == picture(original, 0, None)


@pytest.mark.parametrize("kind", ["missing", "no_image"])
def test_there_is_no_file_for_a_missing_picture(kind: str):
    assert picture(_of(kind)[0], 0, None) is None


def test_everybody_without_a_picture_has_the_same_placeholder():
    first, second = _of("placeholder")[:2]
    assert picture(first, 0, None) == picture(second, 0, None)


def test_a_truncated_picture_has_a_header_and_no_end():
    data = picture(_of("truncated")[0], 0, None)
    assert decoding.inspect(data) == ("JPEG", portraits.WIDTH, portraits.HEIGHT, False)
    with pytest.raises(decoding.ImageError) as refused:
        decoding.decode(data)
    assert refused.value.reason == "truncated"


@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        ("recompressed", (256, 192)),
        ("resized", (179, 134)),
        ("cropped", (243, 182)),
        ("mirrored", (256, 192)),
        ("turned", (192, 256)),
        ("brightened", (256, 192)),
        ("captioned", (256, 192)),
        ("gray", (256, 192)),
        ("gray_rgb", (256, 192)),
        ("sepia", (256, 192)),
    ],
)
def test_an_altered_copy_has_its_size_and_differs(
    faces: list[np.ndarray], kind: str, shape: tuple[int, int]
):
    copy = decoding.decode(alter(faces[0], kind, np.random.default_rng(0)))
    assert copy.shape == (*shape, 3)
    assert not np.array_equal(copy, faces[0])


def test_an_unknown_kind_of_copy_is_refused(faces: list[np.ndarray]):
    with pytest.raises(ValueError, match="blurred"):
        alter(faces[0], "blurred", np.random.default_rng(0))


def test_photographs_are_altered_as_drawn_portraits_are(album: Path):
    entry = Entry(0, "nm1000001", "A", "mirrored", 4)
    files = photographs(str(album))
    copy = decoding.decode(picture(entry, 0, files))
    original = read_photo(files[4])
    assert np.abs(copy[:, ::-1].astype(int) - original).mean() < 6
