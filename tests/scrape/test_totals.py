"""How many items a list says that it has."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.scrape.totals import stated_total

MARKS = [",", ".", "'", "’", "‘", "ʼ", " ", "\u00a0", "\u202f", "\u2009", "·", "٬", "，"]


@pytest.mark.parametrize(
    ("text", "total"),
    [
        ("1–3 von 1’002 Bildern", 1002),
        ("1'234", 1234),
        ("1 234 567 photos", 1234567),
        ("12,34,567 photos", 1234567),
        ("(Page 1 of 12) 1,234 names", 1234),
        ("1–50 of 900 files", 900),
        ("1/900", 900),
        ("1,234.00", 1234),
        ("Stand 12.05.2024: 900 Bilder", 900),
        ("version 1.2, 30 pictures", 30),
        ("2024-05-06: 30 pictures", 30),
        ("5/6/2024: 30 pictures", 30),
        ("10-20-1,234 pictures", 1234),
        ("1-50-900 items", 900),
        ("24 military portraits", 24),
        ("24 millionaires", 24),
        ("500 billionaires", 500),
        ("１，２３４ 件", 1234),
        ("共1,234张", 1234),
        ("900 members", 900),
        ("900 mobile photos", 900),
        ("1.2", None),
        ("1.2k", None),
        ("1.2K photos", None),
        ("1,2 K", None),
        ("3.4M", None),
        ("2 Mio. Bilder", None),
        ("1.2 million pictures", None),
        ("1.2万张", None),
        ("10 mila foto", None),
        ("1 milliard", None),
        ("1 millón de fotos", None),
        ("2 milhões", None),
        ("3 miljoen foto's", None),
        ("2 lakhs", None),
        ("5 hundred photos", None),
        ("2 dozen", None),
        ("100+ photos", None),
        ("about 500", None),
        ("ca. 500", None),
        ("~500", None),
        ("more than 1,000", None),
        ("oltre 500 foto", None),
        ("meer dan 500", None),
        ("mais de 500 fotos", None),
        ("Ponad 500 zdjęć", None),
        ("более 500 фото", None),
        ("約500件", None),
        ("超过500张", None),
        ("500件以上", None),
        ("500장 이상", None),
        ("500 or more", None),
        ("1,2 tys.", None),
        ("1.2만", None),
        ("24 de 1.234 resultados", 1234),
        ("全 1,234 件中 1～50 件", 1234),
        ("Всего 1 234 фото", 1234),
        ("١٬٢٣٤ صورة", 1234),
        ("Page 2 of 7: 1.2K photos", None),
        ("many", None),
        ("", None),
        ("9" * 30, None),
    ],
)
def test_a_total_is_the_largest_exact_number(text, total):
    assert stated_total(text) == total


@settings(max_examples=200, deadline=None)
@given(
    st.integers(0, 999_999_999),
    st.sampled_from(MARKS),
    st.sampled_from(["", "1–50 of ", "total: "]),
)
def test_every_mark_between_thousands_is_read(number, mark, before):
    assert stated_total(f"{before}{number:,}".replace(",", mark)) == max(
        number, 50 * ("50" in before)
    )


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40))
def test_any_text_has_a_total_or_none(text):
    total = stated_total(text)
    assert total is None or 0 <= total < 10**9
