"""Verdicts: held against what is known to be wrong with the demo site, and by hand."""

import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from src.clean import measure, verdicts
from src.clean.measure import Measurement
from src.demo.inventory import COPIES, Entry, alter, catalogue
from src.imaging import decoding
from src.imaging.resizing import resize
from src.params import Clean, read_params
from src.scrape import sources, store
from src.storage.encoding import encode_jpeg, encode_png
from src.storage.ledger import read_ledger, write_ledger
from tests.conftest import ROOT, SCRAPE, handing

DEFAULT = read_params(ROOT / "params.yaml")
CLEAN = DEFAULT.clean


def _settings(**changes: object) -> Clean:
    return CLEAN.model_copy(update=changes)


# The demo site, three pages of sixty, held against its catalogue


class Cleaned:
    """The demo site scraped and cleaned, beside the truth about it."""

    def __init__(self, raw: Path):
        demo = DEFAULT.demo.model_copy(update={"pages": 3, "per_page": 60, "faults": True})
        settings = DEFAULT.model_copy(update={"source": "demo", "seed": 0, "demo": demo})
        with sources.open_source(settings, raw) as source:
            self.scraped = store.store(source.crawl.rows, source.fetch, raw, settings.scrape)
        self.measured = measure.measure(self.scraped, raw)
        self.table = verdicts.assign_verdicts(self.scraped, self.measured, settings.clean)
        self.entries = catalogue(180, 0, True)

    def row(self, entry: Entry) -> pd.Series:
        return self.table.loc[entry.number]

    def same_picture(self, entry: Entry) -> list[Entry]:
        """The good entries that show what this one shows, itself included."""
        good = ("portrait", "second_picture", *COPIES)
        return [
            e
            for e in self.entries
            if (e.person, e.shot) == (entry.person, entry.shot) and e.kind in good
        ]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Cleaned:
    return Cleaned(tmp_path_factory.mktemp("raw"))


def _of(demo: Cleaned, *kinds: str) -> list[Entry]:
    found = [entry for entry in demo.entries if entry.kind in kinds]
    assert found
    return found


def test_each_listed_item_has_its_row(demo: Cleaned):
    assert list(demo.table["row"]) == list(range(180))
    assert list(demo.table["item_id"]) == [entry.item_id for entry in demo.entries]
    assert set(demo.table["verdict"]) <= set(verdicts.VERDICTS)


@pytest.mark.parametrize("kind", COPIES)
def test_of_a_planted_copy_and_its_original_one_is_kept_and_named(demo: Cleaned, kind: str):
    for copy in _of(demo, kind):
        rows = [demo.row(entry) for entry in demo.same_picture(copy)]
        assert len(rows) == 2
        (kept,) = (row for row in rows if row["verdict"] == "keep")
        (removed,) = (row for row in rows if row["verdict"] != "keep")
        reason = "exact_duplicate" if kind == "exact_copy" else "near_duplicate"
        assert removed["verdict"] == reason
        assert removed["duplicate_of"] == removed["cluster"] == kept["row"]
        assert CLEAN.similarity <= removed["similarity"] <= 1
        assert pd.isna(kept["duplicate_of"])
        assert kept["cluster"] == kept["row"]


def test_the_larger_of_two_copies_is_kept(demo: Cleaned):
    for copy in _of(demo, "resized", "cropped"):
        assert demo.row(copy)["verdict"] == "near_duplicate"


def test_of_equally_large_copies_the_first_listed_is_kept(demo: Cleaned):
    for copy in _of(demo, "exact_copy", "mirrored", "recompressed"):
        first = min(entry.number for entry in demo.same_picture(copy))
        assert demo.table.loc[first, "verdict"] == "keep"


def test_no_good_portrait_is_lost(demo: Cleaned):
    for entry in _of(demo, "portrait"):
        kept = [demo.row(e)["verdict"] == "keep" for e in demo.same_picture(entry)]
        assert sum(kept) == 1


def test_a_second_picture_of_a_person_is_no_copy(demo: Cleaned):
    for entry in _of(demo, "second_picture"):
        assert demo.row(entry)["verdict"] == "keep"


