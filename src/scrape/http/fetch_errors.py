"""What goes wrong on the web."""

import re


class FetchError(Exception):
    """An answer that cannot be used. `reason` is one word for counting."""

    def __init__(self, reason: str, message: str):
        super().__init__(message)
        self.reason = reason

    def __reduce__(self) -> tuple:
        return type(self), (self.reason, str(self)), vars(self)


class TransientError(FetchError):
    """A failure that may pass. `after`: the seconds that the host asks to be left alone for."""

    def __init__(self, reason: str, message: str, after: float = 0.0):
        super().__init__(reason, message)
        self.after = after


class HostUnavailableError(FetchError):
    """The host is asked no more in this run."""


def without_password(url: str) -> str:
    """A URL with *** for its user and password, however broken it is: it ends in logs and ledgers."""
    return re.sub(r"^([^/?#]*[/\\]+)[^/\\?#]*@", r"\1***@", url)
