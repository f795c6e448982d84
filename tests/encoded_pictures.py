"""Bytes of picture files that tests read."""

import io
import struct
import zlib

from PIL import Image


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    """Return the file that Pillow writes of an image."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png_chunk(name: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG with its length and checksum."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def with_a_list_for_each_item(avif: bytes) -> bytes:
    """Return an AVIF of two items, as libavif writes it, with a box `ipma` for each of them."""
    start = avif.index(b"ipma") - 4
    end = start + int.from_bytes(avif[start : start + 4], "big")
    entries, middle = avif[start + 16 : end], 3 + avif[start + 18]
    boxes = [
        struct.pack(">I", 16 + len(entry)) + avif[start + 4 : start + 12] + b"\0\0\0\1" + entry
        for entry in (entries[:middle], entries[middle:])
    ]
    longer = bytearray(avif[:start] + b"".join(boxes) + avif[end:])
    places = [avif.index(name) - 4 for name in (b"meta", b"iprp")]
    places += [avif.index(b"iloc") + 18 + 14 * item for item in range(2)]  # of their pixels
    for place in places:
        number = int.from_bytes(longer[place : place + 4], "big") + 16
        longer[place : place + 4] = number.to_bytes(4, "big")
    return bytes(longer)
