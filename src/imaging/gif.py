"""The blocks of a GIF (GIF89a): its first frame alone, and where the file ends."""

from collections.abc import Iterator
from typing import NamedTuple

from src.imaging.picture_bytes import PictureBytes, padding_error

IMAGE, EXTENSION, TRAILER = 0x2C, 0x21, 0x3B
GRAPHIC_CONTROL = 0xF9
MAX_BLOCKS = 500_000  # with sub-blocks, of 255 bytes each in most files


class Block(NamedTuple):
    """A block from start to end; `kind` is its first byte."""

    kind: int
    start: int
    end: int


class FirstFrame(NamedTuple):
    """The first frame of a GIF.

    Attributes:
        data: A GIF that ends after it.
        box: Left, top, right and bottom in the picture.
        animated: Whether there are more frames.
    """

    data: bytes
    box: tuple[int, int, int, int]
    animated: bool


def blocks(data: PictureBytes) -> Iterator[Block]:
    """Yield the blocks up to the trailer; none that breaks off.

    Raises:
        ImageError: `not_an_image` if there are too many.
    """
    offset, count = 13 + _palette_bytes(data[10]), 0
    while offset < len(data) and (kind := data[offset]) in (IMAGE, EXTENSION):
        start = offset
        # an image has a descriptor, a palette, and the size of its codes before the sub-blocks
        offset += 11 + _palette_bytes(data[offset + 9]) if kind == IMAGE else 2
        while data[offset]:
            offset += data[offset] + 1
            count += 1
            if count > MAX_BLOCKS:
                raise padding_error()
        offset += 1
        count += 1
        yield Block(kind, start, offset)
    if offset < len(data) and data[offset] == TRAILER:
        yield Block(TRAILER, offset, offset + 1)


def first_frame(data: PictureBytes) -> FirstFrame | None:
    """Return the first frame of a GIF; None if it breaks off before the frame's end.

    Raises:
        ImageError: `not_an_image` if there are too many blocks.
    """
    control, frame = b"", None
    try:
        for kind, start, end in blocks(data):
            if kind == IMAGE and frame:
                return frame._replace(animated=True)
            if kind == IMAGE:
                head = bytes(data[: 13 + _palette_bytes(data[10])])
                left, top, width, height = (
                    int.from_bytes(data[start + at : start + at + 2], "little")
                    for at in (1, 3, 5, 7)
                )
                whole = head + control + bytes(data[start:end]) + bytes([TRAILER])
                frame = FirstFrame(whole, (left, top, left + width, top + height), animated=False)
            elif kind == EXTENSION and data[start + 1] == GRAPHIC_CONTROL:
                control = bytes(data[start:end])
    except IndexError:  # it breaks off
        return frame
    return frame


def _palette_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0
