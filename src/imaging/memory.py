"""The memory that decoding a picture takes, known from its header alone."""

from src.imaging.image_error import ImageError

MAX_PIXELS = 100_000_000
MAX_BYTES = 352_000_000  # a worker of clean or pair has 220 MB of its own
PIXEL_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2}  # others 4
OPACITY_MODES = {"RGBA", "LA", "PA", "RGBa", "La"}
OUTPUT_BYTES = 3


def refuse_large(width: int, height: int, mode: str, decoder_bytes: float) -> int:
    """Return the bytes that a picture takes while it is decoded.

    Args:
        width: In pixels.
        height: In pixels.
        mode: Of Pillow, which holds all pixels at once.
        decoder_bytes: Per pixel, what the decoder holds beside them.

    Raises:
        ImageError: `too_many_pixels` above 100 megapixels, `too_much_memory` above MAX_BYTES.
    """
    size, pixels = f"{width}x{height}", width * height
    if pixels > MAX_PIXELS:
        raise ImageError("too_many_pixels", f"{size} pixels, allowed are {MAX_PIXELS}")
    output_bytes = OUTPUT_BYTES + (mode in OPACITY_MODES)
    needed = int(pixels * (PIXEL_BYTES.get(mode, 4) + max(decoder_bytes, output_bytes)))
    if needed > MAX_BYTES:
        message = (
            f"{size} pixels of this format take {needed // 10**6} MB to decode, "
            f"allowed are {MAX_BYTES // 10**6}: make the picture smaller"
        )
        raise ImageError("too_much_memory", message)
    return needed
