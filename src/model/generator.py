"""A generator with its task: what it takes, what it gives, how it is saved and loaded.

The saved folder is complete: weights as safetensors and config.json, without params.yaml.
"""

from typing import Any

import torch
from torch import Tensor, nn

from src.errors import UserError
from src.model.networks import EncDec, UNet

CHANNELS = {"colorize": 1, "sketch": 1, "labels": 3}  # of the input, by task


class Generator(nn.Module):
    """Input pictures to photographs, (N, C, H, W) → (N, 3, H, W), both in [-1, 1].

    config: task (colorize, sketch, labels), output (chroma, rgb), model (encdec, unet), its
    network settings, and what predict needs to make inputs as training's were.

    With output `chroma` (colorize only) the network predicts c and the result is
    gray + c − mean of c's channels: the mean of the result's channels is the input itself.
    """

    def __init__(self, config: dict[str, Any]):
        super().__init__()
        self.config = config
        network = {"encdec": EncDec, "unet": UNet}[config["model"]]
        self.network = network(CHANNELS[config["task"]], 3, **config["network"])
        self.multiple = self.network.multiple

    @property
    def predicts_chroma(self) -> bool:
        return self.config["task"] == "colorize" and self.config["output"] == "chroma"

    def forward(self, x: Tensor) -> Tensor:
        c = self.network(x)
        return x + c - c.mean(dim=1, keepdim=True) if self.predicts_chroma else c

    @torch.no_grad()
    def render(self, x: Tensor) -> Tensor:
        """Finished pictures: the output within [-1, 1], without losing the gray it keeps."""
        y = self(x).float()
        return into_gamut(x.float(), y) if self.predicts_chroma else y.clamp(-1, 1)


def into_gamut(gray: Tensor, picture: Tensor) -> Tensor:
    """Desaturate each pixel just so far that all channels lie in [-1, 1]; the mean stays.

    gray: (N, 1, H, W), the channels' mean; picture: (N, 3, H, W).
    """
    chroma = picture - gray
    room = torch.where(chroma > 0, 1 - gray, 1 + gray)
    share = (room / chroma.abs().clamp_min(1e-6)).amin(dim=1, keepdim=True).clamp(0, 1)
    return (gray + share * chroma).clamp(-1, 1)


def network_settings(model: str, settings: dict[str, Any], size: int) -> dict[str, Any]:
    """The network's arguments from params.yaml; a U-Net with `n_downs: 0` goes as
    far down as halves go: to 1x1 for 128 or 256 pixels, to 3x3 for 96.

    Raises UserError where `size` cannot be halved so often, or an encoder-decoder's bottleneck
    would be a single pixel, over which nothing can be normalised.
    """
    if model == "unet" and settings["n_downs"] == 0:
        settings = {**settings, "n_downs": (size & -size).bit_length() - 1}
    downs = settings["n_downs"]
    if size % 2**downs:
        raise UserError(
            f"models.{model}.n_downs = {downs}: pair.crop_size = {size} is not a multiple of {2**downs}"
        )
    if model == "encdec" and size == 2**downs:
        raise UserError(
            f"models.encdec.n_downs = {downs}: pair.crop_size = {size} would be reduced to one pixel, "
            f"expected at most {downs - 1}"
        )
    return settings
