"""Layers that do on a CPU what torch's own do, in less time; on a GPU they are torch's own.

torch's convolution (oneDNN) wants weights and pixels channels last, and else puts them into that
order at every call, forward and back. So pixels are given to it like that, and `arrange` lays the
weights so for good. Where pictures are small and channels many, as in the inner half of a U-Net,
it spends most of the time on the weights even so: there one matrix product over unfolded pixels
reads them as they are. A convolution to a single channel, at which oneDNN is slow, is a product
too. Instance normalisation puts pixels back into torch's own order, and gains nothing by theirs.
Results are equal but for rounding.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Pixels of the smaller pictures, of a whole batch, up to which the product is faster: pictures
# together and each alone may go either way.
MAX_GEMM_PIXELS = 512


class Conv2d(nn.Conv2d):
    """A convolution: (N, C, H, W) → (N, C', h, w).

    Kernel, stride and padding, of zeros, are square; no groups, no dilation.
    """

    def is_product(self, x: Tensor) -> bool:
        return _on_cpu(x) and len(x) * math.prod(_convolved(self, x)) <= MAX_GEMM_PIXELS

    def forward(self, x: Tensor) -> Tensor:
        if not self.is_product(x):
            return super().forward(_ordered(x))
        kernel, stride, padding = self.kernel_size[0], self.stride[0], self.padding[0]
        pixels = F.unfold(x, kernel, padding=padding, stride=stride).transpose(0, 1).flatten(1)
        made = self.weight.flatten(1) @ pixels
        made = made if self.bias is None else made + self.bias[:, None].to(made.dtype)
        return made.view(-1, len(x), *_convolved(self, x)).transpose(0, 1).contiguous()


class ConvTranspose2d(nn.ConvTranspose2d):
    """The same the other way round, without output padding: (N, C, h, w) → (N, C', H, W)."""

    def is_product(self, x: Tensor) -> bool:
        return _on_cpu(x) and len(x) * math.prod(x.shape[2:]) <= MAX_GEMM_PIXELS

    def forward(self, x: Tensor) -> Tensor:
        if not self.is_product(x):
            return super().forward(_ordered(x))
        kernel, stride, padding = self.kernel_size[0], self.stride[0], self.padding[0]
        pixels = self.weight.flatten(1).t() @ x.transpose(0, 1).flatten(1)
        pixels = pixels.view(len(pixels), len(x), -1).transpose(0, 1)
        size = [(side - 1) * stride - 2 * padding + kernel for side in x.shape[2:]]
        made = F.fold(pixels, size, kernel, padding=padding, stride=stride)
        return made if self.bias is None else made + self.bias[:, None, None].to(made.dtype)


class SingleChannelConv2d(nn.Conv2d):
    """A convolution of stride 1 to a single channel: (N, C, H, W) → (N, 1, h, w).

    One product over the channels gives what each pixel adds to those around it, and this is added
    up: the same sum in another order. Kernel and padding, smaller than it, are square.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not _on_cpu(x):
            return super().forward(x)
        kernel, padding = self.kernel_size[0], self.padding[0]
        added = self.weight[0].flip(1, 2).flatten(1).t() @ _ordered(x).flatten(2)
        # what is added up may be rounded to bf16, its sum is not
        wide = added.to(torch.promote_types(added.dtype, torch.float32))
        made = F.fold(wide, _convolved(self, x), kernel, padding=kernel - 1 - padding)
        made = made if self.bias is None else made + self.bias[:, None, None]
        return made.to(added.dtype)


class BatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation whose gradient is in the order of its pixels, else it takes tenfold."""

    def forward(self, x: Tensor) -> Tensor:
        made = super().forward(x)
        if made.requires_grad and _on_cpu(x):
            last = x.is_contiguous(memory_format=torch.channels_last)
            order = torch.channels_last if last else torch.contiguous_format
            made.register_hook(lambda gradient: gradient.contiguous(memory_format=order))
        return made


@torch.no_grad()
def set_memory_format(network: nn.Module, shape: tuple[int, int, int, int]) -> None:
    """Put weights in the order in which batches (N, C, H, W) of this shape are multiplied.

    Channels last, over which convolutions are fastest on a GPU as well; but not for products.
    """

    def look(layer: nn.Module, given: tuple[Tensor]) -> None:
        if not (isinstance(layer, Conv2d | ConvTranspose2d) and layer.is_product(*given)):
            layer.weight.data = layer.weight.contiguous(memory_format=torch.channels_last)

    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    hooks = [layer.register_forward_pre_hook(look) for layer in layers]
    training = network.training
    network.eval()(next(network.parameters()).new_zeros(shape))
    network.train(training)
    for hook in hooks:
        hook.remove()


def _convolved(layer: nn.Conv2d, x: Tensor) -> list[int]:
    """Height and width of a convolution's output."""
    kernel, stride, padding = layer.kernel_size[0], layer.stride[0], layer.padding[0]
    return [(side + 2 * padding - kernel) // stride + 1 for side in x.shape[2:]]


def _on_cpu(x: Tensor) -> bool:
    return x.device.type == "cpu" and not torch.compiler.is_exporting()


def _ordered(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last) if _on_cpu(x) else x
