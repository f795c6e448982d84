"""Why a URL cannot be fetched."""

import re
from typing import Any


class FetchError(Exception):
    """A URL that gives nothing usable.

    Attributes:
        reason: One word for the ledger and for counting, such as `http_404`.
    """

    def __init__(self, reason: str, message: str):
        super().__init__(message)
        self.reason = reason

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.reason, str(self)), vars(self)  # it crosses processes


class TransientError(FetchError):
    """A failure that may pass.

    Attributes:
        retry_after_s: For how long the host asks to be left alone, in seconds.
    """

    def __init__(self, reason: str, message: str, retry_after_s: float = 0.0):
        super().__init__(reason, message)
        self.retry_after_s = retry_after_s


class HostUnavailableError(FetchError):
    """This run sends no more requests to the host; the next run may."""


def without_password(url: str) -> str:
    """Return a URL, however broken, with *** for its user and password.

    URLs end in logs and ledgers.
    """
    return re.sub(r"^([^/?#]*[/\\]+)[^/\\?#]*@", r"\1***@", url)
