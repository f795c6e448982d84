"""A web page's bytes to its text."""

import codecs
import re
from contextlib import suppress

from bs4.dammit import EncodingDetector

DECLARED_BYTES = 1024  # that browsers search (HTML Standard, prescan a byte stream)
DECLARED = re.compile(rb"charset\s{0,9}=\s{0,9}[\"']?\s{0,9}([\w.:-]{1,40})", re.IGNORECASE)
# Python's codecs of plain text; others take very long (idna) or do other things (unicode_escape).
PLAIN = re.compile(
    r"utf-(8|16|32)|iso8859|iso2022|latin|cp\d|windows|ascii|koi8|mac|shift_jis|euc|gb|big5|hz|johab"
)


def decode_page(data: bytes, charset: str | None) -> str:
    """Return a page's text.

    The byte order mark decides; then what is valid UTF-8 is UTF-8, whatever it is declared as.
    The charset of the HTTP header and the page's own follow, in this order.

    Args:
        data: The page.
        charset: As the HTTP header states it.
    """
    data, marked = EncodingDetector.strip_byte_order_mark(data)
    declared = DECLARED.search(data[:DECLARED_BYTES])
    names = (marked, "utf-8", charset, declared and declared[1].decode("ascii"))
    for name in filter(None, names):
        with suppress(LookupError, ValueError):  # no codec of that name, or bytes it cannot read
            if PLAIN.match(codecs.lookup(name).name):
                return data.decode(name)
    return data.decode("utf-8", errors="replace")
