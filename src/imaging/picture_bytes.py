"""A picture file's bytes, and how many parts they may have."""

import mmap

from src.imaging.image_error import ImageError

PictureBytes = bytes | mmap.mmap  # a file's, in memory or on disk
MAX_PARTS = 50_000  # chunks, segments or blocks; a file of 20 MB has a few thousand


def padding_error() -> ImageError:
    """Return the refusal of a file that is mostly fill bytes or empty parts.

    Decoders walk through them one by one: seconds, and hundreds of megabytes, for no pixel.
    """
    return ImageError("not_an_image", f"padding: fill bytes, or over {MAX_PARTS} parts")
