"""Photographs to aligned pairs."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.dataset import arrays, inputs
from src.dataset.picture_parts import Face, face_part
from src.errors import UserError
from src.imaging import decoding
from src.pair.pairing import largest_crop, write_pairs
from src.params import Pair, Size
from src.storage.encoding import encode_png
from tests.builders import CANNY, ledger_table, square_crop
from tests.conftest import real

SETTINGS = Pair(
    crop_size=32,
    load_size=38,
    crop="center",
    face_margin=0.5,
    background="#ffffff",
    shard_size=7,
    canny=CANNY,
)


def _settings(crop_size: int | list[int], load_size: int | list[int]) -> Pair:
    return SETTINGS.model_copy(
        update={"crop_size": Size.of(crop_size), "load_size": Size.of(load_size)}
    )


def _listed(
    raw: Path, pictures: list[np.ndarray], val: int, layout: str = "single"
) -> pd.DataFrame:
    """Write the pictures as files; returns their ledger, with `val` of them on the val side."""
    raw.mkdir(parents=True, exist_ok=True)
    for row, picture in enumerate(pictures):
        (raw / f"{row}.png").write_bytes(encode_png(picture))
    every = len(pictures) // val
    rows = [
        {"file": f"{row}.png", "side": "val" if row % every == 0 else "train"}
        for row in range(len(pictures))
    ]
    return ledger_table(rows, layout=layout)


@pytest.fixture(scope="module")
def pairs_folder(tmp_path_factory: pytest.TempPathFactory, faces: list[np.ndarray]) -> Path:
    """The pairs of forty portraits, 36 and 4, of 32 pixels cut from 38."""
    data = tmp_path_factory.mktemp("pairs") / "data"
    table = _listed(data / "raw", faces, val=4)
    write_pairs(table, data / "raw", data / "pairs", SETTINGS, seed=3)
    return data / "pairs"


def test_what_is_transparent_shows_the_background(tmp_path: Path):
    clear = np.dstack([np.full((40, 40, 3), 90, np.uint8), np.zeros((40, 40), np.uint8)])
    table = _listed(tmp_path / "raw", [clear, clear], val=1)
    settings = SETTINGS.model_copy(update={"background": "#104080"})
    write_pairs(table, tmp_path / "raw", tmp_path / "pairs", settings, seed=3)
    photos = np.asarray(arrays.load(tmp_path / "pairs", "val").photo)
    assert (photos == (16, 64, 128)).all()


def _side_by_side(count: int, labels_first: bool) -> list[np.ndarray]:
    """Return pictures of two halves: a noisy photo and a label map of two colours."""
    rng = np.random.default_rng(0)
    pictures = []
    for _ in range(count):
        photo = rng.integers(40, 200, (40, 40, 3), dtype=np.uint8)
        labels = np.full((40, 40, 3), (0, 0, 255), np.uint8)
        labels[10:30, 10:30] = (255, 0, 0)
        halves = [labels, photo] if labels_first else [photo, labels]
        pictures.append(np.concatenate(halves, axis=1))
    return pictures


@pytest.mark.parametrize(
    ("shape", "crop", "top", "left"),
    [
        ((12, 8), "center", 2, 0),
        ((12, 8), "top", 0, 0),
        ((8, 12), "center", 0, 2),
        ((8, 12), "top", 0, 2),
        ((8, 8), "center", 0, 0),
    ],
)
def test_the_largest_square_is_cut(shape: tuple[int, int], crop: str, top: int, left: int):
    picture = np.random.default_rng(0).integers(256, size=(*shape, 3), dtype=np.uint8)
    expected = picture[top : top + 8, left : left + 8]
    np.testing.assert_array_equal(square_crop(picture, 8, crop), expected)


@pytest.mark.parametrize("size", [16, 48])
def test_a_square_has_the_given_size(faces, size: int):
    assert square_crop(faces[0], size, "center").shape == (size, size, 3)


@settings(max_examples=200, deadline=None)
@given(
    picture=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    size=st.tuples(st.integers(1, 64), st.integers(1, 64)),
    crop=st.sampled_from(["center", "top"]),
)
def test_the_largest_part_of_the_right_proportions_is_cut(
    picture: tuple[int, int], size: tuple[int, int], crop: str
):
    rows, columns = np.indices(picture)
    cuts: list[np.ndarray] = []

    def keep(part: np.ndarray, width: int, height: int) -> np.ndarray:
        cuts.append(part)
        return part

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("src.pair.pairing.resize", keep)
        largest_crop(np.stack([rows, columns, rows], axis=-1), Size(*size), crop)
    [cut] = cuts
    (height, width), (top, left) = cut.shape[:2], cut[0, 0, :2]
    assert height == picture[0] or width == picture[1]  # no larger part fits
    assert (cut[-1, -1, :2] == (top + height - 1, left + width - 1)).all()
    # less than a pixel from the exact proportions, unless a side would vanish
    error = abs(height * size[1] - width * size[0])
    assert error <= max(size) / 2 or 1 in (height, width)
    assert left in ((picture[1] - width) // 2, (picture[1] - width + 1) // 2)
    assert top == (0 if crop == "top" else (picture[0] - height) // 2)


@pytest.mark.parametrize("size", [(16, 32), (48, 32), (40, 24)])
def test_a_part_has_the_given_height_and_width(faces, size: tuple[int, int]):
    assert largest_crop(faces[0], Size(*size), "center").shape == (*size, 3)


def test_a_circle_stays_round_in_pairs_that_are_not_square(tmp_path: Path):
    rows, columns = np.indices((180, 300))
    disc = np.hypot(rows - 90, columns - 150) < 60
    picture = np.where(disc[..., None], 220, 30).repeat(3, axis=2).astype(np.uint8)
    table = _listed(tmp_path / "raw", [picture, picture], val=1)
    write_pairs(table, tmp_path / "raw", tmp_path / "pairs", _settings([48, 96], [64, 128]), seed=3)
    for side in ("train", "val", "probe"):
        bright = np.asarray(arrays.load(tmp_path / "pairs", side).photo)[0, ..., 0] > 128
        height, width = (int(np.ptp(np.flatnonzero(bright.any(axis=axis)))) for axis in (1, 0))
        assert abs(height - width) <= 1
        assert height > 20


def test_training_pictures_have_room_for_crops(pairs_folder: Path):
    sides = {side: arrays.load(pairs_folder, side) for side in ("train", "val", "probe")}
    shapes = {side: pairs.photo.shape for side, pairs in sides.items()}
    assert shapes == {"train": (36, 38, 38, 3), "val": (4, 32, 32, 3), "probe": (4, 32, 32, 3)}
    for pairs in sides.values():
        assert pairs.gray.shape == pairs.canny.shape == pairs.photo.shape[:3]
        assert pairs.labels is None


def test_every_input_belongs_to_its_photo(pairs_folder: Path, faces):
    for side in ("train", "val", "probe"):
        pairs = arrays.load(pairs_folder, side)
        for i, row in enumerate(pairs.index["row"]):
            photo = square_crop(faces[row], pairs.photo.shape[1], "center")
            np.testing.assert_array_equal(pairs.photo[i], photo)
            np.testing.assert_array_equal(pairs.gray[i], inputs.to_gray(photo))
            np.testing.assert_array_equal(pairs.canny[i], inputs.to_canny(photo, CANNY))
            assert pairs.index["item_id"][i] == f"nm{row:07d}"


def test_the_probe_is_a_fixed_choice_of_training_pictures(tmp_path: Path, faces):
    table = _listed(tmp_path / "raw", faces[:12], val=4)

    def probe(folder: str, seed: int) -> list[int]:
        write_pairs(table, tmp_path / "raw", tmp_path / folder, _settings(16, 16), seed)
        return list(arrays.load(tmp_path / folder, "probe").index["row"])

    first = probe("first", 3)
    assert len(set(first)) == 4
    assert set(first) <= set(table.loc[table["side"] == "train", "row"])
    assert probe("again", 3) == first
    assert any(probe(f"seed{seed}", seed) != first for seed in (4, 5))


def test_counts_are_those_of_the_arrays(tmp_path: Path, faces):
    table = _listed(tmp_path / "raw", faces[:8], val=2)
    counts = write_pairs(table, tmp_path / "raw", tmp_path / "pairs", _settings(32, 32), seed=0)
    assert (counts["pairs"], counts["train"], counts["val"]) == (8, 6, 2)
    for side, density in counts["edge_density"].items():
        edges = np.asarray(arrays.load(tmp_path / "pairs", side).canny)
        assert density == pytest.approx((edges == 255).mean(), abs=1e-4)


@pytest.mark.parametrize("side", ["train", "val"])
def test_an_empty_side_is_refused(tmp_path: Path, faces, side: str):
    table = _listed(tmp_path / "raw", faces[:4], val=1)
    table["side"] = {"train": "val", "val": "train"}[side]
    with pytest.raises(UserError, match=f"the {side} side is empty"):
        write_pairs(table, tmp_path / "raw", tmp_path / "pairs", _settings(16, 16), seed=0)


@pytest.mark.parametrize("count", [6, 40])  # in this process, and in several
@pytest.mark.parametrize("fault", ["gone", "cut off"])
def test_a_file_that_has_broken_since_is_named(tmp_path: Path, faces, count: int, fault: str):
    table = _listed(tmp_path / "raw", faces[:count], val=2)
    broken = tmp_path / "raw" / "5.png"
    if fault == "gone":
        broken.unlink()
    else:
        broken.write_bytes(broken.read_bytes()[:2000])
    with pytest.raises(UserError, match="row 5: ") as raised:
        write_pairs(table, tmp_path / "raw", tmp_path / "pairs", _settings(16, 16), seed=0)
    assert str(raised.value).count(str(broken)) == 1
    assert str(raised.value).endswith(": `dvc checkout` brings it back")


@pytest.mark.parametrize("layout", ["photo_left", "photo_right"])
def test_side_by_side_pictures_are_cut_in_two(tmp_path: Path, layout: str):
    pictures = _side_by_side(6, labels_first=layout == "photo_right")
    table = _listed(tmp_path / "raw", pictures, val=2, layout=layout)
    write_pairs(table, tmp_path / "raw", tmp_path / "pairs", _settings(32, 40), seed=0)
    train = arrays.load(tmp_path / "pairs", "train")  # 40 pixels: not resized
    labels, photos = (np.asarray(array).reshape(-1, 3) for array in (train.labels, train.photo))
    assert {tuple(color) for color in labels} == {(0, 0, 255), (255, 0, 0)}
    assert len(np.unique(photos, axis=0)) > 1000
    np.testing.assert_array_equal(train.gray[0], inputs.to_gray(np.array(train.photo[0])))
    for side in ("val", "probe"):
        assert arrays.load(tmp_path / "pairs", side).labels.shape[1:] == (32, 32, 3)


def test_label_maps_in_files_of_their_own_give_the_same_pairs(tmp_path: Path):
    pictures = _side_by_side(6, labels_first=False)
    combined = _listed(tmp_path / "raw", pictures, val=2, layout="photo_left")
    write_pairs(combined, tmp_path / "raw", tmp_path / "combined", _settings(32, 40), seed=0)
    middle = pictures[0].shape[1] // 2
    apart = _listed(tmp_path / "apart", [picture[:, :middle] for picture in pictures], val=2)
    for row, picture in enumerate(pictures):
        (tmp_path / "apart" / f"label{row}.png").write_bytes(encode_png(picture[:, middle:]))
    apart = apart.assign(label_file=[f"label{row}.png" for row in range(6)])
    write_pairs(apart, tmp_path / "apart", tmp_path / "folders", _settings(32, 40), seed=0)
    for side in ("train", "val", "probe"):
        one, two = (arrays.load(tmp_path / name, side) for name in ("combined", "folders"))
        for name in ("photo", "gray", "canny", "labels"):
            np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


def test_a_label_map_that_has_broken_since_is_named(tmp_path: Path, faces):
    table = _listed(tmp_path / "raw", faces[:4], val=2)
    table = table.assign(label_file=[f"{row}.png" for row in (0, 1, 2, 9)])
    with pytest.raises(UserError, match=r"row 3: .*9\.png cannot be read any more"):
        write_pairs(table, tmp_path / "raw", tmp_path / "pairs", _settings(16, 16), seed=0)


def test_real_facades_are_cut_into_photos_and_label_maps(tmp_path: Path):
    pictures = [decoding.decode(file.read_bytes()) for file in real("facades/train")[::50]]
    table = _listed(tmp_path / "raw", pictures, val=2, layout="photo_left")
    write_pairs(table, tmp_path / "raw", tmp_path / "pairs", _settings(64, 64), seed=0)
    train = arrays.load(tmp_path / "pairs", "train")
    # a label map's colours are pure, a building's are not
    assert np.ptp(train.labels, axis=3).mean(axis=(1, 2)).min() > 150
    assert np.ptp(train.photo, axis=3).mean(axis=(1, 2)).max() < 75


# --- around faces

LEFT = Face(0.0, 0.2, 0.25, 0.4)
RIGHT = Face(0.7, 0.5, 0.8, 0.7)


def _fake_detector(pixels: np.ndarray) -> list[Face]:
    """Find what the colour of the first pixel says: one face, two, or none."""
    return {1: [LEFT], 2: [RIGHT, LEFT]}.get(int(pixels[0, 0, 0]), [])


def _marked(faces: list[np.ndarray], marks: list[int]) -> list[np.ndarray]:
    pictures = [face.copy() for face in faces[: len(marks)]]
    for picture, mark in zip(pictures, marks, strict=True):
        picture[0, 0] = mark
    return pictures


def _around(**changes: object) -> Pair:
    return SETTINGS.model_copy(update={"crop": "face", **changes})


def test_pairs_lie_around_the_largest_face_and_the_index_holds_all(tmp_path: Path, faces):
    pictures = _marked(faces, [1, 2, 9, 1, 2, 9])
    table = _listed(tmp_path / "raw", pictures, val=3)
    write_pairs(table, tmp_path / "raw", tmp_path / "pairs", _around(), 0, _fake_detector)
    for side in ("train", "val", "probe"):
        pairs = arrays.load(tmp_path / "pairs", side)
        for index, row in enumerate(pairs.index["row"]):
            found = _fake_detector(pictures[row])
            assert pairs.faces[index] == found
            size = Size(*pairs.photo.shape[1:3])
            if found:
                shape = Size(*pictures[row].shape[:2])
                part = face_part(shape, size, found[0], 0.5, Size(32, 32)).of(pictures[row])
                expected = largest_crop(part, size, "top")
            else:
                expected = largest_crop(pictures[row], size, "top")
            np.testing.assert_array_equal(pairs.photo[index], expected)
            np.testing.assert_array_equal(pairs.gray[index], inputs.to_gray(expected))


def test_every_picture_is_counted_by_its_faces(tmp_path: Path, faces):
    table = _listed(tmp_path / "raw", _marked(faces, [1, 2, 9, 1, 2, 9, 1, 9]), val=2)
    args = (tmp_path / "raw", tmp_path / "pairs")
    counts = write_pairs(table, *args, _around(), 0, _fake_detector)
    assert counts["faces"] == {"one": 3, "several": 2, "none": 3}
    assert sum(counts["faces"].values()) == counts["pairs"]


def test_a_set_without_faces_is_cut_at_the_top(tmp_path: Path, faces):
    table = _listed(tmp_path / "raw", _marked(faces, [9] * 6), val=2)
    args = (tmp_path / "raw", tmp_path / "pairs")
    counts = write_pairs(table, *args, _around(), 0, _fake_detector)
    assert counts["faces"] == {"one": 0, "several": 0, "none": 6}
    top = SETTINGS.model_copy(update={"crop": "top"})
    assert "faces" not in write_pairs(table, tmp_path / "raw", tmp_path / "top", top, seed=0)
    for side in ("train", "val"):
        a, b = (arrays.load(tmp_path / name, side) for name in ("pairs", "top"))
        np.testing.assert_array_equal(np.asarray(a.photo), np.asarray(b.photo))
        assert a.faces == [[]] * len(a)
        assert b.faces is None


def _no_detector(pixels: np.ndarray) -> list[Face]:
    raise AssertionError("no face is looked for")


@pytest.mark.parametrize("crop", ["center", "top"])
def test_other_crops_look_for_no_face_and_leave_the_index_as_it_is(
    tmp_path: Path, faces, crop: str
):
    table = _listed(tmp_path / "raw", faces[:4], val=2)
    pair = SETTINGS.model_copy(update={"crop": crop})
    write_pairs(table, tmp_path / "raw", tmp_path / "pairs", pair, 0, _no_detector)
    index = pd.read_parquet(tmp_path / "pairs/photo/train/index.parquet")
    assert list(index) == ["row", "item_id", "name"]


def test_a_label_map_is_cut_where_its_photo_is(tmp_path: Path):
    pictures = _marked(_side_by_side(6, labels_first=False), [1, 2, 9, 1, 2, 9])
    table = _listed(tmp_path / "raw", pictures, val=2, layout="photo_left")
    pair = _around(crop_size=Size(16, 16), load_size=Size(20, 20))
    write_pairs(table, tmp_path / "raw", tmp_path / "pairs", pair, 0, _fake_detector)
    train = arrays.load(tmp_path / "pairs", "train")
    for index, row in enumerate(train.index["row"]):
        photo, labels = decoding.split_pair(pictures[row], "photo_left")
        found = _fake_detector(photo)
        for name, picture in (("photo", photo), ("labels", labels)):
            if found:
                picture = face_part(Size(40, 40), Size(20, 20), found[0], 0.5, Size(16, 16)).of(
                    picture
                )
            expected = largest_crop(picture, Size(20, 20), "top")
            np.testing.assert_array_equal(getattr(train, name)[index], expected)


def test_any_number_of_workers_writes_the_same_bytes(tmp_path: Path, faces, monkeypatch):
    table = _listed(tmp_path / "raw", _marked(faces, [1, 2, 9] * 4), val=3)
    written = []
    for cores in (1, 3):
        monkeypatch.setattr("src.parallel.local.cores", lambda cores=cores: cores)
        folder = tmp_path / f"pairs{cores}"
        write_pairs(table, tmp_path / "raw", folder, _around(), 0, _fake_detector)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        written.append({path.relative_to(folder): path.read_bytes() for path in files})
    assert written[0] == written[1]
