"""Errors of bytes that are no usable picture; a lack of memory is none of them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np


class ImageError(Exception):
    """Bytes that are no usable picture.

    Attributes:
        reason: One word, by which errors are counted.
    """

    def __init__(self, reason: str, message: str):
        super().__init__(message)
        self.reason = reason

    def __reduce__(self) -> tuple[type["ImageError"], tuple[str, str]]:
        return type(self), (self.reason, str(self))  # errors cross processes


@contextmanager
def raise_image_error(
    reason: str, describe: Callable[[Exception], str], needed_bytes: int = 0
) -> Iterator[None]:
    """Raise ImageError for whatever a decoder raises on damaged bytes.

    Raises:
        MemoryError: The block's own; or there are not `needed_bytes` of memory, which decoders
            report as a broken picture.
    """
    try:
        yield
    except (ImageError, MemoryError):
        raise
    except Exception as error:  # Pillow's plugins raise anything
        np.empty(needed_bytes, np.uint8)  # raises MemoryError
        raise ImageError(reason, describe(error)) from None


@contextmanager
def ignore_metadata_errors() -> Iterator[None]:
    """Ignore whatever is raised on odd metadata, which say nothing about the pixels."""
    try:
        yield
    except MemoryError:
        raise
    except Exception:
        pass
