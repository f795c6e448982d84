"""The chunks of a PNG (third edition): those with pixels for Pillow, and what the others say.

Pillow refuses a file for any damaged or large chunk. Browsers need the critical chunks alone.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from src.imaging import color_space
from src.imaging.image_error import ImageError, ignore_metadata_errors
from src.imaging.picture_bytes import MAX_PARTS, PictureBytes, padding_error

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_PROFILE_BYTES = 16_000_000  # unpacked
GRAY, RGB, PALETTE, GRAY_ALPHA = 0, 2, 3, 4  # kinds of pixels
CHANNELS = {GRAY: 1, RGB: 3, PALETTE: 1, GRAY_ALPHA: 2, 6: 4}
# The passes of an interlaced picture: first row and column, and the steps (section 8.2).
ADAM7 = (
    *((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4)),
    *((2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)),
)
BLOCK_BYTES = 1 << 20


@dataclass
class Png:
    """The chunks of a PNG that matter for its first frame.

    Attributes:
        chunks: All others by name.
        pixels: The compressed pixels of the first frame.
        control: The fcTL of the first frame if it is apart from the default image.
    """

    chunks: dict[bytes, bytes]
    pixels: list[bytes] = field(default_factory=list)
    control: bytes = b""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the whole picture."""
        return struct.unpack(">II", self.chunks[b"IHDR"][:8])

    @property
    def depth(self) -> int:
        """Bits of a sample."""
        return self.chunks[b"IHDR"][8]

    @property
    def kind(self) -> int:
        """What a pixel is made of, as in IHDR."""
        return self.chunks[b"IHDR"][9]

    @property
    def is_interlaced(self) -> bool:
        return self.chunks[b"IHDR"][12] == 1

    @property
    def offset(self) -> tuple[int, int]:
        """Where the first frame lies in the picture: left and top."""
        return struct.unpack(">II", self.control[12:20]) if self.control else (0, 0)

    @property
    def is_part(self) -> bool:
        """Whether the first frame is smaller than the picture."""
        return bool(self.control) and self.control[4:12] != self.chunks[b"IHDR"][:8]

    @property
    def exif(self) -> bytes:
        """The EXIF block; a chunk that begins as a JPEG's segment is none."""
        block = self.chunks.get(b"eXIf", b"")
        return b"" if block.startswith(b"Exif") else block

    @property
    def frames(self) -> int:
        """How many frames it has; 0 if it is no animation."""
        count = int.from_bytes(self.chunks.get(b"acTL", b"")[:4], "big")
        return count if count < 1 << 31 else 0

    @property
    def clear(self) -> tuple[int, ...]:
        """The sample, or three, of the transparent colour; empty if there is none."""
        count = {GRAY: 1, RGB: 3}.get(self.kind, 0)
        body = self.chunks.get(b"tRNS", b"")
        mask = (1 << self.depth) - 1
        whole = count and len(body) >= 2 * count
        return tuple(v & mask for v in struct.unpack_from(f">{count}H", body)) if whole else ()

    @property
    def profile(self) -> bytes:
        """The ICC profile of its colours, b"" for sRGB; the order is that of section 4.3."""
        is_gray = self.kind in (GRAY, GRAY_ALPHA)
        code_points = self.chunks.get(b"cICP", b"")
        is_whole = len(code_points) == 4 and code_points[2:] == b"\0\1"  # RGB of the full range
        if is_whole and color_space.is_known(code_points[0], code_points[1]):
            return color_space.from_code_points(code_points[0], code_points[1], is_gray)
        with ignore_metadata_errors():
            _, packed = self.chunks[b"iCCP"].split(b"\0", 1)
            profile = zlib.decompressobj().decompress(packed[1:], MAX_PROFILE_BYTES)
            if packed[0] == 0 and color_space.is_profile(profile):
                return profile
        return b"" if b"sRGB" in self.chunks else self._profile_of_numbers(is_gray)

    def _profile_of_numbers(self, is_gray: bool) -> bytes:
        gamma = int.from_bytes(self.chunks.get(b"gAMA", b"")[:4], "big")
        numbers = self.chunks.get(b"cHRM", b"")
        is_whole = len(numbers) == 32
        chromaticities = [v / 100_000 for v in struct.unpack(">8I", numbers)] if is_whole else None
        return color_space.from_gamma(100_000 / gamma, chromaticities, is_gray) if gamma else b""

    def file(self) -> bytes:
        """Return a PNG of the first frame alone that Pillow reads."""
        header = self.chunks[b"IHDR"]
        parts = {b"IHDR": (self.control[4:12] or header[:8]) + header[8:]}
        if (
            self.kind == PALETTE and self.depth <= 8
        ):  # more bits are refused, and would be gigabytes
            most = 1 << self.depth
            count = min(most, len(self.chunks[b"PLTE"]) // 3)
            palette = self.chunks[b"PLTE"][: 3 * count]
            # levels beyond the last colour have it, and its opacity, as in Chromium
            parts[b"PLTE"] = palette + palette[-3:] * (most - count)
            if opacities := self.chunks.get(b"tRNS", b"")[:count]:
                parts[b"tRNS"] = opacities + opacities[count - 1 :] * (most - count)
        parts |= {b"IDAT": b"".join(self.pixels), b"IEND": b""}
        return SIGNATURE + b"".join(_chunk(*part) for part in parts.items())

    def repaired(self) -> "Png":
        """Return the same with the right checksum of the compressed pixels."""
        packed, checksum = b"".join(self.pixels), 1
        unpacking = zlib.decompressobj(-15)
        for block in _unpacked(packed[2:], unpacking, 2 * self._pixel_bytes()):
            checksum = zlib.adler32(block, checksum)
        end = len(packed) - len(unpacking.unused_data)
        return Png(self.chunks, [packed[:end], struct.pack(">I", checksum)], self.control)

    def has_all_rows(self) -> bool:
        """Say whether the compressed pixels are as many as the first frame has."""
        most, count = self._pixel_bytes(), 0
        for block in _unpacked(b"".join(self.pixels)[2:], zlib.decompressobj(-15), most):
            count += len(block)
        return count >= most

    def _pixel_bytes(self) -> int:
        """Return the bytes of the first frame's pixels, with a filter's number before each row."""
        width, height = struct.unpack(">II", self.control[4:12]) if self.control else self.size
        bits = CHANNELS.get(self.kind, 4) * self.depth
        passes = ADAM7 if self.is_interlaced else ((0, 0, 1, 1),)
        sizes = [(-(-(height - y) // dy), -(-(width - x) // dx)) for y, x, dy, dx in passes]
        return sum(rows * (1 + -(-columns * bits // 8)) for rows, columns in sizes if columns > 0)


def read(data: PictureBytes, header_only: bool = False) -> Png:
    """Read the chunks of a file, without the pixels if `header_only`.

    Chunks that are not critical count as missing if they are damaged or out of place.

    Raises:
        ImageError: `not_an_image` if header, palette or pixels are missing, or there are too many
            chunks.
    """
    png, frame, controls, control, previous = Png({}), [], 0, b"", b""
    for name, body in _chunks(data):
        if body is None:
            pass  # but pixels end there
        elif name == b"IDAT" and (previous == name or not png.pixels):
            png.pixels.append(b"" if header_only else body)
        elif name == b"fcTL":
            controls += 1
            if controls == 1 and png.pixels:  # the default image is no frame
                control = body
        elif name == b"fdAT":
            if controls == 1 and control:
                frame.append(b"" if header_only else body[4:])
        elif name == b"IEND":
            break
        elif not _is_out_of_place(name, png):
            png.chunks.setdefault(name, body)
        previous = name
    if len(png.chunks.get(b"IHDR", b"")) != 13:
        raise ImageError("not_an_image", "a PNG without a header")
    if not png.pixels:
        raise ImageError("not_an_image", "a PNG without pixels")
    if png.kind == PALETTE and len(png.chunks.get(b"PLTE", b"")) < 3:
        raise ImageError("not_an_image", "a PNG without the palette that its pixels need")
    if frame and len(control) == 26 and png.frames:
        return Png(png.chunks, frame, control)
    return png


def _is_out_of_place(name: bytes, png: Png) -> bool:
    """Say whether a chunk comes after the pixels, or a palette's opacities before the palette."""
    is_palette = png.chunks.get(b"IHDR", b"")[9:10] == bytes([PALETTE])
    is_early = name == b"tRNS" and is_palette and b"PLTE" not in png.chunks
    return is_early or bool(png.pixels)


def _chunks(data: PictureBytes) -> Iterator[tuple[bytes, bytes | None]]:
    """Yield names and bodies; None is the body of a chunk that is damaged and not critical."""
    offset = len(SIGNATURE)
    for _ in range(MAX_PARTS):
        length = int.from_bytes(data[offset : offset + 4], "big")
        name = bytes(data[offset + 4 : offset + 8])
        if len(name) < 4:
            return
        body = bytes(data[offset + 8 : offset + 8 + length])
        offset += 12 + length
        is_whole = (
            zlib.crc32(body, zlib.crc32(name)).to_bytes(4, "big") == data[offset - 4 : offset]
        )
        if name in (b"IHDR", b"PLTE") and not is_whole:
            raise ImageError("not_an_image", f"the checksum of the chunk {name.decode()} is wrong")
        yield name, body if is_whole or name in (b"IDAT", b"IEND") else None
    raise padding_error()


def _unpacked(packed: bytes, unpacking: "zlib._Decompress", most: int) -> Iterator[bytes]:
    """Yield the blocks of a compressed stream, up to about a number of bytes."""
    count = 0
    while packed and not unpacking.eof and count <= most:
        block = unpacking.decompress(packed, BLOCK_BYTES)
        count, packed = count + len(block), unpacking.unconsumed_tail
        yield block


def _chunk(name: bytes, body: bytes) -> bytes:
    checksum = zlib.crc32(body, zlib.crc32(name))
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", checksum)
