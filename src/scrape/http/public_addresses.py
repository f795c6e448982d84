"""Which addresses may be connected to, decided when the connection is made.

A name is resolved once, every address that it resolves to is checked, and one of those very
addresses is connected to: nothing can change between the check and the connection.
"""

import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.connection import create_connection

from src.scrape.http.deadlines import Deadlines
from src.scrape.http.fetch_errors import FetchError

NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address in its last 32 bits


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet: no private, loopback, link-local,
    shared, reserved or multicast one, nor an IPv6 address that stands for such."""
    return all(found.is_global and not found.is_multicast for found in _meant(address))


def _meant(address: str) -> list[IPv4Address | IPv6Address]:
    found = ip_address(address.split("%")[0])
    if isinstance(found, IPv4Address):
        return [found]
    inside = [found.ipv4_mapped, found.sixtofour, *(found.teredo or ())]
    if found in NAT64:
        inside.append(IPv4Address(int(found) & 0xFFFFFFFF))
    within = [address for address in inside if address is not None]
    # mapped addresses count as what they stand for, not as the reserved block they are in
    return within if found.ipv4_mapped or found in NAT64 else [found, *within]


def checked(host: str, port: int) -> list[str]:
    """The addresses of a host. Raises FetchError `private_address` where any of them is not public."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        if not is_public(address):
            raise FetchError(
                "private_address",
                f"{host} is at {address}, which is not on the open internet; if you mean it, add "
                f"{host!r} to scrape.allow_hosts",
            )
    return addresses


class _Guarded:
    """Connects to checked addresses alone, in time; a mixin for urllib3's connections."""

    allowed: frozenset[str] = frozenset()
    deadlines: Deadlines

    def request(self, *arguments: object, **settings: object) -> None:
        self.deadlines.use(self.sock)  # of a connection that is used again
        super().request(*arguments, **settings)
        self.deadlines.use(self.sock)  # inside TLS, where there is any

    def _new_conn(self) -> socket.socket:
        sock = self._connected()
        self.deadlines.use(sock)
        return sock

    def _connected(self) -> socket.socket:
        if self.host in self.allowed:
            return super()._new_conn()
        try:
            addresses = checked(self.host, self.port)
        except (socket.gaierror, UnicodeError) as error:
            raise NameResolutionError(self.host, self, error) from error
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
        raise NewConnectionError(self, f"could not connect to {self.host}: {failure}")


def pools(allowed: Iterable[str], within: Deadlines) -> dict[str, type[HTTPConnectionPool]]:
    """urllib3's pool classes by scheme, whose connections are guarded; `allowed` hosts may be anywhere."""

    names = frozenset(allowed)

    class Guarded(_Guarded):
        allowed = names
        deadlines = within

    class Plain(Guarded, HTTPConnection):
        pass

    class Secure(Guarded, HTTPSConnection):
        pass

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}
