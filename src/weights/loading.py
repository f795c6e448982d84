"""Files of pretrained weights that are read without running what they may hold."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError

import torch

from src.errors import UserError

ERRORS = (RuntimeError, OSError, KeyError, ValueError, TypeError, EOFError, UnpicklingError)


@contextmanager
def require_weights(file: Path, network: str) -> Iterator[None]:
    """Refuse a file that holds code, or weights that do not fit the network that the block builds.

    Raises:
        UserError: The file holds more than tensors, or the block raises one of ERRORS.
    """
    try:
        torch.load(file, weights_only=True)  # refuses code, which libraries would run
        yield
    except ERRORS as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise UserError(f"{file} does not fit {network}: {reason}") from None
