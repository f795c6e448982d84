"""A web page's bytes to its text, by the rules of browsers.

A label of an encoding means what the WHATWG Encoding Standard says: iso-8859-1 is windows-1252, and
gb2312 is gbk.
"""

import codecs
import re

import webencodings
from webencodings import Encoding

DECLARED_BYTES = 1024  # that browsers search (HTML Standard, prescan a byte stream)
COMMENT = re.compile(rb"<!--.*?(?:-->|\Z)", re.DOTALL)
META = re.compile(rb"<meta[\s/]([^>]{0,900})>?", re.IGNORECASE)
ATTRIBUTE = re.compile(rb"([\w-]+)\s*=\s*(?:\"([^\"]*)\"?|'([^']*)'?|([^\s\"'>]+))")
CONTENT_CHARSET = re.compile(rb"charset\s*=\s*[\"']?\s*([^\s;\"']+)", re.IGNORECASE)
XML_ENCODING = re.compile(rb"\s*<\?xml\s[^>]{0,200}?encoding\s*=\s*[\"']([^\"'>]+)")
FIRST_LETTER = 0xA0  # below are control characters
EURO_OF_GBK = 0x80
SECOND_BLOCK, GAP = 62, 63  # of Shift JIS: rows and cells from which the bytes are others
UTF8 = webencodings.lookup("utf-8")
WINDOWS_1252 = webencodings.lookup("windows-1252")
UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)  # as Notepad, Excel and PowerShell write
BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "utf-8", b"\xfe\xff": "utf-16be", b"\xff\xfe": "utf-16le"}
# Japanese signs that browsers read as Windows does, and koi8-u's letters that Python lacks.
WINDOWS_SIGNS = str.maketrans("〜‖−¢£¬", "～∥－￠￡￢")
OTHER_LETTERS = {
    "euc-jp": WINDOWS_SIGNS,
    "iso-2022-jp": WINDOWS_SIGNS,
    "koi8-u": str.maketrans("╝╬", "ўЎ"),
}


def encoding_by_mark(start: bytes) -> str:
    """Return the encoding of a file by its first two bytes: UTF-16 with its mark, else UTF-8."""
    return "utf-16" if start in UTF16_MARKS else "utf-8-sig"


class PageText(str):
    """A page's text.

    Attributes:
        encoding: The name of its encoding, as the WHATWG spells it. Queries of the page's links are
            sent in it.
        next_url: Of the page after it, as the answer's headers state it.
    """

    encoding: str
    next_url: str | None = None

    def __new__(cls, text: str, encoding: str) -> "PageText":
        """Create a text with the encoding that it had."""
        page = super().__new__(cls, text)
        page.encoding = encoding
        return page


def stated_next(page: str) -> str | None:
    """Return the next page that the headers of a page's answer name; None if they name none."""
    return page.next_url if isinstance(page, PageText) else None


def decode_page(data: bytes, charset: str | None) -> PageText:
    """Return a page's text.

    The byte order mark decides, then the charset of the HTTP header, then the page's own. A page
    without any is UTF-8 if it is valid, and windows-1252 otherwise. Unlike in browsers, valid UTF-8
    declared as windows-1252 is UTF-8: servers declare that for all pages alike.
    """
    for mark, name in BYTE_ORDER_MARKS.items():
        if data.startswith(mark):
            return PageText(data[len(mark) :].decode(name, "replace"), name)
    encoding = _known(charset) or _declared(data[:DECLARED_BYTES]) or WINDOWS_1252
    if encoding.name == WINDOWS_1252.name:
        try:
            return PageText(data.decode("utf-8"), "utf-8")
        except UnicodeDecodeError:
            pass
    return PageText(_decoded(data, encoding), encoding.name)


def encode_query(query: str, encoding: str) -> str:
    """Return a query with its non-ASCII letters escaped as a page of an encoding sends them."""
    codec = webencodings.lookup(encoding)
    if codec is None or codec.name.startswith("utf-16") or codec.name == "replacement":
        codec = UTF8

    def escaped(letter: re.Match[str]) -> str:
        try:
            sent = codec.codec_info.encode(letter[0])[0]
        except UnicodeEncodeError:  # as in forms: a numeric reference, escaped
            return f"%26%23{ord(letter[0])}%3B"
        return "".join(f"%{byte:02X}" for byte in sent)

    return re.sub(r"[^\x00-\x7f]", escaped, query)


def _known(label: str | None) -> Encoding | None:
    """Return the encoding of a label; None if there is none."""
    return webencodings.lookup(label) if label else None


def _declared(head: bytes) -> Encoding | None:
    """Return the encoding that a page's own meta element or XML declaration names."""
    for meta in META.finditer(COMMENT.sub(b"", head)):
        encoding = _known(_meta_label(meta[1]))
        if encoding and encoding.name.startswith("utf-16"):
            return UTF8  # it could not be read otherwise
        if encoding:
            return WINDOWS_1252 if encoding.name == "x-user-defined" else encoding
    xml = XML_ENCODING.match(head)
    encoding = _known(xml[1].decode("latin-1")) if xml else None
    return UTF8 if encoding and encoding.name.startswith("utf-16") else encoding


def _meta_label(attributes: bytes) -> str | None:
    values: dict[bytes, bytes] = {}
    for name, *quoted in ATTRIBUTE.findall(attributes):
        values.setdefault(name.lower(), b"".join(quoted))
    label = values.get(b"charset")
    if label is None and values.get(b"http-equiv", b"").strip().lower() == b"content-type":
        content = CONTENT_CHARSET.search(values.get(b"content", b""))
        label = content[1] if content else None
    return label.decode("latin-1") if label else None


def _decoded(data: bytes, encoding: Encoding) -> str:
    """Return a text; what cannot be read is U+FFFD."""
    if encoding.name == "gbk":
        return data.decode("gb18030", "browser")  # a superset, as the standard has it
    text: str = encoding.codec_info.decode(data, "browser")[0]
    return text.translate(OTHER_LETTERS.get(encoding.name, {}))


def _browser_letter(error: UnicodeError) -> tuple[str, int]:
    """Return what browsers read where Python's codec finds no letter, and where to go on."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    start, pair = error.start, error.object[error.start : error.start + 2]
    if error.encoding == "charmap" and pair[0] < FIRST_LETTER:
        return chr(pair[0]), start + 1  # bytes that Windows leaves open are control characters
    if error.encoding == "gb18030" and pair[0] == EURO_OF_GBK:
        return "€", start + 1
    if error.encoding == "euc_jp" and len(pair) == 2 and min(pair) > FIRST_LETTER:
        row, cell = pair[0] - 0xA1, pair[1] - 0xA1
        lead = row // 2 + (0x81 if row < SECOND_BLOCK else 0xC1)
        trail = cell + 0x9F if row % 2 else cell + 0x40 + (cell >= GAP)
        return bytes((lead, trail)).decode("cp932", "replace"), start + 2
    return "\ufffd", error.end


codecs.register_error("browser", _browser_letter)
