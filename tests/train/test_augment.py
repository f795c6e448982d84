"""Random changes of what the discriminator sees."""

import pytest
import torch

from src.train.augment import KINDS, augment


def pair(count: int = 4, side: int = 32) -> tuple[torch.Tensor, torch.Tensor]:
    """Return inputs, and pictures that repeat them: both move together."""
    x = torch.rand(count, 1, side, side, generator=torch.Generator().manual_seed(1)) + 0.1
    return x, x.repeat(1, 3, 1, 1)


def test_no_kinds_change_nothing():
    x, picture = pair()
    assert augment(x, picture, []) == (x, picture)


@pytest.mark.parametrize("kind", ["translation", "cutout"])
def test_input_and_picture_are_moved_and_cut_alike(kind):
    torch.manual_seed(0)
    x, picture = augment(*pair(), [kind])
    assert torch.equal(picture, x.repeat(1, 3, 1, 1))
    assert not torch.equal(x, pair()[0])
    assert not torch.equal(x[0] == 0, x[1] == 0)  # each picture by itself


def test_a_translated_picture_is_a_window_of_the_padded_picture():
    torch.manual_seed(0)
    before, after = pair()[0], augment(*pair(), ["translation"])[0]
    for old, new in zip(before, after, strict=True):
        moves = [(down, right) for down in range(-4, 5) for right in range(-4, 5)]
        padded = torch.nn.functional.pad(old, (4, 4, 4, 4))
        views = [padded[:, 4 + d : 36 + d, 4 + r : 36 + r] for d, r in moves]
        assert any(torch.equal(view, new) for view in views)


def test_a_cutout_hides_at_most_a_square_of_half_the_side():
    torch.manual_seed(0)
    hidden = augment(*pair(50), ["cutout"])[0] == 0
    assert hidden.any(dim=(1, 2, 3)).all()
    assert hidden.float().mean(dim=(1, 2, 3)).max() <= (16 / 32) ** 2


def test_color_changes_the_picture_alone():
    torch.manual_seed(0)
    x, picture = augment(*pair(), ["color"])
    assert torch.equal(x, pair()[0])
    assert not torch.allclose(picture, pair()[1])


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_pass_and_the_seed_decides_the_draws(kind):
    x, picture = pair()
    picture.requires_grad_(True)
    pictures = []
    for _ in range(2):
        torch.manual_seed(3)
        pictures.append(augment(x, picture, [kind])[1])
    assert torch.equal(*pictures)
    pictures[0].sum().backward()
    assert picture.grad.isfinite().all()
    assert picture.grad.abs().sum() > 0
