"""Pictures of the report."""

import numpy as np
import pytest

from src.dataset import inputs
from src.report import figures
from src.report.figures import Album
from src.storage.encoding import encode_png
from tests.report.artifacts import (
    Artifacts,
    finding,
    flat,
    offender,
    pixels_of,
    plain,
    shows,
    tint,
)

PARTS = ["input", "output", "target", "error"]


def samples(artifacts: Artifacts, task: str = "colorize") -> dict[str, list[figures.Sample]]:
    return artifacts.album().samples(task)


def test_only_the_photograph_of_a_pair_is_shown(artifacts):
    pixels = np.zeros((16, 64, 3), np.uint8)
    pixels[:, :32] = (200, 30, 30)
    artifacts.put_picture(10, pixels)
    assert shows(artifacts.album().figure(10, "").uri, (200, 30, 30))


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 200), (200, 1), (2, 500), (3000, 2)])
def test_a_removed_picture_of_any_shape_is_shown(artifacts, height, width):
    artifacts.put_picture(12, np.zeros((height, width, 3), np.uint8))
    [figure] = artifacts.album().removed("too_small")
    pixels = pixels_of(figure.uri)
    assert pixels.shape[1] == figures.THUMBNAIL_PX
    assert pixels.shape[0] <= figures.MAX_PX  # a tall picture does not fill the page


def test_the_largest_clusters_come_first_and_are_cut(tmp_path):
    artifacts = Artifacts(tmp_path, words=["keep"] * 30 + ["near_duplicate"] * 60)
    copies = artifacts.rows("near_duplicate")
    # rows 0-28 have one copy each, row 29 all others
    artifacts.table.loc[copies, "duplicate_of"] = [min(i, 29) for i in range(len(copies))]
    clusters = artifacts.album().clusters()
    assert len(clusters) == figures.MAX_CLUSTERS
    assert [c[0].caption.partition(",")[0] for c in clusters[:3]] == ["row 29", "row 0", "row 1"]
    assert [len(c) for c in clusters[:2]] == [1 + figures.MAX_COPIES, 2]


def test_the_least_certain_merges_come_first_and_are_cut(tmp_path):
    artifacts = Artifacts(tmp_path, words=["keep"] * 4 + ["near_duplicate"] * 40)
    removed = artifacts.rows("near_duplicate")
    artifacts.table.loc[removed, "certainty"] = [0.9, 0.2, 0.2, None, *[0.5] * 36]
    merges = artifacts.album().merges()
    assert len(merges) == figures.MAX_MERGES
    rows = [merge.figures[1].caption.partition(",")[0] for merge in merges]
    assert rows[:3] == ["row 5", "row 6", "row 8"]
    assert "row 7" not in rows  # a person ruled it
    assert pixels_of(merges[0].figures[0].uri).shape[1] == figures.THUMBNAIL_PX


def test_the_closest_pairs_come_first(tmp_path):
    artifacts = Artifacts(tmp_path, words=["keep"] * 20, val=15)
    groups = [[plain(f.caption) for f in group] for group in artifacts.album().closest()]
    assert len(groups) == figures.N_NEAREST
    assert groups[0] == [
        "row 14, Zoë Young: similarity 0.64",
        "row 19, Zoë Young: its nearest in training",
    ]
    assert [c[0].split(":")[0] for c in groups] == [f"row {n}, Zoë Young" for n in range(14, 2, -1)]


def test_pairs_show_photo_gray_and_edges(artifacts):
    [first, *_] = artifacts.album().pairs()
    assert [f.caption for f in first] == ["row 0, photo", "row 0, gray", "row 0, edges"]
    photo = flat(tint(0, "photo"))
    expected = [tint(0, "photo"), inputs.to_gray(photo)[..., None], (255, 255, 255)]
    assert all(shows(f.uri, color) for f, color in zip(first, expected, strict=True))


def test_pairs_show_labels_where_there_are_any(artifacts):
    artifacts.labels = True
    [*_, labels] = artifacts.album().pairs()[0]
    assert labels.caption == "row 0, labels"
    assert shows(labels.uri, tint(0, "labels"))


@pytest.mark.parametrize(("val", "expected"), [(1, 1), (2, 2), (6, 6), (30, 6)])
def test_pairs_are_spread_over_validation(tmp_path, val, expected):
    artifacts = Artifacts(tmp_path, words=["keep"] * (val + 1), val=val)
    rows = [group[0].caption.partition(",")[0] for group in artifacts.album().pairs()]
    assert len(set(rows)) == len(rows) == expected
    assert (rows[0], rows[-1]) == ("row 0", f"row {val - 1}")


