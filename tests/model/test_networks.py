"""The networks of pix2pix: their published sizes, and that every layer is used."""

import pytest
import torch
from torch import nn

from src.model.depth import FIXED_DEPTHS
from src.model.layers import Float32
from src.model.networks import EncDec, PatchGAN, UNet
from src.model.pretrained_unet import PretrainedUNet


def encdec(**changes: object) -> EncDec:
    small = {"in_channels": 1, "out_channels": 3, "ngf": 4, "n_downs": 3, "n_blocks": 2}
    return EncDec(**{**small, "upsample": "resize", "norm": "batch", **changes})


def unet(**changes: object) -> UNet:
    small = {"in_channels": 1, "out_channels": 3, "ngf": 4, "n_downs": 5}
    return UNet(**{**small, "upsample": "resize", "norm": "batch", "dropout": 0.0, **changes})


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def noise(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_the_unet_has_the_published_number_of_parameters(dropout: float):
    with torch.device("meta"):
        published = unet(in_channels=3, ngf=64, n_downs=8, upsample="transposed", dropout=dropout)
    assert count(published) == 54_413_955


def test_the_patchgan_has_the_published_size():
    with torch.device("meta"):
        published = PatchGAN(in_channels=6, ndf=64, n_layers=3)
        logits = published(torch.empty(1, 6, 256, 256))
    assert count(published) == 2_768_705
    assert logits.shape == (1, 1, 30, 30)


@pytest.mark.parametrize(("n_layers", "field"), [(1, 16), (2, 34), (3, 70), (4, 142)])
def test_a_logit_sees_the_published_patch(n_layers: int, field: int):
    torch.manual_seed(0)
    network = PatchGAN(1, 2, n_layers).eval().double()
    picture = noise(1, 1, 192, 192).double().requires_grad_()
    logits = network(picture)
    middle = logits.shape[-1] // 2
    logits[0, 0, middle, middle].backward()
    is_seen = picture.grad[0, 0] != 0
    for axis in (0, 1):
        positions = torch.nonzero(is_seen.any(dim=axis)).flatten()
        assert positions[-1] - positions[0] + 1 == field


@pytest.mark.parametrize("norm", ["batch", "instance"])
@pytest.mark.parametrize("upsample", ["resize", "transposed"])
@pytest.mark.parametrize(
    "make",
    [
        lambda **kinds: encdec(**kinds),
        lambda **kinds: encdec(n_blocks=0, n_downs=1, **kinds),
        lambda **kinds: unet(**kinds),
        lambda **kinds: unet(n_downs=6, dropout=0.5, **kinds),
        lambda **kinds: unet(n_downs=2, **kinds),
        lambda **kinds: PretrainedUNet(1, 3, ngf=2, dropout=0.5, **kinds),
    ],
    ids=["encdec", "shallow encdec", "unet", "unet with dropout", "shallow unet", "pretrained"],
)
def test_every_layer_of_a_generator_is_used(make, upsample: str, norm: str):
    torch.manual_seed(0)
    network = make(upsample=upsample, norm=norm)
    picture = noise(2, 1, 64, 64)
    assert unused(network, picture) == set()
    output = network(picture)
    assert output.shape == (2, 3, 64, 64)
    assert output.abs().max() <= 1


@pytest.mark.parametrize("n_layers", [1, 3])
def test_every_layer_of_the_discriminator_is_used(n_layers: int):
    assert unused(PatchGAN(4, 4, n_layers), noise(2, 4, 32, 32)) == set()


def unused(network: nn.Module, picture: torch.Tensor) -> set[str]:
    """Return layers that no forward pass enters, and parameters that no gradient reaches."""
    leaves = {name: m for name, m in network.named_modules() if not list(m.children())}
    idle = set(leaves)
    for name, module in leaves.items():
        module.register_forward_hook(lambda *_, name=name: idle.discard(name))
    output = network(picture)
    # weighted at random: a plain sum has no gradient before a normalisation
    (output * noise(*output.shape)).sum().backward()
    without_gradient = {
        n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()
    }
    return idle | without_gradient


@pytest.mark.parametrize("upsample", ["resize", "transposed"])
@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_one_picture_passes_a_bottleneck_of_one_pixel(norm: str, upsample: str):
    torch.manual_seed(0)
    network = unet(norm=norm, upsample=upsample).train()
    bottlenecks = []
    network.downs[-1].register_forward_hook(lambda _m, _x, out: bottlenecks.append(out))
    output = network(noise(1, 1, 32, 32))
    assert bottlenecks[0].shape[2:] == (1, 1)
    assert bottlenecks[0].std() > 0  # normalised over one pixel it would be all zero
    assert torch.isfinite(output).all()
    assert output.std() > 1e-4


@pytest.mark.parametrize("n_downs", [5, 6, 7, 8])
def test_dropout_is_where_it_was_published(n_downs: int):
    """Never in the outer four levels, nor in the innermost."""
    with torch.device("meta"):
        network = unet(n_downs=n_downs, dropout=0.5)
    dropped = [any(isinstance(layer, nn.Dropout) for layer in up) for up in network.ups]
    assert dropped == [False] + [True] * (n_downs - 5) + [False] * 4


def test_a_decoders_weights_have_the_names_that_saved_models_use():
    """Saved with a doubling of its own, layer 1 of a level, before each convolution of `resize`."""
    names = [name for name in unet(n_downs=2).state_dict() if name.startswith("ups.")]
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    expected = ["ups.0.2.weight", *(f"ups.0.3.{name}" for name in norm)]
    assert names == [*expected, "ups.1.2.weight", "ups.1.2.bias"]


def test_skips_join_levels_of_the_same_size():
    network = unet()
    shapes = []
    for up in network.ups:
        up.register_forward_hook(lambda _m, x, _out: shapes.append(x[0].shape[1:]))
    network(noise(1, 1, 32, 32))
    assert shapes == [(32, 1, 1), (64, 2, 2), (32, 4, 4), (16, 8, 8), (8, 16, 16)]


def test_everything_passes_the_encoder_decoders_bottleneck():
    torch.manual_seed(0)
    network = encdec(n_downs=3, n_blocks=1).eval()
    outputs = []
    middle = [m for m in network.layers if type(m).__name__ == "Residual"][-1]
    middle.register_forward_hook(lambda _m, _x, out: torch.ones_like(out))
    for seed in (0, 1):
        torch.manual_seed(seed)
        outputs.append(network(torch.rand(1, 1, 32, 32)))
    torch.testing.assert_close(outputs[0], outputs[1], rtol=0, atol=0)


def test_the_unets_skips_bypass_its_bottleneck():
    network = unet().eval()
    network.downs[-1].register_forward_hook(lambda _m, _x, out: torch.ones_like(out))
    dark, bright = network(torch.full((1, 1, 32, 32), -0.9)), network(noise(1, 1, 32, 32))
    assert (dark - bright).abs().max() > 1e-6


@pytest.mark.parametrize(
    "make",
    [
        lambda: encdec(ngf=32, norm="instance"),
        lambda: unet(ngf=16, upsample="transposed"),
        lambda: PatchGAN(4, 32, 2),
    ],
    ids=["encdec", "unet", "patchgan"],
)
def test_weights_start_as_published(make):
    torch.manual_seed(0)
    layers = list(make().modules())
    convolutions = [m for m in layers if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    norms = [m for m in layers if isinstance(m, nn.BatchNorm2d | nn.InstanceNorm2d)]
    assert convolutions
    assert norms
    for module in convolutions:
        if module.weight.numel() > 2000:
            assert module.weight.std().item() == pytest.approx(0.02, rel=0.1)
            assert abs(module.weight.mean().item()) < 0.002
    scales = torch.cat([module.weight for module in norms])
    assert scales.mean().item() == pytest.approx(1, abs=0.01)
    assert scales.std().item() == pytest.approx(0.02, rel=0.3)
    biases = [module.bias for module in convolutions + norms if module.bias is not None]
    assert all((bias == 0).all() for bias in biases)


@pytest.mark.parametrize("make", [encdec, unet])
def test_a_network_of_shapes_alone_draws_nothing(monkeypatch, make):
    # on meta, torch imports a symbolic algebra to do so, for a second
    monkeypatch.setattr(nn.init, "normal_", lambda *_: pytest.fail("drawn"))
    with torch.device("meta"):
        shapes = make().state_dict()
    monkeypatch.undo()
    drawn = make().state_dict()
    assert {k: v.shape for k, v in shapes.items()} == {k: v.shape for k, v in drawn.items()}


def test_a_convolution_before_a_normalisation_has_no_bias():
    for network in (encdec(), unet()):
        biased = [
            name
            for name, m in network.named_modules()
            if getattr(m, "kernel_size", None) and m.bias is not None
        ]
        assert len(biased) == 1  # the last layer's


def test_an_encoder_that_has_learned_computes_what_is_slow_in_bf16_in_float32():
    network = PretrainedUNet(1, 3, ngf=2, upsample="resize", norm="batch", dropout=0.0)
    modules = list(network.encoder.modules())
    grouped = [m for m in modules if isinstance(m, nn.Conv2d) and m.groups > 1]
    assert grouped == [m.layer for m in modules if isinstance(m, Float32)]
    assert {m.momentum for m in modules if isinstance(m, nn.BatchNorm2d)} == {0.1}
    assert FIXED_DEPTHS["pretrained"] == len(network.encoder)
