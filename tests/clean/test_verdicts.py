"""Verdicts: compared with the faults planted in the demo site, and on a few pictures."""

import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from src.clean import measure, verdicts
from src.clean.measurement import Measurement
from src.clean.near_duplicates import Likenesses, Proof
from src.clean.quality import Quality
from src.demo.inventory import COPY_KINDS, alter
from src.errors import UserError
from src.imaging import decoding
from src.imaging.resizing import resize
from src.params import Clean
from src.storage.encoding import encode_jpeg, encode_png
from src.storage.ledger import read_ledger, write_ledger
from src.vision.matching import Match, PictureFeatures
from src.vision.picture_faults import FAULTS
from tests.builders import ledger_table
from tests.clean.conftest import CleanedDemo
from tests.conftest import DEFAULTS

CLEAN = DEFAULTS.clean


def _settings(**changes: object) -> Clean:
    return CLEAN.model_copy(update=changes)


# The demo site, compared with its inventory


def test_each_listed_item_has_its_row(demo: CleanedDemo):
    assert list(demo.table["row"]) == list(range(180))
    assert list(demo.table["item_id"]) == [entry.item_id for entry in demo.entries]
    assert set(demo.table["verdict"]) <= set(verdicts.VERDICTS)


@pytest.mark.parametrize("kind", COPY_KINDS)
def test_of_a_planted_copy_and_its_original_one_is_kept_and_named(demo: CleanedDemo, kind: str):
    for copy in demo.of_kind(kind):
        rows = [demo.row(entry) for entry in demo.same_picture(copy)]
        assert len(rows) == 2
        [survivor] = (row for row in rows if row["verdict"] == "keep")
        [removed] = (row for row in rows if row["verdict"] != "keep")
        reason = "exact_duplicate" if kind == "exact_copy" else "near_duplicate"
        assert removed["verdict"] == reason
        assert removed["duplicate_of"] == removed["cluster"] == survivor["row"]
        assert CLEAN.similarity <= removed["similarity"] <= 1
        assert pd.isna(survivor["duplicate_of"])
        assert survivor["cluster"] == survivor["row"]


def test_the_larger_of_two_copies_is_kept(demo: CleanedDemo):
    for copy in demo.of_kind("resized", "cropped"):
        assert demo.row(copy)["verdict"] == "near_duplicate"


def test_of_equal_copies_the_first_listed_is_kept(demo: CleanedDemo):
    for copy in demo.of_kind("exact_copy"):
        first = min(entry.number for entry in demo.same_picture(copy))
        assert demo.table.loc[first, "verdict"] == "keep"


def test_a_better_copy_is_kept_wherever_it_is_listed(demo: CleanedDemo):
    for copy in demo.of_kind("recompressed", "resized", "cropped", "captioned"):
        assert demo.row(copy)["verdict"] == "near_duplicate"


def test_no_good_portrait_is_lost(demo: CleanedDemo):
    for entry in demo.of_kind("portrait"):
        verdicts_on_it = [demo.row(same)["verdict"] for same in demo.same_picture(entry)]
        assert verdicts_on_it.count("keep") == 1


def test_a_second_picture_of_a_person_is_no_copy(demo: CleanedDemo):
    for entry in demo.of_kind("second_picture"):
        assert demo.row(entry)["verdict"] == "keep"


def test_everything_grayscale_is_found_and_nothing_else(demo: CleanedDemo):
    removed = {n for n, verdict in enumerate(demo.table["verdict"]) if verdict == "grayscale"}
    planted = {entry.number for entry in demo.of_kind("gray", "gray_rgb", "sepia")}
    # two silhouettes of 180 pictures are too few to be recognised as placeholders
    silhouettes = {entry.number for entry in demo.of_kind("placeholder")}
    assert planted <= removed <= planted | silhouettes


def test_a_silhouette_is_not_kept(demo: CleanedDemo):
    assert {demo.row(entry)["verdict"] for entry in demo.of_kind("placeholder")} <= {
        "missing",
        "grayscale",
    }


def test_a_truncated_picture_is_unreadable(demo: CleanedDemo):
    assert {demo.row(entry)["verdict"] for entry in demo.of_kind("truncated")} == {"unreadable"}


def test_a_picture_that_was_not_fetched_is_missing(demo: CleanedDemo):
    assert {demo.row(entry)["verdict"] for entry in demo.of_kind("missing", "no_image")} == {
        "missing"
    }


def test_the_counts_add_up(demo: CleanedDemo):
    counts = verdicts.counts(demo.table)
    items = counts.pop("items_kept")
    assert counts.pop("largest_cluster") == 2
    assert counts.pop("listed") == sum(counts.values()) == 180
    assert counts["exact_duplicates"] == len(demo.of_kind("exact_copy"))
    assert counts["near_duplicates"] == len(demo.of_kind(*COPY_KINDS)) - counts["exact_duplicates"]
    assert counts["kept"] - items == len(demo.of_kind("second_picture"))


