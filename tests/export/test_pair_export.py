"""An export is complete under its name or not there, and goes on after a kill."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from src.dataset import arrays
from src.errors import UserError
from src.export import data_card, pair_export, side_by_side, side_content
from src.export.pair_export import WRITERS, export_pairs
from src.storage.ledger import read_ledger, write_ledger
from tests.conftest import ROOT

KINDS = list(WRITERS)
SLOWLY = """
import sys, time
from pathlib import Path
from src.export import pair_export, side_by_side
write = side_by_side.write_bytes
side_by_side.write_bytes = lambda *arguments: (time.sleep(0.1), write(*arguments))
pair_export.export_pairs(Path("data"), Path("out"), "colorize", "pix2pix", 1000)
"""


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


class Encoder:
    """Counts what is encoded, and stops an export before the picture `stop`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, stop: int | None = None):
        self.count = 0
        self.stop = stop
        for module in (side_by_side, side_content):
            encode = module._encode
            monkeypatch.setattr(module, "_encode", lambda *a, encode=encode: self(encode, *a))

    def __call__(self, encode, inputs, photos, index):
        if self.stop is not None and index >= self.stop:
            raise KeyboardInterrupt
        self.count += 1
        return encode(inputs, photos, index)


@pytest.fixture
def interrupted(data, tmp_path):
    """Interrupt an export at its picture 25: interrupted("hf")."""

    def run(kind: str) -> Path:
        with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
            Encoder(patch, stop=25)
            export_pairs(data, tmp_path / "out", "colorize", kind, 10)
        assert not (tmp_path / "out").exists()
        return tmp_path / "out.partial"

    return run


@pytest.mark.parametrize("kind", KINDS)
def test_an_interrupted_export_goes_on_and_ends_with_the_same_bytes(
    interrupted, export, monkeypatch, kind
):
    interrupted(kind)
    encoder = Encoder(monkeypatch)
    resumed = export(kind, 10)
    assert encoder.count <= 20  # the shard that was broken off counts as not begun
    assert not resumed.with_name("out.partial").exists()
    whole = export(kind, 10, name="whole")
    assert contents(resumed) == contents(whole)
    assert (resumed / "README.md").exists()


@pytest.mark.parametrize("change", ["task", "format", "shard size", "facts", "pairs", "code"])
def test_what_another_export_has_begun_is_not_used(
    data, interrupted, export, monkeypatch, tmp_path, change
):
    interrupted("webdataset")
    ledger = read_ledger(data / "split/ledger.parquet", "split")
    if change == "facts":
        table = ledger.assign(licence="CC0")
        write_ledger(table, data / "split/ledger.parquet", "split")
    if change == "pairs":
        os.utime(data / "pairs/photo/train/photo.npy")
    if change == "code":
        monkeypatch.setattr(pair_export, "CODE", [Path(pair_export.__file__)])
    kind = "hf" if change == "format" else "webdataset"
    size = 20 if change == "shard size" else 10
    task = "sketch" if change == "task" else "colorize"
    encoder = Encoder(monkeypatch)
    resumed = export(kind, size, task)
    assert encoder.count == 40
    assert contents(resumed) == contents(export(kind, size, task, "whole"))


def test_an_export_survives_a_kill(data, export, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", SLOWLY], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}
    )
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob("out.partial/train/*.png"))) < 5:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    # what it was writing has a name with a dot
    (tmp_path / "out.partial/train/.000030.png.0123abcd").write_bytes(b"half")
    first = (tmp_path / "out.partial/train/000000.png").stat().st_mtime_ns
    assert not (tmp_path / "out").exists()
    resumed = export("pix2pix")
    assert (resumed / "train/000000.png").stat().st_mtime_ns == first
    assert contents(resumed) == contents(export("pix2pix", name="whole"))


def test_a_second_export_to_the_same_folder_is_refused_and_the_first_is_complete(
    data, export, monkeypatch
):
    def write(sides, folder, shard_size):
        with pytest.raises(
            UserError, match=r"another process is exporting and uses .*out\.partial"
        ):
            export_pairs(data, folder.with_name("out"), "colorize", "hf", 10)
        side_by_side.write(sides, folder, shard_size)

    monkeypatch.setitem(WRITERS, "pix2pix", write)
    assert len(list(export("pix2pix").rglob("*.png"))) == 40


