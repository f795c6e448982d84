"""A host has one name, however it is spelled."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.scrape.http.fetch_errors import FetchError
from src.scrape.http.origins import host_name, host_of, origin, site

HOSTS = [
    "localhost",
    "a.example",
    "münchen.example",
    "xn--mnchen-3ya.example",
    "127.0.0.1",
    "[::1]",
]


@st.composite
def spellings(draw: st.DrawFn, host: str) -> str:
    """A host in other letters, and with or without a dot at the end."""
    cased = "".join(draw(st.sampled_from([c.lower(), c.upper()])) for c in host)
    return cased + draw(st.sampled_from(["", "." if "[" not in host else ""]))


@given(st.data(), st.sampled_from(HOSTS), st.sampled_from(["http", "https"]), st.integers(1, 65535))
def test_every_spelling_of_a_host_and_port_is_one_origin(data, host, scheme, port):
    spelled = data.draw(spellings(host))
    zeros = "0" * data.draw(st.integers(0, 3))
    url = f"{scheme.upper()}://{spelled}:{zeros}{port}/Path?a"
    assert origin(url) == origin(f"{scheme}://{host}:{port}")
    assert host_of(url) == host_name(spelled) == host_name(host)
    assert site(url)[2] in (port, None)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://A.example:80/1.jpg", "http://a.example"),
        ("https://a.example:443", "https://a.example"),
        ("http://a.example:443", "http://a.example:443"),
        ("http://a.example:/", "http://a.example"),
        ("http://localhost:018094/", "http://localhost:18094"),
        ("http://MÜNCHEN.example./", "http://xn--mnchen-3ya.example"),
        ("http://[0:0:0:0:0:0:0:1]:8000/", "http://[::1]:8000"),
    ],
)
def test_an_origin_drops_what_says_nothing(url, expected):
    assert origin(url) == expected


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("LOCALHOST", "localhost"),
        (" localhost. ", "localhost"),
        ("[::1]", "::1"),
        ("::1", "::1"),
        ("[0:0::1]", "::1"),
        ("127.0.0.1.", "127.0.0.1"),
        ("Photos.Example", "photos.example"),
        ("xn--mnchen-3ya.example", "xn--mnchen-3ya.example"),
        ("münchen.example", "xn--mnchen-3ya.example"),
        ("", ""),
    ],
)
def test_a_host_alone_is_spelled_as_in_a_url(text, name):
    assert host_name(text) == name


@pytest.mark.parametrize(
    "url", ["http://a.example:x/", "http://[::1", "http://a:99999", "ftp://a", "//a", "", "http://"]
)
def test_what_is_no_url_of_a_host_is_refused(url):
    with pytest.raises(FetchError) as caught:
        origin(url)
    assert caught.value.reason == "unsupported_url"
