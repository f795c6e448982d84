"""Which addresses may be connected to, decided when the connection is made.

A name is resolved once, every address that it resolves to is checked, and one of these very
addresses is connected to. So nothing can change between the check and the connection.
"""

import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.connection import create_connection

from src.scrape.http.deadlines import Deadlines
from src.scrape.http.fetch_errors import FetchError
from src.scrape.http.origins import host_name
from src.scrape.http.resolver import Resolver

NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address in its last 32 bits
# All public IPv6 addresses are in it (IANA). So local NAT64, IPv4-compatible, translated and
# site-local addresses are not public, nor is the block of segment routing.
GLOBAL_UNICAST = IPv6Network("2000::/3")
# What Python's own list lacks, in some versions.
NOT_PUBLIC = [
    ip_network(block)
    for block in (
        "3fff::/20",  # documentation, RFC 9637
        "168.63.129.16/32",  # the host of a virtual machine at Azure
        "192.0.0.0/24",  # protocol assignments; the host of a virtual machine at Oracle
        "192.88.99.0/24",  # relays of 6to4, RFC 7526
    )
]


def is_public(address: str) -> bool:
    """Return whether an IP address is one of the open internet.

    Private, loopback, link-local, shared, reserved and multicast addresses are not, nor is an
    IPv6 address that stands for one of these.
    """
    return all(
        ip.is_global
        and not ip.is_multicast
        and (ip.version == 4 or ip in GLOBAL_UNICAST)
        and not any(ip in block for block in NOT_PUBLIC)
        for ip in _meant(address)
    )


def _meant(address: str) -> list[IPv4Address | IPv6Address]:
    """Return the addresses that traffic to an address may reach."""
    ip = ip_address(address.split("%")[0])
    if isinstance(ip, IPv4Address):
        return [ip]
    nat64 = IPv4Address(int(ip) & 0xFFFFFFFF) if ip in NAT64 else None
    # such an address counts as what it stands for, whatever a Python version says of its block
    if stands_for := ip.ipv4_mapped or ip.sixtofour or nat64:
        return [stands_for]
    return [ip, *(ip.teredo or ())]


def require_public(host: str, addresses: Iterable[str]) -> None:
    """Raise FetchError `private_address` if one of a host's addresses is not public."""
    for address in addresses:
        if not is_public(address):
            raise FetchError(
                "private_address",
                f"{host} is at {address}, which is not on the open internet; if you mean it, add "
                f"{host!r} to scrape.allow_hosts",
            )


class _GuardedConnection(HTTPConnection):
    """Connects to checked addresses only, and hands its socket to the deadlines."""

    allowed_hosts: frozenset[str] = frozenset()
    deadlines: Deadlines
    resolver: Resolver

    def request(self, *arguments: Any, **settings: Any) -> None:
        self.deadlines.attach(self.sock)  # of a connection that is used again
        super().request(*arguments, **settings)
        self.deadlines.attach(self.sock)  # inside TLS, if there is any

    def _new_conn(self) -> socket.socket:
        sock = self._connect()
        self.deadlines.attach(sock)
        return sock

    def _connect(self) -> socket.socket:
        host = host_name(self.host)
        if host in self.allowed_hosts:
            return super()._new_conn()
        try:
            addresses = self.resolver.take(host)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except UnicodeError as error:  # not even a host's name
            raise NameResolutionError(self.host, self, socket.gaierror(str(error))) from error
        require_public(host, addresses)
        failure: OSError | None = None
        for address in addresses:
            try:
                return create_connection(
                    (address, self.port), self.timeout, self.source_address, self.socket_options
                )
            except TimeoutError as error:
                message = f"connection to {self.host} timed out after {self.timeout} s"
                raise ConnectTimeoutError(self, message) from error
            except OSError as error:
                failure = error
        message = f"could not connect to {self.host}: {failure}"
        raise NewConnectionError(self, message) from failure


def connection_pools(
    allow_hosts: Iterable[str], watcher: Deadlines, names: Resolver
) -> dict[str, type[HTTPConnectionPool]]:
    """Return urllib3's pool classes by scheme, with connections to checked addresses only.

    Hosts in `allow_hosts`, in any spelling, may be at any address.
    """
    allowed = frozenset(map(host_name, allow_hosts))

    class Connection(_GuardedConnection):
        allowed_hosts = allowed
        deadlines = watcher
        resolver = names

    class SecureConnection(Connection, HTTPSConnection):
        pass

    class Pool(HTTPConnectionPool):
        ConnectionCls = Connection

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = SecureConnection

    return {"http": Pool, "https": SecurePool}
