"""Only the open internet is connected to."""

import socket
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.scrape.http import public_addresses
from tests.scrape.http.clients import reason
from tests.servers import Answer, served


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "0177.0.0.1", "[::1]", "0.0.0.0"]
)
def test_a_private_address_is_refused_whatever_it_is_written_like(server, client, host):
    url = f"http://{host}:{server.port}/a"
    assert reason(client(allow_hosts=[]), url) == "private_address"
    assert server.targets == []


def test_a_redirect_to_a_private_address_is_refused(server, client):
    with served() as inside:
        inside["/secret"] = Answer(b"secret")
        server["/a"] = Answer(b"", 302, {"Location": f"http://localhost:{inside.port}/secret"})
        assert reason(client(), server["/a"]) == "private_address"
        assert inside.targets == []


def test_the_address_that_was_checked_is_the_one_connected_to(server, client, monkeypatch):
    """A name that resolves to something else the second time."""
    names = []

    def rebinding(host, port, *_, **__):
        names.append(host)
        address = "93.184.216.34" if len(names) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    connected = []

    def connect(address, *_):
        connected.append(address)
        raise OSError("no network in tests")

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    monkeypatch.setattr("src.scrape.http.public_addresses.create_connection", connect)
    assert reason(client(retries=0), f"http://rebind.test:{server.port}/a") == "connection"
    assert connected[0] == ("93.184.216.34", server.port)


def test_a_name_with_one_private_address_among_public_ones_is_refused(client, monkeypatch):
    entries = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, 80)) for a in ("8.8.8.8", "10.0.0.1")
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: entries)
    assert reason(client(), "http://mixed.test/a") == "private_address"


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:4700::1111", True),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("224.0.0.1", False),
        ("239.255.255.250", False),
        ("255.255.255.255", False),
        ("0.0.0.0", False),
        ("::", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:93.184.216.34", True),
        ("2002:7f00:1::", False),
        ("2002:a00:1::", False),
        ("64:ff9b::a00:1", False),
        ("64:ff9b::5db8:d822", True),
        ("64:ff9b:1::7f00:1", False),
        ("64:ff9b:1::5db8:d822", False),
        ("fec0::1", False),
        ("::7f00:1", False),
        ("::5db8:d822", False),
        ("::ffff:0:127.0.0.1", False),
        ("::ffff:0:93.184.216.34", False),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", False),
        ("2002:a83f:8110::1", False),
        ("2002:5db8:d822::1", True),
        ("3fff::1", False),
        ("3fff:fff:ffff::1", False),
        ("3fff:1000::1", True),
        ("4000::1", False),
        ("5f00::1", False),
        ("2001:db8::1", False),
        ("168.63.129.16", False),
        ("168.63.129.17", True),
        ("::ffff:168.63.129.16", False),
        ("192.0.0.192", False),
        ("192.88.99.1", False),
    ],
)
def test_only_addresses_of_the_open_internet_are_public(address, public):
    assert public_addresses.is_public(address) == public


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(["10.0.0.0", "127.0.0.0", "192.168.0.0", "169.254.0.0"]),
)
def test_no_ipv6_address_that_stands_for_a_private_one_is_public(bits, block):
    private = int(IPv4Address(block)) | (bits & 0xFFFF)
    standing_for_it = [
        private,  # IPv4-compatible
        0xFFFF << 32 | private,  # mapped
        0xFFFF << 48 | private,  # translated
        int(IPv6Address("64:ff9b::")) | private,
        int(IPv6Address("64:ff9b:1::")) | private,
        int(IPv6Address("2002::")) | private << 80,
        int(IPv6Address("2001::")) | private << 64,  # Teredo's server
        int(IPv6Address("2001::")) | private ^ 0xFFFFFFFF,  # Teredo's client
    ]
    assert not public_addresses.is_public(str(IPv4Address(private)))
    for address in standing_for_it:
        assert not public_addresses.is_public(str(IPv6Address(address)))


@pytest.mark.parametrize("allowed", ["LOCALHOST", "localhost.", " Localhost ", "localhost"])
@pytest.mark.parametrize("spelled", ["localhost", "LOCALHOST", "LocalHost"])
def test_an_allowed_host_is_allowed_in_every_spelling(server, client, allowed, spelled):
    server["/a"] = Answer()
    url = f"http://{spelled}:{server.port}/a"
    assert client(allow_hosts=[allowed]).get(url) == b"hello"


def test_an_allowed_ipv6_address_is_allowed_in_every_spelling(client):
    with served("::1") as server:
        server["/a"] = Answer()
        for allowed in ("::1", "[::1]", "0:0:0:0:0:0:0:1", "[0:0::1]"):
            c = client(allow_hosts=[allowed])
            assert c.get(f"http://[::1]:{server.port}/a") == b"hello"
            assert c.get(f"http://[0:0::1]:{server.port}/a") == b"hello"
