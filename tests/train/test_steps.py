"""One step of each network."""

import copy
from math import log

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from src.train import steps
from tests.train.trainings import flat_weights, random_batch


def test_each_step_teaches_its_own_network(nets, tiny):
    x, real = random_batch()
    fake = nets.generator(x)
    g, d = flat_weights(nets.generator), flat_weights(nets.discriminator)
    steps.discriminator_step(nets, x, real, fake, tiny().train)
    assert torch.equal(flat_weights(nets.generator), g)
    assert not torch.equal(flat_weights(nets.discriminator), d)
    d = flat_weights(nets.discriminator)
    steps.generator_step(nets, x, real, fake, tiny().train)
    assert not torch.equal(flat_weights(nets.generator), g)
    assert torch.equal(flat_weights(nets.discriminator), d)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_gradients_of_real_and_fake_add_up_to_those_of_both(nets, tiny, dtype: torch.dtype):
    """Bit by bit: one pass follows the other, so that only one's pixels are in memory."""
    x, real = random_batch()
    fake = nets.generator(x).detach()
    discriminator = copy.deepcopy(nets.discriminator)
    with torch.autocast("cpu", dtype, dtype != torch.float32, cache_enabled=False):
        logits = [discriminator(torch.cat([x, photo], 1))[0].float() for photo in (real, fake)]
        labels = torch.ones_like(logits[0]), torch.zeros_like(logits[0])
        real_loss, fake_loss = map(F.binary_cross_entropy_with_logits, logits, labels)
        ((real_loss + fake_loss) / 2).backward()
        loss = steps.discriminator_step(nets, x, real, fake, tiny().train)["d"]
    assert loss == ((real_loss + fake_loss) / 2).detach()
    for ours, theirs in zip(
        nets.discriminator.parameters(), discriminator.parameters(), strict=True
    ):
        assert torch.equal(ours.grad, theirs.grad)


def test_the_discriminator_learns_to_tell_real_from_fake(nets, tiny):
    x, real = random_batch()
    fake = nets.generator(x).detach()
    nets.discriminator_adam.param_groups[0]["lr"] = 0.01
    losses = [steps.discriminator_step(nets, x, real, fake, tiny().train) for _ in range(20)]
    assert losses[-1]["d"] < 0.5 * losses[0]["d"]
    assert losses[-1]["d_right_on_real"] > 0.8
    assert losses[-1]["d_right_on_fake"] > 0.8


def test_losses_of_an_undecided_discriminator_are_log_2(nets, tiny):
    for parameter in nets.discriminator.patch.layers[-1].parameters():
        torch.nn.init.zeros_(parameter)
    x, real = random_batch()
    fake = nets.generator(x)
    nets.discriminator_adam.param_groups[0]["lr"] = 0.0
    on_d = steps.discriminator_step(nets, x, real, fake, tiny().train)
    on_g = steps.generator_step(nets, x, real, fake, tiny().train)
    assert on_d["d"].item() == pytest.approx(log(2))  # halved: the mean of both
    assert on_d["d_right_on_real"] == on_d["d_right_on_fake"] == 0
    assert on_g["g_gan"].item() == pytest.approx(log(2))
    assert on_g["g_l1"].item() == pytest.approx((fake - real).abs().mean().item())


@pytest.mark.parametrize(("l1", "gan"), [(0.0, 1.0), (100.0, 0.0), (7.0, 3.0)])
def test_the_losses_have_the_parameters_weights(nets, tiny, l1: float, gan: float):
    x, real = random_batch()
    with torch.no_grad():
        nets.discriminator(torch.cat([x, real], 1))
    fake = nets.generator(x)
    [on_fake] = nets.discriminator(torch.cat([x, fake], 1))
    loss = l1 * (fake - real).abs().mean() + gan * F.softplus(-on_fake).mean()
    expected = torch.autograd.grad(loss, list(nets.generator.parameters()), retain_graph=True)
    t = tiny({"train.l1_weight": l1, "train.gan_weight": gan}).train
    steps.generator_step(nets, x, real, fake, t)
    for parameter, gradient in zip(nets.generator.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("mode", ["vanilla", "lsgan", "hinge"])
def test_each_part_of_a_discriminator_counts_alike(mode: str):
    small, large = torch.tensor([0.5]), torch.tensor([[-0.25, 2.0], [0.75, 0.0]])
    for loss in (
        lambda parts: steps.discriminator_loss(mode, parts, 1),
        lambda parts: steps.discriminator_loss(mode, parts, 0),
        lambda parts: steps.generator_loss(mode, parts),
    ):
        mean = (loss([small]) + loss([large])) / 2
        torch.testing.assert_close(loss([small, large]), mean)


@given(base=st.floats(1e-6, 1), count=st.integers(1, 1000), draw=st.integers(0, 999))
@settings(max_examples=60, deadline=None)
def test_the_learning_rate_is_a_function_of_the_step(base: float, count: int, draw: int):
    step = draw % count
    rate = steps.learning_rate(step, count, base)
    if step <= count / 2:
        assert rate == pytest.approx(base)
    else:
        assert rate == pytest.approx(base * 2 * (count - step) / count)
    assert 0 < rate <= base
    assert steps.learning_rate(count, count, base) == 0
