"""Training batches."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from src.dataset.inputs import to_gray
from src.params import Size
from src.train.batches import Batches

CPU = torch.device("cpu")


def ramps(count: int, side: int) -> np.ndarray:
    """Pictures that say where each pixel is: (number, row, column)."""
    shape = (count, side, side)
    return np.stack(np.indices(shape), axis=-1).astype(np.uint8)


def batches(photos: np.ndarray, size: int = 8, batch_size: int = 4, seed: int = 0) -> Batches:
    return Batches(to_gray(photos), photos, Size.of(size), batch_size, seed, CPU)


def levels(tensor: torch.Tensor) -> np.ndarray:
    return ((tensor + 1) * 127.5).round().int().numpy()


@given(
    count=st.integers(1, 5),
    room=st.integers(0, 4),
    batch_size=st.integers(1, 7),
    seed=st.integers(0, 2**31 - 1),
    step=st.integers(0, 1000),
)
@settings(max_examples=30, deadline=None)
def test_input_and_photo_are_cropped_and_flipped_alike(
    count: int, room: int, batch_size: int, seed: int, step: int
):
    photos = np.random.default_rng(count).integers(256, size=(count, 6 + room, 6 + room, 3))
    x, photo = batches(photos.astype(np.uint8), 6, batch_size, seed).get(step)
    assert x.shape == (batch_size, 1, 6, 6)
    assert photo.shape == (batch_size, 3, 6, 6)
    assert x.dtype == photo.dtype == torch.float32
    gray = to_gray(levels(photo).transpose(0, 2, 3, 1).astype(np.uint8))
    np.testing.assert_array_equal(levels(x)[:, 0], gray)


def test_a_crop_is_a_window_of_one_picture_perhaps_mirrored():
    tops, lefts, mirrored = set(), set(), set()
    drawn = batches(ramps(5, 12), batch_size=5)
    for step in range(20):
        for number, rows, columns in levels(drawn.get(step)[1]):
            assert len(np.unique(number)) == 1
            top, left, flip = rows[0, 0], columns.min(), columns[0, 0] > columns[0, 1]
            np.testing.assert_array_equal(rows, np.arange(top, top + 8)[:, None].repeat(8, 1))
            expected = np.arange(left, left + 8)[:: -1 if flip else 1]
            np.testing.assert_array_equal(columns, expected[None].repeat(8, 0))
            tops.add(top)
            lefts.add(left)
            mirrored.add(flip)
    assert tops == lefts == set(range(5))  # every position that fits
    assert mirrored == {False, True}


def test_labels_are_cropped_with_their_photo():
    photos = ramps(3, 12)
    x, photo = Batches(255 - photos, photos, Size(8, 8), 3, 0, CPU).get(5)
    assert x.shape == (3, 3, 8, 8)
    np.testing.assert_array_equal(levels(x), 255 - levels(photo))


def test_a_picture_of_the_crops_size_is_not_cropped():
    photos = np.random.default_rng(0).integers(256, size=(1, 8, 8, 3), dtype=np.uint8)
    photo = levels(batches(photos, batch_size=1).get(0)[1])[0].transpose(1, 2, 0)
    assert any(np.array_equal(photo, turned) for turned in (photos[0], photos[0, :, ::-1]))


@pytest.mark.parametrize("size", [(8, 16), (16, 8), (12, 20)])
def test_crops_of_wide_and_high_pictures_lie_everywhere_in_them(size: tuple[int, int]):
    shape = size[0] + 2, size[1] + 3
    photos = np.stack(np.indices((5, *shape)), axis=-1).astype(np.uint8)
    drawn = Batches(255 - photos, photos, Size(*size), 5, 0, CPU)
    corners = set()
    for step in range(40):
        x, photo = (levels(pictures) for pictures in drawn.get(step))
        assert x.shape == photo.shape == (5, 3, *size)
        np.testing.assert_array_equal(x, 255 - photo)
        corners |= {(int(rows.min()), int(columns.min())) for _, rows, columns in photo}
    assert corners == {(top, left) for top in range(3) for left in range(4)}


@pytest.mark.parametrize("count", [1, 2, 7, 1000])
def test_crops_of_squares_are_drawn_as_ever(count: int):
    """A trained model could not be repeated if another order drew other crops."""
    rng = np.random.default_rng([5, 0, 0])
    tops, lefts = rng.integers(15, size=(2, count))
    drawn = batches(np.zeros((count, 142, 142, 3), np.uint8), 128, seed=5)
    rows = [drawn._crop_of(number) for number in range(count)]
    assert [row.top for row in rows] == list(tops)
    assert [row.left for row in rows] == list(lefts)


def test_a_batch_depends_on_seed_and_step_alone():
    photos = ramps(7, 12)
    in_order = batches(photos)
    first = [in_order.get(step) for step in range(6)]
    backwards = batches(photos)
    for step in reversed(range(6)):  # as when a training resumes
        for a, b in zip(first[step], backwards.get(step), strict=True):
            assert torch.equal(a, b)


@pytest.mark.parametrize(("count", "batch_size"), [(6, 2), (7, 3), (5, 5), (4, 1), (3, 8)])
def test_every_picture_comes_once_per_epoch(count: int, batch_size: int):
    drawn = batches(ramps(count, 8), batch_size=batch_size)
    numbers = np.concatenate(
        [levels(drawn.get(step)[1])[:, 0, 0, 0] for step in range(4 * count // batch_size + 1)]
    )
    epochs = [numbers[i : i + count] for i in range(0, 4 * count, count)]
    assert all(sorted(epoch) == list(range(count)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 1


@pytest.mark.parametrize(("seed", "step"), [(1, 0), (0, 1)])
def test_another_seed_or_step_gives_another_batch(seed: int, step: int):
    photos = ramps(40, 12)
    first = batches(photos).get(0)[1]
    assert not torch.equal(first, batches(photos, seed=seed).get(step)[1])


def test_later_changes_of_the_array_do_not_change_the_batches():
    photos = ramps(2, 8)
    drawn = batches(photos)
    before = drawn.get(0)[1].clone()
    photos[:] = 0
    assert torch.equal(drawn.get(0)[1], before)


def test_inputs_are_redrawn_from_the_cropped_photos():
    photos = ramps(3, 12)
    crops = []

    def redraw(photo: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        crops.append(photo)
        return photo[..., 1] + rng.integers(100, dtype=np.uint8)

    def redrawn() -> Batches:
        return Batches(to_gray(photos), photos, Size(8, 8), 4, 0, CPU, redraw=redraw)

    x, photo = redrawn().get(5)
    assert x.shape == (4, 1, 8, 8)
    np.testing.assert_array_equal(np.stack(crops), levels(photo).transpose(0, 2, 3, 1))
    offset = levels(x)[:, 0] - levels(photo)[:, 1]
    assert (offset == offset[:, :1, :1]).all()  # one draw a picture
    assert len(set(offset[:, 0, 0])) > 1
    again, plain = redrawn().get(5), batches(photos).get(5)
    assert torch.equal(again[0], x)
    assert torch.equal(plain[1], photo)  # crops and flips are those without it
