"""What a request says of the page that it comes from."""

import pytest

from src.scrape.http.referrers import referer


@pytest.mark.parametrize(
    ("page", "target", "sent"),
    [
        ("http://a.example/g?x=1#f", "http://a.example/1.jpg", "http://a.example/g?x=1"),
        ("http://a.example", "http://a.example/1.jpg", "http://a.example/"),
        ("http://a.example/g", "HTTP://A.example:80/1.jpg", "http://a.example/g"),
        ("http://ada:x@a.example/g", "http://a.example/1.jpg", "http://a.example/g"),
        ("http://a.example/é x", "http://a.example/1.jpg", "http://a.example/%C3%A9%20x"),
        ("http://a.example/g", "http://b.example/1.jpg", "http://a.example/"),
        ("http://a.example/g", "http://a.example:81/1.jpg", "http://a.example/"),
        ("http://a.example/g", "https://a.example/1.jpg", "http://a.example/"),
        ("https://a.example/g", "https://b.example/1.jpg", "https://a.example/"),
        ("https://a.example/g", "http://a.example/1.jpg", None),
        ("images/1.jpg", "http://a.example/1.jpg", None),
        ("http://a.example/g", "http://[", None),
        ("http://a.example/g", "http://a.example:x/1.jpg", None),
    ],
)
def test_a_site_sees_its_own_pages_and_others_only_the_site(page, target, sent):
    assert referer(page, target) == sent