def test_everything_grayscale_is_found_and_nothing_else(demo: Cleaned):
    found = {n for n, verdict in enumerate(demo.table["verdict"]) if verdict == "grayscale"}
    planted = {entry.number for entry in _of(demo, "gray", "gray_rgb", "sepia")}
    # at two of a hundred and eighty the silhouette is too rare to be told as a placeholder
    silhouettes = {entry.number for entry in _of(demo, "placeholder")}
    assert planted <= found <= planted | silhouettes


def test_a_silhouette_is_not_kept(demo: Cleaned):
    assert {demo.row(entry)["verdict"] for entry in _of(demo, "placeholder")} <= {
        "missing",
        "grayscale",
    }


def test_a_truncated_picture_is_unreadable(demo: Cleaned):
    assert {demo.row(entry)["verdict"] for entry in _of(demo, "truncated")} == {"unreadable"}


def test_a_picture_that_could_not_be_had_is_missing(demo: Cleaned):
    assert {demo.row(e)["verdict"] for e in _of(demo, "missing", "no_image")} == {"missing"}


def test_the_counts_add_up(demo: Cleaned):
    counts = verdicts.counts(demo.table)
    people = counts.pop("items_kept")
    assert counts.pop("largest_cluster") == 2
    assert counts.pop("listed") == sum(counts.values()) == 180
    assert counts["exact_duplicates"] == len(_of(demo, "exact_copy"))
    assert counts["near_duplicates"] == len(_of(demo, *COPIES)) - counts["exact_duplicates"]
    assert counts["kept"] - people == len(_of(demo, "second_picture"))


def test_every_readable_picture_has_its_fingerprint(demo: Cleaned):
    unmeasured = demo.table["verdict"].isin(["missing", "unreadable"])
    for column in ("fingerprint", "tone_residual", "colorfulness"):
        assert (demo.table[column].isna() == unmeasured).all()
    assert demo.table.loc[~unmeasured, "fingerprint"].str.fullmatch("[0-9a-f]{64}").all()
    prints = measure.as_table(demo.measured)
    assert set(prints["file"]) == set(demo.table.loc[~unmeasured, "file"])
    assert {len(own) for own in prints["hash"]} == {32}
    assert {len(thumbnail) for thumbnail in prints["thumbnail"]} == {64 * 64}


def test_the_cleaned_ledger_can_be_written_read_and_judged_again(demo: Cleaned, tmp_path: Path):
    write_ledger(demo.scraped, tmp_path / "raw.parquet", "raw")
    scraped = read_ledger(tmp_path / "raw.parquet", "raw")
    again = verdicts.assign_verdicts(scraped, demo.measured, CLEAN)
    write_ledger(demo.table, tmp_path / "one.parquet", "clean")
    write_ledger(again, tmp_path / "two.parquet", "clean")
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


# A few pictures by hand

Judge = Callable[..., pd.DataFrame]


@pytest.fixture
def judged(tmp_path: Path) -> Judge:
    """The verdicts on pictures given as bytes, in this order."""

    def judge(*pictures: bytes, layout: str = "single", **changes: object) -> pd.DataFrame:
        rows = [
            {
                "page": 1,
                "position": n + 1,
                "item_id": f"nm{n}",
                "name": f"{n}",
                "page_url": None,
                "image_url": f"{n}",
                "stated_total": None,
                "layout": layout,
            }
            for n in range(len(pictures))
        ]
        table = store.store(rows, handing(lambda url: pictures[int(url)]), tmp_path, SCRAPE)
        return verdicts.assign_verdicts(
            table, measure.measure(table, tmp_path), _settings(**changes)
        )

    return judge


def _altered(face: np.ndarray, kind: str) -> bytes:
    return alter(face, kind, np.random.default_rng(0))


def test_the_survivor_is_the_largest_and_among_equals_the_first(
    judged: Judge, faces: list[np.ndarray]
):
    small, large = _altered(faces[0], "resized"), encode_jpeg(faces[0])
    table = judged(small, large, _altered(faces[0], "recompressed"), encode_jpeg(faces[1]))
    assert list(table["verdict"]) == ["near_duplicate", "keep", "near_duplicate", "keep"]
    assert [None if pd.isna(of) else of for of in table["duplicate_of"]] == [1, None, 1, None]
    assert list(table["cluster"]) == [1, 1, 1, 3]


