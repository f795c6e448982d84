"""Looks up the addresses of hosts."""

import socket
import threading


class Resolver:
    """Looks up names, so that a pace and the connection after it see the same addresses."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[str, list[str]] = {}

    def look_up(self, host: str) -> list[str]:
        """Return a host's addresses, none if there are none, and keep them for one connection."""
        try:
            addresses = _addresses(host)
        except (OSError, UnicodeError):
            return []
        with self._lock:
            self._seen[host] = addresses
        return addresses

    def take(self, host: str) -> list[str]:
        """Return the addresses of the last `look_up`, or those of a new one.

        Raises:
            OSError: The name cannot be resolved.
            UnicodeError: It is no name of a host.
        """
        with self._lock:
            addresses = self._seen.pop(host, None)
        return addresses or _addresses(host)


def _addresses(host: str) -> list[str]:
    entries = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in entries))