def test_an_earlier_export_is_replaced(export):
    first = export("imagefolder")
    second = export("webdataset")
    assert first == second
    assert not list(second.rglob("*.png"))


def test_an_earlier_export_stays_until_the_next_is_complete(data, interrupted, export, tmp_path):
    before = contents(export("hf", name="kept"))
    (tmp_path / "kept").rename(tmp_path / "out")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        Encoder(patch, stop=25)
        export_pairs(data, tmp_path / "out", "sketch", "hf", 10)
    assert contents(tmp_path / "out") == before


def test_a_file_that_comes_while_an_export_runs_is_not_deleted(data, export, monkeypatch):
    out = export("hf")
    write = data_card.write
    monkeypatch.setattr(
        "src.export.pair_export.data_card.write",
        lambda *a: (write(*a), (out / "notes.txt").write_text("important")),
    )
    with pytest.raises(UserError, match=r"out holds 'notes\.txt', expected nothing or"):
        export_pairs(data, out, "colorize", "webdataset", 10)
    assert (out / "notes.txt").read_text() == "important"
    (out / "notes.txt").unlink()
    monkeypatch.undo()
    export_pairs(data, out, "colorize", "webdataset", 10)  # all of it is there already
    assert not (out / "dataset_dict.json").exists()


@pytest.mark.parametrize("name", ["out", "out.partial"])
@pytest.mark.parametrize("exported", [False, True], ids=["alone", "beside an export"])
def test_a_folder_with_something_else_is_refused(data, export, tmp_path, name, exported):
    if exported:
        export("hf", name=name)
    (tmp_path / name).mkdir(exist_ok=True)
    (tmp_path / name / "thesis.txt").write_text("important")
    with pytest.raises(UserError, match=rf"{name} holds 'thesis\.txt', expected nothing or"):
        export_pairs(data, tmp_path / "out", "colorize", "hf", 10)
    assert (tmp_path / name / "thesis.txt").read_text() == "important"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", [".git/HEAD", ".gitattributes", "train/notes.txt", "val/.git"])
def test_a_persons_files_in_an_earlier_export_are_not_deleted(data, export, name, kind):
    file = export(kind) / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("important")
    with pytest.raises(UserError, match=r"out holds '[.a-z/]+', expected nothing or"):
        export_pairs(data, file.parents[name.count("/")], "colorize", kind, 10)
    assert file.read_text() == "important"


def test_what_datasets_caches_in_an_export_goes_with_it(export):
    cached = export("hf") / "train/cache-0123abcd.arrow"
    cached.write_bytes(b"mapped")
    export("hf")
    assert not cached.exists()


def test_a_file_where_an_export_would_grow_is_refused(data, tmp_path):
    (tmp_path / "out.partial").write_text("important")
    with pytest.raises(UserError, match=r"out\.partial is a file, expected a folder"):
        export_pairs(data, tmp_path / "out", "colorize", "hf", 10)
    assert (tmp_path / "out.partial").read_text() == "important"


def test_pictures_of_an_unknown_origin_are_refused(data, tmp_path):
    """As an export of an earlier version left them."""
    (tmp_path / "out/train").mkdir(parents=True)
    with pytest.raises(UserError, match="out holds 'train', expected nothing"):
        export_pairs(data, tmp_path / "out", "colorize", "pix2pix", 10)


@pytest.mark.parametrize("name", [".", ".."])
def test_the_working_folder_is_refused(data, tmp_path, monkeypatch, name):
    (tmp_path / "in/here").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "in/here")
    with pytest.raises(
        UserError, match="is the working folder or one above it, expected another name"
    ):
        export_pairs(data, Path(name), "colorize", "hf", 10)


def test_a_mounted_disk_is_refused_before_anything_in_it_is_removed(data, export, monkeypatch):
    earlier = export("pix2pix")
    before = contents(earlier)
    monkeypatch.setattr(Path, "is_mount", lambda path: path == earlier)
    with pytest.raises(UserError, match="is a mounted disk, expected a name in it"):
        export("hf")
    assert contents(earlier) == before
    assert not earlier.with_name("out.partial").exists()


def test_an_empty_folder_and_a_link_to_one_are_filled(data, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    export_pairs(data, tmp_path / "link", "colorize", "pix2pix", 10)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "empty/train/000000.png").exists()


