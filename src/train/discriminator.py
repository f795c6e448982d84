"""What judges whether pictures pass for photographs."""

from torch import Tensor, nn

from src import params
from src.model.networks import PatchGAN
from src.train.projected_gan import ProjectedGAN


class Discriminator(nn.Module):
    """The PatchGAN and, where the settings say so, a projected GAN beside it."""

    def __init__(self, in_channels: int, settings: params.Discriminator):
        super().__init__()
        self.patch = PatchGAN(in_channels, settings.ndf, settings.n_layers)
        self.projected = ProjectedGAN(in_channels, settings.ndf) if settings.projected else None

    def forward(self, pair: Tensor) -> list[Tensor]:
        """Return the logits of each part, (N, 1, h, w), of (input, picture) in [-1, 1]."""
        logits = [self.patch(pair)]
        return logits if self.projected is None else [*logits, *self.projected(pair)]
