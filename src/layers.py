"""Layers that do on a CPU what torch's own do, in less time; on a GPU they are torch's own.

torch's convolution (oneDNN) puts weights into another order at every call, forward and back: most
of the time where pictures are small and channels many, as in the inner half of a U-Net. There one
matrix product over unfolded pixels reads the weights as they are. Elsewhere oneDNN is given its
pixels channels last, in which it need not reorder those; instance normalisation, which puts them
back, gains nothing by that. Results are equal but for rounding.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Pixels of the smaller pictures, of a whole batch, up to which the product is faster: pictures
# together and each alone may go either way.
FEW = 512


class Conv2d(nn.Conv2d):
    """A convolution: (N, C, H, W) → (N, C', h, w).

    Kernel, stride and padding, of zeros, are square; no groups, no dilation.
    """

    def forward(self, x: Tensor) -> Tensor:
        kernel, stride, padding = self.kernel_size[0], self.stride[0], self.padding[0]
        height, width = ((side + 2 * padding - kernel) // stride + 1 for side in x.shape[2:])
        if not _on_cpu(x) or len(x) * height * width > FEW:
            return super().forward(_ordered(x))
        pixels = F.unfold(x, kernel, padding=padding, stride=stride).transpose(0, 1).flatten(1)
        made = self.weight.flatten(1) @ pixels
        made = made if self.bias is None else made + self.bias[:, None].to(made.dtype)
        return made.view(-1, len(x), height, width).transpose(0, 1).contiguous()


class ConvTranspose2d(nn.ConvTranspose2d):
    """The same the other way round, without output padding: (N, C, h, w) → (N, C', H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        kernel, stride, padding = self.kernel_size[0], self.stride[0], self.padding[0]
        if not _on_cpu(x) or len(x) * x.shape[2] * x.shape[3] > FEW:
            return super().forward(_ordered(x))
        pixels = self.weight.flatten(1).t() @ x.transpose(0, 1).flatten(1)
        pixels = pixels.view(len(pixels), len(x), -1).transpose(0, 1)
        size = [(side - 1) * stride - 2 * padding + kernel for side in x.shape[2:]]
        made = F.fold(pixels, size, kernel, padding=padding, stride=stride)
        return made if self.bias is None else made + self.bias[:, None, None].to(made.dtype)


class BatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation whose gradient is in the order of its pixels, else it takes tenfold."""

    def forward(self, x: Tensor) -> Tensor:
        made = super().forward(x)
        if made.requires_grad and _on_cpu(x):
            last = x.is_contiguous(memory_format=torch.channels_last)
            order = torch.channels_last if last else torch.contiguous_format
            made.register_hook(lambda gradient: gradient.contiguous(memory_format=order))
        return made


def _on_cpu(x: Tensor) -> bool:
    return x.device.type == "cpu" and not torch.compiler.is_exporting()


def _ordered(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last) if _on_cpu(x) else x
