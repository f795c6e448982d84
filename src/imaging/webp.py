"""The size of a WebP from its header: Pillow reports it after reserving the picture's memory."""

from src.imaging.picture_bytes import PictureBytes


def size(data: PictureBytes) -> tuple[int, int]:
    """Return width and height (RFC 9649, sections 2.5 to 2.7); zeros if the header breaks off."""
    head = bytes(data[:30])
    kind, number = head[12:16], int.from_bytes
    if kind == b"VP8X":
        return number(head[24:27], "little") + 1, number(head[27:30], "little") + 1
    if kind == b"VP8L":
        bits = number(head[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return number(head[26:28], "little") & 0x3FFF, number(head[28:30], "little") & 0x3FFF