def test_pairs_of_fewer_rows_than_the_ledger_keeps_are_refused(data, tmp_path):
    ledger = read_ledger(data / "split/ledger.parquet", "split")
    ledger.loc[40, ["verdict", "side", "group"]] = ["keep", "train", 40]
    write_ledger(ledger, data / "split/ledger.parquet", "split")
    with pytest.raises(UserError, match="has 36 pairs, the ledger of data/split 37 rows: run"):
        export_pairs(data, tmp_path / "out", "colorize", "hf", 10)


@pytest.mark.parametrize("left", ["marker half written", "damaged marker", "clearing broken off"])
def test_an_export_goes_on_whenever_it_was_broken_off(
    interrupted, export, monkeypatch, tmp_path, left
):
    if left == "marker half written":
        (tmp_path / "out.partial").mkdir()
        (tmp_path / "out.partial/..export.json.0123abcd").write_bytes(b"{")
    else:
        marker = interrupted("hf") / ".export.json"
    if left == "damaged marker":
        marker.write_bytes(b"{")
    if left == "clearing broken off":
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(pair_export, "write_json", raise_interrupt)
            export("imagefolder")
        assert marker.exists()
    resumed = export("imagefolder")
    assert contents(resumed) == contents(export("imagefolder", name="whole"))


def raise_interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_link_to_itself_is_refused(data, tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(UserError, match="is a link to itself, expected another name"):
        export_pairs(data, tmp_path / "loop", "colorize", "hf", 10)


def test_a_folder_may_have_the_longest_name_that_leaves_room_for_partial(export):
    name = "x" * (255 - len(".partial"))
    export("hf", name=name)
    assert (export("imagefolder", name=name) / "README.md").exists()


@pytest.mark.parametrize("column", ["item_id", "side"])
def test_pairs_of_another_ledger_are_refused(data, tmp_path, column):
    ledger = read_ledger(data / "split/ledger.parquet", "split")
    ledger.loc[5, column] = "val" if column == "side" else "nm99"
    write_ledger(ledger, data / "split/ledger.parquet", "split")
    with pytest.raises(UserError, match=f"differ in {column}: run `dvc repro pair`"):
        export_pairs(data, tmp_path / "out", "colorize", "hf", 10)


def test_a_missing_ledger_is_named(data, tmp_path):
    (data / "split/ledger.parquet").unlink()
    with pytest.raises(UserError, match=r"data/split/ledger\.parquet is missing: run `dvc repro`"):
        export_pairs(data, tmp_path / "out", "colorize", "hf", 10)


@pytest.mark.parametrize("kind", KINDS)
def test_progress_is_shown(data, tmp_path, monkeypatch, kind):
    titles = []
    stream = side_content.stream_processes

    def noted(function, items, title):
        titles.append((title, len(items)))
        return stream(function, items, title)

    for module in (side_by_side, side_content):
        monkeypatch.setattr(module, "stream_processes", noted)
    export_pairs(data, tmp_path / "out", "colorize", kind, 10)
    assert titles == [("exporting train", 36), ("exporting val", 4)]


@pytest.mark.parametrize("kind", KINDS)
def test_the_pictures_are_streamed(data, tmp_path, monkeypatch, kind):
    """No more than a few are encoded before they are needed: all of them may not fit in memory."""
    waiting, most = 0, 0
    stream = side_content.stream_processes

    def counted(function, items, title):
        nonlocal waiting, most

        def encode(index):
            nonlocal waiting, most
            waiting += 1
            most = max(most, waiting)
            return function(index)

        for result in stream(encode, items, title):
            waiting -= 1
            yield result

    for module in (side_by_side, side_content):
        monkeypatch.setattr(module, "stream_processes", counted)
    monkeypatch.setattr("src.parallel.local.cores", lambda: 2)
    export_pairs(data, tmp_path / "out", "colorize", kind, 1000)
    assert most <= 10


def test_arrays_are_read_as_they_are_needed(data):
    side = side_content.open_side(
        data / "pairs", "val", "sketch", read_ledger(data / "split/ledger.parquet", "split")
    )
    assert isinstance(side.photos, arrays.Shards)
    assert isinstance(side.inputs, arrays.Shards)
