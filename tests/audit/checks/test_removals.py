"""What clean removed as copies, compared again."""

import numpy as np
import pytest

from src.audit import removed_copies
from src.demo.inventory import alter
from src.imaging import decoding
from src.imaging.picture_files import read_photo
from src.storage.encoding import encode_jpeg, encode_png
from tests.audit.evidence import (
    CHECKS_BY_NAME,
    Evidence,
    altered_copy,
    fired,
    with_file,
    with_ledger,
    with_limits,
    with_raw_file,
)
from tests.audit.faults import keep_caption, remove_another, remove_as_copy

KINDS = ["recompressed", "resized", "cropped", "mirrored", "turned", "brightened", "captioned"]


def with_copy(evidence: Evidence, data: bytes) -> Evidence:
    """Remove row 7, whose file is `data`, as a copy of row 3."""
    return with_raw_file(remove_as_copy(evidence, 7, 3), 7, data)


def with_survivor(evidence: Evidence, pixels: np.ndarray) -> Evidence:
    """Let row 3 have other pixels, and row 7 those of row 3 before."""
    evidence = with_copy(evidence, (evidence.raw / "images/3").read_bytes())
    return with_file(evidence, 3, encode_png(pixels))


@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_is_confirmed(clean, kind):
    original = read_photo(clean.raw / "images/3")
    evidence = with_copy(clean, altered_copy(original, kind))
    (removal,) = evidence.removals
    assert removal.is_copy
    assert (removal.row, removal.survivor) == (7, 3)
    assert fired(evidence) == {}


def test_what_is_similar_at_64_pixels_but_not_at_256_is_no_copy(clean, monkeypatch):
    monkeypatch.setattr(removed_copies, "MIN_CLOSE_AGREEMENT", 1.01)
    original = read_photo(clean.raw / "images/3")
    (removal,) = with_copy(clean, altered_copy(original, "recompressed")).removals
    assert removal.similarity > 0.99
    assert not removal.is_copy


def test_a_copy_that_a_person_forced_is_not_questioned(clean):
    evidence = remove_another(clean)
    forced = evidence.ledger["transform"].mask(evidence.ledger["row"] == 7, "forced")
    assert with_ledger(evidence, transform=forced).removals == []


def test_a_picture_that_was_removed_for_another_reason_is_no_copy(clean):
    evidence = remove_another(clean)
    assert with_ledger(evidence, verdict="grayscale").removals == []
    assert with_ledger(evidence, verdict=None).removals == []


@pytest.mark.parametrize("data", [b"", b"<html>"])
def test_a_pair_that_cannot_be_read_is_left_out(clean, data):
    assert with_copy(clean, data).removals == []


def test_a_sample_is_the_same_each_time(clean, monkeypatch):
    evidence = clean
    for row in (5, 6, 7, 8):
        evidence = remove_as_copy(evidence, row, 3)
    monkeypatch.setattr(removed_copies, "SAMPLE", 2)
    rows = [removal.row for removal in evidence.removals]
    assert len(rows) == 2
    assert rows == [removal.row for removal in with_limits(evidence).removals]
    assert rows == sorted(rows)


def test_a_caption_of_what_is_kept_is_named_with_its_picture(clean):
    (offender,) = CHECKS_BY_NAME["captioned_survivors"].run(keep_caption(clean)).offenders
    assert offender.row == 3
    assert offender.pictures == (("train", 3),)


@pytest.mark.parametrize("edge", ["above", "below", "left", "right", "all around"])
def test_a_strip_at_any_edge_is_seen(clean, edge):
    original = read_photo(clean.raw / "images/3")
    widths = {
        "above": ((20, 0), (0, 0)),
        "below": ((0, 20), (0, 0)),
        "left": ((0, 0), (20, 0)),
        "right": ((0, 0), (0, 20)),
        "all around": ((20, 20), (20, 20)),
    }[edge]
    padded = np.pad(original, (*widths, (0, 0)), constant_values=255)
    evidence = with_survivor(clean, padded)
    assert set(fired(evidence)) == {"captioned_survivors"}
    assert evidence.removals[0].marked_edges == (4 if edge == "all around" else 1)


def test_a_strip_with_text_is_seen(clean):
    original = read_photo(clean.raw / "images/2")
    captioned = decoding.decode(alter(original, "captioned", np.random.default_rng(0)))
    evidence = with_survivor(with_file(clean, 3, encode_png(original)), captioned)
    assert evidence.removals[0].marked_edges == 1


def test_a_strip_of_both_pictures_is_no_fault(clean):
    padded = np.pad(read_photo(clean.raw / "images/3"), ((0, 20), (0, 0), (0, 0)))
    evidence = with_copy(with_file(clean, 3, encode_png(padded)), encode_jpeg(padded))
    assert fired(evidence) == {}


def test_a_strip_of_the_removed_picture_is_as_it_should_be(clean):
    padded = np.pad(read_photo(clean.raw / "images/3"), ((0, 20), (0, 0), (0, 0)))
    assert fired(with_copy(clean, encode_png(padded))) == {}
