"""A generator with its task: what it takes, what it gives, how it is saved and loaded.

The saved folder is complete: weights as safetensors and config.json, without params.yaml.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from src.errors import UserError
from src.files import read_json, whole, write_json
from src.networks import EncDec, UNet

NEEDED = {"task", "output", "model", "network", "size", "crop", "canny"}  # of a config
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
    def keeps_gray(self) -> bool:
        return self.config["task"] == "colorize" and self.config["output"] == "chroma"

    def forward(self, x: Tensor) -> Tensor:
        c = self.network(x)
        return x + c - c.mean(dim=1, keepdim=True) if self.keeps_gray else c

    @torch.no_grad()
    def render(self, x: Tensor) -> Tensor:
        """Finished pictures: the output within [-1, 1], without losing the gray it keeps."""
        y = self(x).float()
        return into_gamut(x.float(), y) if self.keeps_gray else y.clamp(-1, 1)


def into_gamut(gray: Tensor, picture: Tensor) -> Tensor:
    """Desaturate each pixel just so far that all channels lie in [-1, 1]; the mean stays.

    gray: (N, 1, H, W), the channels' mean; picture: (N, 3, H, W).
    """
    chroma = picture - gray
    room = torch.where(chroma > 0, 1 - gray, 1 + gray)
    share = (room / chroma.abs().clamp_min(1e-6)).amin(dim=1, keepdim=True).clamp(0, 1)
    return (gray + share * chroma).clamp(-1, 1)


def network_settings(model: str, settings: dict[str, Any], size: int) -> dict[str, Any]:
    """The network's arguments from params.yaml; a U-Net with `downs: 0` goes as
    far down as halves go: to 1x1 for 128 or 256 pixels, to 3x3 for 96.

    Raises UserError where `size` cannot be halved so often, or an encoder-decoder's bottleneck
    would be a single pixel, over which nothing can be normalised.
    """
    if model == "unet" and settings["downs"] == 0:
        settings = {**settings, "downs": (size & -size).bit_length() - 1}
    downs = settings["downs"]
    if size % 2**downs:
        raise UserError(
            f"models.{model}.downs = {downs}: pair.size = {size} is not a multiple of {2**downs}"
        )
    if model == "encdec" and size == 2**downs:
        raise UserError(
            f"models.encdec.downs = {downs}: pair.size = {size} would be reduced to one pixel, "
            f"expected at most {downs - 1}"
        )
    return settings


def pick_device(name: str, asked: str) -> torch.device:
    """`auto` is a GPU where there is one; UserError where a GPU is asked for and absent.

    asked: what the user calls the choice.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError(f"{asked} = 'cuda', but torch sees no GPU: expected auto or cpu")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def to_tensor(pictures: np.ndarray) -> Tensor:
    """(N, H, W) or (N, H, W, 3) uint8 → (N, C, H, W) float in [-1, 1]."""
    return normalise(torch.from_numpy(np.array(pictures)))


def normalise(pictures: Tensor) -> Tensor:
    """The same for a uint8 tensor on any device."""
    planes = pictures.unsqueeze(1) if pictures.ndim == 3 else pictures.permute(0, 3, 1, 2)
    return planes.to(torch.float32).div_(127.5).sub_(1)


def to_uint8(pictures: Tensor) -> np.ndarray:
    """(N, 3, H, W) in [-1, 1] → (N, H, W, 3) uint8, rounded."""
    levels = ((pictures.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return levels.permute(0, 2, 3, 1).cpu().numpy()


def save(generator: Generator, folder: Path, name: str = "generator") -> None:
    """Write NAME.safetensors and config.json."""
    write_json(folder / "config.json", generator.config)
    state = {k: v.detach().cpu().contiguous() for k, v in generator.state_dict().items()}
    path = folder / f"{name}.safetensors"
    try:
        with whole(path) as temporary:
            save_file(state, temporary)
    except SafetensorError as error:  # what safetensors makes of a full disk
        raise UserError(f"cannot write {path}: {error}") from None


def load(folder: Path, name: str = "generator") -> Generator:
    """Read a saved generator, ready to render; UserError where the folder holds none."""
    config = read_json(folder / "config.json")
    missing = NEEDED - set(config) if isinstance(config, dict) else NEEDED
    if missing:
        raise UserError(
            f"{folder / 'config.json'} is no model's: it lacks {', '.join(sorted(missing))}"
        )
    path = folder / f"{name}.safetensors"
    try:
        generator = Generator(config)
        generator.load_state_dict(load_file(path))
    except (FileNotFoundError, SafetensorError, RuntimeError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise UserError(f"{path} is no generator saved by this project: {reason}") from None
    return generator.eval()
