"""How deep networks can be for pictures of a size. It needs no torch."""

from typing import Any

from src.errors import UserError
from src.params import Discriminator, Size

FIXED_DEPTHS = {"pretrained": 5}  # of networks whose depth is no setting
PROJECTED_SMALLEST = 64  # its deepest features have 1/32 of the sides; one pixel has no variance


def depth(model: str, settings: dict[str, Any]) -> int:
    """Return how often a network halves both sides; without a depth it keeps the size."""
    return int(settings.get("n_downs", FIXED_DEPTHS.get(model, 0)))


def network_settings(model: str, settings: dict[str, Any], size: Size) -> dict[str, Any]:
    """Return the network's arguments from params.yaml, with the depth that fits the pictures.

    A U-Net with `n_downs: 0` halves both sides as often as both can be: to 1x1 for 128 or 256
    pixels, to 3x3 for 96, and to 1x2 for 128 and 256.

    Raises:
        UserError: A side cannot be halved that often, or a bottleneck that is normalised would be a
            single pixel.
    """
    halvings = min((side & -side).bit_length() - 1 for side in size)
    if model == "unet" and settings["n_downs"] == 0:
        settings = {**settings, "n_downs": halvings}
    n_downs = depth(model, settings)
    if model in FIXED_DEPTHS and (n_downs > halvings or max(size) == 2**n_downs):
        raise UserError(
            f"model = {model!r}: pair.crop_size = {size}, expected multiples of {2**n_downs}, one "
            f"side of {2 * 2**n_downs} at least"
        )
    if n_downs > halvings:
        raise UserError(
            f"models.{model}.n_downs = {n_downs}: pair.crop_size = {size} is not a multiple of "
            f"{2**n_downs}, expected n_downs of at most {halvings}"
        )
    if model == "encdec" and max(size) == 2**n_downs:
        raise UserError(
            f"models.encdec.n_downs = {n_downs}: pair.crop_size = {size} would be reduced to "
            f"one pixel, expected at most {n_downs - 1}"
        )
    return settings


def require_patches(discriminator: Discriminator, size: Size) -> None:
    """Raise UserError if pictures are too small for a discriminator."""
    smallest = {"n_layers": 3 * 2**discriminator.n_layers}
    if discriminator.projected:
        smallest["projected"] = PROJECTED_SMALLEST
    for key, side in smallest.items():
        if min(size) < side:
            value = str(getattr(discriminator, key)).lower()
            raise UserError(
                f"train.discriminator.{key} = {value}: pair.crop_size = {size} "
                f"leaves no patch to judge, expected at least {side}"
            )
