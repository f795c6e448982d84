"""The eight forms of a square are a group."""

import numpy as np
import pytest

from src.vision import forms

PICTURE = np.arange(12).reshape(3, 4)


def test_the_forms_of_a_picture_differ():
    assert len({forms.orient(PICTURE, form).tobytes() for form in forms.FORMS}) == 8


@pytest.mark.parametrize("form", forms.FORMS)
def test_the_inverse_of_a_form_undoes_it_and_has_its_name(form: int):
    inverse = forms.INVERSES[form]
    assert np.array_equal(forms.orient(forms.orient(PICTURE, form), inverse), PICTURE)
    assert forms.NAMES[form] == forms.NAMES[inverse]