def test_every_readable_picture_has_its_fingerprint(demo: CleanedDemo):
    unmeasured = demo.table["verdict"].isin(["missing", "unreadable"])
    for column in ("fingerprint", *verdicts.MEASURES):
        assert (demo.table[column].isna() == unmeasured).all()
    assert demo.table.loc[~unmeasured, "fingerprint"].str.fullmatch("[0-9a-f]{64}").all()


def test_the_cleaned_ledger_can_be_written_read_and_judged_again(demo: CleanedDemo, tmp_path: Path):
    write_ledger(demo.scraped, tmp_path / "raw.parquet", "raw")
    scraped = read_ledger(tmp_path / "raw.parquet", "raw")
    again, _ = verdicts.assign_verdicts(scraped, demo.measurements, CLEAN)
    write_ledger(demo.table, tmp_path / "first.parquet", "clean")
    write_ledger(again, tmp_path / "second.parquet", "clean")
    assert (tmp_path / "first.parquet").read_bytes() == (tmp_path / "second.parquet").read_bytes()


# A few pictures at a time

Judge = Callable[..., pd.DataFrame]


@pytest.fixture
def judge(tmp_path: Path) -> Judge:
    """Return the verdicts on pictures given as bytes, in this order."""

    def judge(*pictures: bytes, layout: str = "single", **changes: object) -> pd.DataFrame:
        rows = []
        for number, data in enumerate(pictures):
            (tmp_path / str(number)).write_bytes(data)
            rows.append({"file": str(number), "sha256": hashlib.sha256(data).hexdigest()})
        table = ledger_table(rows, "raw", layout=layout)
        measurements = measure.measure_pictures(table, tmp_path)
        return verdicts.assign_verdicts(table, measurements, _settings(**changes))[0]

    return judge


def _altered(face: np.ndarray, kind: str) -> bytes:
    return alter(face, kind, np.random.default_rng(0))


def test_the_survivor_is_the_largest_and_among_equals_the_first(
    judge: Judge, faces: list[np.ndarray]
):
    small, large = _altered(faces[0], "resized"), encode_jpeg(faces[0])
    table = judge(small, large, _altered(faces[0], "recompressed"), encode_jpeg(faces[1]))
    assert list(table["verdict"]) == ["near_duplicate", "keep", "near_duplicate", "keep"]
    assert [None if pd.isna(of) else of for of in table["duplicate_of"]] == [1, None, 1, None]
    assert list(table["cluster"]) == [1, 1, 1, 3]


def test_equal_pixels_in_another_file_are_an_exact_duplicate(judge: Judge, faces: list[np.ndarray]):
    lossless = encode_png(decoding.decode(encode_jpeg(faces[0])))
    table = judge(encode_jpeg(faces[0]), lossless)
    assert list(table["verdict"]) == ["keep", "exact_duplicate"]
    assert table["similarity"][1] == 1


def test_a_copy_of_a_removed_copy_belongs_to_the_survivor(judge: Judge, faces: list[np.ndarray]):
    small = _altered(faces[0], "cropped")
    commented = small[:2] + b"\xff\xfe\x00\x04hi" + small[2:]
    table = judge(small, commented, encode_jpeg(faces[0]))
    # the second is equal to the first, but not to the picture that is kept
    assert list(table["verdict"]) == ["near_duplicate", "near_duplicate", "keep"]
    assert list(table["duplicate_of"][:2]) == [2, 2]
    assert list(table["cluster"]) == [2, 2, 2]
    assert table["similarity"][1] == table["similarity"][0] < 1


@pytest.mark.parametrize("gray", ["gray", "gray_rgb", "sepia"])
@pytest.mark.parametrize("gray_first", [True, False])
def test_of_a_gray_and_a_colour_copy_the_colour_one_survives(
    judge: Judge, faces: list[np.ndarray], gray: str, gray_first: bool
):
    color = encode_jpeg(resize(faces[0], 96, 128))  # the smaller one
    pictures = [_altered(faces[0], gray), color]
    table = judge(*(pictures if gray_first else pictures[::-1]))
    expected = ["grayscale", "keep"]
    assert list(table["verdict"]) == (expected if gray_first else expected[::-1])


def test_duplicates_may_be_kept_and_are_still_recorded(judge: Judge, faces: list[np.ndarray]):
    file = encode_jpeg(faces[0])
    table = judge(file, file, _altered(faces[0], "mirrored"), duplicates="keep")
    assert list(table["verdict"]) == ["keep"] * 3
    assert [None if pd.isna(of) else of for of in table["duplicate_of"]] == [None, 0, 0]
    assert list(table["cluster"]) == [0, 0, 0]


