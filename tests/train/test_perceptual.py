"""The perceptual loss: zero for equal pictures, and larger the less they look alike."""

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from src.model.tensors import to_tensor
from src.train.perceptual import PerceptualLoss
from tests.train.trainings import WEIGHTS, undisturbed


@pytest.fixture(scope="module")
def loss() -> PerceptualLoss:
    return PerceptualLoss()


@pytest.fixture
def photos(faces) -> Tensor:
    return to_tensor(np.stack([cv2.resize(face, (64, 64)) for face in faces[:2]]))


def test_equal_pictures_have_no_loss(loss, photos):
    assert loss(photos, photos).item() == 0


def test_the_loss_grows_with_blur(loss, photos):
    levels = photos.permute(0, 2, 3, 1).numpy()
    blurred = [
        torch.tensor(np.stack([cv2.GaussianBlur(level, (0, 0), sigma) for level in levels]))
        for sigma in (0.5, 1, 2, 4)
    ]
    values = [loss(pictures.permute(0, 3, 1, 2), photos).item() for pictures in blurred]
    assert values == sorted(values)
    assert values[0] < values[-1] / 2


def test_blur_costs_more_than_a_shade_of_the_same_l1(loss, photos):
    levels = photos.permute(0, 2, 3, 1).numpy()
    blurred = torch.tensor(np.stack([cv2.GaussianBlur(level, (0, 0), 2) for level in levels]))
    blurred = blurred.permute(0, 3, 1, 2)
    shaded = photos + (blurred - photos).abs().mean()
    assert loss(blurred, photos) > loss(shaded, photos)


def test_only_the_generators_pictures_get_a_gradient(loss, photos):
    fake = photos.flip(3).clone().requires_grad_()
    loss(fake, photos).backward()
    assert fake.grad is not None
    assert fake.grad.abs().sum() > 0
    assert all(weight.grad is None for weight in loss.parameters())


def test_its_weight_changes_the_training_and_is_told(tiny, train):
    plain, _ = undisturbed(train, tiny())
    other, metrics = undisturbed(train, tiny({"train.perceptual_weight": 10.0}))
    assert plain[WEIGHTS] != other[WEIGHTS]
    assert "g_perceptual" in metrics["final"]


def test_without_a_weight_the_network_is_not_loaded(tiny, train, monkeypatch):
    monkeypatch.setattr("src.train.gan.PerceptualLoss", None)  # a call would fail
    train(tiny())
    assert "g_perceptual" not in pd.read_csv("history.csv").columns
