"""Layers that compute what torch's own do."""

import copy

import pytest
import torch
from torch import Tensor, nn

from src.model.layers import (
    BatchNorm2d,
    Conv2d,
    ConvTranspose2d,
    Float32,
    ResizeConv2d,
    SingleChannelConv2d,
    set_memory_format,
)


def plain(layer: nn.Module) -> nn.Module:
    """Return the same layer as torch's own."""
    twin = copy.deepcopy(layer)
    twin.__class__ = type(layer).__base__
    return twin


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def gradients(layer: nn.Module, x: Tensor) -> list[Tensor]:
    """Return the output, and the gradients of input and weights."""
    x = x.clone().requires_grad_()
    y = layer(x)
    return [y, *torch.autograd.grad((y * noise(*y.shape)).sum(), [x, *layer.parameters()])]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("pixels", [0, 10**6], ids=["by oneDNN", "by a product"])
@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (Conv2d, (5, 7, 4, 2, 1)),
        (Conv2d, (5, 7, 3, 1, 1)),
        (Conv2d, (5, 7, 4, 1, 1)),
        (ConvTranspose2d, (5, 7, 4, 2, 1)),
    ],
)
def test_a_convolution_equals_torchs_own(
    monkeypatch, kind: type, settings: tuple, pixels: int, count: int, bias: bool
):
    monkeypatch.setattr("src.model.layers.MAX_GEMM_PIXELS", pixels)
    layer = kind(*settings, bias=bias).double()
    x = noise(count, 5, 8, 6)
    for ours, theirs in zip(gradients(layer, x), gradients(plain(layer), x), strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(("kernel", "padding"), [(4, 1), (3, 0), (3, 2)])
def test_a_convolution_to_one_channel_equals_torchs_own(
    kernel: int, padding: int, count: int, bias: bool
):
    layer = SingleChannelConv2d(5, 1, kernel, 1, padding, bias=bias).double()
    x = noise(count, 5, 8, 6)
    for ours, theirs in zip(gradients(layer, x), gradients(plain(layer), x), strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(
    ("pixels", "on_cpu"),
    [(0, True), (10**6, True), (0, False)],
    ids=["by oneDNN", "by a product", "on a GPU"],
)
def test_resizing_and_convolving_equals_torchs_own(
    monkeypatch, pixels: int, on_cpu: bool, count: int, bias: bool
):
    monkeypatch.setattr("src.model.layers.MAX_GEMM_PIXELS", pixels)
    monkeypatch.setattr("src.model.layers._on_cpu", lambda x: on_cpu)
    layer = ResizeConv2d(5, 7, bias=bias).double()
    both = nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(5, 7, 3, 1, 1, bias=bias)).double()
    both[1].load_state_dict(layer.state_dict())
    x = noise(count, 5, 8, 6)
    for ours, theirs in zip(gradients(layer, x), gradients(both, x), strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("pixels", [59, 60], ids=["many", "few"])
def test_many_pixels_are_never_doubled(monkeypatch, pixels: int):
    """Three pictures of 1 x 5 become 2 x 10, together 60 pixels."""
    doubled = []
    interpolate = torch.nn.functional.interpolate
    monkeypatch.setattr(
        "torch.nn.functional.interpolate",
        lambda x, **kinds: doubled.append(x) or interpolate(x, **kinds),
    )
    monkeypatch.setattr("src.model.layers.MAX_GEMM_PIXELS", pixels)
    ResizeConv2d(5, 7).double()(noise(3, 5, 1, 5))
    assert len(doubled) == (pixels >= 60)


@pytest.mark.parametrize(("kind", "sides"), [(Conv2d, (8, 10)), (ConvTranspose2d, (4, 5))])
def test_few_pixels_of_a_whole_batch_go_through_a_product(monkeypatch, kind: type, sides: tuple):
    """The limit is on the smaller picture: 4 x 5 here, so that 3 pictures have 60 pixels."""
    inputs = []
    forward = kind.__base__.forward
    monkeypatch.setattr(
        kind.__base__, "forward", lambda layer, x: inputs.append(x) or forward(layer, x)
    )
    monkeypatch.setattr("src.model.layers.MAX_GEMM_PIXELS", 60)
    layer = kind(5, 7, 4, 2, 1).double()
    assert layer(noise(3, 5, *sides)).is_contiguous()
    assert not inputs
    layer(noise(4, 5, *sides))
    assert inputs[0].is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    ("kind", "settings", "pixels"),
    [
        (Conv2d, (5, 7, 4, 2, 1), 0),
        (Conv2d, (5, 7, 4, 2, 1), 10**6),
        (ConvTranspose2d, (5, 7, 4, 2, 1), 0),
        (ConvTranspose2d, (5, 7, 4, 2, 1), 10**6),
        (SingleChannelConv2d, (5, 1, 4, 1, 1), 0),
    ],
)
def test_in_bf16_a_convolution_is_near_torchs_own(
    monkeypatch, kind: type, settings: tuple, pixels: int
):
    monkeypatch.setattr("src.model.layers.MAX_GEMM_PIXELS", pixels)
    layer, x = kind(*settings), noise(2, 5, 8, 6).float()
    with torch.autocast("cpu", torch.bfloat16):
        ours, theirs = layer(x), plain(layer)(x)
    assert ours.dtype == theirs.dtype == torch.bfloat16
    torch.testing.assert_close(ours, theirs, atol=0.02, rtol=0.02)


@pytest.mark.parametrize("pixels", [0, 10**6])
def test_in_bf16_resizing_and_convolving_is_near_torchs_own(monkeypatch, pixels: int):
    monkeypatch.setattr("src.model.layers.MAX_GEMM_PIXELS", pixels)
    layer, x = ResizeConv2d(5, 7), noise(2, 5, 8, 6).float()
    exact = nn.Conv2d.forward(layer, torch.nn.functional.interpolate(x, scale_factor=2))
    with torch.autocast("cpu", torch.bfloat16):
        ours = layer(x)
    assert ours.dtype == torch.bfloat16
    torch.testing.assert_close(ours.float(), exact, atol=0.02, rtol=0.02)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_convolution_by_onednn_leaves_channels_last(channels: int):
    """Of one channel too: torch's own order would spread through all that follows."""
    x = torch.randn(8, channels, 32, 32)
    assert Conv2d(channels, 6, 4, 2, 1)(x).is_contiguous(memory_format=torch.channels_last)


ORDERS = [torch.contiguous_format, torch.channels_last]


@pytest.mark.parametrize("order", ORDERS)
def test_batch_normalisation_equals_torchs_own(order: torch.memory_format):
    layer = BatchNorm2d(6).double()
    x = noise(4, 6, 5, 5).contiguous(memory_format=order)
    for ours, theirs in zip(gradients(layer, x), gradients(plain(layer), x), strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize(
    "after", [nn.Identity(), nn.ReLU(True)], ids=["unchanged", "changed in place"]
)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("arriving", ORDERS)
def test_a_gradient_gets_the_order_of_its_pixels(
    arriving: torch.memory_format, order: torch.memory_format, after: nn.Module
):
    layer, gradients_in = BatchNorm2d(6), []
    y = layer(torch.randn(4, 6, 5, 5).contiguous(memory_format=order).requires_grad_())
    y.grad_fn.register_prehook(lambda gradients: gradients_in.append(gradients[0]))
    y = after(y)
    both = torch.cat([y, y], dim=1)  # its gradient comes as two views
    both.backward(torch.randn(4, 12, 5, 5).contiguous(memory_format=arriving))
    assert gradients_in[0].is_contiguous(memory_format=order)


def network() -> nn.Module:
    first, second, third = (
        Conv2d(3, 5, 4, 2, 1),
        Conv2d(5, 6, 4, 2, 1),
        ConvTranspose2d(6, 4, 4, 2, 1),
    )
    last = SingleChannelConv2d(4, 1, 4, 1, 1)
    return nn.Sequential(first, BatchNorm2d(5), second, third, last).double()


DEFAULT, LAST = "torch's default", "channels last"


@pytest.mark.parametrize(
    ("count", "on_cpu", "expected"),
    [
        (1, True, [DEFAULT, DEFAULT, DEFAULT, LAST]),
        (2, True, [LAST, DEFAULT, DEFAULT, LAST]),
        (5, True, [LAST, LAST, LAST, LAST]),
        (1, False, [LAST, LAST, LAST, LAST]),
    ],
    ids=["one picture", "two", "five", "on a GPU"],
)
def test_weights_are_channels_last_except_for_products(
    monkeypatch, count: int, on_cpu: bool, expected: list[str]
):
    """The first layer gives 8 x 8 pixels of a picture, the next 4 x 4, and the third reads those."""
    monkeypatch.setattr("src.model.layers.MAX_GEMM_PIXELS", 64)
    monkeypatch.setattr("src.model.layers._on_cpu", lambda x: on_cpu)
    layers = network()
    set_memory_format(layers, (count, 3, 16, 16))
    weights = [m.weight for m in layers if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    last = [weight.is_contiguous(memory_format=torch.channels_last) for weight in weights]
    assert [LAST if is_last else DEFAULT for is_last in last] == expected


def test_the_memory_format_changes_neither_weights_nor_results(monkeypatch):
    monkeypatch.setattr("src.model.layers.MAX_GEMM_PIXELS", 40)
    after = network()
    before = copy.deepcopy(after)
    set_memory_format(after, (2, 3, 16, 16))
    assert after.training
    assert not any(layer._forward_pre_hooks for layer in after)
    for name, value in before.state_dict().items():
        assert torch.equal(after.state_dict()[name], value), name
    x = noise(2, 3, 16, 16)
    for ours, theirs in zip(gradients(after, x), gradients(before, x), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_a_weight_of_one_channel_has_its_gradients_order():
    """Else two processes warn at every training that they share gradients of another order."""
    layer = Conv2d(1, 4, 4, 2, 1)
    set_memory_format(layer, (8, 1, 64, 64))
    orders = []
    layer.weight.register_hook(lambda gradient: orders.append(gradient.stride()))
    layer(noise(8, 1, 64, 64).float()).sum().backward()
    assert orders == [layer.weight.stride()]


def test_a_layer_stays_in_float32_among_those_in_bf16():
    layer = nn.Conv2d(4, 4, 5, padding=2, groups=4)
    x = torch.rand(2, 4, 8, 8, dtype=torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        wrapped, plain = Float32(layer)(x), layer(x)
    assert (wrapped.dtype, plain.dtype) == (torch.float32, torch.bfloat16)
    assert torch.equal(wrapped, layer(x.float()))