def test_equal_pixels_in_another_file_are_an_exact_duplicate(
    judged: Judge, faces: list[np.ndarray]
):
    lossless = encode_png(decoding.decode(encode_jpeg(faces[0])))
    table = judged(encode_jpeg(faces[0]), lossless)
    assert list(table["verdict"]) == ["keep", "exact_duplicate"]
    assert table["similarity"][1] == 1


def test_a_copy_of_a_removed_copy_belongs_to_the_survivor(judged: Judge, faces: list[np.ndarray]):
    small = _altered(faces[0], "cropped")
    commented = small[:2] + b"\xff\xfe\x00\x04hi" + small[2:]
    table = judged(small, commented, encode_jpeg(faces[0]))
    assert list(table["verdict"]) == ["near_duplicate", "exact_duplicate", "keep"]
    assert list(table["duplicate_of"][:2]) == [2, 2]
    assert list(table["cluster"]) == [2, 2, 2]
    assert table["similarity"][1] == table["similarity"][0] < 1


@pytest.mark.parametrize("gray", ["gray", "gray_rgb", "sepia"])
@pytest.mark.parametrize("gray_first", [True, False])
def test_of_a_gray_and_a_colour_copy_the_colour_one_survives(
    judged: Judge, faces: list[np.ndarray], gray: str, gray_first: bool
):
    colour = encode_jpeg(resize(faces[0], 96, 128))  # the smaller one
    pictures = [_altered(faces[0], gray), colour]
    table = judged(*(pictures if gray_first else pictures[::-1]))
    expected = ["grayscale", "keep"]
    assert list(table["verdict"]) == (expected if gray_first else expected[::-1])


def test_duplicates_may_be_kept_and_are_still_recorded(judged: Judge, faces: list[np.ndarray]):
    file = encode_jpeg(faces[0])
    table = judged(file, file, _altered(faces[0], "mirrored"), duplicates="keep")
    assert list(table["verdict"]) == ["keep"] * 3
    assert [None if pd.isna(of) else of for of in table["duplicate_of"]] == [None, 0, 0]
    assert list(table["cluster"]) == [0, 0, 0]


def test_grayscale_may_be_kept_and_its_copies_are_still_found(
    judged: Judge, faces: list[np.ndarray]
):
    gray = _altered(faces[0], "gray")
    small = encode_jpeg(resize(decoding.decode(gray), 96, 128))
    table = judged(gray, small, grayscale="keep")
    assert list(table["verdict"]) == ["keep", "near_duplicate"]
    assert table["duplicate_of"][1] == 0
    assert (table["tone_residual"] < CLEAN.tone_residual).all()


@pytest.mark.parametrize(("side", "verdict"), [(64, "keep"), (63, "too_small")])
def test_the_shorter_side_decides_what_is_too_small(
    judged: Judge, faces: list[np.ndarray], side: int, verdict: str
):
    assert list(judged(encode_jpeg(resize(faces[0], side, 200)))["verdict"]) == [verdict]


def test_of_a_pair_the_photograph_is_judged(judged: Judge, faces: list[np.ndarray]):
    labels = np.zeros_like(faces[0])
    gray = decoding.decode(_altered(faces[1], "gray"))
    table = judged(
        encode_jpeg(np.hstack([faces[0], labels])),
        encode_jpeg(np.hstack([gray, faces[2]])),
        layout="photo_left",
    )
    assert list(table["verdict"]) == ["keep", "grayscale"]


def test_a_pair_too_narrow_to_cut_has_a_verdict(judged: Judge):
    sliver = encode_png(np.zeros((90, 1, 3), np.uint8))
    assert judged(sliver, layout="photo_left")["verdict"][0] in ("unreadable", "too_small")


def test_a_turned_copy_by_exif_is_the_same_picture(judged: Judge, faces: list[np.ndarray]):
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(np.rot90(faces[0]))).save(turned, "PNG", exif=exif)
    table = judged(encode_png(faces[0]), turned.getvalue())
    assert list(table["verdict"]) == ["keep", "exact_duplicate"]


def test_no_pictures_at_all_are_no_error(judged: Judge):
    counts = verdicts.counts(judged())
    assert set(counts.values()) == {0}


# Likeness by hand: who matches whom is given, not seen


