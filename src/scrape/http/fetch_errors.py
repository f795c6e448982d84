"""Why a URL cannot be fetched."""

import re
from typing import Any

from src.params import Scrape

# The settings that decide a failure, as the server does, by its reason.
SETTINGS = {
    "noai": ("respect_noai",),
    "private_address": ("allow_hosts",),
    "robots": ("deadline_s",),  # which bounds the crawl delay
    "timeout": ("timeout_s", "retries"),
    "too_large": ("max_bytes", "max_page_bytes"),
    "too_slow": ("deadline_s",),
}
OTHER_SETTINGS = ("contact", "referer", "retries")


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


def may_pass(error: FetchError) -> bool:
    """Return whether a later run may succeed, with the same settings."""
    return isinstance(error, TransientError | HostUnavailableError) or error.reason == "too_slow"


def deciding_settings(scrape: Scrape, reason: str) -> str:
    """Return the settings that decide a failure: when they change, it is worth another try."""
    keys = SETTINGS.get(reason, OTHER_SETTINGS)
    return ", ".join(f"{key}: {getattr(scrape, key)!r}" for key in keys)


def without_password(url: str) -> str:
    """Return a URL, however broken, with *** for its user and password.

    URLs end in logs and ledgers.
    """
    return re.sub(r"^([^/?#]*[/\\]+)[^/\\?#]*@", r"\1***@", url)