def test_grayscale_may_be_kept_and_its_copies_are_still_found(
    judge: Judge, faces: list[np.ndarray]
):
    gray = _altered(faces[0], "gray")
    small = encode_jpeg(resize(decoding.decode(gray), 96, 128))
    table = judge(gray, small, grayscale="keep")
    assert list(table["verdict"]) == ["keep", "near_duplicate"]
    assert table["duplicate_of"][1] == 0
    assert (table["tone_residual"] < CLEAN.tone_residual).all()


@pytest.mark.parametrize(("side", "verdict"), [(64, "keep"), (63, "too_small")])
def test_the_shorter_side_decides_what_is_too_small(
    judge: Judge, faces: list[np.ndarray], side: int, verdict: str
):
    assert list(judge(encode_jpeg(resize(faces[0], side, 200)))["verdict"]) == [verdict]


POOR = {
    "blurred": lambda face: cv2.GaussianBlur(face, (0, 0), 10),
    "dark": lambda face: face // 4,
    "odd_aspect": lambda face: face[96:160],
}


@pytest.mark.parametrize("word", POOR)
def test_a_picture_with_a_fault_is_removed_by_choice(judge: Judge, faces, word: str):
    files = [encode_jpeg(np.ascontiguousarray(POOR[word](faces[0]))), encode_jpeg(faces[1])]
    assert list(judge(*files)["verdict"]) == ["keep", "keep"]
    table = judge(*files, remove={word: FAULTS[word].limit})
    assert list(table["verdict"]) == [word, "keep"]
    counts = verdicts.counts(table)
    assert counts[word] == 1
    assert counts["listed"] == sum(
        counts[verdicts.COUNT_NAMES.get(w, w)] for w in verdicts.VERDICTS
    )


def test_the_sharp_one_of_two_copies_is_kept_where_blurred_ones_are_removed(judge: Judge, faces):
    blurred = encode_jpeg(resize(POOR["blurred"](faces[0]), 288, 384))  # the larger one
    table = judge(blurred, encode_jpeg(faces[0]), remove={"blurred": 0.25})
    assert list(table["verdict"]) == ["blurred", "keep"]


def test_the_limit_of_a_fault_is_a_choice(judge: Judge, faces):
    table = judge(encode_jpeg(faces[0]), encode_jpeg(faces[1]), remove={"dark": 256})
    assert list(table["verdict"]) == ["dark", "dark"]


def test_of_a_pair_the_photograph_is_judged(judge: Judge, faces: list[np.ndarray]):
    labels = np.zeros_like(faces[0])
    gray = decoding.decode(_altered(faces[1], "gray"))
    table = judge(
        encode_jpeg(np.hstack([faces[0], labels])),
        encode_jpeg(np.hstack([gray, faces[2]])),
        layout="photo_left",
    )
    assert list(table["verdict"]) == ["keep", "grayscale"]


def test_a_pair_too_narrow_to_cut_has_a_verdict(judge: Judge):
    sliver = encode_png(np.zeros((90, 1, 3), np.uint8))
    assert judge(sliver, layout="photo_left")["verdict"][0] in ("unreadable", "too_small")


def test_a_turned_copy_by_exif_is_the_same_picture(judge: Judge, faces: list[np.ndarray]):
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(np.rot90(faces[0]))).save(turned, "PNG", exif=exif)
    table = judge(encode_png(faces[0]), turned.getvalue())
    assert list(table["verdict"]) == ["keep", "exact_duplicate"]


def test_no_pictures_at_all_are_no_error(judge: Judge):
    counts = verdicts.counts(judge())
    assert set(counts.values()) == {0}


# Which pictures match is given


def _judge_matches(widths: list[int], matching: set[tuple[int, int]], **changes: object):
    """Judge colour pictures, of which only the given pairs match; the widest is the sharpest."""
    table = ledger_table(len(widths), "raw")
    measurements = {
        (file, "single"): Measurement(
            width=width,
            height=100,
            pixel_digest=file,
            tone_residual=20.0,
            colorfulness=30.0,
            thumbnail=np.full((64, 64), n, np.uint8),
        )
        for n, (file, width) in enumerate(zip(table["file"], widths, strict=True))
    }

    def find_copies(features: list[PictureFeatures], *_: object) -> Likenesses:
        names = [int(each.thumbnail[0, 0]) for each in features]
        pairs = [(i, j) for i in range(len(names)) for j in range(i + 1, len(names))]
        proofs = [
            Proof(i, j, 9, Match(0.95))
            for i, j in pairs
            if tuple(sorted((names[i], names[j]))) in matching
        ]
        return Likenesses(proofs, [])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("src.clean.near_duplicates.find_copies", find_copies)
        patch.setattr(
            "src.clean.quality.measure",
            lambda picture, _: Quality(sharpness=picture.width, quantization=9.0),
        )
        return verdicts.assign_verdicts(table, measurements, _settings(**changes))[0]


