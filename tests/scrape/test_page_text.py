"""A page's bytes to text."""

import pytest

from src.scrape.page_text import decode_page


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
