"""The addresses of a page's links."""

import pytest

from src.scrape.addresses import absolute_url, readable, without_data, without_inline_pictures


@pytest.mark.parametrize(
    ("target", "url"),
    [
        ("?page=2", "http://a.example/list?page=2"),
        ("//b.example/1.jpg", "http://b.example/1.jpg"),
        ("http://ada:secret@b.example/1.jpg", "http://***@b.example/1.jpg"),
        ("http://[", "http://["),
        ("/\udc80", "http://a.example/\ufffd\ufffd\ufffd"),
    ],
)
def test_a_link_becomes_an_absolute_url_without_a_password(target, url):
    assert absolute_url("http://a.example/list", target) == url


def test_a_long_data_url_becomes_its_type_and_a_hash_and_others_stay():
    drawings = [f"data:image/svg+xml;utf8,<svg>{'x' * 200}{n}</svg>" for n in range(2)]
    short = [without_data(drawing) for drawing in drawings]
    assert short[0].startswith("data:image/svg+xml;sha256=")
    assert len(set(short)) == 2
    assert list(map(without_data, short)) == short
    assert without_data("DATA:;base64," + "A" * 10**6).startswith("data:;sha256=")
    assert len(without_data("data:" + "x" * 10**6)) < 100
    for url in ("data:,", "http://a.test/" + "x" * 200, "data:image/gif;base64,R0lG"):
        assert without_data(url) == url


def test_half_a_surrogate_pair_is_replaced():
    assert readable("A\udfffda") == "A\ufffd\ufffd\ufffdda"


@pytest.mark.parametrize("slash", ["/", "\\/"])
def test_a_picture_inside_a_page_leaves_its_address_as_the_ledger_has_it(slash):
    url = "data:image/png;base64," + "iVBO/Rw0KGgo+" * 20
    page = f'<p><img src="{url}" alt=a><img src={url} alt=b>'.replace("/", slash)
    shown = without_inline_pictures(page.encode()).decode()
    assert "iVBO" not in shown
    if slash == "/":
        assert (
            shown == f'<p><img src="{without_data(url)}" alt=a><img src={without_data(url)} alt=b>'
        )


@pytest.mark.parametrize("line_end", ["\n", "\n    ", "\\n", "\r\n"])
@pytest.mark.parametrize(
    "head", ["data:image/png;base64,", "data:image&#x2F;png;base64, ", "data:;base64,"]
)
@pytest.mark.parametrize("plus", ["+", "&#43;", "\\u002B"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_picture_inside_a_page_goes_however_it_is_spelled(head, line_end, plus, encoding):
    page = f'<img src="{head}{line_end.join(["A1b2" * 15 + plus] * 5)}" alt="a">'
    shown = without_inline_pictures(page.encode(encoding)).decode()
    assert "A1b2" not in shown
    assert shown.endswith('" alt="a">')


def test_a_page_without_pictures_inside_stays_as_it_is():
    page = b'<img src="data:image/gif;base64,R0lG"><a href="data:text/plain,' + b"x" * 200 + b'">'
    assert without_inline_pictures(page) == page
