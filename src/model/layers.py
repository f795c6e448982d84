"""Layers with the results of torch's own, in less time on a CPU; on a GPU they are torch's own.

torch's convolution (oneDNN) works on weights and pixels in channels-last order. Anything else it
reorders at every call, forward and backward. So these layers hand it pixels in that order, and
`set_memory_format` stores the weights in it.

In the inner half of a U-Net pictures are small and channels many. There oneDNN spends most of its
time on the weights, and a matrix product (GEMM) over unfolded pixels is faster. A convolution to a
single channel is slow in oneDNN, and becomes a product too. Doubled pixels before a convolution need
not be computed: a transposed convolution has the same result. Instance normalisation reorders pixels
itself, and gains nothing. Results equal torch's own but for rounding.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Of a whole batch, in the smaller of input and output: up to here the product is faster. A picture
# may be computed one way in a batch and the other way alone.
MAX_GEMM_PIXELS = 512
# The taps of a 3x3 kernel (columns) that add up to each one of a transposed convolution's 4x4.
_TAPS = torch.tensor([[0, 0, 1], [0, 1, 1], [1, 1, 0], [1, 0, 0]], dtype=torch.float64)
DOUBLING = torch.kron(_TAPS, _TAPS)


class Conv2d(nn.Conv2d):
    """A convolution: (N, C, H, W) → (N, C', h, w).

    Kernel, stride and padding (of zeros) are square; there are no groups and no dilation.
    """

    def uses_gemm(self, x: Tensor) -> bool:
        """Return whether this batch goes through a matrix product."""
        return _on_cpu(x) and len(x) * math.prod(_output_size(self, x)) <= MAX_GEMM_PIXELS

    def forward(self, x: Tensor) -> Tensor:
        if not self.uses_gemm(x):
            return super().forward(_channels_last(x))
        return self._multiply(x)

    def _multiply(self, x: Tensor) -> Tensor:
        """Return the convolution as one product of the weights with all unfolded pixels."""
        kernel, stride, padding = _geometry(self)
        pixels = F.unfold(x, kernel, padding=padding, stride=stride).transpose(0, 1).flatten(1)
        y = self.weight.flatten(1) @ pixels
        y = y if self.bias is None else y + self.bias[:, None].to(y.dtype)
        return y.view(-1, len(x), *_output_size(self, x)).transpose(0, 1).contiguous()


class ResizeConv2d(Conv2d):
    """Nearest-neighbour doubling, then a 3x3 convolution: (N, C, H, W) → (N, C', 2 H, 2 W).

    A pixel's copies meet the same taps, so their sums are a 4x4 kernel's of a transposed
    convolution. That takes 16 products for each pixel of the input instead of 36.
    """

    def __init__(self, in_channels: int, out_channels: int, bias: bool = True):
        super().__init__(in_channels, out_channels, 3, 1, 1, bias=bias)

    def uses_gemm(self, x: Tensor) -> bool:
        """Return whether this batch goes through a matrix product."""
        return _on_cpu(x) and 4 * len(x) * math.prod(x.shape[2:]) <= MAX_GEMM_PIXELS

    def forward(self, x: Tensor) -> Tensor:
        if not _on_cpu(x):
            return nn.Conv2d.forward(self, F.interpolate(x, scale_factor=2))
        if self.uses_gemm(x):
            return self._multiply(F.interpolate(x, scale_factor=2))
        with torch.autocast(x.device.type, enabled=False):  # sums of weights, not of rounded ones
            # pixels first, the order in which oneDNN reads them
            taps = self.weight.permute(2, 3, 1, 0).reshape(9, -1)
            kernel = DOUBLING.to(taps.dtype) @ taps
        shape = (4, 4, self.in_channels, self.out_channels)
        kernel = kernel.view(shape).permute(2, 3, 0, 1)
        return F.conv_transpose2d(_channels_last(x), kernel, self.bias, stride=2, padding=1)


class ConvTranspose2d(nn.ConvTranspose2d):
    """A transposed convolution without output padding: (N, C, h, w) → (N, C', H, W).

    Kernel, stride and padding are square; there are no groups and no dilation.
    """

    def uses_gemm(self, x: Tensor) -> bool:
        """Return whether this batch goes through a matrix product."""
        return _on_cpu(x) and len(x) * math.prod(x.shape[2:]) <= MAX_GEMM_PIXELS

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]  # torch's has output_size
        if not self.uses_gemm(x):
            return super().forward(_channels_last(x))
        kernel, stride, padding = _geometry(self)
        pixels = self.weight.flatten(1).t() @ x.transpose(0, 1).flatten(1)
        pixels = pixels.view(len(pixels), len(x), -1).transpose(0, 1)
        height, width = ((side - 1) * stride - 2 * padding + kernel for side in x.shape[2:])
        y = F.fold(pixels, (height, width), kernel, padding=padding, stride=stride)
        return y if self.bias is None else y + self.bias[:, None, None].to(y.dtype)


class SingleChannelConv2d(nn.Conv2d):
    """A convolution of stride 1 to a single channel: (N, C, H, W) → (N, 1, h, w).

    A product over the channels gives what each pixel adds to its neighbours, and `fold` adds that
    up: the same sum in another order. Kernel and padding are square, the padding is smaller.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not _on_cpu(x):
            return super().forward(x)
        kernel, _, padding = _geometry(self)
        terms = self.weight[0].flip(1, 2).flatten(1).t() @ _channels_last(x).flatten(2)
        # the terms may be bf16, their sum is not
        wide = terms.to(torch.promote_types(terms.dtype, torch.float32))
        y = F.fold(wide, _output_size(self, x), kernel, padding=kernel - 1 - padding)
        y = y if self.bias is None else y + self.bias[:, None, None]
        return y.to(terms.dtype)


class BatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation whose gradient has its pixels' order; another takes ten times as long."""

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        if y.requires_grad and _on_cpu(x):
            is_last = x.is_contiguous(memory_format=torch.channels_last)
            order = torch.channels_last if is_last else torch.contiguous_format
            y.register_hook(  # type: ignore[no-untyped-call]
                lambda gradient: gradient.contiguous(memory_format=order)
            )
        return y


class Float32(nn.Module):
    """A layer that computes in float32 on a CPU, also where the others compute in bf16.

    For a depthwise convolution oneDNN's gradients in bf16 take up to nine times as long.
    """

    def __init__(self, layer: nn.Module):
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        enabled = torch.is_autocast_enabled(x.device.type) and not _on_cpu(x)
        with torch.autocast(x.device.type, enabled=enabled):
            y: Tensor = self.layer(x if enabled else x.float())
        return y


def use_float32_depthwise(effnet: nn.Module) -> None:
    """Let the depthwise convolutions of an EfficientNet's blocks compute in float32, in place."""
    for block in list(effnet.modules()):
        if isinstance(layer := getattr(block, "_depthwise_conv", None), nn.Module):
            block._depthwise_conv = Float32(layer)


@torch.no_grad()
def set_memory_format(network: nn.Module, shape: tuple[int, int, int, int]) -> None:
    """Store weights in the order that is fastest for batches of a shape, on any device.

    That is channels last for convolutions, and torch's own order for matrix products. The network
    may be in training mode. The shape is that of its inputs, (N, C, H, W).
    """

    def reorder(layer: nn.Module, inputs: tuple[Tensor]) -> None:
        assert isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)
        if not (isinstance(layer, Conv2d | ConvTranspose2d) and layer.uses_gemm(*inputs)):
            # a copy, because of one channel `contiguous` takes torch's own strides for these
            last = torch.empty_like(layer.weight, memory_format=torch.channels_last)
            layer.weight.data = last.copy_(layer.weight)

    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    hooks = [layer.register_forward_pre_hook(reorder) for layer in layers]
    training = network.training
    network.eval()(next(network.parameters()).new_zeros(shape))
    network.train(training)
    for hook in hooks:
        hook.remove()


def _geometry(layer: nn.Conv2d | nn.ConvTranspose2d) -> tuple[int, int, int]:
    """Return kernel, stride and padding in pixels."""
    return int(layer.kernel_size[0]), int(layer.stride[0]), int(layer.padding[0])


def _output_size(layer: nn.Conv2d, x: Tensor) -> tuple[int, int]:
    """Return height and width of a convolution's output."""
    kernel, stride, padding = _geometry(layer)
    height, width = ((side + 2 * padding - kernel) // stride + 1 for side in x.shape[2:])
    return height, width


def _on_cpu(x: Tensor) -> bool:
    return x.device.type == "cpu" and not torch.compiler.is_exporting()


def _channels_last(x: Tensor) -> Tensor:
    """Return the same values; on a CPU in an order that torch's result will have too."""
    if not _on_cpu(x):
        return x
    x = x.contiguous(memory_format=torch.channels_last)
    # of one channel, torch takes the strides for its own order
    return x if x.shape[1] > 1 else x.as_strided(x.shape, (x.stride(0), 1, *x.stride()[2:]))
