"""Names of files as pairs: nothing is dropped, whatever the names are."""

from pathlib import PurePosixPath

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from src.scrape.file_lists import list_combined, list_halves
from src.scrape.listings import ListingError

OK = "ok"


def halves(*names: str, direction: str = "AtoB") -> list[tuple]:
    """Label, photo, side and status of each listed pair."""
    rows = list_halves(names, direction)
    assert [row["position"] for row in rows] == list(range(1, len(rows) + 1))
    return [
        (row.get("label_url"), row["image_url"], row.get("given_side"), row.get("status", OK))
        for row in rows
    ]


@pytest.mark.parametrize(
    ("a", "b", "side", "item"),
    [
        ("A/1.png", "B/1.png", None, "1"),
        ("A/1.png", "B/1.JPG", None, "1"),
        ("A/train/1.png", "B/train/1.png", "train", "train/1"),
        ("train/A/1.png", "train/B/1.png", "train", "train/1"),
        ("trainA/1.png", "trainB/1.png", "train", "train/1"),
        ("testA/1.png", "testB/1.png", "val", "test/1"),
        ("TrainingA/1.png", "trainingB/1.png", "train", "training/1"),
        ("A/Valid/1.png", "B/Valid/1.png", "val", "Valid/1"),
        ("maps/valA/x/1.png", "maps/valB/x/1.png", "val", "maps/val/x/1"),
        ("A/test/berlin/1.png", "B/test/berlin/1.png", "val", "test/berlin/1"),
        ("./A/1.png", "./B/1.png", None, "1"),
        ("A/A/B/1.png", "B/A/B/1.png", None, "A/B/1"),
        ("A/A/1.png", "A/B/1.png", None, "A/1"),  # an archive's top folder named A
        ("A/ü 1.v2 (x).png", "B/ü 1.v2 (x).png", None, "ü 1.v2 (x)"),
        ("A/o\u0308/e\u0301.png", "B/\u00f6/\u00e9.png", None, "\u00f6/\u00e9"),
        ("A/-rf;$(x).png", "B/-rf;$(x).png", None, "-rf;$(x)"),
    ],
)
def test_files_with_equal_names_in_a_and_b_are_a_pair(a, b, side, item):
    assert halves(a, b) == halves(b, a) == [(a, b, side, OK)]
    assert halves(a, b, direction="BtoA") == [(b, a, side, OK)]
    [row] = list_halves([a, b], "AtoB")
    assert (row["item_id"], row["layout"]) == (item, "single")


@pytest.mark.parametrize("photos", ["A", "B"])
def test_a_file_without_partner_is_listed_with_its_reason(photos):
    direction = {"A": "BtoA", "B": "AtoB"}[photos]
    listed = halves("A/1.png", "B/1.png", "A/2.png", "B/3.png", direction=direction)
    reasons = {name: status for label, photo, _, status in listed for name in (label, photo)}
    alone = {"A": "no_label", "B": "no_photo"}
    if photos == "B":
        alone = {"A": "no_photo", "B": "no_label"}
    assert (reasons["A/2.png"], reasons["B/3.png"]) == (alone["A"], alone["B"])
    assert reasons["A/1.png"] == OK


def test_equal_names_go_before_equal_stems():
    assert halves("A/1.jpg", "A/1.png", "B/1.png") == [
        ("A/1.png", "B/1.png", None, OK),
        ("A/1.jpg", None, None, "no_photo"),
    ]


def test_of_two_equal_stems_none_is_chosen():
    listed = halves("A/0.png", "B/0.png", "A/1.jpg", "A/1.png", "B/1.tif")
    assert [status for *_, status in listed] == [OK, "no_photo", "no_photo", "no_label"]


def test_the_same_name_in_two_splits_is_two_pairs():
    listed = halves("trainA/1.png", "trainB/1.png", "testA/1.png", "testB/1.png")
    assert [side for _, _, side, _ in listed] == ["val", "train"]


