"""Where networks run."""

import torch

from src.errors import UserError


def pick_device(name: str, asked: str) -> torch.device:
    """`auto` is a GPU where there is one; UserError where a GPU is asked for and absent.

    asked: what the user calls the choice.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError(f"{asked} = 'cuda', but torch sees no GPU: expected auto or cpu")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")
