"""A generator with its task: what it takes, and what it gives."""

from typing import Any

import torch
from torch import Tensor, nn

from src.model.device import pick_dtype
from src.model.networks import EncDec, UNet
from src.model.pretrained_unet import PretrainedUNet
from src.params import Size

CHANNELS = {"colorize": 1, "sketch": 1, "labels": 3}  # of the input, by task
NETWORKS = {"encdec": EncDec, "unet": UNet, "pretrained": PretrainedUNet}  # by params.yaml's model


class Generator(nn.Module):
    """A network from input pictures to photographs: (N, C, H, W) → (N, 3, H, W), in [-1, 1].

    With output `chroma` (colorize only) the network predicts c, and the result is
    gray + c - mean of c's channels. So the mean of the result's channels is the input itself.

    Args:
        config: task (colorize, sketch, labels), output (chroma, rgb), model (a key of NETWORKS),
            network (its settings), and how predict prepares inputs as training did.
    """

    def __init__(self, config: dict[str, Any]):
        super().__init__()
        self.config = config
        self.network = NETWORKS[config["model"]](CHANNELS[config["task"]], 3, **config["network"])
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
    def render(self, x: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Return finished pictures, (N, 3, H, W) float in [-1, 1], which keep the input's gray.

        `x` holds inputs, (N, C, H, W) in [-1, 1]. The network's products have the dtype, see
        `rendering_dtype`.
        """
        with torch.autocast(x.device.type, dtype, enabled=dtype != torch.float32):
            y = self(x).float()
        return into_gamut(x.float(), y) if self.predicts_chroma else y.clamp(-1, 1)


def rendering_dtype(config: dict[str, Any], device: torch.device) -> torch.dtype:
    """Return bf16 if the device is faster in it and training was free to use it, else float32.

    Scores are of pictures in float32; those in bf16 differ by a level here and there. Models of
    earlier versions have no precision.
    """
    free = config.get("precision", "fp32") != "fp32"
    return pick_dtype("auto", device) if free else torch.float32


def into_gamut(gray: Tensor, picture: Tensor) -> Tensor:
    """Desaturate each pixel just enough to bring all channels into [-1, 1]; their mean stays.

    That mean is `gray`, (N, 1, H, W).
    """
    chroma = picture - gray
    room = torch.where(chroma > 0, 1 - gray, 1 + gray)
    share = (room / chroma.abs().clamp_min(1e-6)).amin(dim=1, keepdim=True).clamp(0, 1)
    return (gray + share * chroma).clamp(-1, 1)
