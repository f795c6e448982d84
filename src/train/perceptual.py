"""A perceptual loss (Johnson et al. 2016): how far pictures are from photos in a network's features."""

from torch import Tensor, nn

from src.weights.effnet import early_stages, load_effnet, prepare_signed

# The last blocks at a half, a quarter and an eighth of the sides: edges, textures, parts.
LAST_BLOCKS = (0, 2, 4)


class PerceptualLoss(nn.Module):
    """The mean L1 distance in the early features of an EfficientNet-Lite0, by their own size.

    Each of three layers counts alike: its distance is a share of the photos' mean feature.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stages = early_stages(load_effnet(), LAST_BLOCKS)

    def forward(self, fake: Tensor, real: Tensor) -> Tensor:
        """Return the loss of pictures and the photos that they should be, (B, 3, H, W) in [-1, 1]."""
        x, y = map(prepare_signed, (fake, real))
        loss = x.new_zeros(())
        for stage in self.stages:
            x, y = stage(x), stage(y.detach())
            loss = loss + (x - y).abs().float().mean() / y.abs().float().mean().clamp_min(1e-6)
        return loss / len(self.stages)
