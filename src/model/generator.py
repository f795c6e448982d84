"""A generator with its task: what it takes, and what it gives."""

from typing import Any

import torch
from torch import Tensor, nn

from src.errors import UserError
from src.model.networks import EncDec, UNet
from src.params import Size

CHANNELS = {"colorize": 1, "sketch": 1, "labels": 3}  # of the input, by task


class Generator(nn.Module):
    """A network from input pictures to photographs: (N, C, H, W) → (N, 3, H, W), in [-1, 1].

    With output `chroma` (colorize only) the network predicts c, and the result is
    gray + c - mean of c's channels. So the mean of the result's channels is the input itself.

    Args:
        config: task (colorize, sketch, labels), output (chroma, rgb), model (encdec, unet), network
            (the settings of EncDec or UNet), and how predict prepares inputs as training did.
    """

    def __init__(self, config: dict[str, Any]):
        super().__init__()
        self.config = config
        network = {"encdec": EncDec, "unet": UNet}[config["model"]]
        self.network = network(CHANNELS[config["task"]], 3, **config["network"])
        self.multiple = self.network.multiple

    @property
    def size(self) -> Size:
        """Of the pictures that it was trained on."""
        return Size.of(self.config["size"])

    @property
    def predicts_chroma(self) -> bool:
        """Whether the output keeps its input's gray."""
        return (self.config["task"], self.config["output"]) == ("colorize", "chroma")

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.network(x)
        return x + y - y.mean(dim=1, keepdim=True) if self.predicts_chroma else y

    @torch.no_grad()
    def render(self, x: Tensor) -> Tensor:
        """Return finished pictures, (N, 3, H, W) float in [-1, 1], which keep the input's gray."""
        y = self(x).float()
        return into_gamut(x.float(), y) if self.predicts_chroma else y.clamp(-1, 1)


def into_gamut(gray: Tensor, picture: Tensor) -> Tensor:
    """Desaturate each pixel just enough to bring all channels into [-1, 1]; their mean stays.

    Args:
        gray: (N, 1, H, W), the mean of the picture's channels.
        picture: (N, 3, H, W).
    """
    chroma = picture - gray
    room = torch.where(chroma > 0, 1 - gray, 1 + gray)
    share = (room / chroma.abs().clamp_min(1e-6)).amin(dim=1, keepdim=True).clamp(0, 1)
    return (gray + share * chroma).clamp(-1, 1)


def network_settings(model: str, settings: dict[str, Any], size: Size) -> dict[str, Any]:
    """Return the network's arguments from params.yaml, with the depth that fits the pictures.

    A U-Net with `n_downs: 0` halves both sides as often as both can be: to 1x1 for 128 or 256
    pixels, to 3x3 for 96, and to 1x2 for 128 and 256.

    Args:
        model: encdec or unet.
        settings: The model's section of params.yaml.
        size: Of the pictures.

    Raises:
        UserError: A side cannot be halved `n_downs` times, or an encoder-decoder's bottleneck
            would be a single pixel, over which nothing can be normalised.
    """
    halvings = min((side & -side).bit_length() - 1 for side in size)
    if model == "unet" and settings["n_downs"] == 0:
        settings = {**settings, "n_downs": halvings}
    n_downs = settings.get("n_downs", 0)  # without the setting a network keeps the size
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
