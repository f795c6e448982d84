"""Likely copies, and how each of them was found."""

import numpy as np
import pytest

from src.audit import candidates
from src.audit.candidates import QUERIES, STRIPS, Query, mirror_view
from src.vision import forms
from src.vision.alignment import thumbnail


def test_each_second_query_is_the_mirror_image_of_the_one_before():
    for plain, mirror_image in zip(QUERIES[::2], QUERIES[1::2], strict=True):
        assert mirror_image == Query(
            plain.view, plain.form ^ forms.MIRRORED, mirror_view(plain.strip)
        )


def test_the_mirror_image_of_a_strip_is_a_strip():
    assert {mirror_view(strip) for strip in STRIPS} == set(STRIPS)


@pytest.mark.parametrize("form", forms.FORMS)
@pytest.mark.parametrize("max_exact", [0, 20_000], ids=["by index", "every pair"])
def test_a_copy_in_any_form_is_found_in_that_form(monkeypatch, faces, max_exact: int, form: int):
    monkeypatch.setattr("src.audit.candidates.MAX_EXACT", max_exact)
    squares = [face[:192, :192] for face in faces[:12]]
    train = candidates.variants(map(thumbnail, squares))
    val = candidates.variants([thumbnail(forms.orient(squares[4], form))])
    best = candidates.find(val, train, 1)[0]
    assert train.pictures[best["train"]] == 4
    found_form = forms.INVERSES[form] if best["by_val"] else form
    assert QUERIES[best["query"]].form == found_form
    assert best["similarity"] > 0.98


def test_parts_are_joined_as_if_they_were_one(faces):
    thumbnails = [thumbnail(face) for face in faces[:6]]
    thumbnails[1] = np.full((64, 64), 90, np.uint8)
    parts = [candidates.variants(thumbnails[:2]), candidates.variants(thumbnails[2:])]
    for expected, actual in zip(
        candidates.variants(thumbnails), candidates.join_variants(parts, [0, 2]), strict=True
    ):
        np.testing.assert_array_equal(actual, expected)
