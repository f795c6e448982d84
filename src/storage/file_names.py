"""Names of files as the ledger holds them."""


def utf8_name(name: str) -> str:
    """Return a file's name with bytes that are no UTF-8 as `\\xe9`."""
    return name.encode(errors="surrogateescape").decode(errors="backslashreplace")