def test_what_is_in_no_half_or_no_split_is_listed_outside():
    listed = halves("A/train/1.png", "B/train/1.png", "A/2.png", "B/2.png", "cover.png")
    assert [status for *_, status in listed] == ["outside_folders", OK, "outside_folders"]
    assert listed[2][1] == "cover.png"


@pytest.mark.parametrize("names", [["A/1.png"], ["train/1.png", "val/1.png"], ["a/1.png"], []])
def test_a_folder_without_halves_is_refused_with_what_was_found(names):
    found = str(PurePosixPath(names[0]).parent) if names else "none"
    with pytest.raises(ListingError, match=rf"expected folders A and B.*found {found}.*combined"):
        list_halves(names, "AtoB")


def test_folders_of_halves_are_no_combined_pictures():
    with pytest.raises(ListingError, match=r"set pairs\.layout to folders"):
        list_combined(["x/trainA/1.png", "x/trainB/1.png"], "AtoB")


def test_splits_are_known_by_any_usual_name():
    names = ["Train/1.jpg", "TEST/2.jpg", "validation/3.jpg", "dev/4.jpg", "extra/5.jpg"]
    sides = {row["image_url"]: row["given_side"] for row in list_combined(names, "BtoA")}
    assert [sides[name] for name in names] == ["train", "val", "val", "val", None]


def test_combined_pictures_need_no_split():
    rows = list_combined(["10.png", "2.png", "x/1.png"], "AtoB")
    assert [row["image_url"] for row in rows] == ["2.png", "10.png", "x/1.png"]
    assert not any(row["given_side"] or "status" in row for row in rows)


def test_combined_pictures_beside_a_split_are_listed_outside():
    rows = list_combined(["train/a/1.png", "cover.png", "test/b/1.png"], "BtoA")
    assert [(row["image_url"], row["given_side"], row.get("status")) for row in rows] == [
        ("cover.png", None, "outside_folders"),
        ("test/b/1.png", "val", None),
        ("train/a/1.png", "train", None),
    ]


FOLDERS = st.lists(st.sampled_from(["A", "B", "trainA", "trainB", "train", "val", "x"]), max_size=3)
FILES = st.sampled_from(["1.png", "1.jpg", "1.b.png", "é.png", "e\u0301.png", " .png", "A.png"])
NAMES = st.lists(
    st.builds(lambda folders, file: "/".join([*folders, file]), FOLDERS, FILES),
    unique=True,
    max_size=8,
)


@settings(max_examples=80, deadline=None)
@given(names=NAMES, direction=st.sampled_from(["AtoB", "BtoA"]))
@example(names=["A/1.png", "B/1.png", "trainA/1.png", "trainB/1.png"], direction="AtoB")
def test_every_file_is_listed_exactly_once_whatever_the_order(names, direction):
    for list_names in (list_halves, list_combined):
        try:
            rows = list_names(names, direction)
        except ListingError:
            continue
        listed = [row.get(key) for row in rows for key in ("image_url", "label_url")]
        assert sorted(filter(None, listed)) == sorted(names)
        assert list_names(names[::-1], direction) == rows
        for row in rows:
            if row.get("label_url") and row["image_url"]:
                stems = {PurePosixPath(row[key]).stem for key in ("image_url", "label_url")}
                assert len(stems) == 1


def test_a_dot_in_a_name_without_suffix_belongs_to_the_name():
    names = [f"{half}/frame.{n:04d}" for half in "AB" for n in range(3)]
    rows = list_halves([*names, "A/9.x.jpg", "B/9.x.PNG"], "AtoB")
    assert [row["item_id"] for row in rows] == ["9.x", "frame.0000", "frame.0001", "frame.0002"]
    assert [row["name"] for row in rows] == ["9.x", "frame.0000", "frame.0001", "frame.0002"]
    assert all(row["image_url"] and row["label_url"] for row in rows)
    combined = list_combined(["frame.0000", "frame.0001", "frame.x.png"], "AtoB")
    assert [row["item_id"] for row in combined] == ["frame.0000", "frame.0001", "frame.x"]
