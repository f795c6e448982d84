"""What goes wrong on the web."""


class FetchError(Exception):
    """An answer that cannot be used. `reason` is one word for counting."""

    def __init__(self, reason: str, message: str):
        super().__init__(message)
        self.reason = reason
