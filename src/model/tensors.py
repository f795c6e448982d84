"""Pictures between uint8 arrays and the float tensors of networks."""

import numpy as np
import torch
from torch import Tensor


def to_tensor(pictures: np.ndarray) -> Tensor:
    """Convert (N, H, W) or (N, H, W, 3) uint8 to (N, C, H, W) float32 in [-1, 1]."""
    return normalise(torch.from_numpy(np.array(pictures)))


def normalise(pictures: Tensor) -> Tensor:
    """Convert a uint8 tensor as `to_tensor` does, on its own device."""
    planes = pictures.unsqueeze(1) if pictures.ndim == 3 else pictures.permute(0, 3, 1, 2)
    return planes.to(torch.float32).div_(127.5).sub_(1)


def to_uint8(pictures: Tensor) -> np.ndarray:
    """Convert (N, 3, H, W) in [-1, 1] to (N, H, W, 3) uint8, rounded."""
    levels = ((pictures.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return levels.permute(0, 2, 3, 1).cpu().numpy()
