"""The addresses of a page's links."""

import pytest

from src.scrape.addresses import absolute_url, readable


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


def test_half_a_surrogate_pair_is_replaced():
    assert readable("A\udfffda") == "A\ufffd\ufffd\ufffdda"
