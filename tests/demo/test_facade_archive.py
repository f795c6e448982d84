"""The archive of drawn facades: what is in it, and what the pipeline makes of that."""

import io
import tarfile
from collections import Counter

import numpy as np
import pandas as pd
import pytest

from src.clean import measure, verdicts
from src.demo import facade_archive
from src.demo.facade_archive import COPY_KINDS, FAULTS, Member, archive, list_members, picture
from src.imaging import decoding
from src.scrape import sources
from tests.conftest import DEFAULTS
from tests.scrape.scraping import stored

COUNT = 40
TWO_OF_EACH = dict.fromkeys(FAULTS, 50)  # of a thousand
VERDICTS = {
    "facade": "keep",
    "exact_copy": "exact_duplicate",
    "recompressed": "near_duplicate",
    "mirrored": "near_duplicate",
    "gray": "grayscale",
    "truncated": "unreadable",
    "outside": "missing",
    "narrow": "missing",
}


@pytest.fixture(scope="module")
def cleaned(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Member], pd.DataFrame]:
    """The members of an archive with faults; and its ledger, scraped and cleaned."""
    raw = tmp_path_factory.mktemp("facades") / "raw"
    params = DEFAULTS
    demo = params.demo.model_copy(update={"kind": "facades", "pairs": COUNT, "faults": True})
    params = params.model_copy(update={"source": "demo", "seed": 0, "demo": demo})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(facade_archive, "FAULTS", TWO_OF_EACH)
        patch.chdir(raw.parent)
        members = list_members(COUNT, 0, True)
        with sources.open_source(params, raw) as source:
            table = stored(source.crawl.rows, source.fetch, raw, params.scrape)
    measurements = measure.measure_pictures(table, raw)
    return members, verdicts.assign_verdicts(table, measurements, params.clean)[0]


def _member(kind: str) -> Member:
    return next(member for member in list_members(500, 0, True) if member.kind == kind)


def _names(data: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return tar.getnames()


def test_five_hundred_pairs_are_four_hundred_to_train_and_a_hundred_to_validate():
    names = [member.name for member in list_members(500, 0, False)]
    assert names[:400] == [f"facades/train/{n}.jpg" for n in range(1, 401)]
    assert names[400:] == [f"facades/val/{n}.jpg" for n in range(1, 101)]


def test_faults_come_beside_the_good_pairs():
    kinds = Counter(member.kind for member in list_members(1000, 0, True))
    assert kinds.pop("facade") == 1000
    assert kinds == FAULTS


def test_copies_are_of_training_pairs_and_lie_among_validations():
    members = list_members(500, 0, True)
    copies = [member for member in members if member.kind in COPY_KINDS]
    assert len({member.house for member in copies}) == len(copies)
    assert max(member.house for member in copies) < 400
    assert all(member.name.startswith("facades/val/") for member in copies)


def test_no_name_is_given_twice():
    names = [member.name for member in list_members(500, 0, True)]
    assert len(set(names)) == len(names)


def test_the_archive_holds_its_members_in_order_and_is_the_same_each_time():
    data = archive(10, 0, False)
    assert _names(data) == [member.name for member in list_members(10, 0, False)]
    assert archive(10, 0, False) == data


def test_a_mirrored_pair_keeps_its_photograph_on_the_left():
    member = _member("mirrored")
    copy = decoding.decode(picture(member, 0)).astype(int)
    original = decoding.decode(picture(Member("", "facade", member.house), 0))
    for half in (slice(0, 256), slice(256, 512)):
        assert np.abs(copy[:, half][:, ::-1] - original[:, half]).mean() < 6


def test_a_gray_photograph_keeps_its_coloured_labels():
    photo, labels = decoding.split_pair(decoding.decode(picture(_member("gray"), 0)), "photo_left")
    inner = photo[:, :-16].astype(int)  # JPEG carries colour across the middle
    assert np.ptp(inner, axis=2).max() < 12
    assert np.ptp(labels.astype(int), axis=2).max() > 200


def test_clean_removes_each_fault_and_no_good_facade(cleaned):
    members, table = cleaned
    verdict = dict(zip(table["image_url"], table["verdict"], strict=True))
    assert Counter(member.kind for member in members)["gray"] == 2
    wrong = {m.name: verdict[m.name] for m in members if verdict[m.name] != VERDICTS[m.kind]}
    assert wrong == {}


def test_pairs_are_on_the_sides_of_their_folders(cleaned):
    kept = cleaned[1][cleaned[1]["verdict"] == "keep"]
    assert kept["given_side"].value_counts().to_dict() == {"train": 32, "val": 8}
    assert set(kept["layout"]) == {"photo_left"}
