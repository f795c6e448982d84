"""The discriminator in a pretrained network's features."""

import numpy as np
import pytest
import torch
from torch import Tensor

from src.model.tensors import to_tensor
from src.train.projected_gan import ProjectedGAN


@pytest.fixture(scope="module")
def network() -> ProjectedGAN:
    torch.manual_seed(0)
    return ProjectedGAN(in_channels=4, ndf=4)


@pytest.fixture
def pairs(faces) -> Tensor:
    photos = to_tensor(np.stack([face[:96, :160] for face in faces[:2]]))
    return torch.cat([photos.mean(1, keepdim=True), photos], 1)


def test_each_part_has_logits_at_a_32th_of_the_sides(network, pairs):
    shapes = [tuple(logits.shape) for logits in network(pairs)]
    assert shapes == [(2, 1, 3, 5)] * 5


@pytest.mark.parametrize("size", [(64, 64), (65, 127), (100, 72)])
def test_other_sizes_are_judged_too(network, pairs, size: tuple[int, int]):
    cut = torch.nn.functional.interpolate(pairs, size)
    for logits in network(cut):
        assert logits.isfinite().all()
        assert min(logits.shape[2:]) >= 2


def test_a_single_picture_can_be_learned_from(network, pairs):
    network.zero_grad()
    one = network(pairs[:1, :, :64, :64])
    torch.cat([logits.flatten() for logits in one]).sum().backward()
    assert all(head[-1].bias.grad is not None for head in network.heads)


def test_every_part_teaches_the_picture_and_no_feature_learns(network, pairs):
    for part in range(5):
        picture = pairs[:, 1:].clone().requires_grad_()
        network(torch.cat([pairs[:, :1], picture], 1))[part].sum().backward()
        assert picture.grad.abs().sum() > 0
    assert not any(weight.requires_grad for weight in network.projection.parameters())


def test_every_part_sees_the_input(network, pairs):
    other = pairs.clone()
    other[:, 0] = -other[:, 0]
    for logits, changed in zip(network(pairs), network(other), strict=True):
        # each call moves the spectral norms, by which equal inputs differ by less than 1e-6
        assert (logits - changed).abs().max() > 1e-3


def test_training_moves_no_statistic_of_the_features(network, pairs):
    before = {name: value.clone() for name, value in network.projection.state_dict().items()}
    network.train()(pairs)
    for name, value in network.projection.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_the_same_seed_builds_the_same_network():
    first, second = (torch.manual_seed(3) and ProjectedGAN(4, 4).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