def test_the_far_end_of_a_chain_of_matches_is_kept():
    # the first matches the second, and the second the third, but not the first the third
    table = _judge_matches([300, 200, 100], {(0, 1), (1, 2)})
    assert list(table["verdict"]) == ["keep", "near_duplicate", "keep"]
    assert table["duplicate_of"][1] == 0
    assert table["cluster"][2] == 2


def test_the_middle_of_a_chain_survives_if_it_is_the_best():
    table = _judge_matches([100, 300, 200], {(0, 1), (1, 2)})
    assert list(table["verdict"]) == ["near_duplicate", "keep", "near_duplicate"]
    assert list(table["cluster"]) == [1, 1, 1]


@st.composite
def matches(draw: st.DrawFn) -> tuple[list[int], set[tuple[int, int]]]:
    widths = draw(st.lists(st.sampled_from([100, 200, 300]), min_size=1, max_size=7))
    pairs = [(i, j) for j in range(len(widths)) for i in range(j)]
    return widths, set(draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else [])


@settings(max_examples=80, deadline=None)
@given(widths_and_pairs=matches())
def test_no_two_kept_pictures_match_and_each_removed_one_matches_a_better_kept_one(
    widths_and_pairs,
):
    widths, matching = widths_and_pairs
    table = _judge_matches(widths, matching)
    good = {row for row, word in zip(table["row"], table["verdict"], strict=True) if word == "keep"}
    assert not any(i in good and j in good for i, j in matching)
    for row, of, cluster in zip(table["row"], table["duplicate_of"], table["cluster"], strict=True):
        if row in good:
            assert pd.isna(of)
            assert cluster == row
        else:
            assert of in good
            assert cluster == of
            assert tuple(sorted((row, of))) in matching
            assert (-widths[int(of)], of) < (-widths[row], row)


@settings(max_examples=20, deadline=None)
@given(widths_and_pairs=matches())
def test_keeping_duplicates_changes_no_column_but_the_verdict(widths_and_pairs):
    removed = _judge_matches(*widths_and_pairs)
    marked = _judge_matches(*widths_and_pairs, duplicates="keep")
    assert set(marked["verdict"]) == {"keep"}
    assert removed.drop(columns="verdict").equals(marked.drop(columns="verdict"))


def test_the_colour_copy_survives_also_where_gray_pictures_are_kept(
    judge: Judge, faces: list[np.ndarray]
):
    color = encode_jpeg(resize(faces[0], 96, 128))  # the smaller one
    table = judge(_altered(faces[0], "gray"), color, grayscale="keep")
    assert list(table["verdict"]) == ["near_duplicate", "keep"]


def test_equal_pixels_of_large_pictures_are_an_exact_duplicate(
    judge: Judge, faces: list[np.ndarray]
):
    large = encode_jpeg(resize(faces[0], 768, 1024))  # decoded at an eighth
    changed = decoding.decode(large).copy()
    changed[500, 300] ^= 64
    table = judge(large, encode_png(decoding.decode(large)), encode_png(changed))
    assert list(table["verdict"]) == ["keep", "exact_duplicate", "near_duplicate"]
    assert list(table["transform"][1:]) == ["exact", "recompressed"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["grayscale"] * 4, r"^0 of 4 .*: 4 grayscale \(clean\.grayscale: keep keeps them\)$"),
        (["missing", "too_small"], r"1 missing \(not fetched.*; 1 too_small \(clean\.min_side"),
        (["dark", "dark"], r"2 dark \(clean\.remove without 'dark' keeps them\)$"),
        (["keep", "exact_duplicate"], r"^1 of 2 .*1 exact_duplicate \(clean\.duplicates: keep"),
        (["keep"], r"^1 of 1 listed pictures are kept, expected at least 2: list more$"),
        ([], r"^0 of 0 "),
    ],
)
def test_a_cleaning_that_keeps_nothing_to_split_fails_with_counts_and_settings(words, message):
    table = ledger_table([{"verdict": word} for word in words], "clean")
    with pytest.raises(UserError, match=message):
        verdicts.require_pictures(table)


def test_every_reason_to_remove_has_its_remedy():
    assert {"keep", *verdicts.REMEDIES} == set(verdicts.VERDICTS)
    verdicts.require_pictures(ledger_table(2, "clean"))
