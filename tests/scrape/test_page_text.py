"""A page's bytes to text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from webencodings.labels import LABELS

from src.scrape.page_text import decode_page, encode_query


@pytest.mark.parametrize(
    ("data", "charset", "text"),
    [
        ("Zoë".encode(), None, "Zoë"),
        ("Zoë".encode(), "latin-1", "Zoë"),  # mis-declared: what is UTF-8 is UTF-8
        ("Zoë".encode("latin-1"), "latin-1", "Zoë"),
        (b"<meta charset=cp1250>\xa3ucja", None, "<meta charset=cp1250>Łucja"),
        ("\ufeffZoë".encode("utf-16-le"), "latin-1", "Zoë"),
        ("\ufeffZoë".encode(), None, "Zoë"),
        (b"Zo\xeb", None, "Zoë"),
        (b"Zo\xeb", "no such charset", "Zoë"),
        (b"<meta charset='a\0b'>Zo\xeb", "\0", "<meta charset='a\0b'>Zoë"),
        (b"<meta charset=base64>Zo\xeb", "zlib", "<meta charset=base64>Zoë"),
    ],
)
def test_a_page_is_decoded_as_what_it_is(data, charset, text):
    assert decode_page(data, charset) == text


# A letter of each encoding of the WHATWG, and its bytes.
LETTERS = {
    "big5": ("章", b"\xb3\xb9"),
    "euc-jp": ("①", b"\xad\xa1"),
    "euc-kr": ("똠", b"\x8c\x63"),
    "gb18030": ("镕", b"\xe9\x46"),
    "gbk": ("镕", b"\xe9\x46"),
    "ibm866": ("Ж", b"\x86"),
    "iso-2022-jp": ("章", b"\x1b$B>O\x1b(B"),
    "iso-8859-10": ("ą", b"\xb1"),
    "iso-8859-13": ("Š", b"\xd0"),
    "iso-8859-14": ("Ŵ", b"\xd0"),
    "iso-8859-15": ("€", b"\xa4"),
    "iso-8859-16": ("ș", b"\xba"),
    "iso-8859-2": ("Ł", b"\xa3"),
    "iso-8859-3": ("Ħ", b"\xa1"),
    "iso-8859-4": ("Ŗ", b"\xa3"),
    "iso-8859-5": ("Ж", b"\xb6"),
    "iso-8859-6": ("ع", b"\xd9"),
    "iso-8859-7": ("Ω", b"\xd9"),
    "iso-8859-8": ("א", b"\xe0"),
    "iso-8859-8-i": ("א", b"\xe0"),
    "koi8-r": ("Ж", b"\xf6"),
    "koi8-u": ("Ў", b"\xbe"),
    "macintosh": ("é", b"\x8e"),
    "replacement": ("\ufffd", b"\xe9"),
    "shift_jis": ("①", b"\x87\x40"),
    "utf-16be": ("é", b"\x00\xe9"),
    "utf-16le": ("é", b"\xe9\x00"),
    "utf-8": ("é", b"\xc3\xa9"),
    "windows-1250": ("Ł", b"\xa3"),
    "windows-1251": ("Ж", b"\xc6"),
    "windows-1252": ("’", b"\x92"),
    "windows-1253": ("Ω", b"\xd9"),
    "windows-1254": ("ş", b"\xfe"),
    "windows-1255": ("א", b"\xe0"),
    "windows-1256": ("ع", b"\xda"),
    "windows-1257": ("ą", b"\xe0"),
    "windows-1258": ("ư", b"\xfd"),
    "windows-874": ("ก", b"\xa1"),
    "x-mac-cyrillic": ("Ж", b"\x86"),
    "x-user-defined": ("\uf7e9", b"\xe9"),
}


@pytest.mark.parametrize("label", sorted(LABELS))
def test_every_label_of_the_standard_means_its_encoding(label):
    name = LABELS[label]
    letter, data = LETTERS[name]
    page = decode_page(data, f" {label.upper()} ")
    assert (page, page.encoding) == (letter, name)
    head = f"<meta charset='{label}'>"
    if not name.startswith("utf-16") and name not in ("x-user-defined", "replacement"):
        assert decode_page(head.encode() + data, None) == head + letter


@pytest.mark.parametrize(
    ("data", "charset", "text"),
    [
        (b"\x81\x8d\x92", "latin1", "\x81\x8d’"),
        (b"\x80", "gbk", "€"),
        (b"\xa1\xc1\xf9\xba\xfc\xf8", "euc-jp", "～倢ⅷ"),
        (b"\xfe\xff\x00Z", "gbk", "Z"),
        (b"\xef\xbb\xbfZo\xc3\xab", "gbk", "Zoë"),
        (b"Zo\xc3\xab", "windows-1251", "ZoГ«"),
        (b"Zo\xff", "utf-8", "Zo\ufffd"),
        (b"\xe9", "us-ascii", "é"),
    ],
)
def test_bytes_are_read_as_browsers_read_them(data, charset, text):
    assert decode_page(data, charset) == text


@pytest.mark.parametrize(
    "head",
    [
        b"<meta charset=windows-1251>",
        b"<META CHARSET = 'windows-1251' />",
        b'<meta http-equiv="Content-Type" content="text/html; charset=windows-1251">',
        b'<meta content="text/html;charset=cp1251" http-equiv=content-type>',
        b"<meta charset=nonsense><meta charset=windows-1251>",
        b"<!-- <meta charset=gbk> --><meta charset=windows-1251>",
        b'<meta name=x content="charset=gbk"><meta charset=windows-1251>',
        b"<?xml version='1.0' encoding='windows-1251'?>",
    ],
)
def test_a_page_declares_its_encoding_as_the_standard_says(head):
    assert decode_page(head + b"\xc6", None).endswith("Ж")
    assert decode_page(head + b"\xc6", "koi8-r").endswith("ф"), "the header comes first"
    assert decode_page(head + b"\xc6", "nonsense").endswith("Ж")


@pytest.mark.parametrize(
    "head",
    [b"<meta charset=utf-16>", b" " * 1024 + b"<meta charset=gbk>", b"<!-- <meta charset=gbk>"],
)
def test_what_browsers_do_not_take_for_a_declaration_is_none(head):
    assert decode_page(head + b"Zo\xc3\xab", None).endswith("Zoë")


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=80), st.sampled_from(sorted(LABELS)))
def test_any_bytes_are_read_in_any_encoding(data, label):
    page = decode_page(data, label)
    assert not set(page) & set(map(chr, range(0xD800, 0xE000)))


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=20), st.sampled_from(sorted(set(LABELS.values()))))
def test_queries_are_ascii_in_any_encoding(query, name):
    query = query.encode("utf-8", "replace").decode()
    assert encode_query(query, name).isascii()