def test_samples_are_the_best_the_median_and_the_worst_by_l1(tmp_path):
    artifacts = Artifacts(tmp_path, words=["keep"] * 20, val=13)
    artifacts.l1 = {row: round(0.1 + 0.01 * (row * 5 % 13), 2) for row in range(13)}
    order = sorted(artifacts.l1, key=artifacts.l1.__getitem__)
    captions = {name: [s.caption for s in group] for name, group in samples(artifacts).items()}
    expected = {"best": order[:4], "median": order[4:8], "worst": order[:-5:-1]}
    assert captions == {
        name: [f"row {row}: L1 {artifacts.l1[row]:.4f}" for row in rows]
        for name, rows in expected.items()
    }


def test_equal_scores_are_ordered_by_row(tmp_path):
    artifacts = Artifacts(tmp_path, words=["keep"] * 14, val=12)
    artifacts.l1 = dict.fromkeys(range(12), 0.2)
    best = [s.caption.split(":")[0] for s in samples(artifacts)["best"]]
    assert best == ["row 0", "row 1", "row 2", "row 3"]


def test_a_sample_shows_input_output_target_error_and_its_nearest_in_training(artifacts):
    sample = samples(artifacts)["best"][0]
    nearest = "row 7, Zoë Young: nearest in training, similarity 0.5"
    assert [plain(f.caption) for f in sample.figures] == [*PARTS, nearest]
    gray = inputs.to_gray(flat(tint(0, "photo")))[..., None]
    white = (255, 255, 255)  # output and target differ by 120 levels in one channel: L1 0.31
    error = figures.error_map(flat(tint(0, "output")), flat(tint(0, "photo")))
    assert not shows(figures.uri(error), white)
    expected = [gray, tint(0, "output"), tint(0, "photo"), error[0, 0], tint(7, "file")]
    assert all(shows(f.uri, color) for f, color in zip(sample.figures, expected, strict=True))


@pytest.mark.parametrize(
    ("levels", "color"),
    [(0, (0, 0, 0)), (16, (192, 0, 0)), (32, (255, 129, 0)), (64, (255, 255, 255))],
)
def test_an_error_map_grows_from_black_over_red_to_white(levels, color):
    target = flat((100, 100, 100))
    error = figures.error_map(target + np.uint8(levels), target)
    assert np.abs(error.astype(int) - color).max() <= 2
    assert (figures.error_map(target, target + np.uint8(levels)) == error).all()


def test_an_output_of_another_size_has_no_error_map(artifacts):
    artifacts.write()
    output = artifacts.data / "predictions" / "000000.png"
    output.write_bytes(encode_png(flat((9, 9, 9), 8, 8)))
    sample = Album(artifacts.data).samples("colorize")["best"][0]
    assert [f.caption for f in sample.figures[:-1]] == ["input", "output", "target"]


def test_a_sample_without_a_likely_neighbour_says_so(artifacts):
    artifacts.nearest[0] |= {"similarity": -1.0, "train_row": 3}
    sample = samples(artifacts)["best"][0]
    assert sample.figures[-1].caption == "nearest in training: no picture is similar"
    assert sample.figures[-1].uri is None
    assert len(artifacts.album().closest()) == 2


def test_a_check_of_outputs_shows_outputs_and_others_the_pictures_of_the_source(artifacts):
    album = artifacts.album()
    found = finding("blurred", True, [offender(1, None)])
    [output] = album.offenders(found, outputs=True)
    [picture] = album.offenders(found, outputs=False)
    assert shows(output.uri, tint(1, "output"))
    assert shows(picture.uri, tint(1, "file"))
    assert output.caption == picture.caption


def test_a_missing_or_broken_output_at_fault_is_listed_without_a_picture(artifacts):
    album = artifacts.album()
    (artifacts.data / "predictions" / "000001.png").write_bytes(b"no picture")
    found = finding("foreign_outputs", True, [offender(1, None), offender(5, None)])
    assert [figure.uri for figure in album.offenders(found, outputs=True)] == [None, None]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [([], []), ([5], [5]), (range(10, 210, 10), [10, 40, 80, 120, 160, 200])],
)
def test_the_snapshots_sheets_are_spread_over_training(tmp_path, steps, expected):
    artifacts = Artifacts(tmp_path, words=["keep"] * 4, val=1)
    artifacts.steps = list(steps)
    sheets = artifacts.album().snapshots()
    assert [sheet.caption for sheet in sheets] == [f"step {step}" for step in expected]
    assert all(shows(s.uri, (n, 0, 0)) for s, n in zip(sheets, expected, strict=True))


def test_the_scores_of_each_output_are_read_without_what_is_infinite(artifacts):
    artifacts.l1[1] = np.inf
    assert artifacts.album().score_values() == {
        "l1": [0.1, 0.12],
        "psnr": [20.0] * 3,
        "ssim": [0.5] * 3,
    }


@pytest.mark.parametrize(
    ("task", "color"), [("sketch", (255, 255, 255)), ("labels", tint(0, "labels"))]
)
def test_a_sample_shows_the_input_of_its_task(artifacts, task, color):
    artifacts.labels = True
    assert shows(samples(artifacts, task)["best"][0].figures[0].uri, color)