def _judge_likeness(sizes: list[int], alike: set[tuple[int, int]], **changes: object):
    """Judge colour pictures of these widths, of which only the given pairs match."""
    table = pd.DataFrame(
        {
            "row": range(len(sizes)),
            "item_id": [f"nm{n}" for n in range(len(sizes))],
            "file": [f"{n}" for n in range(len(sizes))],
            "layout": "single",
        }
    )
    measured = {
        (f"{n}", "single"): Measurement(
            width=size,
            height=100,
            pixels=hashlib.sha256(bytes([n])).hexdigest(),
            tone_residual=20.0,
            colorfulness=30.0,
            thumbnail=np.full((64, 64), n, np.uint8),
        )
        for n, size in enumerate(sizes)
    }

    def copies(thumbnails: list[np.ndarray], *_: object) -> list[tuple[int, int, float]]:
        names = [int(thumbnail[0, 0]) for thumbnail in thumbnails]
        pairs = [(i, j) for i in range(len(names)) for j in range(i + 1, len(names))]
        return [(i, j, 0.95) for i, j in pairs if tuple(sorted((names[i], names[j]))) in alike]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("src.clean.near_duplicates.find_copies", copies)
        return verdicts.assign_verdicts(table, measured, _settings(**changes))


def test_a_chain_of_likeness_does_not_lose_its_far_end():
    # the first is like the second and the second like the third, but the first not like the third
    table = _judge_likeness([300, 200, 100], {(0, 1), (1, 2)})
    assert list(table["verdict"]) == ["keep", "near_duplicate", "keep"]
    assert table["duplicate_of"][1] == 0
    assert table["cluster"][2] == 2


def test_the_middle_of_a_chain_stands_for_both_ends_where_it_is_the_largest():
    table = _judge_likeness([100, 300, 200], {(0, 1), (1, 2)})
    assert list(table["verdict"]) == ["near_duplicate", "keep", "near_duplicate"]
    assert list(table["cluster"]) == [1, 1, 1]


@st.composite
def likenesses(draw: st.DrawFn) -> tuple[list[int], set[tuple[int, int]]]:
    sizes = draw(st.lists(st.sampled_from([100, 200, 300]), min_size=1, max_size=7))
    pairs = [(i, j) for j in range(len(sizes)) for i in range(j)]
    return sizes, set(draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else [])


@settings(max_examples=80, deadline=None)
@given(likeness=likenesses())
def test_whatever_is_alike_the_kept_are_not_and_the_removed_have_a_better_kept_one(likeness):
    sizes, alike = likeness
    table = _judge_likeness(sizes, alike)
    kept = {row for row, word in zip(table["row"], table["verdict"], strict=True) if word == "keep"}
    assert not any(i in kept and j in kept for i, j in alike)
    for row, of, cluster in zip(table["row"], table["duplicate_of"], table["cluster"], strict=True):
        if row in kept:
            assert pd.isna(of)
            assert cluster == row
        else:
            assert of in kept
            assert cluster == of
            assert tuple(sorted((row, of))) in alike
            assert (-sizes[int(of)], of) < (-sizes[row], row)


@settings(max_examples=20, deadline=None)
@given(likeness=likenesses())
def test_keeping_duplicates_changes_no_record_but_the_verdict(likeness):
    removed = _judge_likeness(*likeness)
    kept = _judge_likeness(*likeness, duplicates="keep")
    assert set(kept["verdict"]) == {"keep"}
    assert removed.drop(columns="verdict").equals(kept.drop(columns="verdict"))


def test_the_colour_copy_survives_also_where_gray_pictures_are_kept(
    judged: Judge, faces: list[np.ndarray]
):
    colour = encode_jpeg(resize(faces[0], 96, 128))  # the smaller one
    table = judged(_altered(faces[0], "gray"), colour, grayscale="keep")
    assert list(table["verdict"]) == ["near_duplicate", "keep"]


def test_equal_pixels_of_large_pictures_are_an_exact_duplicate(
    judged: Judge, faces: list[np.ndarray]
):
    large = encode_jpeg(resize(faces[0], 768, 1024))  # decoded at an eighth
    changed = decoding.decode(large).copy()
    changed[500, 300] ^= 64
    table = judged(large, encode_png(decoding.decode(large)), encode_png(changed))
    assert list(table["verdict"]) == ["keep", "exact_duplicate", "near_duplicate"]
    assert list(table["transform"][1:]) == ["exact", "recompressed"]
